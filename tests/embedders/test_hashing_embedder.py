"""The embedder without a model."""

from __future__ import annotations

import sys
from subprocess import run
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryos.embedders.hashing import HashingEmbedder

EMBEDDER = HashingEmbedder()


def near(a: str, b: str) -> float:
    return float(EMBEDDER.embed_query(a) @ EMBEDDER.embed_query(b))


def test_shape_type_and_name():
    vectors = EMBEDDER.embed_documents(["a dog", "", "猫が好き"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1, 0, 1])
    assert EMBEDDER.embed_documents([]).shape == (0, 384)
    small = HashingEmbedder(64)
    assert small.embed_query("dog").shape == (64,)
    assert small.name != EMBEDDER.name


@pytest.mark.parametrize(
    ("question", "alike", "other"),
    [
        ("photography", "I am a photographer", "I am a plumber"),
        ("restaraunt", "we ate at the restaurant", "we slept at the hotel"),
        ("¿Cómo se llama mi perrito?", "Mi perro ladra", "Mi gato duerme"),
        ("Donaudampfschiff", "die Dampfschifffahrt", "die Eisenbahn"),
        ("咪咪在哪里", "我的猫叫咪咪", "今天下雨"),
        ("кошечка", "моя кошка", "моя собака"),
    ],
)
def test_alike_in_spelling_is_near(question, alike, other):
    assert near(question, alike) > near(question, other) + 0.02


@given(st.text(max_size=200))
def test_any_text_gives_a_unit_vector_or_none(anything):
    norm = float(np.linalg.norm(EMBEDDER.embed_query(anything)))
    assert norm == pytest.approx(1, abs=1e-5) or norm == 0


def test_a_query_is_embedded_like_a_document():
    text = "My part-time co-worker moved to Paris"
    assert np.array_equal(EMBEDDER.embed_query(text), EMBEDDER.embed_documents([text])[0])


def test_the_same_in_every_process():
    code = (
        "from memoryos.embedders.hashing import HashingEmbedder as E;"
        "print(E().embed_query('my dog Rex, señora').round(5).tobytes().hex())"
    )
    outputs = {
        run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = EMBEDDER.embed_query("my dog Rex, señora").round(5).tobytes().hex()
    assert outputs == {here.encode() + b"\n"}


def test_threads_get_what_one_thread_gets():
    texts = [f"page {i} about dog{i % 7} and painting{i % 5}" for i in range(200)]
    expected = EMBEDDER.embed_documents(texts)
    results: list[np.ndarray] = []
    threads = [
        Thread(target=lambda: results.append(EMBEDDER.embed_documents(texts))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


def test_a_dimension_below_one_is_refused():
    with pytest.raises(ValueError, match="dimension"):
        HashingEmbedder(0)
