"""What a client reads without calling a tool: the profile, the conversations, a prompt."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from pydantic import Field

from memoryos import AsyncMemory
from memoryos.errors import MemoryOSError
from memoryos.frontends.compat import published_time
from memoryos.generation.neutral import neutral, one_line
from memoryos_integrations.mcp.serving import Identity, Serving

_JSON = "application/json"
_SESSION_TURNS = 200
"""Newest turns that the resource of a conversation shows."""


def add_resources(server: MCPServer[Serving], serving: Serving, identity: Identity) -> None:
    """Give a server the resources of a user: memoryos://profile and memoryos://sessions."""

    async def memory() -> AsyncMemory:
        try:
            return identity.memory(await serving.engine())
        except (ToolError, MemoryOSError) as error:
            raise ResourceError(str(error)) from error

    @server.resource(
        "memoryos://profile", name="profile", title="Who the user is", mime_type="text/plain"
    )
    async def profile() -> str:
        """Tell the profile as far as it is known: one attribute a line, nothing when unknown."""
        return "\n".join(map(one_line, (await (await memory()).profile()).lines))

    @server.resource(
        "memoryos://sessions", name="sessions", title="The conversations", mime_type=_JSON
    )
    async def sessions() -> str:
        """List the conversations, in order of their first turn, with the URI of each."""
        ids = await (await memory()).sessions()
        return _json(
            [
                {"session_id": neutral(one), "uri": f"memoryos://sessions/{quote(one, safe='')}"}
                for one in ids
            ]
        )

    @server.resource(
        "memoryos://sessions/{session_id}",
        name="session",
        title="A conversation",
        mime_type=_JSON,
    )
    async def session(session_id: str) -> str:
        """Tell the newest turns of a conversation (200 at most), oldest first."""
        pages = await (await memory()).pages(session_id, newest_first=True, limit=_SESSION_TURNS)
        return _json(
            [
                {
                    "user_input": neutral(page.user_input),
                    "agent_response": neutral(page.agent_response),
                    "timestamp": published_time(page.timestamp),
                    "page_id": page.id,
                }
                for page in reversed(pages)
            ]
        )


def add_prompt(server: MCPServer[Serving], serving: Serving, identity: Identity) -> None:
    """Give a server the prompt `recall`: a question with what is remembered on it."""

    @server.prompt("recall", title="Ask with memory")
    async def recall(
        question: Annotated[str, Field(description="The question, in the user's words.")],
    ) -> str:
        """Ask a question together with what is remembered on it."""
        found = await identity.memory(await serving.engine()).recall(question)
        return "\n\n".join(part for part in (found.prompt(), question) if part)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
