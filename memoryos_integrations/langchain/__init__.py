"""MemoryOS for LangChain: as `memory=`, as a message history, a retriever, tools and middleware.

With langchain-core alone there are the retriever, the message history, the tools,
`with_memory` and `from_langchain`; the rest is loaded when first asked for and says which extra it
needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memoryos.errors import MissingExtra

if TYPE_CHECKING:
    from memoryos_integrations.langchain.chat_memory import MemoryOSChatMemory
    from memoryos_integrations.langchain.message_history import MemoryOSChatMessageHistory
    from memoryos_integrations.langchain.messages import (
        from_langchain_message,
        to_langchain_message,
    )
    from memoryos_integrations.langchain.middleware import MemoryOSMiddleware
    from memoryos_integrations.langchain.models import from_langchain
    from memoryos_integrations.langchain.remembering import with_memory
    from memoryos_integrations.langchain.retriever import MemoryOSRetriever
    from memoryos_integrations.langchain.tools import create_memory_tools

_HOMES = {
    "MemoryOSChatMemory": "chat_memory",
    "MemoryOSChatMessageHistory": "message_history",
    "MemoryOSMiddleware": "middleware",
    "MemoryOSRetriever": "retriever",
    "create_memory_tools": "tools",
    "from_langchain": "models",
    "from_langchain_message": "messages",
    "to_langchain_message": "messages",
    "with_memory": "remembering",
}
_FRAMEWORK = ("langchain", "langgraph")
"""How the names of the packages begin that the extra brings."""

__all__ = [
    "MemoryOSChatMemory",
    "MemoryOSChatMessageHistory",
    "MemoryOSMiddleware",
    "MemoryOSRetriever",
    "create_memory_tools",
    "from_langchain",
    "from_langchain_message",
    "to_langchain_message",
    "with_memory",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ImportError as error:
        # Not only ModuleNotFoundError: a version too old lacks names, and the extra mends that too.
        if (error.name or "").startswith(_FRAMEWORK):
            raise MissingExtra.of(name, "langchain") from error
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
