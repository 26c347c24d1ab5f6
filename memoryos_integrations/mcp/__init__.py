"""MemoryOS as an MCP server, for agents that are configured, not programmed.

    from memoryos import AsyncEngine
    from memoryos_integrations.mcp import build_server

    server = build_server(lambda: AsyncEngine.open("sqlite:///memories.db"), user_id="tom")
    server.run("stdio")

The console script `memoryos-mcp` does this from a config file. Needs the extra `mcp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memoryos.errors import MissingExtra

if TYPE_CHECKING:
    from memoryos_integrations.mcp.server import build_server
    from memoryos_integrations.mcp.serving import EngineFactory

__all__ = ["EngineFactory", "build_server"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        # Loaded when first asked for: the SDK takes a second, and --help should not.
        from memoryos_integrations.mcp import server  # noqa: PLC0415
    except ImportError as error:
        if (error.name or "").startswith("mcp"):
            raise MissingExtra.of(f"memoryos_integrations.mcp.{name}", "mcp") from error
        raise
    return getattr(server, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
