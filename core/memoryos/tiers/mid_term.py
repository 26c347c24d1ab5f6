"""Mid-term memory: affinity, heat, promotion and eviction (paper §3.2 and §3.3, Eq. 3 and 4)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nsmallest
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
_WORDS_OF_A_NAME = 3
_STEM = 5
"""Letters that words of the same stem begin with."""
_WORD = re.compile(r"\w+")
MOST_OF_CHAIN = 400
"""The same of a chain's summary."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Vectors and keywords of segments as arrays, to compare a topic with all at once."""

    matrix: Vectors
    keywords: Sequence[frozenset[str]]
    sizes: NDArray[np.intp]
    """How many keywords each segment has."""
    words: Mapping[str, int]
    """A number for each keyword, from 0…"""
    ends: Sequence[int]
    holders: NDArray[np.intp]
    """…whose segments stand in these rows of the matrix, from `ends[number]` to the next end."""

    @classmethod
    def of(cls, matrix: Vectors, keywords: Sequence[frozenset[str]]) -> _Block:
        words: dict[str, int] = {}
        numbers = np.array([words.setdefault(w, len(words)) for k in keywords for w in k], np.intp)
        sizes = np.fromiter(map(len, keywords), np.intp, len(keywords))
        holders = np.repeat(np.arange(len(keywords)), sizes)[np.argsort(numbers, kind="stable")]
        ends = np.cumsum(np.bincount(numbers, minlength=len(words))).tolist()
        return cls(matrix, keywords, sizes, words, [0, *ends], holders)

    def affinities(self, wanted: frozenset[str], vector: Vectors) -> Scores:
        """Return Eq. 3 for each row of the matrix."""
        # Not `@`: BLAS threads wait for one another when the cores are busy.
        scores: Scores = np.einsum("ij,j->i", self.matrix, vector)
        known = [self.words[word] for word in wanted if word in self.words]
        if known:
            rows = [self.holders[self.ends[n] : self.ends[n + 1]] for n in known]
            shared = np.bincount(np.concatenate(rows), minlength=len(scores))
            scores += (shared / (self.sizes + len(wanted) - shared)).astype(np.float32)
        return scores


class Nearness:
    """Segments laid out for Eq. 3: a vector and a set of keywords each, row by row. Immutable.

    What changed since the block was made is held beside it: to make it anew for every segment that
    grows would take longer than all else.
    """

    def __init__(
        self,
        segments: list[Segment],
        rows: Mapping[str, int],
        block: _Block,
        places: NDArray[np.intp],
        changed: dict[str, tuple[Vectors, frozenset[str]]],
    ) -> None:
        self.segments = segments
        self.rows = rows
        """The row of each segment, by id."""
        self.block = block
        self.places = places
        """Where the first segments stand in the block; it may hold others that are gone."""
        self.changed = changed
        """Vectors and keywords, by id, of segments that the block has not, or not as they are."""

    @classmethod
    def of(cls, segments: Iterable[Segment], vectors: Mapping[str, Vectors]) -> Nearness:
        """Return the arrays of segments and their vectors."""
        block = _Block.of(np.zeros((0, 1), np.float32), ())
        empty = cls([], {}, block, np.zeros(0, np.intp), {})
        return empty.with_changes({s.id: (s, vectors[s.id]) for s in segments}).compacted()

    def with_changes(self, changes: Mapping[str, tuple[Segment, Vectors] | None]) -> Nearness:
        """Return it with segments changed, appended or, where None, removed."""
        gone = {id_ for id_, to in changes.items() if to is None and id_ in self.rows}
        old = self._without(gone) if gone else self
        segments, changed = list(old.segments), dict(old.changed)
        new: dict[str, int] = {}
        for id_, to in changes.items():
            if to is not None:
                segment, vector = to
                changed[id_] = vector, _folded(segment.keywords)
                if id_ in old.rows:
                    segments[old.rows[id_]] = segment
                else:
                    new[id_] = len(segments)
                    segments.append(segment)
        rows = {**old.rows, **new} if new else old.rows
        return Nearness(segments, rows, old.block, old.places, changed)

    def _without(self, gone: Set[str]) -> Nearness:
        kept = [row for row, segment in enumerate(self.segments) if segment.id not in gone]
        segments = [self.segments[row] for row in kept]
        rows = {segment.id: row for row, segment in enumerate(segments)}
        places = self.places[[row for row in kept if row < len(self.places)]]
        changed = {id_: its for id_, its in self.changed.items() if id_ not in gone}
        return Nearness(segments, rows, self.block, places, changed)

    def compacted(self) -> Nearness:
        """Return it with one new block, if many segments changed or went since the last."""
        old = self.block
        if len(self.changed) + len(old.matrix) - len(self.places) <= _MOST_CHANGED:
            return self
        size = len(self.segments)
        width = max(
            (len(vector) for vector, _ in self.changed.values()), default=old.matrix.shape[1]
        )
        matrix = np.empty((size, width), np.float32)
        matrix[: len(self.places)] = old.matrix[self.places]
        keywords = [old.keywords[place] for place in self.places.tolist()]
        keywords += [frozenset()] * (size - len(keywords))
        for id_, (vector, words) in self.changed.items():
            row = self.rows[id_]
            matrix[row], keywords[row] = vector, words
        block = _Block.of(matrix, keywords)
        return Nearness(self.segments, self.rows, block, np.arange(size), {})

    def affinities(self, keywords: Iterable[str], vector: Vectors) -> Scores:
        """Return Eq. 3, cos(e_s, e_p) + Jaccard(K_s, K_p), for each of `segments`."""
        wanted = _folded(keywords)
        scores: Scores = np.empty(len(self.segments), np.float32)
        if len(self.places):
            scores[: len(self.places)] = self.block.affinities(wanted, vector)[self.places]
        for id_, (its, known) in self.changed.items():
            row = self.rows[id_]
            scores[row] = its @ vector
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


def joined_summary(summaries: Sequence[str], most: int = MOST_SUMMARY) -> str:
    """Return the newest of several pages' summaries (given oldest first), one a line.

    Args:
        summaries: Each of one line or more.
        most: Characters, at most; the newest line stands however long it is.
    """
    lines: list[str] = []
    for line in reversed("\n".join(summaries).split("\n")):
        if line and line not in lines:
            if lines and sum(map(len, lines)) + len(line) > most:
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


def names_of(segments: Collection[Segment]) -> dict[str, str]:
    """Return a name for each segment, by id: the words that tell it from the others."""
    holders = Counter(word for s in segments for word in _folded(s.keywords))
    most = len(segments) + 1

    names = {}
    for segment in segments:
        said = Counter(_WORD.findall(segment.summary.casefold()))
        worth = {
            word: (1 + said[word.casefold()])
            * (0.1 + math.log(most / holders[word.casefold()]))
            * min(len(word), 10)
            for word in segment.keywords
        }
        chosen: dict[str, str] = {}
        for word in sorted(segment.keywords, key=lambda word: -worth[word]):
            chosen.setdefault(word.casefold()[:_STEM], word)
        names[segment.id] = ", ".join(list(chosen.values())[:_WORDS_OF_A_NAME])
    return names


def promoted(segment: Segment, up_to_seq: int) -> Segment:
    """Return the segment after promotion: N_visit and L_interaction start again at zero."""
    return replace(segment, visits=0, interactions=0, promoted_seq=up_to_seq)


def visited(segment: Segment, times: int, at: datetime) -> Segment:
    """Return the segment after its pages were recalled `times` times."""
    return replace(segment, visits=segment.visits + times, last_access=max(segment.last_access, at))


def evictions(
    segments: Mapping[str, Segment], now: datetime, config: MemoryConfig, keep: str | None = None
) -> list[Segment]:
    """Return the coldest segments beyond capacity; the oldest of equals first.

    The one whose id is `keep`, just founded and so cold by nature, stays if any other can go.
    """
    beyond = len(segments) - config.mid_term_capacity
    if beyond <= 0:
        return []
    heats = {id_: heat(s, now, config) for id_, s in segments.items() if id_ != keep}
    beyond = min(beyond, len(heats))
    if not beyond:
        return []
    # Few leave at a time: to rank all of them would take longer than to find the few.
    border = nsmallest(beyond, heats.values())[-1]
    coldest = [segments[id_] for id_, value in heats.items() if value <= border]
    coldest.sort(key=lambda segment: (heats[segment.id], segment.created, segment.id))
    return coldest[:beyond]
