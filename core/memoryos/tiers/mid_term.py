"""Mid-term memory: affinity, heat, promotion and eviction (paper §3.2 and §3.3, Eq. 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from memoryos.model import Segment
from memoryos.ports import Vectors

if TYPE_CHECKING:
    from memoryos.config import MemoryConfig

MOST_KEYWORDS = 12
MOST_SUMMARY = 600
"""A segment's summary keeps its newest topics' lines up to this many characters."""


def jaccard(one: Iterable[str], other: Iterable[str]) -> float:
    """Return |A ∩ B| / |A ∪ B| of two sets of keywords, case aside; 0 when both are empty."""
    a, b = {word.casefold() for word in one}, {word.casefold() for word in other}
    return len(a & b) / len(a | b) if a or b else 0.0


def affinities(
    keywords: Sequence[str],
    vector: Vectors,
    segments: Sequence[Segment],
    matrix: Vectors,
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return Eq. 3, cos(e_s, e_p) + Jaccard(K_s, K_p), for each segment and its row of `matrix`."""
    scores = np.asarray(matrix @ vector, dtype=np.float32)
    wanted = {word.casefold() for word in keywords}
    for row, segment in enumerate(segments):
        # Most segments share no word, so the union is only formed where it matters.
        shared = wanted.intersection(word.casefold() for word in segment.keywords)
        if shared:
            scores[row] += jaccard(wanted, segment.keywords)
    return scores


def nearest(
    keywords: Sequence[str],
    vector: Vectors,
    segments: Sequence[Segment],
    matrix: Vectors,
    threshold: float,
) -> Segment | None:
    """Return the segment of highest affinity if that reaches θ; the earlier one of equals."""
    if not segments:
        return None
    scores = affinities(keywords, vector, segments, matrix)
    best = int(np.argmax(scores))
    return segments[best] if scores[best] >= threshold else None


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
