"""What every embedder and every chat model must do: test classes to subclass, with pytest.

    class TestMyEmbedder(EmbedderContract):
        @pytest.fixture
        def embedder(self):
            return MyEmbedder()

Nothing here knows how they come to their answers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydantic import BaseModel

from memoryos.errors import ModelUnavailable
from memoryos.ports import ChatModel, Completion, Embedder

_TEXTS = ("I moved to Lisbon", "¿Qué recuerdas?", "我喜欢下棋", "👩🏽‍🚀", "x" * 5_000)


class Answer(BaseModel):
    """The form that the chat model contract asks for."""

    answer: str


class EmbedderContract:
    """The promises of `memoryos.ports.Embedder`. A subclass gives the fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """Return an embedder that works."""
        raise NotImplementedError("give a fixture `embedder` that returns an embedder")

    def test_it_has_a_name_and_a_dimension(self, embedder: Embedder) -> None:
        assert isinstance(embedder, Embedder)
        assert isinstance(embedder.name, str)
        assert embedder.name
        assert embedder.dimension >= 1

    def test_documents_are_unit_rows_of_float32(self, embedder: Embedder) -> None:
        vectors = embedder.embed_documents([*_TEXTS, _TEXTS[0]])
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(_TEXTS) + 1, embedder.dimension)
        assert np.all(np.isfinite(vectors))
        lengths = np.linalg.norm(vectors, axis=1)
        # A text in which an embedder finds no word may be all zero: near to nothing.
        assert np.all((np.abs(lengths - 1) < 1e-3) | (lengths == 0))
        assert lengths[0] > 0
        assert np.allclose(vectors[0], vectors[-1], atol=1e-3)

    def test_no_documents(self, embedder: Embedder) -> None:
        assert embedder.embed_documents([]).shape == (0, embedder.dimension)

    def test_an_empty_text_is_a_text(self, embedder: Embedder) -> None:
        vectors = embedder.embed_documents(["", " ", "word"])
        assert vectors.shape == (3, embedder.dimension)
        assert np.all(np.isfinite(vectors))

    def test_a_query_is_one_row(self, embedder: Embedder) -> None:
        vector = embedder.embed_query(_TEXTS[0])
        assert vector.shape == (embedder.dimension,)
        assert vector.dtype == np.float32
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3

    def test_a_text_is_nearest_to_itself(self, embedder: Embedder) -> None:
        texts = ["the cat sleeps on the sofa", "quarterly tax report", "a recipe for bread"]
        vectors = embedder.embed_documents(texts)
        nearest = [int(np.argmax(vectors @ embedder.embed_query(text))) for text in texts]
        assert nearest == [0, 1, 2]

    def test_the_same_text_has_the_same_vector(self, embedder: Embedder) -> None:
        alone = embedder.embed_documents(["a recipe for bread"])[0]
        among = embedder.embed_documents(["x", "a recipe for bread", "y"])[1]
        assert np.allclose(alone, among, atol=1e-3)

    def test_threads_may_share_it(self, embedder: Embedder) -> None:
        alone = [embedder.embed_documents([text])[0] for text in _TEXTS]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda text: embedder.embed_documents([text])[0], _TEXTS * 4))
        assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(found, alone * 4, strict=True))


class ChatModelContract:
    """The promises of `memoryos.ports.ChatModel`.

    A subclass gives the fixtures `chat_model`, which answers, and `unreachable`, whose endpoint is
    not there.
    """

    @pytest.fixture
    def chat_model(self) -> ChatModel:
        """Return a chat model that answers anything."""
        raise NotImplementedError("give a fixture `chat_model` that returns a chat model")

    @pytest.fixture
    def unreachable(self) -> ChatModel:
        """Return a chat model whose endpoint does not answer."""
        raise NotImplementedError("give a fixture `unreachable` that returns a broken chat model")

    def test_it_has_a_name(self, chat_model: ChatModel) -> None:
        assert isinstance(chat_model, ChatModel)
        assert isinstance(chat_model.name, str)
        assert chat_model.name

    def test_a_whole_answer(self, chat_model: ChatModel) -> None:
        found = chat_model.complete([{"role": "user", "content": "Say something."}])
        assert isinstance(found, Completion)
        assert found.text
        assert found.parsed is None
        assert found.usage.calls >= 1
        assert found.usage.prompt_tokens > 0
        assert found.usage.completion_tokens > 0

    def test_an_answer_in_a_form(self, chat_model: ChatModel) -> None:
        found = chat_model.complete(
            [{"role": "user", "content": "Answer as JSON."}], schema=Answer, max_tokens=200
        )
        assert isinstance(found.parsed, Answer)

    def test_an_answer_piece_by_piece(self, chat_model: ChatModel) -> None:
        pieces = list(chat_model.stream([{"role": "user", "content": "Say something."}]))
        assert pieces
        assert all(isinstance(piece, str) for piece in pieces)
        assert "".join(pieces)

    def test_threads_may_share_it(self, chat_model: ChatModel) -> None:
        messages = [{"role": "user", "content": "Say something."}]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: chat_model.complete(messages).text, range(8)))
        assert all(found)

    def test_an_endpoint_that_is_not_there(self, unreachable: ChatModel) -> None:
        messages = [{"role": "user", "content": "Say something."}]
        with pytest.raises(ModelUnavailable):
            unreachable.complete(messages)
        with pytest.raises(ModelUnavailable):
            list(unreachable.stream(messages))
