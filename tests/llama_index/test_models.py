"""from_llama_index: any LLM and embedding model of LlamaIndex in the engine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from llama_index.core import MockEmbedding
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index_doubles import ScriptedLLM
from pydantic import BaseModel

from memoryos import Engine
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelUnavailable
from memoryos.ports import ChatModel, Embedder
from memoryos_integrations.llama_index import (
    LlamaIndexChat,
    LlamaIndexEmbedder,
    from_llama_index,
)

ASK = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}]


class Town(BaseModel):
    name: str
    people: int


class Letters(BaseEmbedding):
    """Counts letters; queries are told from texts by a first number."""

    calls: list[Any] = []  # noqa: RUF012  # a pydantic field: copied per instance

    def _get_text_embedding(self, text: str) -> list[float]:
        self.calls.append(text)
        return [0.0, *(float(text.lower().count(c)) for c in "abcdefghijklmnopqrstuvwxyz")]

    def _get_query_embedding(self, query: str) -> list[float]:
        return [1.0, *self._get_text_embedding(query)[1:]]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def test_it_tells_models_apart():
    chat, embedder = from_llama_index(MockLLM()), from_llama_index(MockEmbedding(4))
    assert isinstance(chat, LlamaIndexChat)
    assert isinstance(chat, ChatModel)
    assert isinstance(embedder, LlamaIndexEmbedder)
    assert isinstance(embedder, Embedder)
    assert chat.name == "MockLLM"
    assert from_llama_index(Letters(model_name="letters-1")).name == "letters-1"
    with pytest.raises(InvalidInput, match="str"):
        from_llama_index("gpt-4o")


def test_complete_and_stream():
    llm = ScriptedLLM.saying("<think>hm</think>Hello!", "Hi!")
    chat = from_llama_index(llm)
    done = chat.complete(ASK)
    assert done.text == "Hello!"
    assert (done.usage.calls, done.usage.prompt_tokens, done.usage.completion_tokens) == (1, 5, 8)
    assert [m.role.value for m in llm.seen[0]] == ["system", "user"]
    assert "".join(chat.stream(ASK)) == "Hi!"


def test_a_schema_is_asked_for_in_words_and_once_more():
    town = {"name": "Braga", "people": 193000}
    llm = ScriptedLLM.saying("Well...", f"Sure:\n```json\n{json.dumps(town)}\n```")
    done = from_llama_index(llm).complete(ASK, schema=Town)
    assert done.parsed == Town(**town)
    assert done.usage.calls == 2
    assert '"people":int' in llm.seen[0][-1].content


def test_failures():
    with pytest.raises(ModelAnswerInvalid) as caught:
        from_llama_index(ScriptedLLM.saying("no", "no")).complete(ASK, schema=Town)
    assert caught.value.usage.calls == 2
    with pytest.raises(ModelAnswerInvalid):
        from_llama_index(ScriptedLLM.saying("", "")).complete(ASK)

    class Broken(MockLLM):
        def chat(self, messages: Any, **kwargs: Any) -> Any:
            raise ConnectionError("key sk-secret refused")

        def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
            def pieces() -> Any:
                yield from super(Broken, self).stream_chat([ChatMessage(content="ab")])
                raise ConnectionError("key sk-secret refused")

            return pieces()

    broken = from_llama_index(Broken())
    with pytest.raises(ModelUnavailable, match="ConnectionError") as unavailable:
        broken.complete(ASK)
    assert "secret" not in str(unavailable.value)
    assert unavailable.value.__cause__ is None
    assert unavailable.value.usage.calls == 1
    said = []
    with pytest.raises(ModelUnavailable):
        said.extend(broken.stream(ASK))


def test_embeddings_are_unit_vectors_cached_and_told_apart():
    letters = Letters(embed_batch_size=2)
    embedder = from_llama_index(letters)
    rows = embedder.embed_documents(["abc", "", "dog", "abc"])
    assert rows.shape == (4, 27)
    assert embedder.dimension == 27
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1, 1], rtol=1e-5)
    assert letters.calls == ["abc", "dog"]
    query = embedder.embed_query("dog")
    assert query[0] > 0
    assert query.shape == (27,)
    embedder.embed_query("dog")
    assert len(letters.calls) == 3


def test_a_failing_embedder():
    class Broken(Letters):
        def _get_text_embedding(self, text: str) -> list[float]:
            raise ConnectionError("sk-secret")

    with pytest.raises(ModelUnavailable, match="ConnectionError") as caught:
        from_llama_index(Broken()).embed_documents(["a"])
    assert "secret" not in str(caught.value)


def test_an_engine_works_with_both(sqlite_uri):
    llm = ScriptedLLM.saying("Biscuit, of course")
    with Engine.open(
        sqlite_uri,
        config={"promotion": "manual"},
        chat_model=from_llama_index(llm),
        embedder=from_llama_index(Letters(model_name="letters")),
    ) as engine:
        memory = engine.memory("tom")
        memory.add("My dog is called Biscuit", "Sweet")
        assert memory.respond("What is my dog called?") == "Biscuit, of course"
        assert "My dog is called Biscuit" in llm.last
        memory.flush()
        assert "".join(memory.respond_stream("And again?")) == "Done."
        assert memory.recall("dog").pages[0].page.user_input
        assert memory.usage().by_purpose["respond"] == 2


def test_a_model_of_llama_index_consolidates(sqlite_uri):
    """Answers that are no use are filed by the rules; nothing is lost, no fact is made up."""
    with Engine.open(
        sqlite_uri, config={"promotion": "manual"}, chat_model=from_llama_index(MockLLM())
    ) as engine:
        memory = engine.memory("tom")
        for number in range(14):
            memory.add(f"Number {number}", "Fine")
        memory.flush()
        assert len(memory.pages()) == 14
        assert all(page.segment_id for page in memory.pages())
        assert memory.usage().by_purpose["consolidate"] > 0
        assert memory.knowledge(kind="fact") == []
