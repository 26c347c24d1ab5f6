"""The default embedder: what it knows, what it costs, and stores made before it was there."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from importlib.resources import files

import numpy as np
import pytest

from memoryos import Engine
from memoryos.embedders import HashingEmbedder, StaticEmbedder
from memoryos.embedders import static as module
from memoryos.embedders.wordpiece import WordPiece, words
from memoryos.errors import EmbedderMismatch, MemoryOSError
from memoryos.testing.model_contracts import EmbedderContract

EMBEDDER = StaticEmbedder()
MODEL = files("memoryos.embedders") / "static_model"


class TestStaticEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return StaticEmbedder()


def nearness(a: str, b: str) -> float:
    return float(EMBEDDER.embed_query(a) @ EMBEDDER.embed_query(b))


@pytest.mark.parametrize(
    ("said", "asked", "other"),
    [
        ("I gave up smoking", "Did I stop using cigarettes?", "I gave my sister a lamp"),
        ("We are flying to Tokyo", "the trip to Japan", "We are frying potatoes"),
        ("My kitten is ill", "Is the cat sick?", "My kitchen is tiled"),
        ("Mi gato está enfermo", "¿Qué animal tengo?", "Mi coche está averiado"),
        ("我养了一只猫", "你有什么动物吗", "我买了一辆汽车"),
    ],
)
def test_meanings_without_a_common_word(said, asked, other):
    assert nearness(said, asked) > nearness(other, asked)


def test_misspelt_words_are_near_what_was_meant():
    assert nearness("anniversarry", "anniversary") > nearness("anniversarry", "adversary")
    cherokee = "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ"  # the model's vocabulary has nothing of it
    assert nearness(cherokee, "ᏣᎳᎩ") > nearness(cherokee, "ᎣᏏᏲ")


@pytest.mark.parametrize("nothing", ["", " \t\n", "?!…", "🎉🚀", "\x00\ufeff", "\ud800", "—'\"()"])
def test_a_text_without_words_is_near_to_nothing(nothing):
    assert not EMBEDDER.embed_query(nothing).any()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "word " * 50_000,
        "\u0301" * 10_000 + "e",
        "👩🏽‍🚀🎉 yes",
        "½ ﬁne Ａ",
        "\ud83d x",
        "a\u0000b",
        "1e309 NaN",
    ],
)
def test_any_text_has_a_finite_vector(text):
    vector = EMBEDDER.embed_query(text)
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_a_batch_is_its_texts():
    texts = ["one", "", "two three", "猫"]
    assert np.array_equal(
        EMBEDDER.embed_documents(texts), np.stack([EMBEDDER.embed_query(text) for text in texts])
    )


def test_the_files_are_those_that_the_notice_names():
    notice = (MODEL / "NOTICE").read_text("utf-8")
    assert "Apache License, Version 2.0" in notice
    named = re.findall(r"^([0-9a-f]{64})  (\S+)", notice, re.MULTILINE)
    assert len(named) == 3
    for digest, name in named:
        assert hashlib.sha256((MODEL / name).read_bytes()).hexdigest() == digest
    assert sum(len((MODEL / name).read_bytes()) for _, name in named) < 8_500_000


def test_words_are_cut_as_the_model_was_taught():
    known = WordPiece(["un", "##aff", "##able", "want", "##ed", "猫", "cafe", "a"])
    assert known.ids("UNAFFABLE, wanted") == [0, 1, 2, 3, 4]
    assert known.ids("Café猫 unknown " + "a" * 101) == [6, 5]
    assert words("Don't—STOP\u00adping\t“now” 我爱") == ["don", "t", "stopping", "now", "我", "爱"]


def test_threads_that_read_it_at_once_read_the_same():
    module._model.cache_clear()
    found = [None] * 8

    def embed(i):
        found[i] = StaticEmbedder().embed_query("my cat is ill")

    threads = [threading.Thread(target=embed, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(vector, found[0]) for vector in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_a_forked_child_embeds():
    code = (
        "import os; from memoryos.embedders import StaticEmbedder as E\n"
        "e = E(); a = e.embed_query('my cat')\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(0 if (E().embed_query('my cat') == a).all() else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_table_is_read_when_first_needed():
    code = (
        "import sys, memoryos\n"
        "from memoryos.embedders.resolve import resolve_embedder\n"
        "assert 'memoryos.embedders.static' not in sys.modules\n"
        "e = resolve_embedder(None)\n"
        "from memoryos.embedders import static\n"
        "assert e.name and e.dimension == 384 and not static._model.cache_info().currsize\n"
        "e.embed_query('x'); assert static._model.cache_info().currsize\n"
        "assert not {'tokenizers', 'model2vec', 'torch', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ── stores of the former default ─────────────────────────────────────────────────────────────────


def made_by_the_former_default(uri: str) -> None:
    with Engine.open(uri, {"promotion": "inline"}, embedder="hashing") as engine:
        for user in ("tom", "ann"):
            memory = engine.memory(user)
            for i in range(20):
                memory.add(f"My name is {user} and I like chess, day {i}.", "Noted.")
            memory.add("I gave up smoking three years ago.", "Well done.")
            memory.flush()
        assert [stored.name for stored in engine.store.embedders()] == ["hashing-384"]


def embedders(engine: Engine) -> set[str]:
    return {stored.name for stored in engine.store.embedders()}


def test_a_store_of_the_former_default_is_embedded_anew_in_the_background(tmp_path):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    made_by_the_former_default(uri)
    with Engine.open(uri) as engine:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and embedders(engine) != {"static-minilm-384-2"}:
            time.sleep(0.02)
        assert embedders(engine) == {"static-minilm-384-2"}
        for user in ("tom", "ann"):
            memory = engine.memory(user)
            memory.flush()
            assert memory.stats().unembedded == 0
            found = memory.recall("Did I stop using cigarettes?", k=3, min_relevance=0)
            assert "smoking" in found.pages[0].page.user_input
            assert any("meaning" in reason for reason in found.pages[0].reasons)
            assert found.segments
        assert engine.doctor().findings == ()


def test_recall_goes_by_words_meanwhile(tmp_path):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    made_by_the_former_default(uri)
    with Engine.open(uri, {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        found = memory.recall("smoking", k=1)
        assert "smoking" in found.pages[0].page.user_input
        assert not any("meaning" in reason for reason in found.pages[0].reasons)
        assert embedders(engine) == {"hashing-384"}
        memory.flush()
        assert any("meaning" in r for r in memory.recall("smoking", k=1).pages[0].reasons)
        assert embedders(engine) == {"hashing-384", "static-minilm-384-2"}  # ann's still


def test_what_is_erased_before_stays_erased(tmp_path):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    made_by_the_former_default(uri)
    with Engine.open(uri, {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        page = memory.recall("smoking", k=1).pages[0].page
        memory.forget(page_id=page.id)
        memory.flush()
        assert not any("smoking" in p.page.user_input for p in memory.recall("smoking", k=30).pages)
        assert engine.doctor().findings == ()


def test_interrupted_it_goes_on(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    made_by_the_former_default(uri)
    with Engine.open(uri, {"promotion": "manual"}) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(engine.store, "put_vectors", lambda *_: 1 / 0)  # it dies half-way
            with pytest.raises(MemoryOSError, match="ZeroDivisionError"):
                engine.memory("tom").flush()
        assert (
            engine.memory("tom").recall("smoking", k=1).pages[0].page.user_input.startswith("I g")
        )
    with Engine.open(uri) as engine:
        engine.memory("tom").flush()
        assert engine.memory("tom").stats().unembedded == 0


@pytest.mark.parametrize(
    ("made", "given"), [("hashing-64", None), (None, "hashing"), (None, "hashing-64")]
)
def test_any_other_pair_is_an_error_that_names_rebuild(tmp_path, made, given):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    with Engine.open(uri, embedder=made) as engine:
        engine.memory("tom").add("I like chess.", "Good.")
        engine.memory("tom").flush()
    with pytest.raises(EmbedderMismatch, match="rebuild"):
        Engine.open(uri, embedder=given)


def test_a_process_that_still_embeds_the_old_way_is_told_so(tmp_path):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    made_by_the_former_default(uri)
    with Engine.open(uri, {"promotion": "manual"}, embedder=HashingEmbedder()) as old:
        old.memory("tom").recall("chess")
        with Engine.open(uri, {"promotion": "manual"}) as new:
            new.memory("tom").flush()
        with pytest.raises(EmbedderMismatch, match="rebuild"):
            old.memory("tom").recall("chess")  # of equal length, and of another meaning
