"""A user's program as mypy --strict sees it. Never run; `mypy` checks it with the library."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import assert_type

from memoryos import (
    AsyncEngine,
    Engine,
    ErasureReceipt,
    Memory,
    MemoryConfig,
    Message,
    Page,
    Recall,
    RecalledPage,
    __version__,
)
from memoryos.embedders import (
    FastEmbedEmbedder,
    HashingEmbedder,
    OpenAIEmbedder,
    SentenceTransformerEmbedder,
    StaticEmbedder,
)
from memoryos.errors import MemoryOSError
from memoryos.llm import OpenAIChat


def program() -> None:
    assert_type(__version__, str)
    config = MemoryConfig(top_pages=5)
    with Engine.open(
        "sqlite:///memories.db", config=config, chat_model=OpenAIChat("gpt")
    ) as engine:
        memory = engine.memory("tom", session_id="monday")
        assert_type(memory, Memory)
        assert_type(memory.add("hello", "hi"), Page)
        memory.add_many([("hello", "hi", None)])
        memory.add_messages([Message("user", "hello"), Message("assistant", "hi")])
        found = memory.recall("What did I say?", k=3)
        assert_type(found, Recall)
        first: Sequence[RecalledPage] = found.pages
        assert_type(first[0].score, float)
        assert_type(found.text(max_tokens=100), str)
        assert_type(memory.respond("What did I say?"), str)
        assert_type(memory.forget(everything=True), ErasureReceipt)


def embedders() -> None:
    for embedder in (
        StaticEmbedder(),
        FastEmbedEmbedder("x"),
        HashingEmbedder(),
        OpenAIEmbedder("small"),
        SentenceTransformerEmbedder("x"),
    ):
        Engine.open("sqlite:///:memory:", embedder=embedder).close()


async def asynchronous(engine: AsyncEngine) -> str:
    try:
        return await engine.memory("tom").respond("hello")
    except MemoryOSError as error:
        return str(error)
