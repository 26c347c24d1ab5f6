"""How the heat of segments came about (Eq. 4): page by page, recall by recall, from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from memoryos.config import MemoryConfig
from memoryos.model import NO_SEGMENT, Page, Segment, Visits
from memoryos.tiers import mid_term


@dataclass(frozen=True, slots=True)
class HeatPoint:
    """The heat of a segment at one moment, and what had happened."""

    at: datetime
    heat: float
    what: Literal["before", "page", "recall", "promotion", "eviction", "now"]
    """"before": cooled down since the last point. "promotion": its counters have started again."""


def heat_history(
    pages: Iterable[Page],
    visits: Iterable[Visits],
    segments: Iterable[Segment],
    config: MemoryConfig,
    now: datetime,
) -> dict[str, list[HeatPoint]]:
    """Return each segment's points in order of time, by the segment's id.

    The rules file page by page, and this goes through the journal as they do.  A model files in
    batches and may have promoted some pages later; times then are those of the pages.

    Args:
        pages: the journal; pages that are not filed yet are passed over.
        visits: the recalls that found some of them.
        segments: all segments, evicted ones too.
        config: the weights of Eq. 4, τ and μ.
        now: the time of the last point of those that are not evicted.
    """
    journal = list(pages)
    filed = [page for page in journal if page.segment_id not in (None, NO_SEGMENT)]
    home = {page.id: str(page.segment_id) for page in filed}
    steps: list[_Step] = [
        _Step(page.seq, page.timestamp, {home[page.id]: 1}, "page") for page in filed
    ]
    for visit in visits:
        for recalled in visit.recalls:
            found: dict[str, int] = {}
            for page_id, times in recalled.pages.items():
                if page_id in home:
                    found[home[page_id]] = found.get(home[page_id], 0) + times
            steps.append(_Step(visit.after_seq, recalled.at, found, "recall"))
    state: dict[str, Segment] = {}
    history: dict[str, list[HeatPoint]] = {}
    for step in sorted(steps, key=lambda step: (step.seq, step.what)):  # a page before recalls
        for id_, times in step.segments.items():
            points = history.setdefault(id_, [])
            state[id_] = _touched(state.get(id_), id_, times, step, config, points)
    times_of = {page.id: page.timestamp for page in journal}
    for segment in segments:
        if segment.id in state:
            left = times_of.get(segment.evicted_by or "") if segment.evicted else now
            end = max(left or state[segment.id].last_access, state[segment.id].last_access)
            heat = mid_term.heat(state[segment.id], end, config)
            what: Literal["eviction", "now"] = "eviction" if segment.evicted else "now"
            history[segment.id].append(HeatPoint(end, heat, what))
    return history


class _Step(NamedTuple):
    """What heats segments: a page that joins one, or recalls that found some."""

    seq: int
    at: datetime
    segments: Mapping[str, int]
    what: Literal["page", "recall"]


def _touched(
    before: Segment | None,
    id_: str,
    times: int,
    step: _Step,
    config: MemoryConfig,
    points: list[HeatPoint],
) -> Segment:
    """Return a segment after a step, promoted if that is due; add what happened to its points."""
    at = step.at
    if before is None:
        before = Segment(id_, "", (), 0, 0, 0, at, at)
    else:
        points.append(HeatPoint(at, mid_term.heat(before, at, config), "before"))
    if step.what == "recall":
        now = mid_term.visited(before, times, at)
    else:
        now = mid_term.grown(before, summary="", keywords=(), pages=times, at=at)
    points.append(HeatPoint(at, mid_term.heat(now, at, config), step.what))
    if mid_term.is_hot(now, at, config):
        now = replace(now, visits=0, interactions=0)
        points.append(HeatPoint(at, mid_term.heat(now, at, config), "promotion"))
    return now
