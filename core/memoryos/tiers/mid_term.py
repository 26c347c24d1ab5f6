"""Mid-term memory: affinity, heat, promotion and eviction (paper §3.2 and §3.3, Eq. 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Segment
from memoryos.ports import Vectors

if TYPE_CHECKING:
    from memoryos.config import MemoryConfig

Scores = NDArray[np.float32]
MOST_KEYWORDS = 12
_EQUAL = 1e-5
_MOST_CHANGED = 64
"""Segments whose vectors are held beside the matrix before it is made anew."""
MOST_SUMMARY = 600
"""A segment's summary keeps its newest topics' lines up to this many characters."""


class Nearness:
    """Segments laid out for Eq. 3: a vector and a set of keywords each, row by row. Immutable.

    What changed since the matrix was made is held beside it: to copy the matrix for every segment
    that grows would take longer than all else.
    """

    def __init__(
        self,
        segments: list[Segment],
        keywords: list[frozenset[str]],
        matrix: Vectors,
        changed: dict[int, Vectors],
    ) -> None:
        self.segments = segments
        self.keywords = keywords
        self.matrix = matrix
        self.changed = changed
        """Vectors of rows that differ from the matrix's, or that it has not."""

    @classmethod
    def of(
        cls,
        segments: Iterable[Segment],
        vectors: Mapping[str, Vectors],
        older: Nearness | None = None,
    ) -> Nearness:
        """Lay out segments; what an older layout has of them in the same rows is taken over."""
        rows = list(segments)
        same = 0 if older is None else len(older.segments)
        if older is None or [s.id for s in older.segments] != [s.id for s in rows[:same]]:
            return cls(rows, [_folded(s.keywords) for s in rows], _stacked(rows, vectors), {})
        keywords, changed = list(older.keywords), dict(older.changed)
        keywords += [frozenset()] * (len(rows) - same)
        for row, segment in enumerate(rows):
            if row >= same or segment is not older.segments[row]:
                changed[row] = vectors[segment.id]
                keywords[row] = _folded(segment.keywords)
        if len(changed) > _MOST_CHANGED:
            return cls(rows, keywords, _stacked(rows, vectors), {})
        return cls(rows, keywords, older.matrix, changed)

    def with_segment(self, segment: Segment, vector: Vectors) -> Nearness:
        """Return the layout with one segment changed, or added at the end."""
        row = next(
            (row for row, known in enumerate(self.segments) if known.id == segment.id),
            len(self.segments),
        )
        segments, keywords = list(self.segments), list(self.keywords)
        segments[row : row + 1] = [segment]
        keywords[row : row + 1] = [_folded(segment.keywords)]
        return Nearness(segments, keywords, self.matrix, {**self.changed, row: vector})

    def affinities(self, keywords: Iterable[str], vector: Vectors) -> Scores:
        """Return Eq. 3, cos(e_s, e_p) + Jaccard(K_s, K_p), for each of `segments`."""
        scores: Scores = np.empty(len(self.segments), np.float32)
        if len(self.matrix):
            # Not `@`: BLAS threads wait for one another when the cores are busy.
            scores[: len(self.matrix)] = np.einsum("ij,j->i", self.matrix, vector)
        for row, changed in self.changed.items():
            scores[row] = changed @ vector
        wanted = _folded(keywords)
        for row, known in enumerate(self.keywords):
            if not wanted.isdisjoint(known):
                scores[row] += len(wanted & known) / len(wanted | known)
        return scores

    def nearest(self, keywords: Iterable[str], vector: Vectors, threshold: float) -> Segment | None:
        """Return the segment of highest affinity if that reaches θ; the earlier one of equals."""
        if not self.segments:
            return None
        scores = self.affinities(keywords, vector)
        best = float(scores.max())
        if best < threshold:
            return None
        # The order of rows, which a restart may change, decides nothing: neither among equals nor
        # by the last bits of a product.
        equals = (self.segments[row] for row in np.flatnonzero(scores >= best - _EQUAL))
        return min(equals, key=lambda segment: (segment.created, segment.id))


def _stacked(segments: Sequence[Segment], vectors: Mapping[str, Vectors]) -> Vectors:
    if not segments:
        return np.zeros((0, 1), np.float32)
    return np.stack([vectors[segment.id] for segment in segments])


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)


def recency(last_access: datetime, now: datetime, seconds: float) -> float:
    """Return R_recency = exp(−Δt/μ); 1 for an access in the future."""
    return math.exp(-max(0.0, (now - last_access).total_seconds()) / seconds)


def heat(segment: Segment, now: datetime, config: MemoryConfig) -> float:
    """Return Eq. 4: α·N_visit + β·L_interaction + γ·R_recency at this moment."""
    return (
        config.heat_alpha * segment.visits
        + config.heat_beta * segment.interactions
        + config.heat_gamma * recency(segment.last_access, now, config.recency_seconds)
    )


def is_hot(segment: Segment, now: datetime, config: MemoryConfig) -> bool:
    """Return whether the segment is due for promotion: hot (τ), and with pages not yet promoted."""
    return (
        not segment.evicted
        and segment.interactions > 0
        and heat(segment, now, config) >= config.heat_threshold
    )


def grown(
    segment: Segment,
    *,
    summary: str,
    keywords: Sequence[str],
    pages: int,
    at: datetime,
) -> Segment:
    """Return the segment with a topic of `pages` pages added."""
    return replace(
        segment,
        summary=joined_summary([segment.summary, summary]),
        keywords=joined_keywords([segment.keywords, keywords]),
        pages=segment.pages + pages,
        interactions=segment.interactions + pages,
        last_access=max(segment.last_access, at),
    )


def joined_summary(summaries: Sequence[str]) -> str:
    """Return the newest of a segment's topic summaries (given oldest first), one a line."""
    lines: list[str] = []
    for line in reversed("\n".join(summaries).split("\n")):
        if line and line not in lines:
            if lines and sum(map(len, lines)) + len(line) > MOST_SUMMARY:
                break
            lines.append(line)
    return "\n".join(reversed(lines))


def joined_keywords(keywords: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the keywords of topics (given oldest first): the newest lead, the oldest fall off."""
    kept: dict[str, str] = {}
    for words in reversed(keywords):
        for word in words:
            kept.setdefault(word.casefold(), word)
    return tuple(kept.values())[:MOST_KEYWORDS]


def embedded_text(keywords: Sequence[str], summary: str) -> str:
    """Return the words whose embedding stands for a topic or a segment in Eq. 3."""
    return f"{' '.join(keywords)}\n{summary}"


def promoted(segment: Segment, up_to_seq: int) -> Segment:
    """Return the segment after promotion: N_visit and L_interaction start again at zero."""
    return replace(segment, visits=0, interactions=0, promoted_seq=up_to_seq)


def visited(segment: Segment, times: int, at: datetime) -> Segment:
    """Return the segment after its pages were recalled `times` times."""
    return replace(segment, visits=segment.visits + times, last_access=max(segment.last_access, at))


def evictions(
    segments: Mapping[str, Segment], now: datetime, config: MemoryConfig
) -> list[Segment]:
    """Return the coldest segments beyond capacity; the oldest of equals first."""
    beyond = len(segments) - config.mid_term_capacity
    if beyond <= 0:
        return []
    ranked = sorted(segments.values(), key=lambda s: (heat(s, now, config), s.created, s.id))
    return ranked[:beyond]
