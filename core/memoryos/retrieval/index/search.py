"""One search over the pages of a scope, wherever their words and vectors are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from memoryos.retrieval import ranking as rank
from memoryos.retrieval.index.lexical import FoundWord
from memoryos.retrieval.index.reasons import reasons
from memoryos.text import dates
from memoryos.text.terms import query_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.config import RankingConfig
    from memoryos.retrieval.index.columns import PageColumns
    from memoryos.retrieval.index.lexical import Found
    from memoryos.text.dates import Period

    Floats = NDArray[np.float32]
    Live = NDArray[np.bool_] | None

_MAX_TERMS = 32
"""Words of a question that are looked up, the rarest first: a pasted page costs no more."""
_CELLS = 1 << 16
"""Counts, of words in pages, that are worked on together."""
_TELLING = 0.05
"""A word whose idf is below this share of the rarest word's tells nothing and is left out."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One page found."""

    seq: int
    score: float  # higher is nearer; comparable within one search only
    reasons: tuple[str, ...]  # why, for a human: "words: dog, rex", "meaning 0.62"


class Pages(Protocol):
    """The pages of a scope at one moment, before one question."""

    columns: PageColumns

    def find(self, groups: Sequence[Sequence[int]]) -> list[Found]:
        """Return, for each group of term ids, (rows ascending, counts) of the pages with any."""
        ...

    def dense(self, scores: Floats) -> Floats | None:
        """Return the standardised signal of meaning, (n,); None to go by words alone.

        scores: (n,) what is known of each page without it.
        """
        ...

    def cosines(self, positions: NDArray[np.intp]) -> list[float] | None:
        """Return the cosine of a few pages to the question; None to go by words alone."""
        ...


def search(
    pages: Pages,
    query: str,
    k: int,
    *,
    now: float,
    allowed: NDArray[np.int64] | None,
    config: RankingConfig,
) -> list[Hit]:
    """Return the `k` pages nearest to `query`, best first.

    now: unix seconds that "yesterday" in the query is relative to; allowed: sorted seqs, only these
    are returned.
    """
    columns = pages.columns
    n = columns.size
    if not columns.pages or k < 1:
        return []
    live = columns.live
    words = _words(pages, query, live)
    base = _lexical(columns, words, live, config)
    bonus, named = _dated(columns, query, now, live, config)
    if config.dense:
        meaning = pages.dense(base[1 : n + 1] + bonus)
        if meaning is not None:
            base[1 : n + 1] += config.dense * meaning
    scores = rank.chained(base, columns.before[: n + 1], columns.after[: n + 1], config)[1:]
    scores += bonus
    found = best(scores, k, columns, allowed)
    why = reasons(found + 1, words, pages.cosines(found), base, columns, named)
    seqs, values = columns.seqs[found + 1].tolist(), scores[found].tolist()
    return [Hit(*hit) for hit in zip(seqs, values, why, strict=True)]


def best(
    scores: Floats,
    k: int,
    columns: PageColumns,
    allowed: NDArray[np.int64] | None,
) -> NDArray[np.intp]:
    """Return the positions of the `k` best pages that may be returned; changes `scores`."""
    if columns.replaced.size:
        scores[columns.replaced - 1] = -np.inf
    if allowed is None:
        return rank.top(scores, k)
    positions, there = columns.positions(np.asarray(allowed, dtype=np.int64))
    candidates = positions[there]
    return candidates[rank.top(scores[candidates], k)]


def _dated(
    columns: PageColumns, query: str, now: float, live: Live, config: RankingConfig
) -> tuple[Floats | np.float32, list[Period]]:
    """Return ((n,) what each page gains by its date, or 0 for all; periods the question names)."""
    n = columns.size
    at = slice(None) if live is None else live
    times = columns.timestamps[1 : n + 1][at]
    named = dates.periods(query, now=now, oldest=float(times[0]), newest=float(times[-1]))
    if not named or not config.date:
        return np.float32(0), named
    bonus = np.zeros(n, dtype=np.float32)
    bonus[at] = rank.date_bonus(times, named, config)
    return bonus, named


def _words(pages: Pages, query: str, live: Live) -> list[FoundWord]:
    """Return the telling words of the question that the scope holds, rarest first."""
    terms = query_terms(query)
    found = pages.find([term.ids for term in terms])
    if live is not None:
        standing = [live[rows - 1] for rows, _ in found]
        found = [
            (rows[stands], counts[stands])
            for (rows, counts), stands in zip(found, standing, strict=True)
        ]
    held = [len(rows) for rows, _ in found]
    idfs = rank.inverse_document_frequencies(held, pages.columns.pages)
    words = [
        FoundWord(term.surface, idf, rows, counts)
        for term, idf, (rows, counts) in zip(terms, idfs, found, strict=True)
        if len(rows)
    ]
    words.sort(key=lambda word: -word.idf)
    return [word for word in words[:_MAX_TERMS] if word.idf >= _TELLING * words[0].idf]


def _lexical(
    columns: PageColumns, words: list[FoundWord], live: Live, config: RankingConfig
) -> Floats:
    """Return the standardised signal of words, page and window; row 0 is no page."""
    n = columns.size
    page = np.zeros(columns.capacity, dtype=np.float32)
    window = np.zeros(n + 1, dtype=np.float32)
    # Several words at once while the scope is small: each call of numpy costs a microsecond.
    at_once = max(1, _CELLS // len(page))
    spans = rank.length_norm(columns.spans[: n + 1], columns.average_span, config)
    for start in range(0, len(words), at_once):
        _count_in(page, window, spans, columns, words[start : start + at_once], config)
    prior = config.prior_lexical_spread * sum(word.idf for word in words)
    scores, spread = page[1 : n + 1], config.prior_pages
    scores[:] = rank.standardise(scores, prior, spread, live, config.lexical)
    if config.window and words:
        scores += rank.standardise(window[1:], prior, spread, live, config.window)
    return page


def _count_in(
    page: Floats,
    window: Floats,
    spans: Floats,
    columns: PageColumns,
    words: Sequence[FoundWord],
    config: RankingConfig,
) -> None:
    """Add what some words are worth to the score of each page and of each window.

    page: (capacity,); window: (n + 1,); spans: (n + 1,) `rank.length_norm` of the windows.  Row 0
    is no page.
    """
    rows = np.concatenate([word.rows for word in words])
    counts = np.concatenate([word.counts for word in words])
    sizes = [len(word.rows) for word in words]
    idf = np.array([word.idf for word in words], dtype=np.float32)
    norm = rank.length_norm(columns.lengths[rows], columns.average, config)
    np.add.at(page, rows, np.repeat(idf, sizes) * rank.saturated(counts, norm))
    if not config.window:
        return
    around = np.zeros((len(words), len(page)), dtype=np.float32)
    cells = around.ravel()
    own = np.repeat(np.arange(len(words)) * len(page), sizes)  # each word counts in its own line
    cells[own + rows] = counts
    for links in (columns.before, columns.after):
        once = links[rows]
        cells[own + once] += counts
        cells[own + links[once]] += counts
    around[:, 0] = 0
    shares = rank.saturated(around[:, : len(window)], spans)
    shares *= idf[:, np.newaxis]
    window += shares.sum(axis=0)
