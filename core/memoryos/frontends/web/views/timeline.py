"""The journal: turns by time, with search and filters, and one turn whole."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from memoryos.errors import InvalidInput
from memoryos.frontends.web.site import Site, asked, asked_number
from memoryos.memory.memory import Memory
from memoryos.model import Page

AT_ONCE = 30
FOUND_AT_ONCE = 100
"""Turns that a search of the timeline shows."""
MOST_SESSIONS = 200
"""Sessions that the filter offers; any other can be typed."""
FILTERS = ("session", "since", "before", "name", "value")


def timeline(site: Site, request: Request) -> Response:
    """Show turns, the newest first; or those that a search finds best, in order of time."""
    found = site.memory(request)
    filters = {name: asked(request, name) for name in FILTERS}
    q = asked(request, "q")
    older = 0
    if q:
        recalled = found.recall(q, k=FOUND_AT_ONCE, where=where_of(filters), visit=False)
        pages = sorted((item.page for item in recalled.pages), key=_moment, reverse=True)
    else:
        up_to = asked_number(request, "up_to", None, 10**11)
        pages = found.pages(
            where=where_of(filters), up_to_seq=up_to, newest_first=True, limit=AT_ONCE + 1
        )
        if len(pages) > AT_ONCE:
            older = pages[AT_ONCE].seq
            pages = pages[:AT_ONCE]
    part_only = request.headers.get("hx-request") == "true"
    return site.page(
        request,
        "parts/turns.html" if part_only else "memory/timeline.html",
        scope=found.scope,
        pages=pages,
        older=older,
        q=q,
        filters=filters,
        sessions=[] if part_only else found.sessions()[-MOST_SESSIONS:][::-1],
    )


def page(site: Site, request: Request) -> Response:
    """Show one turn verbatim, its place in the tiers, and what was learned from it."""
    found = site.memory(request)
    one = found.page(asked(request, "id"))
    learned = [
        item
        for item in found.knowledge(status="all")
        if any(source.page_id == one.id for source in item.sources)
    ]
    return site.page(
        request,
        "memory/page.html",
        scope=found.scope,
        page=one,
        learned=learned,
        before=_beside(found, one),
    )


def where_of(filters: dict[str, str]) -> dict[str, Any] | None:
    """Return the filter of `Memory.recall` that a form's fields stand for."""
    where: dict[str, Any] = {
        name: value
        for name, value in (
            ("session_id", filters.get("session")),
            ("since", filters.get("since")),
            ("before", filters.get("before")),
        )
        if value
    }
    name, value = filters.get("name"), filters.get("value")
    if bool(name) != bool(value):
        raise InvalidInput("metadata is filtered by a name and a value: give both")
    if name:
        where[name] = value
    return where or None


def _beside(found: Memory, one: Page) -> Page | None:
    """Return the turn before one in its session."""
    query = found.pages(one.session_id, up_to_seq=max(0, one.seq - 1), newest_first=True, limit=1)
    return next(iter(query), None)


def _moment(page: Page) -> tuple[Any, int]:
    return page.timestamp, page.seq
