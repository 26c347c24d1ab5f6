"""What every page is made with: the engine, the templates, who asks, and links."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from memoryos.engine import Engine
from memoryos.errors import InvalidInput
from memoryos.frontends.web import text
from memoryos.frontends.web.identity import COOKIE, Identity, Keys
from memoryos.frontends.web.jobs import Jobs
from memoryos.frontends.web.settings import WebSettings
from memoryos.memory.memory import Memory
from memoryos.model import Scope

HERE = Path(__file__).parent
MOST_FIELDS = 50
"""Fields of a form: none here has more."""
_T = TypeVar("_T")


class Site:
    """One server's pages. Thread-safe."""

    def __init__(self, engine: Engine, settings: WebSettings, keys: Keys) -> None:
        self.engine = engine
        self.settings = settings
        self.keys = keys
        self.jobs = Jobs()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            shown=text.shown,
            plain=text.plain,
            preview=text.preview,
            minute=text.minute,
            day=text.day,
            number=text.number,
            degrees=degrees,
        )
        self._templates.globals.update(
            url=url,
            passages_of=text.passages,
            marked=text.marked,
            settings=settings,
            tau=engine.config.heat_threshold,
        )

    # ── answers ──────────────────────────────────────────────────────────────────────────────

    def page(self, request: Request, template: str, code: int = 200, **values: Any) -> Response:
        """Return a page; every template gets who asks, the form key and whose memory it shows."""
        cookie = request.cookies.get(COOKIE, "")
        scope = values.get("scope")
        html = self._templates.get_template(template).render(
            {
                "identity": identity_of(request),
                "guarded": self.settings.guarded,
                "form_key": self.keys.form_key(cookie),
                "scope": scope,
                "ids": ids_of(scope) if scope else {},
                "path": request.url.path,
                **values,
            }
        )
        return HTMLResponse(html, code)

    def to(self, path: str, **parameters: object) -> Response:
        """Return the way to another page, after a change."""
        return RedirectResponse(url(path, **parameters), 303)

    # ── whose memory ─────────────────────────────────────────────────────────────────────────

    def memory(self, request: Request, given: Mapping[str, Any] | None = None) -> Memory:
        """Return the memory that a request names. Raises HTTPException(404) for one not its own."""
        named = request.query_params if given is None else given
        identity = identity_of(request)
        user = str(named.get("user") or identity.user_id or "")
        if not user:
            raise InvalidInput("say whose memory: user=…")
        if not identity.may_see(user):
            raise HTTPException(404, "There is no such memory.")
        return self.engine.memory(user, str(named.get("assistant") or "assistant"))

    def scopes(self, request: Request) -> list[Scope]:
        """Return whose memories a request may see."""
        identity = identity_of(request)
        return [scope for scope in self.engine.scopes() if identity.may_see(scope.user_id)]

    def everybody(self, request: Request) -> None:
        """Raise HTTPException(403) unless a request may see the memories of all users."""
        if identity_of(request).user_id is not None:
            raise HTTPException(403, "This needs the token of all users.")


View = Callable[[Site, Request], Response]
Change = Callable[[Site, Request, FormData], Response]


def looking(site: Site, view: View) -> Callable[[Request], Any]:
    """Return the endpoint of a page that only shows."""

    @wraps(view)
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(view, site, request)

    return endpoint


def changing(
    site: Site, change: Change, *, when_read_only: bool = False
) -> Callable[[Request], Any]:
    """Return the endpoint of a form: it must be one of ours, and changes be allowed at all."""

    @wraps(change)
    async def endpoint(request: Request) -> Response:
        if site.settings.read_only and not when_read_only:
            raise HTTPException(403, "This page is read-only (memoryos ui --read-only).")
        async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
            if not site.keys.is_form_key(form.get("form_key"), request.cookies.get(COOKIE, "")):
                raise HTTPException(
                    403, "The form is not of this server's making, or older than it: load it again."
                )
            return await run_in_threadpool(change, site, request, form)

    return endpoint


def identity_of(request: Request) -> Identity:
    """Return whom a request asks as."""
    identity: Identity = request.state.identity
    return identity


def ids_of(scope: Scope) -> dict[str, str]:
    """Return the parameters that name a memory in a link."""
    return {"user": scope.user_id, "assistant": scope.assistant_id}


def url(path: str, /, *positional: Mapping[str, object], **parameters: object) -> str:
    """Return a link; ids stand in its query, where any text may. None and "" are left out."""
    given: dict[str, object] = {}
    for more in (*positional, parameters):
        given.update(more)
    kept = {name: str(value) for name, value in given.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept, quote_via=quote)}" if kept else path


def degrees(heat: float) -> str:
    """Return heat as pages show it, rounded down: what shows τ has reached it."""
    return f"{math.floor(heat * 10) / 10:.1f}"


def asked(request: Request, name: str) -> str:
    """Return a parameter of a request, "" when it is not there."""
    return request.query_params.get(name, "").strip()


def asked_number(request: Request, name: str, usual: _T, most: int) -> int | _T:
    """Return a parameter that is a whole number from 1 to `most`. Raises InvalidInput."""
    given = asked(request, name)
    if not given:
        return usual
    if not given.isdecimal() or not 1 <= int(given[:12]) <= most:
        raise InvalidInput(f"{name} must be a whole number from 1 to {most}")
    return int(given)
