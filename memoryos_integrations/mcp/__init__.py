"""MemoryOS as an MCP server, for agents that are configured, not programmed.

    from memoryos import AsyncEngine
    from memoryos_integrations.mcp import build_server

    server = build_server(lambda: AsyncEngine.open("sqlite:///memories.db"), user_id="tom")
    server.run("stdio")

The console script `memoryos-mcp` does this from a config file. Needs the extra `mcp`.
"""

import importlib.util

from memoryos.errors import MissingExtra

if importlib.util.find_spec("mcp") is None:
    raise MissingExtra.of("memoryos_integrations.mcp", "mcp")

from memoryos_integrations.mcp.server import build_server

__all__ = ["build_server"]
