"""In-memory search index of one scope: words, vectors, sessions and times of its pages.

A cache: it holds nothing that the store does not, and is rebuilt from the store's rows.  One thread
at a time extends it (under the caller's lock); any number search meanwhile, each on the snapshot it
found, and never wait.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from memoryos.config import RankingConfig
from memoryos.retrieval import ranking as rank
from memoryos.retrieval.index.columns import Columns
from memoryos.retrieval.index.dense import DenseIndex, DenseSnapshot, rows_of
from memoryos.retrieval.index.lexical import LexicalSnapshot, compacted, extended, postings_of
from memoryos.retrieval.index.search import (
    Hit,
    Ranked,
    Wanted,
    best,
    cosine_hits,
    ranked,
    wanted_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memoryos.retrieval.index.lexical import Found
    from memoryos.storage.columns import IndexColumns, VectorColumns


_MOST_REPLACED = 128
"""Replaced pages that are held in any case."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The scope at one moment."""

    columns: Columns
    lexical: LexicalSnapshot
    dense: DenseSnapshot


class ScopeIndex:
    """Search over the pages of one scope; its statistics are of this scope only."""

    def __init__(self, dimension: int, ranking: RankingConfig) -> None:
        """dimension: length of the vectors; ranking: the weights."""
        self.ranking = ranking
        self._vectors = DenseIndex(dimension)
        self._changing = threading.Lock()
        self._sorting = False
        self._now = _Snapshot(
            Columns.empty(),
            LexicalSnapshot(),
            self._vectors.snapshot(),
        )

    def __len__(self) -> int:
        return self._now.columns.standing

    @property
    def passages(self) -> int:
        """Number of passages of its pages."""
        return self._now.columns.passages

    @property
    def last_seq(self) -> int:
        """Journal position of the newest page, -1 when there is none."""
        columns = self._now.columns
        return int(columns.seqs[columns.pages]) if columns.pages else -1

    @property
    def needs_rebuild(self) -> bool:
        """Whether more of its pages were replaced than stand: it should be loaded anew."""
        columns = self._now.columns
        return columns.gone.size > max(columns.standing // 2, _MOST_REPLACED)

    @property
    def replaced(self) -> int:
        """Number of its pages that others have taken the place of."""
        return self._now.columns.gone.size

    def between(self, since: datetime | None, before: datetime | None) -> NDArray[np.int64]:
        """Return the journal positions, ascending, of the pages from one time until another."""
        return self._now.columns.between(since, before)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        now = self._now
        return now.columns.nbytes + now.lexical.nbytes + self._vectors.nbytes

    def extend(self, new: IndexColumns, vectors: Callable[[], Sequence[VectorColumns]]) -> None:
        """Add n new pages, in order of seq; amortised O(1) each.

        What the index has of a page that one of them replaces is returned and counted no more.
        vectors: gives those of the pages that have any, in parts; asked last, as another thread
        may be reading them.  Raises ValueError when a seq is not above the one before it.
        """
        if not len(new):
            return
        if new.seqs[0] <= self.last_seq or (new.seqs[1:] <= new.seqs[:-1]).any():
            raise ValueError("seqs must be strictly increasing")
        with self._changing:
            self._extend(new, vectors)

    def _extend(self, new: IndexColumns, vectors: Callable[[], Sequence[VectorColumns]]) -> None:
        now = self._now
        columns = now.columns
        postings, lengths, counts = postings_of(new.terms, new.sizes, columns.size + 1)
        lexical = extended(now.lexical, postings)
        blocks, pending = rows_of(vectors(), new.seqs, counts, self._vectors.dimension)
        moved = new.first > 0
        if moved.any():
            columns, gone = columns.without(new.first[moved], new.sessions[moved])
            self._vectors.take_out(gone - 1)
        self._vectors.append(blocks, pending)
        columns = columns.extended(
            new.seqs, new.first, new.sessions, new.timestamps, counts, lengths
        )
        self._now = _Snapshot(columns, lexical, self._vectors.snapshot())

    def set_vectors(self, vectors: Sequence[VectorColumns]) -> None:
        """Set the vectors of pages whose embeddings arrived later.

        Pages that are not in the index are passed over.
        """
        with self._changing:
            now = self._now
            seqs = np.concatenate([part.seqs for part in vectors])
            positions, there = now.columns.positions(seqs)
            pages = np.sort(positions[there]) + 1
            rows = now.columns.rows_of(pages) - 1
            blocks, absent = rows_of(
                vectors, now.columns.seqs[pages], now.columns.counts[pages], self._vectors.dimension
            )
            present = np.ones(len(rows), dtype=bool)
            present[absent] = False
            if rows.size:
                self._vectors.assign(rows[present], np.concatenate(blocks)[present])
            self._now = replace(now, dense=self._vectors.snapshot())

    def search(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        wanted: Wanted | int,
        *,
        now: float,
        allowed: NDArray[np.int64] | None = None,
        names: frozenset[str] = frozenset(),
        before: str = "",
    ) -> list[Hit]:
        """Return the pages nearest to `query`, best first; see `ranked`."""
        found = self.ranked(query, vector, now=now, allowed=allowed, names=names, before=before)
        return found.hits(wanted_of(wanted)) if found is not None else []

    def ranked(
        self,
        query: str,
        vector: NDArray[np.float32] | None,
        *,
        now: float,
        allowed: NDArray[np.int64] | None = None,
        names: frozenset[str] = frozenset(),
        before: str = "",
    ) -> Ranked | None:
        """Return the pages scored for `query`; None where there are none.

        vector: (dimension,) embedding of the query, None to go by words alone; now: unix seconds
        that "yesterday" in the query is relative to; allowed: sorted seqs, only these are returned.
        """
        target = None if vector is None else np.asarray(vector, dtype=np.float32)
        here = self._now
        pages = _Pages(here, target, self.ranking)
        found = ranked(
            pages,
            query,
            now=now,
            allowed=allowed,
            config=self.ranking,
            names=names,
            before=before,
        )
        if here.lexical.heap.size:
            self._sort_in_background()
        return found

    def _sort_in_background(self) -> None:
        """Sort bulk-loaded postings in a thread, after the first search of them."""
        with self._changing:
            if self._sorting or not self._now.lexical.heap.size:
                return
            self._sorting = True
        try:
            threading.Thread(target=self._sort, name="memoryos-sort").start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            self._sort()

    def _sort(self) -> None:
        try:
            before = self._now.lexical
            after = compacted(before)
            with self._changing:
                now = self._now
                if now.lexical.heap is before.heap:  # else a writer has come first
                    lexical = replace(after, tail=now.lexical.tail)
                    self._now = replace(now, lexical=lexical)
        finally:
            self._sorting = False

    def nearest(
        self, vector: NDArray[np.float32], k: int, *, allowed: NDArray[np.int64] | None = None
    ) -> list[Hit]:
        """Return the `k` pages of the highest cosine alone, best first; score is the cosine.

        vector, allowed: as in `search`.  Pages whose embedding is pending are left out.
        """
        here = self._now
        columns = here.columns
        if not columns.standing or k < 1:
            return []
        scores = here.dense.products(np.asarray(vector, dtype=np.float32), 0.0)
        scores[here.dense.pending] = -np.inf
        found = best(columns.best_of_pages(scores).copy(), k, columns, allowed)
        return cosine_hits(columns, found + 1, scores)

    def cosines(self, vector: NDArray[np.float32], seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosine of a few pages to a vector, by seq; those without one are left out."""
        here = self._now
        positions, there = here.columns.positions(np.asarray(seqs, dtype=np.int64))
        pages = positions[there] + 1
        rows = here.columns.rows_of(pages) - 1
        owners = here.columns.seqs[here.columns.page[rows + 1]]
        held = ~np.isin(rows, here.dense.pending)
        target = np.asarray(vector, dtype=np.float32)
        cosines = here.dense.cosines(rows[held].tolist(), target) if held.any() else []
        best: dict[int, float] = {}  # a page is as near as its nearest passage
        for seq, cosine in zip(owners[held].tolist(), cosines, strict=True):
            best[seq] = max(cosine, best.get(seq, -1.0))
        return best


class _Pages:
    """`Pages` of a snapshot, for one question."""

    def __init__(
        self, here: _Snapshot, target: NDArray[np.float32] | None, config: RankingConfig
    ) -> None:
        self.columns = here.columns
        self._here = here
        self._target = target
        self._config = config

    def find(self, groups: Sequence[Sequence[int]]) -> list[Found]:
        return self._here.lexical.find(groups)

    def dense(self, scores: NDArray[np.float32]) -> NDArray[np.float32] | None:
        del scores  # every page is compared
        if self._target is None:
            return None
        dense, config = self._here.dense, self._config
        present = None
        if dense.pending.size:
            present = np.ones(dense.size, dtype=bool)
            present[dense.pending] = False
        products = dense.products(self._target, config.centring)
        return rank.standardise(products, config.prior_dense_spread, config.prior_pages, present)

    def cosines(self, positions: NDArray[np.intp]) -> list[float] | None:
        if self._target is None:
            return None
        return self._here.dense.cosines(positions.tolist(), self._target)

    def usual(self) -> float | None:
        return None if self._target is None else float(self._here.dense.mean @ self._target)
