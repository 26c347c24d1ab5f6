"""The block that a client's own configuration wants, to start this server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

DEFAULT_DB = "memoryos.db"
"""In the current folder: the engine's default and that of the commands."""

CLIENTS = ("cline", "cursor", "claude")
_SAFE = ["retrieve_memory", "get_user_profile", "list_memories", "explain_memory"]
"""Tools that only read."""


def client_block(client: str, config: str | None, db: str | None = None) -> dict[str, Any]:
    """Return the JSON for a client, with this interpreter's path and full paths of the files.

    Without a config file the database is named too, MEMORYOS_DB or memoryos.db in this folder:
    clients start the server in a folder of their own.
    """
    arguments = ["-m", "memoryos_integrations.mcp"]
    if config is not None:
        arguments += ["--config", str(Path(config).expanduser().resolve())]
    if db is None and config is None:
        db = os.environ.get("MEMORYOS_DB") or DEFAULT_DB
    if db is not None:
        arguments += ["--db", db if "://" in db else str(Path(db).expanduser().resolve())]
    server: dict[str, Any] = {"command": sys.executable, "args": arguments}
    if client == "cline":
        server |= {"disabled": False, "autoApprove": _SAFE}
    elif client == "cursor":
        server = {"type": "stdio", **server}
    return {"mcpServers": {"memoryos": server}}
