"""What the adapters may be given for an engine: an open one or a storage_uri, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.messages import HumanMessage

from memoryos import AsyncEngine, Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.langchain import (
    MemoryOSChatMemory,
    MemoryOSChatMessageHistory,
    MemoryOSMiddleware,
    MemoryOSRetriever,
    create_memory_tools,
)

ADAPTERS: list[Callable[..., Any]] = [
    MemoryOSChatMemory,
    MemoryOSChatMessageHistory,
    MemoryOSMiddleware,
    MemoryOSRetriever,
    create_memory_tools,
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "wrong", ["sqlite:///x.db", Path("x.db"), Engine, AsyncEngine, {"uri": "x"}, 7, object()]
)
def test_anything_else_is_told_what_was_expected(adapter: Any, wrong: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Engine\.open"):
        adapter(wrong, "tom")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_neither_or_both_is_told(adapter: Any, engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="storage_uri"):
        adapter(user_id="tom")
    with pytest.raises(InvalidInput, match="storage_uri"):
        adapter(engine, "tom", storage_uri="sqlite:///:memory:")
    with pytest.raises(InvalidInput, match="uri must be"):
        adapter(user_id="tom", storage_uri="mysql://secret@host/x")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_storage_uri_is_one_engine_for_all(adapter: Any, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/memories.db"
    history = MemoryOSChatMessageHistory(storage_uri=uri, user_id="tom")
    history.add_messages([HumanMessage("My cat is called Minka.")])
    assert adapter(storage_uri=uri, user_id="tom")
    assert Engine.of(storage_uri=uri) is Engine.of(storage_uri=uri)
    assert "Minka" in str(MemoryOSRetriever(storage_uri=uri, user_id="tom").invoke("cat"))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("wrong", ["", True, 1.5, b"tom"])
def test_what_cannot_be_an_id_is_told(adapter: Any, wrong: Any, engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="user_id"):
        adapter(engine, wrong)
    for right in (7, UUID(int=7), "7"):
        assert adapter(engine, right)
