"""MemoryOS for LangGraph: a store whose items are a part of the memory."""

from __future__ import annotations

from memoryos.errors import MissingExtra

try:
    from memoryos_integrations.langgraph.items import NOBODY, user_of_namespace
    from memoryos_integrations.langgraph.opening import open_store
    from memoryos_integrations.langgraph.store import MemoryOSStore
except ImportError as error:
    if (error.name or "").startswith(("langgraph", "langchain")):
        raise MissingExtra.of("memoryos_integrations.langgraph", "langgraph") from error
    raise

__all__ = ["NOBODY", "MemoryOSStore", "open_store", "user_of_namespace"]
