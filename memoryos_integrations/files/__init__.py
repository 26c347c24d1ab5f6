"""An agent's files as a part of the memory: for deepagents, and for Claude's memory tool.

`Files` needs no framework; the rest is loaded when first asked for and says which extra it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memoryos.errors import MissingExtra
from memoryos_integrations.files.commands import MemoryCommands
from memoryos_integrations.files.files import File, Files
from memoryos_integrations.files.paths import FileProblem

if TYPE_CHECKING:
    from memoryos_integrations.files.backend import MemoryOSBackend
    from memoryos_integrations.files.claude_middleware import ClaudeMemoryMiddleware
    from memoryos_integrations.files.claude_tool import AsyncClaudeMemoryTool, ClaudeMemoryTool
    from memoryos_integrations.files.recall_middleware import FileRecallMiddleware

_HOMES = {
    "AsyncClaudeMemoryTool": ("claude_tool", "anthropic"),
    "ClaudeMemoryMiddleware": ("claude_middleware", "langchain"),
    "ClaudeMemoryTool": ("claude_tool", "anthropic"),
    "FileRecallMiddleware": ("recall_middleware", "langchain"),
    "MemoryOSBackend": ("backend", "deepagents"),
}
"""Module and extra of each."""

__all__ = [
    "AsyncClaudeMemoryTool",
    "ClaudeMemoryMiddleware",
    "ClaudeMemoryTool",
    "File",
    "FileProblem",
    "FileRecallMiddleware",
    "Files",
    "MemoryCommands",
    "MemoryOSBackend",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, extra = _HOMES[name]
    try:
        value = getattr(import_module(f"{__name__}.{home}"), name)
    except ImportError as error:
        # Not only ModuleNotFoundError: a version too old lacks names, and the extra mends that too.
        if (error.name or "").startswith(("anthropic", "deepagents", "langchain", "langgraph")):
            raise MissingExtra.of(name, extra) from error
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
