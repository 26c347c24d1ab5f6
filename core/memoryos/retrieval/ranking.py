"""Scores of pages: standardised signals, weighted and summed.

Pure functions on numpy arrays over the pages of one scope; nothing here knows where they are kept.
A score is a weighted sum of standardised signals (DESIGN section 6): the words of the page, the
words of the five pages around it (the segment), its meaning, a share of its neighbours' scores (the
chain), and its date where the question names one.  Higher is nearer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from memoryos.config import RankingConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.text.dates import Period

    Floats = NDArray[np.float32]
    Rows = NDArray[np.intp]

_DAY = 86_400.0


def inverse_document_frequencies(dfs: Iterable[int], pages: int) -> list[float]:
    """Return the weight of each query word by the number of pages that hold it (never below 0).

    dfs: pages holding each word; pages: pages in the scope.  Lucene's form of BM25's idf.
    """
    return [math.log1p((pages - df + 0.5) / (df + 0.5)) for df in dfs]


def length_norm(lengths: Floats, average: float, config: RankingConfig) -> Floats:
    """Return what each page's length adds to the denominator of `saturated`.

    lengths: (n,) words per page; average: their mean.  k1·(1 − b + b·length/average).
    """
    k1, b = config.bm25_k1, config.bm25_b
    norm = lengths * np.float32(k1 * b / max(average, 1.0))
    norm += np.float32(k1 * (1 - b) + 1e-9)
    return np.asarray(norm, dtype=np.float32)


def saturated(counts: Floats, norm: Floats) -> Floats:
    """Return the share of a word's idf that each page earns by holding it `counts` times: 0 to 1.

    counts: (n,); norm: (n,) of `length_norm`.  Robertson and Zaragoza 2009, eq. 3.15, without the
    constant factor k1 + 1.
    """
    return np.asarray(counts / (counts + norm), dtype=np.float32)


def standardise(
    scores: Floats,
    prior_spread: float,
    prior_pages: float,
    present: NDArray[np.bool_] | None = None,
    weight: float = 1.0,
) -> Floats:
    """Return `scores` minus their mean, in units of their spread, times `weight`.

    scores: (n,); present: (n,) where there is a score at all, None for everywhere; a page without
    one is taken to be average (0).  The spread is shrunk to a prior: with few pages, or scores all
    alike, the prior decides the unit, so that a difference that means nothing is not blown up.
    """
    known = scores if present is None else scores[present]
    if not known.size:
        return np.zeros_like(scores)
    _, centred = _centred(known)
    centred *= np.float32(weight * _scale(centred, prior_spread, prior_pages))
    if present is None:
        return centred
    standard = np.zeros_like(scores)
    standard[present] = centred
    return standard


def unit(known: Floats, prior_spread: float, prior_pages: float) -> tuple[np.float32, np.float32]:
    """Return (mean, 1 / spread) of scores, at least one, by which `standardise` goes."""
    mean, centred = _centred(known)
    return mean, np.float32(_scale(centred, prior_spread, prior_pages))


def _centred(known: Floats) -> tuple[np.float32, Floats]:
    mean = np.float32(np.add.reduce(known) / known.size)
    return mean, known - mean


def _scale(centred: Floats, prior_spread: float, prior_pages: float) -> float:
    squares = float(centred @ centred) + prior_pages * prior_spread**2
    return 1 / math.sqrt(max(squares / (centred.size + prior_pages), 1e-12))


def chained(scores: Floats, before: Rows, after: Rows, config: RankingConfig) -> Floats:
    """Return `scores` plus the share that each page gets of its neighbours'.

    scores: (m,) with a score of 0 at row 0, which stands for "no neighbour"; before, after: (n,)
    rows of the pages before and after in the session, n at most m.  Only what a neighbour has above
    the mean is shared: a page is not worse for standing beside a poor one.
    """
    above = np.maximum(scores, 0)
    above[0] = 0
    shared = above[before]
    shared += above[after]
    shared *= np.float32(config.neighbour)
    shared += scores[: len(shared)]
    return shared


def date_bonus(
    timestamps: NDArray[np.float64], periods: Sequence[Period], config: RankingConfig
) -> Floats:
    """Return the bonus of each page for lying in, or within days of, one of `periods`.

    timestamps: (n,) unix seconds.  Inside it is `date` times the log of pages over pages inside, so
    that a day tells more than a year; outside it falls off exponentially.
    """
    near = np.zeros(timestamps.shape, dtype=np.float64)
    for period in periods:
        outside = np.maximum(period.start - timestamps, timestamps - period.end)
        days = np.maximum(outside, 0) / (_DAY * config.date_days)
        np.maximum(near, np.exp(-days), out=near)
    rarity = np.log1p(near.size / (1 + near.sum()))
    return np.asarray(config.date * rarity * near, dtype=np.float32)


def top(scores: Floats, k: int) -> Rows:
    """Return the rows of the `k` highest scores, best first; of equal scores the later page first.

    Rows scored -inf are never returned.
    """
    n = scores.size
    if k < n:
        # From the negated end: numpy takes ten times as long past many equal low scores.
        least = -np.partition(-scores, k - 1)[k - 1]
        rows = np.flatnonzero(scores >= least)[::-1]
    else:
        rows = np.arange(n)[::-1]
    # Stable, from the last row on: the later of equals comes first.
    rows = rows[np.argsort(-scores[rows], kind="stable")[:k]]
    if rows.size and scores[rows[-1]] == -np.inf:
        rows = rows[scores[rows] > -np.inf]
    return rows
