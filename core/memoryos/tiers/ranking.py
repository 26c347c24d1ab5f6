"""How the signals about a page become one score.

Pure functions on numpy arrays over the pages of one scope; nothing here knows where they are kept.
A score is a weighted sum of standardised signals (DESIGN section 6): the words of the page and of
the pages around it (BM25), the meaning of both (cosine), and the date.  Higher is nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """Every weight of the ranking; a weight of 0 switches its signal off."""

    bm25_k1: float = 1.2
    """Saturation of a word's count within a page (Robertson and Zaragoza 2009, eq. 3.15)."""
    bm25_b: float = 0.75
    """How much a long page pays for its length, 0 to 1 (same equation)."""
    lexical: float = 1.0
    """Weight of the page's words."""
    dense: float = 1.0
    """Weight of the page's meaning."""
    neighbour: float = 0.3
    """Share of the score of the page before and after it in its session: the dialogue chain."""
    window_lexical: float = 0.25
    """Weight of the words of the five pages around it: the segment."""
    window_dense: float = 0.25
    """Weight of the meaning of the five pages around it."""
    prior_pages: float = 10.0
    """How many pages' worth of belief the prior spread has: keeps standard scores sane on tiny
    scopes, where a spread measured on three pages means nothing."""
    prior_lexical_spread: float = 0.1
    """Spread of BM25 expected before any page is seen, as a share of the best score possible."""
    prior_dense_spread: float = 0.1
    """Spread of cosines expected before any page is seen."""


def inverse_document_frequency(df: NDArray[np.int64], pages: int) -> Floats:
    """Return the weight of each query word from the number of pages that hold it (never below 0).

    df: (g,) pages holding each word; pages: pages in the scope.  Lucene's form of BM25's idf.
    """
    weights = np.log1p((pages - df + 0.5) / (df + 0.5))
    return np.asarray(weights, dtype=np.float32)


def bm25(counts: Floats, idf: Floats, lengths: Floats, config: RankingConfig) -> Floats:
    """Return the BM25 score of each page, 0 where it shares no word with the question.

    counts: (g, n) occurrences of query word g in page n; idf: (g,); lengths: (n,) words per page.
    Robertson and Zaragoza 2009, eq. 3.15.
    """
    if not len(idf) or not lengths.size:
        return np.zeros(lengths.shape, dtype=np.float32)
    average = max(float(lengths.mean()), 1.0)
    norm = config.bm25_k1 * (1 - config.bm25_b + config.bm25_b / average * lengths)
    saturated = counts * np.float32(config.bm25_k1 + 1)
    saturated /= counts + norm.astype(np.float32)
    return np.asarray(idf @ saturated, dtype=np.float32)


def standardise(scores: Floats, prior_spread: float, config: RankingConfig) -> Floats:
    """Return `scores` minus their mean, in units of their spread, both shrunk towards a prior.

    scores: (n,).  With few pages, or scores all alike, the prior spread decides the unit, so that a
    difference that means nothing is not blown up.
    """
    n = scores.size
    if not n:
        return scores
    mean = float(scores.mean())
    spread = float(scores.std())
    weight = config.prior_pages
    variance = (n * spread**2 + weight * prior_spread**2) / (n + weight)
    return np.asarray((scores - np.float32(mean)) / np.float32(max(variance, 1e-12) ** 0.5))


def around(scores: Floats, before: NDArray[np.intp], after: NDArray[np.intp]) -> Floats:
    """Return, for each page, the sum of the scores of its two neighbours in its session.

    before, after: (n,) row of the neighbour, or n where there is none (which counts as 0).
    """
    padded = np.append(scores, np.float32(0))
    return np.asarray(padded[before] + padded[after])


def top(scores: Floats, k: int) -> NDArray[np.intp]:
    """Return the rows of the `k` highest scores, best first; of equal scores the later page first.

    Rows scored -inf are never returned.
    """
    n = scores.size
    if k < n:
        rows = np.argpartition(scores, n - k)[n - k :]
    else:
        rows = np.arange(n)
    rows = rows[np.lexsort((-rows, -scores[rows]))]
    return rows[scores[rows] > -np.inf]
