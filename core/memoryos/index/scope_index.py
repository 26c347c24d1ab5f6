"""Everything one scope's recall needs, in memory: words, vectors, sessions and times of its pages.

A cache: it holds nothing that the store does not, and is rebuilt from the store's rows.  One thread
at a time extends it (under the caller's lock); any number search meanwhile, each on the snapshot it
found, and never wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from memoryos.index.columns import PageColumns
from memoryos.index.dense import DenseIndex, DenseSnapshot
from memoryos.index.lexical import FoundWord, LexicalSnapshot, extended, postings_of
from memoryos.index.reasons import reasons
from memoryos.tiers import dates
from memoryos.tiers import ranking as rank
from memoryos.tiers.ranking import RankingConfig
from memoryos.tiers.text import query_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.index.dense import Vectors
    from memoryos.index.lexical import Found
    from memoryos.tiers.text import QueryTerm

_MAX_TERMS = 32
"""Words of a question that are looked up, the rarest first: a pasted page costs no more."""
_TELLING = 0.05
"""A word whose idf is below this share of the rarest word's tells nothing and is left out."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What a store returns for one page."""

    seq: int  # journal position within the scope, strictly increasing, gaps allowed
    session: int  # ordinal of the session inside the scope
    timestamp: float  # unix seconds, UTC
    terms: bytes  # packed by `text.page_terms` when the page was journalled
    vector: bytes | None  # float32 little-endian, or None while its embedding is pending
    first: int = 0  # seq where the page stood before it was replaced, 0 if it never was


@dataclass(frozen=True, slots=True)
class Hit:
    """One page found."""

    seq: int
    score: float  # higher is nearer; comparable within one search only
    reasons: tuple[str, ...]  # why, for a human: "words: dog, rex", "meaning 0.62"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The scope at one moment."""

    columns: PageColumns
    lexical: LexicalSnapshot
    dense: DenseSnapshot


class ScopeIndex:
    """Search over the pages of one scope; its statistics are of this scope only."""

    def __init__(self, dimension: int, ranking: RankingConfig) -> None:
        """dimension: length of the vectors; ranking: the weights."""
        self.ranking = ranking
        self._vectors = DenseIndex(dimension)
        self._now = _Snapshot(
            PageColumns.empty(),
            LexicalSnapshot(),
            self._vectors.snapshot(),
        )

    def __len__(self) -> int:
        return self._now.columns.pages

    @property
    def last_seq(self) -> int:
        """Journal position of the newest page, -1 when there is none."""
        columns = self._now.columns
        return int(columns.seqs[columns.size]) if columns.size else -1

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        now = self._now
        return now.columns.nbytes + now.lexical.nbytes + self._vectors.nbytes

    def extend(self, rows: Sequence[IndexRow]) -> None:
        """Add new pages, in order of seq; amortised O(1) each.

        Raises ValueError when a seq is not above the last one.
        """
        self.extend_packed(
            [row.seq for row in rows],
            [row.first for row in rows],
            [row.session for row in rows],
            [row.timestamp for row in rows],
            [row.terms for row in rows],
            [row.vector for row in rows],
        )

    def extend_packed(
        self,
        seqs: Sequence[int] | NDArray[np.int64],
        first: Sequence[int] | NDArray[np.int64],
        sessions: Sequence[int] | NDArray[np.int64],
        timestamps: Sequence[float] | NDArray[np.float64],
        terms_blobs: Sequence[bytes],
        vectors: Vectors,
    ) -> None:
        """Add many pages at once, column by column, each column of the same length m.

        first: where each page stood before it was replaced, else 0: what the index has of it is
        returned and counted no more.  vectors: one blob or None per page, or float32 matrices of m
        rows together, which are then the index's own.  Raises ValueError when a seq is not above
        the one before it.
        """
        new_seqs = np.asarray(seqs, dtype=np.int64)
        if not new_seqs.size:
            return
        if new_seqs[0] <= self.last_seq or (new_seqs[1:] <= new_seqs[:-1]).any():
            raise ValueError("seqs must be strictly increasing")
        now = self._now
        postings, lengths = postings_of(terms_blobs, now.columns.size + 1)
        columns = now.columns
        new_first, new_sessions = (np.asarray(c, dtype=np.int64) for c in (first, sessions))
        moved = new_first > 0
        if moved.any():
            columns = columns.without(new_first[moved], new_sessions[moved])
            self._vectors.take_out(np.setdiff1d(columns.replaced, now.columns.replaced) - 1)
        self._vectors.append(vectors)
        columns = columns.extended(
            new_seqs,
            new_first,
            new_sessions,
            np.asarray(timestamps, dtype=np.float64),
            lengths,
        )
        lexical = extended(now.lexical, postings)
        self._now = _Snapshot(columns, lexical, self._vectors.snapshot())

    def set_vectors(self, seqs: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Set the vectors of pages whose embeddings arrived later; vectors: (m, dimension).

        Pages that are not in the index are passed over.
        """
        now = self._now
        positions, there = now.columns.positions(np.asarray(seqs, dtype=np.int64))
        given = np.asarray(vectors, dtype=np.float32).reshape(len(seqs), self._vectors.dimension)
        self._vectors.assign(positions[there], given[there])
        self._now = replace(now, dense=self._vectors.snapshot())

    def search(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        k: int,
        *,
        now: float,
        allowed: NDArray[np.int64] | None = None,
    ) -> list[Hit]:
        """Return the `k` pages nearest to `query`, best first.

        vector: (dimension,) embedding of the query, None to go by words alone; now: unix seconds
        that "yesterday" in the query is relative to; allowed: sorted seqs, only these are returned.
        """
        here = self._now
        columns = here.columns
        n = columns.size
        if not columns.pages or k < 1:
            return []
        config = self.ranking
        words = self._words(here, query)
        base = self._lexical(columns, words)
        target = None if vector is None else np.asarray(vector, dtype=np.float32)
        if target is not None and config.dense:
            base[1 : n + 1] += config.dense * self._dense(here.dense, target)
        scores = rank.chained(base, columns.before[: n + 1], columns.after[: n + 1], config)[1:]
        live = columns.live
        at = slice(None) if live is None else live
        times = columns.timestamps[1 : n + 1][at]
        named = dates.periods(query, now=now, oldest=float(times[0]), newest=float(times[-1]))
        if named and config.date:
            scores[at] += rank.date_bonus(times, named, config)
        best = _best(scores, k, columns, allowed)
        cosines = None if target is None else here.dense.cosines(best.tolist(), target)
        why = reasons(best + 1, words, cosines, base, columns, named)
        seqs, found = columns.seqs[best + 1].tolist(), scores[best].tolist()
        return [Hit(*hit) for hit in zip(seqs, found, why, strict=True)]

    def nearest(
        self, vector: NDArray[np.float32], k: int, *, allowed: NDArray[np.int64] | None = None
    ) -> list[Hit]:
        """Return the `k` pages of the highest cosine alone, best first; score is the cosine.

        vector, allowed: as in `search`.  Pages whose embedding is pending are left out.
        """
        here = self._now
        if not here.columns.pages or k < 1:
            return []
        scores = here.dense.products(np.asarray(vector, dtype=np.float32), 0.0)
        scores[here.dense.pending] = -np.inf
        best = _best(scores, k, here.columns, allowed).tolist()
        seqs = here.columns.seqs
        return [
            Hit(int(seqs[row + 1]), float(scores[row]), (f"meaning {scores[row]:.2f}",))
            for row in best
        ]

    def _words(self, here: _Snapshot, query: str) -> list[FoundWord]:
        """Return the telling words of the question that the scope holds, rarest first."""
        terms: list[QueryTerm] = query_terms(query)
        found: list[Found] = here.lexical.find([term.ids for term in terms])
        live = here.columns.live
        if live is not None:
            standing = [live[rows - 1] for rows, _ in found]
            found = [
                (rows[stands], counts[stands])
                for (rows, counts), stands in zip(found, standing, strict=True)
            ]
        df = np.array([len(rows) for rows, _ in found], dtype=np.int64)
        idf = rank.inverse_document_frequency(df, here.columns.pages).tolist()
        words = [
            FoundWord(term.surface, weight, rows, counts)
            for term, weight, (rows, counts) in zip(terms, idf, found, strict=True)
            if len(rows)
        ]
        words.sort(key=lambda word: -word.idf)
        return [word for word in words[:_MAX_TERMS] if word.idf >= _TELLING * words[0].idf]

    def _lexical(self, columns: PageColumns, words: list[FoundWord]) -> NDArray[np.float32]:
        """Return the standardised signal of words, page and window; row 0 is no page."""
        config = self.ranking
        n = columns.size
        page = np.zeros(columns.capacity, dtype=np.float32)
        window = np.zeros(n + 1, dtype=np.float32)
        before, after = columns.before, columns.after
        norm = rank.length_norm(columns.lengths[: n + 1], columns.average, config)
        span_norm = rank.length_norm(columns.spans[: n + 1], columns.average_span, config)
        for word in words:
            rows, counts = word.rows, word.counts
            page[rows] += word.idf * rank.saturated(counts, norm[rows])
            if config.window:
                around = np.zeros(columns.capacity, dtype=np.float32)
                around[rows] = counts
                for links in (before, after):
                    once = links[rows]
                    around[once] += counts
                    around[links[once]] += counts
                around[0] = 0
                window += word.idf * rank.saturated(around[: n + 1], span_norm)
        prior = config.prior_lexical_spread * sum(word.idf for word in words)
        pages, live = page[1 : n + 1], columns.live
        pages[:] = config.lexical * rank.standardise(pages, prior, config.prior_pages, live)
        if config.window and words:
            pages += config.window * rank.standardise(window[1:], prior, config.prior_pages, live)
        return page

    def _dense(self, dense: DenseSnapshot, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standardised signal of meaning, (n,)."""
        config = self.ranking
        present = None
        if dense.pending.size:
            present = np.ones(dense.size, dtype=bool)
            present[dense.pending] = False
        products = dense.products(vector, config.centring)
        return rank.standardise(products, config.prior_dense_spread, config.prior_pages, present)


def _best(
    scores: NDArray[np.float32], k: int, columns: PageColumns, allowed: NDArray[np.int64] | None
) -> NDArray[np.intp]:
    """Return the positions of the `k` best pages that may be returned; changes `scores`."""
    scores[columns.replaced - 1] = -np.inf
    if allowed is None:
        return rank.top(scores, k)
    positions, there = columns.positions(np.asarray(allowed, dtype=np.int64))
    candidates = positions[there]
    return candidates[rank.top(scores[candidates], k)]
