"""LlamaIndex: a memory for chat engines and agents, a block, a retriever, tools and model wrappers.

    from memoryos_integrations.llama_index import MemoryOSMemory

    memory = MemoryOSMemory(storage_uri="sqlite:///memories.db", user_id="tom", session_id="chat-1")
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)

Needs the extra: pip install 'memoryos-integrations[llama-index]'.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from memoryos.errors import MissingExtra

if TYPE_CHECKING:
    from memoryos_integrations.llama_index.block import MemoryOSMemoryBlock
    from memoryos_integrations.llama_index.connection import use_engine
    from memoryos_integrations.llama_index.memory import MemoryOSMemory
    from memoryos_integrations.llama_index.models import (
        LlamaIndexChat,
        LlamaIndexEmbedder,
        from_llama_index,
    )
    from memoryos_integrations.llama_index.retriever import MemoryOSRetriever
    from memoryos_integrations.llama_index.tools import MemoryOSToolSpec

_HOMES = {
    "LlamaIndexChat": "models",
    "LlamaIndexEmbedder": "models",
    "MemoryOSMemory": "memory",
    "MemoryOSMemoryBlock": "block",
    "MemoryOSRetriever": "retriever",
    "MemoryOSToolSpec": "tools",
    "from_llama_index": "models",
    "use_engine": "connection",
}
"""Where each public name lives: importing all of llama-index-core takes seconds."""

__all__ = [
    "LlamaIndexChat",
    "LlamaIndexEmbedder",
    "MemoryOSMemory",
    "MemoryOSMemoryBlock",
    "MemoryOSRetriever",
    "MemoryOSToolSpec",
    "from_llama_index",
    "use_engine",
]


def _installed() -> bool:
    try:
        return find_spec("llama_index.core") is not None
    except ModuleNotFoundError:  # not even the namespace llama_index is there
        return False


if not _installed():
    raise MissingExtra.of("memoryos_integrations.llama_index", "llama-index")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
