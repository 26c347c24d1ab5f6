"""The application: pages and API behind the guard, and what becomes of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from memoryos.errors import (
    EngineClosed,
    InvalidInput,
    MemoryOSError,
    MissingExtra,
    ModelError,
    NotFound,
    StorageBusy,
    StorageError,
)

try:
    import jinja2  # noqa: F401
    import python_multipart  # noqa: F401
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles
    from starlette.types import Scope
except ImportError as error:
    raise MissingExtra.of("memoryos ui", "ui") from error

from memoryos.engine import Engine
from memoryos.frontends.web.api.problems import problem
from memoryos.frontends.web.api.routes import api_routes
from memoryos.frontends.web.guard import HEADERS, Guard
from memoryos.frontends.web.identity import Identity, Keys
from memoryos.frontends.web.settings import WebSettings
from memoryos.frontends.web.site import HERE, Site
from memoryos.frontends.web.views import page_routes

STATUS: tuple[tuple[type[MemoryOSError], int], ...] = (
    (NotFound, 404),
    (InvalidInput, 422),
    (ModelError, 502),
    (StorageBusy, 503),
    (EngineClosed, 503),
    (StorageError, 500),
    (MemoryOSError, 500),
)
"""The HTTP status of an error; the first that fits."""


def build(engine: Engine, settings: WebSettings) -> Starlette:
    """Return the application."""
    keys = Keys(settings)
    site = Site(engine, settings, keys)

    def refusing(scope: Scope, status: int, why: str) -> Response:
        scope.setdefault("state", {}).setdefault("identity", Identity(""))
        return _answer(site, Request(scope), status, why)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _answer(site, request, error.status_code, error.detail, error.headers)

    async def failed(request: Request, error: Exception) -> Response:
        status = next((s for kind, s in STATUS if isinstance(error, kind)), 500)
        return _answer(site, request, status, str(error))

    async def broken(request: Request, _error: Exception) -> Response:
        # This answer goes out past the guard, which would have added the heads.
        why = "Something went wrong; the server's log says what."
        return _answer(site, request, 500, why, {**HEADERS, "Cache-Control": "no-store"})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        site.jobs.close()

    handlers: dict[Any, Any] = {HTTPException: refused, MemoryOSError: failed, Exception: broken}
    return Starlette(
        routes=[
            *api_routes(engine, settings),
            *page_routes(site),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, settings=settings, keys=keys, refusing=refusing)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )


def _answer(site: Site, request: Request, status: int, why: str, headers: Any = None) -> Response:
    """Return the answer to what could not be done: a problem for programs, a page for people."""
    if request.url.path.startswith("/api/"):
        return problem(status, why, headers)
    answer = site.page(request, "server/error.html", status, status=status, why=why)
    answer.headers.update(headers or {})
    return answer
