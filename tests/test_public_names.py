"""The names and signatures that users rely on. A change here is a change of the public surface."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import memoryos
from memoryos import AsyncEngine, Engine, MemoryConfig, Memoryos
from memoryos.embedders import (
    FastEmbedEmbedder,
    HashingEmbedder,
    OpenAIEmbedder,
    SentenceTransformerEmbedder,
    StaticEmbedder,
)
from memoryos.errors import MemoryOSError
from memoryos.llm import OpenAIChat
from memoryos.model import Page, RecalledPage

VERBS = (
    "add",
    "add_many",
    "add_messages",
    "explain",
    "export",
    "flush",
    "forget",
    "import_",
    "knowledge",
    "pages",
    "profile",
    "rebuild",
    "recall",
    "respond",
    "respond_stream",
    "segments",
    "stats",
    "traits",
    "usage",
)
"""What a memory can be asked to do."""

OBSERVED = object()
"""Stands for `self` and for arguments of any value."""


@pytest.fixture
def memory() -> Iterator[Any]:
    with Engine.open("sqlite:///:memory:") as engine:
        yield engine.memory("tom")


def takes(function: Any, *positional: Any, **keywords: Any) -> None:
    """Fail unless `function` can be called like this."""
    inspect.signature(function).bind(*positional, **keywords)


def defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def public(thing: Any) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


# ── The package ──────────────────────────────────────────────────────────────────────────────────


def test_the_package_gives_these_names() -> None:
    assert memoryos.__all__ == [
        "AsyncEngine",
        "AsyncMemory",
        "Engine",
        "ErasureReceipt",
        "Knowledge",
        "Memory",
        "MemoryConfig",
        "Memoryos",
        "Message",
        "Page",
        "Profile",
        "Recall",
        "RecalledPage",
        "Segment",
        "Trait",
        "__version__",
    ]
    assert all(hasattr(memoryos, name) for name in memoryos.__all__)
    assert set(memoryos.__all__) <= set(dir(memoryos))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = memoryos.NoSuchName
    assert not hasattr(memoryos, "NoSuchName")


def test_every_error_is_of_one_tree() -> None:
    errors = importlib.import_module("memoryos.errors")
    named = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert all(issubclass(error, MemoryOSError) for error in named)


@pytest.mark.parametrize(
    ("script", "target"),
    [
        ("memoryos", "memoryos.frontends.cli:main"),
        ("memoryos-mcp", "memoryos_integrations.mcp.cli:main"),
    ],
)
def test_console_scripts(script: str, target: str) -> None:
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=script)
    assert entry.value == target


# ── Engine and memory ────────────────────────────────────────────────────────────────────────────


def test_engine_open() -> None:
    takes(Engine.open, "sqlite:///memories.db", config=None, chat_model=None, embedder=None)
    takes(Engine.open, "sqlite:///memories.db", MemoryConfig())
    expected = {"config": None, "chat_model": None, "embedder": None}
    assert expected.items() <= defaults(Engine.open).items()


def test_engine_memory() -> None:
    takes(Engine.memory, OBSERVED, "tom", assistant_id="assistant", session_id="default")
    expected = {"assistant_id": "assistant", "session_id": "default"}
    assert expected.items() <= defaults(Engine.memory).items()


def test_engine_is_a_context_manager_that_can_be_closed() -> None:
    assert {"open", "memory", "close", "__enter__", "__exit__"} <= set(dir(Engine))
    takes(Engine.close, OBSERVED)


def test_a_memory_has_these_verbs(memory: Any) -> None:
    assert set(VERBS) <= public(memory)


def test_the_verbs_are_called_like_this(memory: Any) -> None:
    takes(memory.add, "user text", "agent text", timestamp=None, metadata=None)
    takes(memory.add_many, [("user", "agent", None)])
    takes(memory.add_messages, [OBSERVED])
    takes(memory.recall, "question", k=10, max_tokens=None, where=None)
    takes(memory.respond, "question")
    takes(memory.respond_stream, "question")
    takes(memory.flush)
    takes(memory.pages)
    takes(memory.segments)
    takes(memory.knowledge)
    takes(memory.knowledge, owner="user")
    takes(memory.traits)
    takes(memory.profile)
    takes(memory.explain, "knowledge id")
    for what in ("page_id", "knowledge_id", "session", "before"):
        takes(memory.forget, **{what: OBSERVED})
    takes(memory.forget, everything=True)
    takes(memory.export, Path("memory.jsonl"))
    takes(memory.import_, Path("memory.jsonl"))
    takes(memory.rebuild)
    takes(memory.stats)
    takes(memory.usage)


def test_the_defaults_of_the_verbs(memory: Any) -> None:
    assert {"timestamp": None, "metadata": None}.items() <= defaults(memory.add).items()
    assert {"max_tokens": None, "where": None}.items() <= defaults(memory.recall).items()
    assert defaults(memory.recall)["k"] in {None, 10}  # None means the configured default
    assert MemoryConfig().top_pages == 10


def test_what_is_forgotten_is_always_named(memory: Any) -> None:
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    assert {p.kind for p in inspect.signature(memory.forget).parameters.values()} == {keyword_only}


def test_a_recall_has_these_parts(memory: Any) -> None:
    memory.add("I live in San Francisco.", "A fine city.")
    found = memory.recall("Where do I live?")
    parts = {
        "pages",
        "short_term",
        "segments",
        "user_knowledge",
        "agent_knowledge",
        "profile",
        "text",
    }
    assert parts <= public(found)
    takes(found.text, max_tokens=1000)


def test_a_page_has_these_fields() -> None:
    assert {
        "id",
        "user_input",
        "agent_response",
        "timestamp",
        "session_id",
        "metadata",
        "messages",
        "chain_id",
        "segment_id",
    } <= {field.name for field in fields(Page)}
    assert [field.name for field in fields(RecalledPage)] == [
        "page",
        "score",
        "relevance",
        "passages",
        "reasons",
    ]


# ── The asynchronous surface ─────────────────────────────────────────────────────────────────────


async def test_the_asynchronous_memory_has_the_same_verbs(memory: Any) -> None:
    opened = AsyncEngine.open("sqlite:///:memory:")
    engine = await opened if inspect.isawaitable(opened) else opened
    async with engine:
        twin = engine.memory("tom")
        assert public(twin) == public(memory)
        for verb in VERBS:
            ours, theirs = getattr(memory, verb), getattr(twin, verb)
            signature = inspect.signature(ours)
            assert inspect.signature(theirs).parameters == signature.parameters, verb
            streams = inspect.isasyncgenfunction(theirs)
            assert streams if verb == "respond_stream" else inspect.iscoroutinefunction(theirs), (
                verb
            )


def test_the_asynchronous_engine_has_the_same_names() -> None:
    assert public(AsyncEngine) == public(Engine)
    assert {"__aenter__", "__aexit__"} <= set(dir(AsyncEngine))
    assert (
        inspect.signature(AsyncEngine.open).parameters == inspect.signature(Engine.open).parameters
    )


# ── Models ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", [OpenAIChat, OpenAIEmbedder])
def test_openai_models(model: Any) -> None:
    takes(model, "model", api_key=None, base_url=None, timeout=1.0, max_retries=2)
    takes(model, model="model")
    assert {"api_key": None, "base_url": None}.items() <= defaults(model).items()


def test_local_embedders() -> None:
    takes(StaticEmbedder)
    takes(FastEmbedEmbedder, "all-MiniLM-L6-v2", query_prefix="", document_prefix="")
    takes(HashingEmbedder)
    takes(SentenceTransformerEmbedder, "name or folder")
    assert next(iter(inspect.signature(SentenceTransformerEmbedder).parameters)) == "name_or_folder"


# ── The published package's front door ───────────────────────────────────────────────────────────


def test_memoryos_is_built_like_the_published_one() -> None:
    assert list(inspect.signature(Memoryos).parameters) == [
        "user_id",
        "openai_api_key",
        "data_storage_path",
        "openai_base_url",
        "assistant_id",
        "short_term_capacity",
        "mid_term_capacity",
        "long_term_knowledge_capacity",
        "retrieval_queue_capacity",
        "mid_term_heat_threshold",
        "mid_term_similarity_threshold",
        "llm_model",
        "embedding_model_name",
        "embedding_model_kwargs",
        "timeout",
        "llm_model_kwargs",
    ]
    takes(Memoryos, user_id="tom", openai_api_key="", data_storage_path="folder")


def test_memoryos_has_the_published_methods(tmp_path: Path) -> None:
    memo = Memoryos(user_id="tom", openai_api_key="", data_storage_path=str(tmp_path))
    takes(memo.add_memory, user_input="hello", agent_response="hi")
    takes(memo.get_response, query="hello")
    takes(memo.get_user_profile_summary)
    takes(memo.get_assistant_knowledge_summary)
    takes(memo.force_mid_term_analysis)
    takes(memo.get_memory_stats)
    takes(memo.retriever.retrieve_context, "question", "tom")
    takes(memo.short_term_memory.get_all)
    takes(memo.user_long_term_memory.get_user_knowledge)
