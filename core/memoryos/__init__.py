"""MemoryOS: memory for agents in three tiers, with nothing lost and nothing hidden.

from memoryos import Engine

with Engine.open("sqlite:///memories.db") as engine:
    memory = engine.memory("tom")
    memory.add("I moved to Lisbon last week", "How do you like it?")
    print(memory.recall("Where does Tom live?").text())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memoryos.frontends.displays import register

if TYPE_CHECKING:
    from memoryos.aio import AsyncEngine, AsyncMemory
    from memoryos.config import MemoryConfig
    from memoryos.engine import Engine
    from memoryos.frontends.compat import Memoryos
    from memoryos.generation.context import Recall
    from memoryos.memory.memory import Memory
    from memoryos.model import (
        ErasureReceipt,
        Knowledge,
        Message,
        Page,
        Profile,
        RecalledPage,
        Segment,
        Trait,
    )

    __version__: str

register()

_HOMES = {
    "AsyncEngine": "aio",
    "AsyncMemory": "aio",
    "Engine": "engine",
    "ErasureReceipt": "model",
    "Knowledge": "model",
    "Memory": "memory",
    "MemoryConfig": "config",
    "Memoryos": "frontends.compat",
    "Message": "model",
    "Page": "model",
    "Profile": "model",
    "Recall": "generation.context",
    "RecalledPage": "model",
    "Segment": "model",
    "Trait": "model",
}
"""Where each public name lives: loaded when first asked for, so that the import stays cheap."""

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # reads files

        return version("memoryos-integrations")
    if name in _HOMES:
        from importlib import import_module  # noqa: PLC0415  # with its only user

        value = globals()[name] = getattr(import_module(f"memoryos.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module 'memoryos' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
