"""Reasons why a page was found, in words."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.retrieval.index.columns import PageColumns
    from memoryos.retrieval.index.lexical import FoundWord
    from memoryos.text.dates import Period

_STRONG = 1.0
"""Standard scores above the mean from which a neighbour is called a strong match."""


def reasons(
    rows: NDArray[np.intp],
    words: Sequence[FoundWord],
    cosines: Sequence[float] | None,
    own: NDArray[np.float32],
    columns: PageColumns,
    periods: Sequence[Period],
) -> list[tuple[str, ...]]:
    """Return the reasons of each of `rows` (of `columns`), the plainest first.

    words: of the question; cosines: of each of `rows`, None without vectors; own: score of every
    row before its neighbours' share; periods: that the question names.
    """
    found: list[list[str]] = [[] for _ in range(len(rows))]
    for why, shared in zip(found, _shared(rows, words), strict=True):
        if shared:
            why.append("words: " + ", ".join(shared))
    for why, cosine in zip(found, cosines or (), strict=cosines is not None):
        if cosine >= 0.005:
            why.append(f"meaning {cosine:.2f}")
    beside = np.maximum(own[columns.before[rows]], own[columns.after[rows]])
    for why, carried in zip(
        found, ((beside > _STRONG) & (beside > own[rows])).tolist(), strict=True
    ):
        if carried:
            why.append("next to a strong match")
    if periods:
        for why, moment in zip(found, columns.timestamps[rows].tolist(), strict=True):
            why += [f"date: {p.label}" for p in periods if p.start <= moment < p.end][:1]
    return [tuple(why) for why in found]


def _shared(rows: NDArray[np.intp], words: Sequence[FoundWord]) -> list[list[str]]:
    """Return the words that each of `rows` shares with the question."""
    if not words:
        return [[] for _ in range(len(rows))]
    found = [word.rows.take(word.rows.searchsorted(rows), mode="clip") for word in words]
    held = (np.array(found) == rows).T.tolist()
    surfaces = [word.surface for word in words]
    return [list(compress(surfaces, holds)) for holds in held]
