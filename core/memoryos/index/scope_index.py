"""Everything one scope's recall needs, in memory: words, vectors, sessions and times of its pages.

A cache: it holds nothing that the store does not, and is rebuilt from the store's rows.  One thread
at a time extends it (under the caller's lock); any number search meanwhile, each on the snapshot it
found, and never wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memoryos.index.dense import DenseIndex, block_of
from memoryos.index.lexical import LexicalSnapshot, extended, postings_of
from memoryos.tiers import ranking as rank
from memoryos.tiers.ranking import RankingConfig
from memoryos.tiers.text import QueryTerm, query_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What a store returns for one page."""

    seq: int  # journal position within the scope, strictly increasing, gaps allowed
    session: int  # ordinal of the session inside the scope
    timestamp: float  # unix seconds, UTC
    terms: bytes  # packed by `text.page_terms` when the page was journalled
    vector: bytes | None  # float32 little-endian, or None while its embedding is pending


@dataclass(frozen=True, slots=True)
class Hit:
    """One page found."""

    seq: int
    score: float  # higher is nearer; comparable within one search only
    reasons: tuple[str, ...]  # why, for a human: "words: dog, rex", "meaning 0.62"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The scope at one moment.  Arrays may be longer than `size`; only rows below it are read."""

    size: int
    seqs: NDArray[np.int64]
    timestamps: NDArray[np.float64]
    lengths: NDArray[np.float32]  # words per page
    before: NDArray[np.int32]  # row of the page before it in its session, -1 if none
    after: NDArray[np.int32]  # row of the page after it; may point past `size`
    lexical: LexicalSnapshot
    matrix: NDArray[np.float32]


class ScopeIndex:
    """Search over the pages of one scope; its statistics are of this scope only."""

    def __init__(self, dimension: int, ranking: RankingConfig) -> None:
        """dimension: length of the vectors; ranking: the weights."""
        self.ranking = ranking
        self._dense = DenseIndex(dimension)
        self._last_of_session: dict[int, int] = {}
        self._now = _Snapshot(
            0,
            np.empty(0, np.int64),
            np.empty(0, np.float64),
            np.empty(0, np.float32),
            np.empty(0, np.int32),
            np.empty(0, np.int32),
            LexicalSnapshot(),
            self._dense.rows(0),
        )

    def __len__(self) -> int:
        return self._now.size

    @property
    def last_seq(self) -> int:
        """Journal position of the newest page, -1 when there is none."""
        now = self._now
        return int(now.seqs[now.size - 1]) if now.size else -1

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        now = self._now
        arrays = (now.seqs, now.timestamps, now.lengths, now.before, now.after)
        return sum(a.nbytes for a in arrays) + now.lexical.nbytes + self._dense.nbytes

    def extend(self, rows: Sequence[IndexRow]) -> None:
        """Add new pages, in order of seq; amortised O(1) each.

        Raises ValueError when a seq is not above the last one.
        """
        if rows:
            self.extend_packed(
                [row.seq for row in rows],
                [row.session for row in rows],
                [row.timestamp for row in rows],
                [row.terms for row in rows],
                [row.vector for row in rows],
            )

    def extend_packed(
        self,
        seqs: Sequence[int] | NDArray[np.int64],
        sessions: Sequence[int] | NDArray[np.int64],
        timestamps: Sequence[float] | NDArray[np.float64],
        terms_blobs: Sequence[bytes],
        vectors: Sequence[bytes | None] | NDArray[np.float32],
    ) -> None:
        """Add many pages at once, column by column, each column of the same length m.

        vectors: one blob or None per page, or one (m, dimension) float32 matrix.
        Raises ValueError when a seq is not above the one before it.
        """
        now = self._now
        new_seqs = np.asarray(seqs, dtype=np.int64)
        if not new_seqs.size:
            return
        if new_seqs[0] <= self.last_seq or (np.diff(new_seqs) <= 0).any():
            raise ValueError("seqs must be strictly increasing")
        size = now.size + new_seqs.size
        postings, lengths = postings_of(terms_blobs, now.size)
        if isinstance(vectors, np.ndarray):
            self._dense.append(vectors)
        else:
            self._dense.append(block_of(vectors, self._dense.dimension))
        before = _grown(now.before, now.size, np.full(new_seqs.size, -1, np.int32))
        after = _grown(now.after, now.size, np.full(new_seqs.size, -1, np.int32))
        self._link(before, after, now.size, np.asarray(sessions, dtype=np.int64))
        self._now = _Snapshot(
            size,
            _grown(now.seqs, now.size, new_seqs),
            _grown(now.timestamps, now.size, np.asarray(timestamps, dtype=np.float64)),
            _grown(now.lengths, now.size, lengths),
            before,
            after,
            extended(now.lexical, postings),
            self._dense.rows(size),
        )

    def _link(
        self,
        before: NDArray[np.int32],
        after: NDArray[np.int32],
        first: int,
        sessions: NDArray[np.int64],
    ) -> None:
        """Chain the new rows (from `first` on) to their neighbours within their sessions."""
        order = np.argsort(sessions, kind="stable")
        ordered = sessions[order]
        rows = (order + first).astype(np.int32)
        same = ordered[1:] == ordered[:-1]
        before[rows[1:][same]] = rows[:-1][same]
        after[rows[:-1][same]] = rows[1:][same]
        starts = np.concatenate(([0], np.flatnonzero(~same) + 1))
        ends = np.concatenate((starts[1:], [len(rows)])) - 1
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            session = int(ordered[start])
            previous = self._last_of_session.get(session)
            if previous is not None:
                before[rows[start]] = previous
                after[previous] = rows[start]
            self._last_of_session[session] = int(rows[end])

    def set_vectors(self, seqs: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Set the vectors of pages whose embeddings arrived later; vectors: (m, dimension).

        Pages that are not in the index are passed over.
        """
        now = self._now
        wanted = np.asarray(seqs, dtype=np.int64)
        rows = np.searchsorted(now.seqs[: now.size], wanted)
        there = rows < now.size
        there[there] = now.seqs[rows[there]] == wanted[there]
        self._dense.assign(rows[there], np.asarray(vectors, dtype=np.float32)[there])

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
        n = here.size
        if not n or k < 1:
            return []
        config = self.ranking
        before = _neighbours(here.before, n)
        after = _neighbours(here.after, n)
        terms = query_terms(query)
        lexical, counts = self._lexical(here, terms, before, after)
        scores = lexical
        cosine = None
        if vector is not None:
            cosine = here.matrix[:n] @ np.asarray(vector, dtype=np.float32)
            spread = config.prior_dense_spread
            window = (
                cosine
                + rank.around(cosine, before, after)
                + rank.around(cosine, _twice(before), _twice(after))
            )
            scores = (
                scores
                + config.dense * rank.standardise(cosine, spread, config)
                + config.window_dense * rank.standardise(window / 5, spread, config)
            )
        base = scores
        scores = base + config.neighbour * rank.around(base, before, after)
        if allowed is not None:
            mask = np.full(n, -np.inf, dtype=np.float32)
            rows = np.searchsorted(allowed, here.seqs[:n])
            inside = rows < len(allowed)
            inside[inside] = allowed[rows[inside]] == here.seqs[:n][inside]
            mask[inside] = 0
            scores = scores + mask
        best = rank.top(scores, k)
        return [
            Hit(
                int(here.seqs[row]),
                float(scores[row]),
                _reasons(row, terms, counts, cosine, base, before, after),
            )
            for row in best.tolist()
        ]

    def _lexical(
        self,
        here: _Snapshot,
        terms: list[QueryTerm],
        before: NDArray[np.intp],
        after: NDArray[np.intp],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (standardised word signal (n,), counts (g, n) of each query word in each page)."""
        n = here.size
        config = self.ranking
        counts = np.zeros((len(terms), n + 1), dtype=np.float32)
        windows = np.zeros((len(terms), n + 1), dtype=np.float32)
        ids = np.array([i for term in terms for i in term.ids], dtype=np.uint64)
        owners = [g for g, term in enumerate(terms) for _ in term.ids]
        before2, after2 = _twice(before), _twice(after)
        for g, (rows, tf) in zip(owners, here.lexical.find(ids), strict=True):
            current = rows < n
            rows, tf = rows[current], tf[current]
            counts[g, rows] += tf
            for neighbours in (before, after, before2, after2):
                windows[g, neighbours[rows]] += tf
        counts = counts[:, :n]
        windows = windows[:, :n]
        windows += counts
        df = np.count_nonzero(counts, axis=1)
        idf = rank.inverse_document_frequency(df, n)
        lengths = here.lengths[:n]
        span = (
            lengths
            + rank.around(lengths, before, after)
            + rank.around(lengths, before2, after2)
        )
        prior = config.prior_lexical_spread * (config.bm25_k1 + 1) * float(idf.sum())
        page = rank.standardise(rank.bm25(counts, idf, lengths, config), prior, config)
        window = rank.standardise(rank.bm25(windows, idf, span, config), prior, config)
        return config.lexical * page + config.window_lexical * window, counts


def _grown(array: NDArray[np.generic], size: int, new: NDArray[np.generic]) -> NDArray:  # type: ignore[type-arg]
    """Return an array whose rows from `size` on are `new`; copied only when there is no room."""
    end = size + len(new)
    if end > len(array):
        bigger = np.empty(max(end, len(array) * 3 // 2), dtype=array.dtype)
        bigger[:size] = array[:size]
        array = bigger
    array[size:end] = new
    return array


def _neighbours(links: NDArray[np.int32], n: int) -> NDArray[np.intp]:
    """Return (n,) rows of neighbours, n where there is none (or none yet in this snapshot)."""
    rows = links[:n].astype(np.intp)
    rows[(rows < 0) | (rows >= n)] = n
    return rows


def _twice(links: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the neighbours' neighbours in the same direction."""
    return np.append(links, len(links))[links]


def _reasons(
    row: int,
    terms: list[QueryTerm],
    counts: NDArray[np.float32],
    cosine: NDArray[np.float32] | None,
    base: NDArray[np.float32],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
) -> tuple[str, ...]:
    """Say in words why `row` was found."""
    reasons: list[str] = []
    shared = [term.surface for g, term in enumerate(terms) if counts[g, row] > 0]
    if shared:
        reasons.append("words: " + ", ".join(shared))
    if cosine is not None and cosine[row] > 0:
        reasons.append(f"meaning {cosine[row]:.2f}")
    beside = [base[other] for other in (before[row], after[row]) if other < len(base)]
    if beside and max(beside) > max(1.0, float(base[row])):
        reasons.append("next to a strong match")
    return tuple(reasons)
