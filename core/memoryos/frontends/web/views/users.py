"""The first page: whose memories there are."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from memoryos.frontends.web.site import Site, asked, asked_number
from memoryos.model import Page, Scope, Stats

AT_ONCE = 25
MOST_SORTED = 500
"""Memories that are shown by their last turn; more than these stand in order of their names."""


@dataclass(frozen=True)
class Row:
    """One memory of the list."""

    scope: Scope
    stats: Stats
    newest: Page | None


def users(site: Site, request: Request) -> Response:
    """Show the memories with their counts and last turns; search by the names of their scopes."""
    wanted = asked(request, "q").casefold()
    found = [
        scope
        for scope in site.scopes(request)
        if wanted in scope.user_id.casefold() or wanted in scope.assistant_id.casefold()
    ]
    newest: dict[Scope, Page | None] = {}
    if len(found) <= MOST_SORTED:
        newest = {scope: _newest(site, scope) for scope in found}
        found.sort(key=lambda scope: _when(newest[scope]), reverse=True)
    number = asked_number(request, "number", 1, 1_000_000)
    part = found[(number - 1) * AT_ONCE : number * AT_ONCE]
    rows = [
        Row(
            scope,
            site.engine.memory(scope.user_id, scope.assistant_id).stats(),
            newest[scope] if scope in newest else _newest(site, scope),
        )
        for scope in part
    ]
    part_only = request.headers.get("hx-request") == "true"
    return site.page(
        request,
        "parts/users.html" if part_only else "server/users.html",
        rows=rows,
        q=asked(request, "q"),
        total=len(found),
        number=number,
        more=len(found) > number * AT_ONCE,
    )


def _newest(site: Site, scope: Scope) -> Page | None:
    memory = site.engine.memory(scope.user_id, scope.assistant_id)
    return next(iter(memory.pages(newest_first=True, limit=1)), None)


def _when(page: Page | None) -> float:
    return page.timestamp.timestamp() if page else float("-inf")
