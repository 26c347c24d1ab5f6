"""Every chat engine, asked in every way, with LlamaIndex's own mock models."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.llms import MockLLM
from llama_index.core.schema import QueryBundle
from llama_index_doubles import WAYS, ask, assistant, said, system, texts, user

from memoryos.errors import InvalidInput
from memoryos_integrations.llama_index import MemoryOSMemory

DOG = "My dog is called Biscuit"
ASKED = "What is my dog called?"


@pytest.fixture
def index():
    documents = [Document(text="Lisbon is the capital of Portugal.")]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(8))


def chat_engine(kind: str, index: Any, llm: Any, memory: Any) -> Any:
    if kind == "simple":
        return SimpleChatEngine.from_defaults(llm=llm, memory=memory, system_prompt="Be kind.")
    if kind == "context":
        return ContextChatEngine.from_defaults(
            retriever=index.as_retriever(), llm=llm, memory=memory, system_prompt="Be kind."
        )
    if kind == "condense_plus_context_":
        return CondensePlusContextChatEngine.from_defaults(
            retriever=index.as_retriever(), llm=llm, memory=memory, system_prompt="Be kind."
        )
    return index.as_chat_engine(chat_mode=kind.removeprefix("index:"), llm=llm, memory=memory)


KINDS = (
    "simple",
    "context",
    "condense_plus_context_",
    "index:simple",
    "index:context",
    "index:condense_plus_context",
    "index:condense_question",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_chat_engine_remembers_other_sessions_and_records_this_one(
    kind, way, index, llm, memory, journal, engine
):
    engine.memory("tom", session_id="last week").add(DOG, "A lovely name")
    chat = chat_engine(kind, index, llm, memory)
    answer = ask(chat, way, ASKED)
    assert answer.strip() == "text text text"
    ask(chat, way, "And where is Lisbon?")
    if kind != "index:condense_question":  # asks the index a question, and shows no history
        assert "Biscuit" in texts(llm.last_chat_messages) or "Be kind." in texts(
            llm.last_chat_messages
        )
        ask(chat, way, "Say again, what is my dog called?")
        assert "Biscuit" in texts(llm.last_chat_messages)
    assert said(memory.get_all())[:4] == [
        ("user", ASKED),
        ("assistant", "text text text"),
        ("user", "And where is Lisbon?"),
        ("assistant", "text text text"),
    ]
    first = journal.pages("chat")[0]
    assert (first.user_input, first.agent_response) == (ASKED, "text text text")
    assert chat.chat_history == memory.get_all()


@pytest.mark.parametrize("way", WAYS)
def test_the_first_question_already_draws_on_memory(way, llm, memory, engine):
    engine.memory("tom", session_id="last week").add(DOG, "A lovely name")
    ask(SimpleChatEngine.from_defaults(llm=llm, memory=memory), way, ASKED)
    assert "Biscuit" in texts(llm.last_chat_messages)
    assert said(llm.last_chat_messages)[-1] == ("user", ASKED)


@pytest.mark.parametrize("way", WAYS)
def test_without_the_memory_the_engine_would_not_know(way, llm, engine):
    engine.memory("tom", session_id="last week").add(DOG, "A lovely name")
    other = MemoryOSMemory(engine=engine, user_id="anna", session_id="chat")
    ask(SimpleChatEngine.from_defaults(llm=llm, memory=other), way, ASKED)
    assert "Biscuit" not in texts(llm.last_chat_messages)


class TomsMemory(MemoryOSMemory):
    """LlamaIndex makes it without saying whose it is."""

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> MemoryOSMemory:
        return super().from_defaults(user_id="tom", **kwargs)


def test_memory_cls(tmp_path, monkeypatch, llm):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="user_id"):
        SimpleChatEngine.from_defaults(llm=llm, memory_cls=MemoryOSMemory)
    chat = SimpleChatEngine.from_defaults(llm=llm, memory_cls=TomsMemory)
    assert ask(chat, "chat", "Hello") == "text text text"
    made = chat._memory
    assert isinstance(made, MemoryOSMemory)
    assert made.token_limit == llm.metadata.context_window - 256
    assert made.storage_uri == f"sqlite:///{tmp_path / 'memoryos.db'}"
    assert len(chat.chat_history) == 2
    other = SimpleChatEngine.from_defaults(llm=llm, memory_cls=TomsMemory)
    assert other.chat_history == []
    assert other._memory.engine is made.engine


def test_an_empty_memory_is_never_replaced_by_a_default_one(memory, llm, index):
    assert memory.get_all() == []
    for kind in ("simple", "context", "condense_plus_context_", "index:context"):
        assert chat_engine(kind, index, llm, memory)._memory is memory
    for magic in ("__len__", "__bool__"):
        assert not hasattr(memory, magic)


def test_prefix_messages_count_against_the_limit(memory, llm, engine):
    narrow = MemoryOSMemory(engine=engine, user_id="tom", session_id="n", token_limit=60)
    for number in range(6):
        narrow.put(user(f"word {number} " * 4))
        narrow.put(assistant("yes"))
    free = SimpleChatEngine.from_defaults(llm=llm, memory=narrow)
    ask(free, "chat", "short")
    without_prefix = len(llm.last_chat_messages)
    narrow.put(user("padding"))
    prefixed = SimpleChatEngine.from_defaults(
        llm=llm, memory=narrow, prefix_messages=[system("long prefix " * 15)]
    )
    ask(prefixed, "chat", "short")
    assert len(llm.last_chat_messages) - 1 < without_prefix


@pytest.mark.parametrize("way", WAYS)
def test_chat_history_given_with_every_question_is_journalled_once(way, llm, memory, journal):
    """Stateless servers send the whole history each time: the memory must not fill with copies."""
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
    history: list[Any] = []
    for number in range(5):
        ask(chat, way, f"question {number}", chat_history=history)
        history = memory.get_all()
    assert len(history) == 10
    assert [page.user_input for page in journal.pages()] == [f"question {n}" for n in range(5)]
    ask(chat, way, "question 5", chat_history=history[-4:])  # the client sends only the last turns
    assert [m.content for m in memory.get_all()][::2] == ["question 3", "question 4", "question 5"]
    assert len(journal.pages()) == 6


def test_reset_ends_the_chat_and_keeps_what_was_learnt(llm, memory, journal, engine):
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
    ask(chat, "chat", DOG)
    chat.reset()
    assert chat.chat_history == []
    ask(chat, "chat", ASKED)
    assert said(chat.chat_history) == [("user", ASKED), ("assistant", "text text text")]
    assert "Biscuit" in texts(llm.last_chat_messages)
    assert "Biscuit" in engine.memory("tom", session_id="other").recall(ASKED).text()


def test_settings_llm_is_enough(monkeypatch, llm, memory):
    monkeypatch.setattr(Settings, "_llm", llm)
    assert ask(SimpleChatEngine.from_defaults(memory=memory), "chat", "Hi") == "text text text"


def test_a_failing_model_loses_nothing(memory, journal):
    class Broken(MockLLM):
        def chat(self, messages: Any, **kwargs: Any) -> Any:
            raise RuntimeError("down")

    chat = SimpleChatEngine.from_defaults(llm=Broken(), memory=memory)
    with pytest.raises(RuntimeError, match="down"):
        chat.chat("My cat is called Pixel")
    assert said(memory.get_all()) == [("user", "My cat is called Pixel")]
    assert journal.pages()[0].user_input == "My cat is called Pixel"


def test_a_query_bundle_is_a_message(engine):
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    memory = MemoryOSMemory(engine, "tom", "bundled", 700)
    question = QueryBundle("What is my dog called?")
    assert "Biscuit" in texts(memory.get(question))
    memory.put(question)
    memory.put("And my cat?")
    assert said(memory.get_all()) == [
        ("user", "What is my dog called?"),
        ("user", "And my cat?"),
    ]
    for wrong in (5, None, {"role": "user"}):
        with pytest.raises(InvalidInput, match="ChatMessage"):
            memory.put(wrong)


def test_from_defaults_wants_to_know_whose_memory_it_is(engine):
    for wrong in ({}, {"user_id": None}, {"user_id": ""}):
        with pytest.raises(InvalidInput, match="user_id"):
            MemoryOSMemory.from_defaults(engine, **wrong)
    assert MemoryOSMemory.from_defaults(engine, 5).user_id == "5"
