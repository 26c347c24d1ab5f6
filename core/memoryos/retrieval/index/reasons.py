"""Reasons why a page was found, in words."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.retrieval.index.columns import Columns
    from memoryos.retrieval.index.lexical import FoundWord
    from memoryos.text.dates import Period

_STRONG = 1.0
"""Standard scores above the mean from which a neighbour is called a strong match."""


def reasons(
    rows: NDArray[np.intp],
    words: Sequence[FoundWord],
    shared: NDArray[np.bool_],
    cosines: Sequence[float] | None,
    own: NDArray[np.float32],
    columns: Columns,
    periods: Sequence[Period],
) -> list[tuple[str, ...]]:
    """Return the reasons of pages, the plainest first.

    rows: their best passages; words: of the question; shared: `shared_words` of them; cosines: of
    each of `rows`, None without vectors; own: score of every passage before its neighbours' share;
    periods: that the question names.
    """
    found: list[list[str]] = [[] for _ in range(len(rows))]
    surfaces = [word.surface for word in words]
    for why, holds in zip(found, shared.T.tolist(), strict=True):
        if any(holds):
            why.append("words: " + ", ".join(compress(surfaces, holds)))
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
        for why, moment in zip(found, columns.timestamps[columns.page[rows]].tolist(), strict=True):
            why += [f"date: {p.label}" for p in periods if p.start <= moment < p.end][:1]
    return [tuple(why) for why in found]


def shared_words(
    pages: NDArray[np.intp], words: Sequence[FoundWord], columns: Columns
) -> NDArray[np.bool_]:
    """Return (words, pages) whether a page holds a word; pages: numbers."""
    held = np.zeros((len(words), len(pages)), dtype=bool)
    if len(pages):
        for here, word in zip(held, words, strict=True):
            holders = word.rows if columns.plain else columns.page[word.rows]
            here[:] = holders.take(holders.searchsorted(pages), mode="clip") == pages
    return held
