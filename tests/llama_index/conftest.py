"""An engine that works only when told, memories on it, and a mock model that shows what it saw."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from llama_index.core.llms.mock import MockLLMWithChatMemoryOfLastCall

from memoryos import Engine, Memory
from memoryos_integrations.llama_index import MemoryOSMemory

# Nothing of the checkout is on sys.path: test files of this folder import this one by its name.
_spec = spec_from_file_location("llama_index_doubles", Path(__file__).with_name("doubles.py"))
assert _spec is not None
assert _spec.loader is not None
sys.modules[_spec.name] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_spec.name])


@pytest.fixture(autouse=True)
def event_loop_of_this_thread() -> Iterator[None]:
    """LlamaIndex's sync verbs use the thread's event loop, else make one that nobody closes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def engine(sqlite_uri: str) -> Iterator[Engine]:
    with Engine.open(sqlite_uri, config={"promotion": "manual"}) as opened:
        yield opened


@pytest.fixture
def memory(engine: Engine) -> MemoryOSMemory:
    return MemoryOSMemory(engine=engine, user_id="tom", session_id="chat")


@pytest.fixture
def journal(engine: Engine) -> Memory:
    """The engine's view of the same session."""
    return engine.memory("tom", session_id="chat")


@pytest.fixture
def llm() -> MockLLMWithChatMemoryOfLastCall:
    """Answers "text text text" and keeps the messages it was last given."""
    return MockLLMWithChatMemoryOfLastCall(max_tokens=3, is_chat_model=True)
