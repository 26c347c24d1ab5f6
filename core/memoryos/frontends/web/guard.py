"""The gate that every request passes (Host, Origin, token, size), and the heads of all answers.

It is one ASGI middleware, so that no page or verb can be added that is not behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memoryos.frontends.web.identity import COOKIE, Identity, Keys
from memoryos.frontends.web.settings import WebSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/login", "/api/health", "/api/ready", "/api/openapi.json"})
"""What is answered without a token: nothing of it tells of a memory."""
UPLOADS = frozenset({"/import"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Refusing = Callable[[Scope, int, str], Response]
"""Makes the answer to a request that is refused: (scope, status, why)."""


class Guard:
    """Lets through what may ask, and tells it whom it asks as: `scope["state"]["identity"]`."""

    def __init__(self, app: ASGIApp, settings: WebSettings, keys: Keys, refusing: Refusing) -> None:
        self._app = app
        self._settings = settings
        self._hosts = settings.hosts
        self._keys = keys
        self._refusing = refusing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what may be answered."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no web sockets here
        asked = HTTPConnection(scope)
        guarded = _with_headers(scope, send)
        refusal = self._refusal(scope, asked)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, self._bounded(scope, receive), guarded)

    def _refusal(self, scope: Scope, asked: HTTPConnection) -> Response | None:
        """Return the answer to what may not pass; None when it may, with its identity set."""
        path, method = scope["path"], scope["method"]
        host = asked.headers.get("host", "").lower()
        if _name_of(host) not in self._hosts:
            return self._refusing(scope, 421, "This server has another name: see --allowed-host.")
        if method not in SAFE_METHODS:
            origin = asked.headers.get("origin")
            foreign = origin is not None and origin.lower().partition("://")[2] != host
            if foreign or asked.headers.get("sec-fetch-site", "same-origin") not in (
                "same-origin",
                "none",
            ):
                return self._refusing(scope, 403, "The request comes from another site's page.")
        length = asked.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._most_bytes(path):
            return self._refusing(scope, 413, self._too_long(path))
        identity = self._identity(asked, path)
        if identity is None:
            if not path.startswith("/api/"):
                wanted = f"{path}?{scope['query_string'].decode('latin-1')}".rstrip("?")
                back = f"?next={quote(wanted, safe='')}" if method == "GET" else ""
                return RedirectResponse(f"/login{back}", 303)
            refusal = self._refusing(scope, 401, "Send the token: Authorization: Bearer …")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        scope.setdefault("state", {})["identity"] = identity
        return None

    def _identity(self, asked: HTTPConnection, path: str) -> Identity | None:
        """Return whom a request asks as; None if it must show a token first."""
        if not self._keys.guarded:
            return Identity()
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        found = self._keys.of_token(token.strip()) if kind.lower() == "bearer" else None
        if found is None and not path.startswith("/api/"):
            found = self._keys.of_cookie(asked.cookies.get(COOKIE, ""))
        if found is None and (path in OPEN_PATHS or path.startswith("/static/")):
            return Identity("")  # nobody's: an empty id is no user's
        return found

    def _most_bytes(self, path: str) -> int:
        settings = self._settings
        return settings.most_upload_bytes if path in UPLOADS else settings.most_body_bytes

    def _too_long(self, path: str) -> str:
        return f"The body is longer than {self._most_bytes(path):,} bytes."

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return a `receive` that ends a body which grows too long."""
        path, read = scope["path"], 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes(path):
                raise HTTPException(413, self._too_long(path))
            return message

        return bounded


def _with_headers(scope: Scope, send: Send) -> Send:
    """Return a `send` that adds the heads of every answer."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if not scope["path"].startswith("/static/"):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return guarded


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
