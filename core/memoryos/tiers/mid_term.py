"""Mid-term memory: affinity, heat, promotion and eviction (paper §3.2 and §3.3, Eq. 3 and 4)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
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
"""Segments that are held beside the block, or gone from it, before it is made anew."""
MOST_SUMMARY = 600
"""A segment's summary keeps its newest topics' lines up to this many characters."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Segments laid out at one time, to compare a topic with all of them at once."""

    matrix: Vectors
    holders: Mapping[str, Sequence[int]]
    """The rows of the matrix whose segments have a keyword."""
    sizes: NDArray[np.intp]
    """How many keywords each has."""

    @classmethod
    def of(cls, matrix: Vectors, keywords: Sequence[frozenset[str]]) -> _Block:
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for row, words in enumerate(keywords):
            for word in words:
                holders[word].append(row)
        return cls(matrix, holders, np.fromiter(map(len, keywords), np.intp))

    def affinities(self, wanted: frozenset[str], vector: Vectors) -> Scores:
        """Return Eq. 3 for each row of the matrix."""
        # Not `@`: BLAS threads wait for one another when the cores are busy.
        scores: Scores = np.einsum("ij,j->i", self.matrix, vector)
        rows = chain.from_iterable(self.holders.get(word, ()) for word in wanted)
        shared = np.bincount(np.fromiter(rows, np.intp), minlength=len(scores))
        either = np.maximum(self.sizes + len(wanted) - shared, 1)  # not 0 where neither has any
        scores += (shared / either).astype(np.float32)
        return scores


class Nearness:
    """Segments laid out for Eq. 3: a vector and a set of keywords each, row by row. Immutable.

    What changed since the block was made is held beside it: to make it anew for every segment that
    grows would take longer than all else.
    """

    def __init__(
        self,
        segments: list[Segment],
        keywords: list[frozenset[str]],
        rows: dict[str, int],
        block: _Block,
        places: NDArray[np.intp],
        changed: dict[str, Vectors],
    ) -> None:
        self.segments = segments
        self.keywords = keywords
        self.rows = rows
        """The row of each segment, by id."""
        self.block = block
        self.places = places
        """Where the first segments stand in the block; it may hold others that are gone."""
        self.changed = changed
        """Vectors, by id, of segments that are not in the block, or no longer as they are there."""

    @classmethod
    def of(cls, segments: Iterable[Segment], vectors: Mapping[str, Vectors]) -> Nearness:
        """Lay out segments with their vectors."""
        block = _Block.of(np.zeros((0, 1), np.float32), ())
        empty = cls([], [], {}, block, np.zeros(0, np.intp), {})
        return empty.with_changes({s.id: (s, vectors[s.id]) for s in segments})

    def with_changes(self, changes: Mapping[str, tuple[Segment, Vectors] | None]) -> Nearness:
        """Return the layout with segments changed, added at the end or, where None, taken out."""
        gone = {id_ for id_, to in changes.items() if to is None and id_ in self.rows}
        old = self._without(gone) if gone else self
        segments, keywords = list(old.segments), list(old.keywords)
        rows, changed = dict(old.rows), dict(old.changed)
        for id_, to in changes.items():
            if to is not None:
                segment, changed[id_] = to
                row = rows.setdefault(id_, len(segments))
                segments[row : row + 1] = [segment]
                keywords[row : row + 1] = [_folded(segment.keywords)]
        block, places = old.block, old.places
        if len(changed) + len(block.matrix) - len(places) > _MOST_CHANGED:
            width = max(map(len, changed.values()), default=block.matrix.shape[1])
            matrix = np.empty((len(segments), width), np.float32)
            matrix[: len(places)] = block.matrix[places]
            for id_, vector in changed.items():
                matrix[rows[id_]] = vector
            block, places, changed = _Block.of(matrix, keywords), np.arange(len(segments)), {}
        return Nearness(segments, keywords, rows, block, places, changed)

    def _without(self, gone: Set[str]) -> Nearness:
        kept = [row for row, segment in enumerate(self.segments) if segment.id not in gone]
        segments = [self.segments[row] for row in kept]
        return Nearness(
            segments,
            [self.keywords[row] for row in kept],
            {segment.id: row for row, segment in enumerate(segments)},
            self.block,
            self.places[[row for row in kept if row < len(self.places)]],
            {id_: vector for id_, vector in self.changed.items() if id_ not in gone},
        )

    def affinities(self, keywords: Iterable[str], vector: Vectors) -> Scores:
        """Return Eq. 3, cos(e_s, e_p) + Jaccard(K_s, K_p), for each of `segments`."""
        wanted = _folded(keywords)
        scores: Scores = np.empty(len(self.segments), np.float32)
        if len(self.places):
            scores[: len(self.places)] = self.block.affinities(wanted, vector)[self.places]
        for id_, changed in self.changed.items():
            row = self.rows[id_]
            scores[row] = changed @ vector
            known = self.keywords[row]
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
