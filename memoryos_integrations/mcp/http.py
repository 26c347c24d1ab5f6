"""Streamable HTTP: who is let in and as which user, and the server that runs the app."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn
from mcp.server import MCPServer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from memoryos_integrations.mcp.serving import USER_KEY, Serving

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_FAREWELL = 1
"""Seconds that requests under way have to end in when the server is interrupted."""


@dataclass(frozen=True)
class Door:
    """Who may come in over HTTP, and as whom."""

    token: str | None = None
    """The bearer token of the configured user, or of the proxy that sends `user_header`."""
    user_tokens: Mapping[str, str] = field(default_factory=dict)
    """Bearer token → the user whose memory it opens."""
    user_header: str | None = None
    """Header in which a proxy names the user; the proxy must not let a client's own through."""

    def admit(self, headers: Headers) -> tuple[str | None, JSONResponse | None]:
        """Return the user of a request (None: the configured one), or the answer that refuses."""
        user = None
        if self.token is not None or self.user_tokens:
            found = self._of_token(headers.get("authorization", "").encode())
            if found is None:
                return None, _refused(
                    401, "this server wants its bearer token: Authorization: Bearer …"
                )
            user = found or None
        if self.user_header is not None and user is None:
            named = headers.getlist(self.user_header)
            if len(named) != 1 or not named[0].strip():
                return None, _refused(400, f"a request names its user once, in {self.user_header}")
            user = named[0].strip()
        return user, None

    def _of_token(self, given: bytes) -> str | None:
        """Return the user of an Authorization header, "" for the common token, None for none."""
        known = {**({self.token: ""} if self.token else {}), **self.user_tokens}
        matched = None
        for token, user in known.items():  # all of them: the time tells nothing
            if hmac.compare_digest(given, f"Bearer {token}".encode()):
                matched = user
        return matched


class Gate:
    """Lets through what a door admits, and says with each request whose it is."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to a request without a token that is wanted, 400 to one without a user."""
        if scope["type"] == "http":
            user, refusal = self._door.admit(Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            scope = {**scope, USER_KEY: user}
        await self._app(scope, receive, send)


def serve(server: MCPServer[Serving], host: str, port: int, door: Door) -> None:
    """Serve until interrupted. The log goes to the error output."""
    config = uvicorn.Config(
        Gate(server.streamable_http_app(host=host), door),
        host=host,
        port=port,
        log_config=None,  # uvicorn's own would write to the standard output
        access_log=False,
        timeout_graceful_shutdown=_FAREWELL,  # a client's open stream would keep it for ever
    )
    uvicorn.Server(config).run()


def _refused(status: int, why: str) -> JSONResponse:
    wanted = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": why}, status_code=status, headers=wanted)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
