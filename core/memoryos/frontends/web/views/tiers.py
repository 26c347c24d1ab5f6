"""A memory in its three tiers, and one segment of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone

from starlette.requests import Request
from starlette.responses import Response

from memoryos.config import MemoryConfig
from memoryos.errors import NotFound
from memoryos.frontends.web.site import Site, asked
from memoryos.memory.memory import Memory
from memoryos.model import Knowledge, Page, Segment

NEAR = 0.8
"""Share of τ from which a segment is said to be near promotion."""
SEGMENTS_AT_ONCE = 20
KNOWN_AT_ONCE = 12
SESSIONS_AT_ONCE = 12
PAGES_OF_A_SEGMENT = 50
CHARTED = 1000
"""Turns of a segment that the chart counts: the newest."""
COLUMNS = 40
"""Columns of the chart of when a segment's pages were said; its picture is as wide."""


@dataclass(frozen=True)
class Heat:
    """What the heat of a segment is made of (Eq. 4), for a bar against τ."""

    visits: float
    interactions: float
    recency: float

    @classmethod
    def of(cls, segment: Segment, config: MemoryConfig) -> Heat:
        """Take a segment's heat apart."""
        visits = config.heat_alpha * segment.visits
        interactions = config.heat_beta * segment.interactions
        return cls(visits, interactions, max(0.0, segment.heat - visits - interactions))


@dataclass(frozen=True)
class Attribute:
    """A line of the profile."""

    owner: str
    name: str
    value: str
    source: Knowledge | None
    """What says so."""


def memory(site: Site, request: Request) -> Response:
    """Show short-term memory by session, segments by heat, and what is known."""
    found = site.memory(request)
    sessions = found.sessions()[::-1]
    newest = next(iter(found.pages(newest_first=True, limit=1)), None)
    session = asked(request, "session") or (newest.session_id if newest else "default")
    segments = found.segments()
    known = found.knowledge()
    every = bool(asked(request, "all"))
    shown = segments if every else segments[:SEGMENTS_AT_ONCE]
    config = site.engine.config
    return site.page(
        request,
        "memory/memory.html",
        scope=found.scope,
        stats=found.stats(),
        newest=newest,
        session=session,
        sessions=sessions[:SESSIONS_AT_ONCE],
        more_sessions=max(0, len(sessions) - SESSIONS_AT_ONCE),
        short_term=found.session(session).short_term(),
        capacity=config.short_term_capacity,
        segments=[(segment, Heat.of(segment, config)) for segment in shown],
        all_segments=len(segments),
        near=NEAR,
        known=_newest_known(known, KNOWN_AT_ONCE),
        all_known=len(known),
        attributes=_attributes(found, known),
        traits=found.traits(),
    )


def segment(site: Site, request: Request) -> Response:
    """Show a segment: its heat and what that is made of, its keywords, and its pages."""
    found, id_ = site.memory(request), asked(request, "id")
    one = next((item for item in found.segments() if item.id == id_), None)
    pages = found.pages(segment_id=id_, newest_first=True, limit=CHARTED)
    if one is None and not pages:
        raise NotFound("There is no such segment.")
    config = site.engine.config
    return site.page(
        request,
        "memory/segment.html",
        scope=found.scope,
        id=id_,
        segment=one,
        heat=Heat.of(one, config) if one else None,
        cooled=_cooled(one, config) if one else [],
        pages=pages[:PAGES_OF_A_SEGMENT],
        all_pages=one.pages if one else len(pages),
        charted=len(pages),
        chart=_chart(pages),
        mu_days=config.recency_seconds / 86400,
    )


def _newest_known(known: list[Knowledge], most: int) -> list[Knowledge]:
    return sorted(known, key=lambda item: item.updated, reverse=True)[:most]


def _attributes(found: Memory, known: list[Knowledge]) -> list[Attribute]:
    profile = found.profile()
    by_id = {item.id: item for item in known}
    return [
        Attribute(owner, name, value, by_id.get(profile.sources.get(f"{owner}.{name}", "")))
        for owner, values in (("user", profile.user), ("agent", profile.agent))
        for name, value in values.items()
    ]


def _cooled(segment: Segment, config: MemoryConfig) -> list[tuple[int, float]]:
    """Return (days from now, heat) of a segment that nobody speaks of or recalls."""
    heat = Heat.of(segment, config)
    days = (0, 7, 30, 90, 365)
    return [
        (
            after,
            heat.visits
            + heat.interactions
            + heat.recency * math.exp(-after * 86400 / config.recency_seconds),
        )
        for after in days
    ]


@dataclass(frozen=True)
class Column:
    """A part of the time in which a segment's pages were said."""

    since: datetime
    pages: int
    height: int
    """In hundredths of the highest."""


def _chart(pages: list[Page]) -> list[Column]:
    """Return how many of the pages were said when, in equal parts of the time between them."""
    if not pages:
        return []
    times = [page.timestamp.timestamp() for page in pages]
    first, last = min(times), max(times)
    width = max((last - first) / COLUMNS, 3600.0)
    counted = Counter(min(int((time - first) / width), COLUMNS - 1) for time in times)
    most = max(counted.values())
    return [
        Column(
            datetime.fromtimestamp(first + row * width, timezone.utc),
            counted[row],
            math.ceil(100 * counted[row] / most),
        )
        for row in range(max(counted) + 1)
    ]
