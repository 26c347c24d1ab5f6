"""One search over the pages of a scope, wherever their words and vectors are looked up.

What is scored is passages; what is found is pages, each as good as its best passages.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from memoryos.retrieval import ranking as rank
from memoryos.retrieval.index.lexical import FoundWord
from memoryos.retrieval.index.reasons import reasons, shared_words
from memoryos.retrieval.relevance import word_shares
from memoryos.text import dates
from memoryos.text.terms import query_terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from memoryos.config import RankingConfig
    from memoryos.retrieval.index.columns import Columns
    from memoryos.retrieval.index.lexical import Found
    from memoryos.text.dates import Period

    Floats = NDArray[np.float32]
    Live = NDArray[np.bool_] | None

_MAX_TERMS = 32
"""Words of a question that are looked up, the rarest first: a pasted page costs no more."""
_CELLS = 1 << 16
"""Counts, of words in pages, that are worked on together."""
_BEFORE = 0.5
"""Weight of the words of the turn before, where a question goes on from it."""
_FADES = 0.3
"""Share of the weight of a question's words within which meaning gains on the words."""
_TELLING = 0.05
"""A word whose idf is below this share of the rarest word's tells nothing and is left out."""


_MOST_PASSAGES = 64
"""Passages told of one page, the best: more than a prompt has room for."""
_MOST_PAGES = 100
"""Pages that come at most where a prompt is to be filled."""
_TOKENS_A_WORD = 2.0
"""Tokens of a text for each of the words that it is found by, stop words not among them."""
_TOKENS_A_PAGE = 12
"""Tokens of a page's time and speakers."""
_PASSAGES_SHOWN = 2
"""Passages that are shown of most long pages."""


class Hit(NamedTuple):
    """One page found. A tuple: two dozen are made at each recall."""

    seq: int
    score: float  # higher is nearer; comparable within one search only
    reasons: tuple[str, ...]  # why, for a human: "words: dog, rex", "meaning 0.62"
    passages: tuple[tuple[int, float], ...]  # (number from 0, score) of its passages, best first
    held: Mapping[str, float] | None
    """The words of the question that the page holds, each with its share of the weight of them all,
    0 to 1; None where the question has no words."""
    cosine: float | None  # of its best passage to the question; None without vectors
    dated: bool  # whether its time is one that the question names
    usual: float | None  # mean cosine of the scope's passages to the question

    @property
    def share(self) -> float | None:
        """Of the weight of the question's words, what the page holds; None where it has none."""
        return None if self.held is None else sum(self.held.values())


class Pages(Protocol):
    """The pages of a scope at one moment, before one question."""

    columns: Columns

    def find(self, groups: Sequence[Sequence[int]]) -> list[Found]:
        """Return, for each group of term ids, (rows ascending, counts) of the passages with any."""
        ...

    def dense(self, scores: Floats) -> Floats | None:
        """Return the standardised signal of meaning, (size,); None to go by words alone.

        scores: (size,) what is known of each passage without it.
        """
        ...

    def cosines(self, positions: NDArray[np.intp]) -> list[float] | None:
        """Return the cosine of a few passages to the question; None to go by words alone."""
        ...

    def usual(self) -> float | None:
        """Return the mean cosine of the passages to the question; None to go by words alone."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much a search is to bring."""

    pages: int  # at most
    least: int = 1  # pages, however little room there is
    tokens: int | None = None  # that the pages are to fill, as far as can be guessed; None: no end

    @classmethod
    def to_fill(cls, tokens: int, least: int) -> Wanted:
        """Return as many pages as fill a prompt of `tokens`, and at least so many."""
        return cls(max(_MOST_PAGES, least), least, tokens)


def wanted_of(wanted: Wanted | int) -> Wanted:
    """Return a number of pages as what is wanted."""
    return Wanted(wanted) if isinstance(wanted, int) else wanted


@dataclass(frozen=True, slots=True)
class Ranked:
    """The pages of a scope, scored for one question; hits are made of as many as are wanted."""

    pages: Pages
    words: list[FoundWord]  # of the question
    shares: list[float] | None  # theirs of its weight; None where it has no words
    base: Floats  # (capacity,) score of each row before its neighbours' share
    passages: Floats  # (size,) score of each passage
    scores: Floats  # (pages,)
    named: list[Period]  # that the question names
    allowed: NDArray[np.int64] | None  # seqs that may be returned

    def hits(self, wanted: Wanted) -> list[Hit]:
        """Return the nearest pages, best first."""
        columns, words, shares = self.pages.columns, self.words, self.shares
        if wanted.pages < 1:
            return []
        found = best(self.scores, wanted.pages, columns, self.allowed) + 1
        found = _enough(columns, found, wanted)
        parts = _parts(columns, found, self.passages)
        rows = found
        if not columns.plain:
            rows = columns.starts[found] + np.array([part[0][0] for part in parts], np.intp)
        cosines = self.pages.cosines(rows - 1)
        shared = shared_words(found, words, columns)
        why = reasons(rows, words, shared, cosines, self.base, columns, self.named)
        held: Sequence[Mapping[str, float] | None] = [None] * len(found)
        if shares is not None:
            weighed = [(word.surface, share) for word, share in zip(words, shares, strict=True)]
            held = [dict(compress(weighed, holds)) for holds in shared.T.tolist()]
        near = cosines if cosines is not None else [None] * len(found)
        dated, usual = _inside(columns, found, self.named), [self.pages.usual()] * len(found)
        seqs, values = columns.seqs[found].tolist(), self.scores[found - 1].tolist()
        told = zip(seqs, values, why, parts, held, near, dated, usual, strict=True)
        return list(map(Hit._make, told))


def ranked(
    pages: Pages,
    query: str,
    *,
    now: float,
    allowed: NDArray[np.int64] | None,
    config: RankingConfig,
    names: frozenset[str] = frozenset(),
    before: str = "",
) -> Ranked | None:
    """Return the pages scored for `query`; None where there are none.

    A page is as good as its best passage, and a little better for further ones.  now: unix seconds
    that "yesterday" in the query is relative to; allowed: sorted seqs, only these are returned;
    names: of the user and the agent, lower-cased words that tell little; before: the turn that the
    question goes on from, whose words count less.
    """
    columns = pages.columns
    n = columns.size
    if not columns.standing:
        return None
    live = columns.live
    words, shares = _words(pages, query, live, names, before)
    base = _lexical(columns, words, live, config)
    bonus, named = _dated(columns, query, now, config)
    if config.dense:
        meaning = pages.dense(base[1 : n + 1] + _by_passage(columns, bonus))
        if meaning is not None:
            # A time that is named is found by the times of pages.
            missing = 0.0 if named else _missing(columns, words, shares, config)
            base[1 : n + 1] *= np.float32(1 - config.unworded_lexical * missing)
            base[1 : n + 1] += (config.dense + config.unworded * missing) * meaning
    passages = rank.chained(base, columns.before[: n + 1], columns.after[: n + 1], config)[1:]
    scores = _of_pages(columns, passages, config) + bonus
    return Ranked(pages, words, shares, base, passages, scores, named, allowed)


def cosine_hits(columns: Columns, pages: NDArray[np.intp], cosines: Floats) -> list[Hit]:
    """Return hits by cosine alone; pages: numbers, best first; cosines: (size,) of passages."""
    hits = []
    for page in pages.tolist():
        parts = _best_passages(columns, page, cosines)
        near = parts[0][1] if len(parts) > 1 else float(cosines[columns.starts[page] - 1])
        seq = int(columns.seqs[page])
        hits.append(
            Hit(seq, near, (f"meaning {near:.2f}",), parts, None, near, dated=False, usual=None)
        )
    return hits


def _by_passage(columns: Columns, of_pages: Floats | np.float32) -> Floats | np.float32:
    """Return what each passage has of its page's; of_pages: (pages,), or one for all."""
    if columns.plain or not np.ndim(of_pages):
        return of_pages
    return np.asarray(of_pages, np.float32)[columns.page[1 : columns.size + 1] - 1]


def _of_pages(columns: Columns, passages: Floats, config: RankingConfig) -> Floats:
    """Return (pages,) the score of each page: its best passage's, and a share of the second's."""
    if columns.plain:
        return passages
    scores = passages[columns.starts[1 : columns.pages + 1] - 1]
    # Most pages of a chat are short: only the others have a best passage and a second.
    several = np.flatnonzero(columns.counts[1 : columns.pages + 1] > 1)
    counts = columns.counts[several + 1]
    rest, starts = passages[columns.rows_of(several + 1) - 1], np.cumsum(counts) - counts
    if several.size:
        best_of_each = np.maximum.reduceat(rest, starts)
        scores[several] = best_of_each
        if config.further:
            rest[rest >= np.repeat(best_of_each, counts)] = 0
            second = np.maximum.reduceat(np.maximum(rest, 0), starts)
            scores[several] += np.float32(config.further) * second
    return scores


def _parts(
    columns: Columns, found: NDArray[np.intp], scores: Floats
) -> list[tuple[tuple[int, float], ...]]:
    """Return `_best_passages` of each of some pages."""
    counts, firsts = columns.counts[found].tolist(), scores[columns.starts[found] - 1].tolist()
    return [
        ((0, first),) if count == 1 else _best_passages(columns, page, scores)
        for page, count, first in zip(found.tolist(), counts, firsts, strict=True)
    ]


def _best_passages(columns: Columns, page: int, scores: Floats) -> tuple[tuple[int, float], ...]:
    """Return (number from 0, score) of a page's passages, best first; scores: (size,)."""
    start, count = int(columns.starts[page]) - 1, int(columns.counts[page])
    if count == 1:
        return ((0, float(scores[start])),)
    here = scores[start : start + count]
    order = np.argsort(-here, kind="stable")[:_MOST_PASSAGES]
    return tuple(zip(order.tolist(), here[order].tolist(), strict=True))


def _enough(columns: Columns, found: NDArray[np.intp], wanted: Wanted) -> NDArray[np.intp]:
    """Return as many of the pages found, best first, as will fill what is wanted."""
    if wanted.tokens is None or len(found) <= wanted.least:
        return found
    counts = columns.counts[found]
    lengths = columns.lengths[columns.rows_of(found)]
    starts = np.cumsum(counts) - counts
    words = np.add.reduceat(lengths, starts) * np.minimum(_PASSAGES_SHOWN / counts, 1)
    tokens = np.cumsum(words * _TOKENS_A_WORD + _TOKENS_A_PAGE)
    enough = int(np.searchsorted(tokens, wanted.tokens)) + 1
    return found[: max(enough, wanted.least)]


def best(
    scores: Floats,
    k: int,
    columns: Columns,
    allowed: NDArray[np.int64] | None,
) -> NDArray[np.intp]:
    """Return the positions of the `k` best pages that may be returned; changes `scores`."""
    if columns.gone.size:
        scores[columns.gone - 1] = -np.inf
    if allowed is None:
        return rank.top(scores, k)
    positions, there = columns.positions(np.asarray(allowed, dtype=np.int64))
    candidates = positions[there]
    return candidates[rank.top(scores[candidates], k)]


def _dated(
    columns: Columns, query: str, now: float, config: RankingConfig
) -> tuple[Floats | np.float32, list[Period]]:
    """Return ((pages,) what each gains by its date, or 0 for all; periods the question names)."""
    n, live = columns.pages, columns.live_pages
    at = slice(None) if live is None else live
    times = columns.timestamps[1 : n + 1][at]
    named = dates.periods(query, now=now, oldest=float(times[0]), newest=float(times[-1]))
    if not named or not config.date:
        return np.float32(0), named
    bonus = np.zeros(n, dtype=np.float32)
    bonus[at] = rank.date_bonus(times, named, config)
    return bonus, named


def _inside(columns: Columns, pages: NDArray[np.intp], named: Sequence[Period]) -> list[bool]:
    """Return whether the time of each page lies in a period that the question names."""
    times = columns.timestamps[pages]
    inside = np.zeros(len(pages), bool)
    for period in named:
        inside |= (times >= period.start) & (times < period.end)
    return inside.tolist()  # type: ignore[no-any-return]


def _words(
    pages: Pages, query: str, live: Live, names: frozenset[str], before: str
) -> tuple[list[FoundWord], list[float] | None]:
    """Return (the telling words of the question that the scope holds, the rarest first; `shares`).

    The shares are of those words; None where the question has no words at all.
    """
    terms = query_terms(query)
    said = {term.ids for term in terms}
    earlier = [term for term in query_terms(before) if term.ids not in said] if before else []
    terms += earlier
    if not terms:
        return [], None
    found = pages.find([term.ids for term in terms])
    if live is not None:
        standing = [live[rows - 1] for rows, _ in found]
        found = [
            (rows[stands], counts[stands])
            for (rows, counts), stands in zip(found, standing, strict=True)
        ]
    held, passages = [len(rows) for rows, _ in found], pages.columns.passages
    idfs = rank.inverse_document_frequencies(held, passages)
    own = len(terms) - len(earlier)
    idfs[own:] = [_BEFORE * idf for idf in idfs[own:]]
    weights = word_shares([term.surface for term in terms], held, passages, names, own)
    both = [
        (FoundWord(term.surface, idf, rows, counts), share)
        for term, idf, share, (rows, counts) in zip(terms, idfs, weights, found, strict=True)
        if len(rows)
    ]
    both.sort(key=lambda pair: -pair[0].idf)
    least = _TELLING * both[0][0].idf if both else 0.0
    telling = [pair for pair in both[:_MAX_TERMS] if pair[0].idf >= least]
    # What nearly every passage holds tells nothing, and is not missed either.
    whole = 1 - sum(share for word, share in both if word.idf < least)
    return [word for word, _ in telling], [share / max(whole, 1e-9) for _, share in telling]


def _missing(
    columns: Columns, words: list[FoundWord], shares: list[float] | None, config: RankingConfig
) -> float:
    """Return how sure it is that what is asked for was said in other words, 0 to 1.

    0 where one passage holds `worded` of the weight of the question's words; 1 where the best has
    0.3 less.
    """
    held = np.zeros(columns.capacity, dtype=np.float32)
    for word, share in zip(words, shares or (), strict=False):
        held[word.rows] += np.float32(share)
    return float(min(max((config.worded - float(held.max(initial=0))) / _FADES, 0.0), 1.0))


def _lexical(columns: Columns, words: list[FoundWord], live: Live, config: RankingConfig) -> Floats:
    """Return the standardised signal of words, passage and window; row 0 is no passage."""
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
    columns: Columns,
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
