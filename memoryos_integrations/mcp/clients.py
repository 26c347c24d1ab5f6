"""The block that a client's own configuration wants, to start this server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CLIENTS = ("cline", "cursor", "claude")
_SAFE = ["retrieve_memory", "get_user_profile", "list_memories", "explain_memory"]
"""Tools that only read."""


def client_block(client: str, config: str | None) -> dict[str, Any]:
    """Return the JSON for a client, with this interpreter's path and the config's full path."""
    arguments = ["-m", "memoryos_integrations.mcp"]
    if config is not None:
        arguments += ["--config", str(Path(config).expanduser().resolve())]
    server: dict[str, Any] = {"command": sys.executable, "args": arguments}
    if client == "cline":
        server |= {"disabled": False, "autoApprove": _SAFE}
    elif client == "cursor":
        server = {"type": "stdio", **server}
    return {"mcpServers": {"memoryos": server}}
