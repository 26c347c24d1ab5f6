"""Streamable HTTP: the app behind a bearer token, and the server that runs it."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server import MCPServer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from memoryos import AsyncEngine

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class BearerGate:
    """Lets through only what carries the token: `Authorization: Bearer …`."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to a request without the token."""
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "").encode()
            if not hmac.compare_digest(given, self._expected):
                refusal = JSONResponse(
                    {"error": "this server wants its bearer token: Authorization: Bearer …"},
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def http_app(server: MCPServer[AsyncEngine], host: str, token: str | None) -> Any:
    """Return the ASGI app of a server; with a token nothing answers without it."""
    app = server.streamable_http_app(host=host)
    return BearerGate(app, token) if token else app


def serve(server: MCPServer[AsyncEngine], host: str, port: int, token: str | None) -> None:
    """Serve until interrupted. The log goes to the error output."""
    config = uvicorn.Config(
        http_app(server, host, token),
        host=host,
        port=port,
        log_config=None,  # uvicorn's own would write to the standard output
        access_log=False,
    )
    uvicorn.Server(config).run()


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
