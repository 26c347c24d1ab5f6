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
from memoryos.retrieval.index.columns import PageColumns
from memoryos.retrieval.index.dense import DenseIndex, DenseSnapshot
from memoryos.retrieval.index.lexical import LexicalSnapshot, compacted, extended, postings_of
from memoryos.retrieval.index.search import Hit, best, search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from memoryos.retrieval.index.dense import Vectors
    from memoryos.retrieval.index.lexical import Found
    from memoryos.storage.columns import IndexColumns


_MOST_REPLACED = 128
"""Replaced pages that are held in any case."""


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
        self._changing = threading.Lock()
        self._sorting = False
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
    def needs_rebuild(self) -> bool:
        """Whether more of its pages were replaced than stand: it should be loaded anew."""
        columns = self._now.columns
        return columns.replaced.size > max(columns.pages // 2, _MOST_REPLACED)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        now = self._now
        return now.columns.nbytes + now.lexical.nbytes + self._vectors.nbytes

    def extend(self, new: IndexColumns, vectors: Callable[[], Vectors]) -> None:
        """Add n new pages, in order of seq; amortised O(1) each.

        What the index has of a page that one of them replaces is returned and counted no more.
        vectors: gives one blob or None per page, or float32 matrices of n rows together, which are
        then the index's own; asked last, as another thread may be reading them.  Raises ValueError
        when a seq is not above the one before it.
        """
        if not len(new):
            return
        if new.seqs[0] <= self.last_seq or (new.seqs[1:] <= new.seqs[:-1]).any():
            raise ValueError("seqs must be strictly increasing")
        with self._changing:
            self._extend(new, vectors)

    def _extend(self, new: IndexColumns, vectors: Callable[[], Vectors]) -> None:
        now = self._now
        columns = now.columns
        postings, lengths = postings_of(new.terms, new.sizes, columns.size + 1)
        lexical = extended(now.lexical, postings)
        given = vectors()
        moved = new.first > 0
        if moved.any():
            columns, gone = columns.without(new.first[moved], new.sessions[moved])
            self._vectors.take_out(gone - 1)
        self._vectors.append(given)
        columns = columns.extended(new.seqs, new.first, new.sessions, new.timestamps, lengths)
        self._now = _Snapshot(columns, lexical, self._vectors.snapshot())

    def set_vectors(self, seqs: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Set the vectors of pages whose embeddings arrived later; vectors: (m, dimension).

        Pages that are not in the index are passed over.
        """
        given = np.asarray(vectors, dtype=np.float32).reshape(len(seqs), self._vectors.dimension)
        with self._changing:
            now = self._now
            positions, there = now.columns.positions(np.asarray(seqs, dtype=np.int64))
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
        target = None if vector is None else np.asarray(vector, dtype=np.float32)
        here = self._now
        pages = _Pages(here, target, self.ranking)
        found = search(pages, query, k, now=now, allowed=allowed, config=self.ranking)
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
        if not here.columns.pages or k < 1:
            return []
        scores = here.dense.products(np.asarray(vector, dtype=np.float32), 0.0)
        scores[here.dense.pending] = -np.inf
        rows = best(scores, k, here.columns, allowed).tolist()
        seqs = here.columns.seqs
        return [
            Hit(int(seqs[row + 1]), float(scores[row]), (f"meaning {scores[row]:.2f}",))
            for row in rows
        ]


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
