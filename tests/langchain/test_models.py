"""LangChain's models as the engine's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from memoryos import Engine
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelUnavailable
from memoryos.ports import ChatModel, Embedder
from memoryos.testing.openai_server import Failure, OpenAIServer, Raw
from memoryos_integrations.langchain import from_langchain

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


class Answer(BaseModel):
    words: list[str]
    count: int


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def openai(server: OpenAIServer, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model="scripted", base_url=server.url, api_key=SecretStr("k"), max_retries=0, **more
    )


def test_they_are_what_the_engine_asks_for(server: OpenAIServer) -> None:
    chat = from_langchain(openai(server))
    embedder = from_langchain(DeterministicFakeEmbedding(size=8))
    assert isinstance(chat, ChatModel)
    assert isinstance(embedder, Embedder)
    assert chat.name == "ChatOpenAI:scripted"
    assert from_langchain(openai(server), name="mine").name == "mine"
    assert embedder.name == "DeterministicFakeEmbedding"
    sized = OpenAIEmbeddings(model="m", dimensions=64, api_key=SecretStr("k"))
    assert from_langchain(sized).name == "OpenAIEmbeddings:m@64"
    with pytest.raises(InvalidInput, match="str"):
        from_langchain("gpt-4o-mini")  # type: ignore[call-overload]


# ── chat ─────────────────────────────────────────────────────────────────────────────────────────


def test_text(server: OpenAIServer) -> None:
    server.chat = "<think>hm</think>Hi!"
    found = from_langchain(openai(server)).complete(ASK, max_tokens=7)
    assert found.text == "Hi!"
    assert found.usage.calls == 1
    assert found.usage.prompt_tokens > 0
    body = server.chats[0].body
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of old langchain-openai
def test_structured_output(server: OpenAIServer) -> None:
    server.chat = '{"words": ["a", "b"], "count": 2}'
    found = from_langchain(openai(server)).complete(ASK, schema=Answer)
    assert found.parsed == Answer(words=["a", "b"], count=2)
    assert found.usage.calls == 1
    assert "response_format" in server.chats[0].body


def test_structured_output_that_does_not_fit_is_asked_for_once_more(server: OpenAIServer) -> None:
    server.chat = ["I would rather not.", 'Here: ```json\n{"words": [], "count": 0}\n```']
    found = from_langchain(openai(server)).complete(ASK, schema=Answer)
    assert found.parsed == Answer(words=[], count=0)
    assert found.usage.calls == 2
    assert '"count":int' in server.chats[1].body["messages"][0]["content"]
    server.chat = "never"
    with pytest.raises(ModelAnswerInvalid) as caught:
        from_langchain(openai(server)).complete(ASK, schema=Answer)
    assert caught.value.usage.calls == 2


def test_a_model_without_structured_output(chat: Any) -> None:
    class NoTools(type(chat())):  # type: ignore[misc]
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    model = NoTools(rule=lambda messages: '{"answer": {"words": ["x"], "count": 1}}')
    wrapped = from_langchain(model)
    for _ in range(2):
        assert wrapped.complete(ASK, schema=Answer).parsed == Answer(words=["x"], count=1)
    assert len(model.prompts) == 2  # what it cannot do is not tried again


def test_streaming(server: OpenAIServer) -> None:
    server.chat = "one two three"
    pieces = list(from_langchain(openai(server, stream_usage=True)).stream(ASK))
    assert "".join(pieces) == "one two three"
    assert len(pieces) == 3
    server.chat = ""
    with pytest.raises(ModelAnswerInvalid):
        list(from_langchain(openai(server)).stream(ASK))


@pytest.mark.parametrize("broken", [Failure(500), Failure(429), Raw(b"<html>")])
def test_a_model_that_fails(server: OpenAIServer, broken: Any) -> None:
    server.chat = broken
    wrapped = from_langchain(openai(server))
    for schema in (None, Answer):
        with pytest.raises(ModelUnavailable, match="scripted") as caught:
            wrapped.complete(ASK, schema=schema)
        assert caught.value.usage.calls >= 1
        assert caught.value.__cause__ is None
    with pytest.raises(ModelUnavailable):
        list(wrapped.stream(ASK))
    server.chat = '{"words": [], "count": 0}'
    assert wrapped.complete(ASK, schema=Answer).parsed == Answer(words=[], count=0)


def test_no_key_and_no_words_get_into_an_error(chat: Any) -> None:
    wrapped = from_langchain(chat(RuntimeError("key sk-123 refused for: my diary")))
    with pytest.raises(ModelUnavailable) as caught:
        wrapped.complete(ASK)
    assert "sk-123" not in str(caught.value)
    assert "diary" not in str(caught.value)


# ── embeddings ───────────────────────────────────────────────────────────────────────────────────


class TwoWays(Embeddings):
    """Embeds queries and documents in different ways, unnormalised, and counts its calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls.append(list(texts))
        return [[3.0, 0.0, 4.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        self.calls.append(text)
        return [0.0, 2.0, 0.0]


def test_vectors_are_of_unit_length_and_documents_are_cached() -> None:
    model = TwoWays()
    embedder = from_langchain(model)
    assert model.calls == []
    found = embedder.embed_documents(["a", "b", "a", " "])
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(np.array([[0.6, 0, 0.8]] * 3 + [[0, 0, 0]]))
    assert embedder.dimension == 3
    assert model.calls == [["a", "b"]]
    assert embedder.embed_query("a").tolist() == [0, 1, 0]
    assert embedder.embed_query(" ").tolist() == [0, 0, 0]


def test_embeddings_that_fail() -> None:
    class Broken(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise OSError("sk-123")

        def embed_query(self, text: str) -> list[float]:
            return ["x"]  # type: ignore[list-item]

    with pytest.raises(ModelUnavailable, match=r"Broken.*OSError"):
        from_langchain(Broken()).embed_documents(["a"])
    with pytest.raises(ModelAnswerInvalid):
        from_langchain(Broken()).embed_query("a")


# ── in the engine ────────────────────────────────────────────────────────────────────────────────


def test_an_engine_on_langchains_models(server: OpenAIServer) -> None:
    embeddings = OpenAIEmbeddings(
        model="vectors",
        base_url=server.url,
        api_key=SecretStr("k"),
        check_embedding_ctx_length=False,
    )
    config = {"promotion": "manual", "heat_threshold": 0.0}
    models = {
        "chat_model": from_langchain(openai(server)),
        "embedder": from_langchain(embeddings),
    }
    with Engine.open("sqlite:///:memory:", config, **models) as engine:
        memory = engine.memory("tom")
        for number in range(8):
            memory.add(f"I moved to Lisbon {number} years ago.", "How nice.")
        memory.flush()
        assert memory.segments()
        assert memory.usage().calls >= 1
        assert memory.usage().failures == 0
        assert memory.respond("Where do I live?")
        assert "".join(memory.respond_stream("Really?"))
        assert memory.stats().unembedded <= 2
    assert any(r.path.endswith("/embeddings") for r in server.requests)


def test_a_fake_chat_of_langchain_answers(chat: Any) -> None:
    model = chat(AIMessage([{"type": "text", "text": "You live in Lisbon."}]))
    with Engine.open(
        "sqlite:///:memory:", {"promotion": "manual"}, from_langchain(model)
    ) as engine:
        assert engine.memory("tom").respond("Where do I live?") == "You live in Lisbon."
