"""Search index of a large scope: words and vectors are looked up in the store's server.

Held in memory are a few numbers per page (its place, time, session and length, 48 bytes), so that
the ranking is `ScopeIndex`'s own, over all pages; the words of pages that the server has not sealed
yet; and a sample of the vectors.  As with `ScopeIndex` one thread at a time extends it, and any
number search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memoryos.retrieval import ranking as rank
from memoryos.retrieval.index.columns import Columns
from memoryos.retrieval.index.lexical import (
    LexicalSnapshot,
    compacted,
    extended,
    moved,
    postings_of,
)
from memoryos.retrieval.index.search import Hit, Ranked, Wanted, ranked, wanted_of
from memoryos.storage.codec import unpack_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memoryos.config import RankingConfig
    from memoryos.model import Scope
    from memoryos.retrieval.index.lexical import Found
    from memoryos.storage.columns import IndexColumns
    from memoryos.storage.search import PageSearch, Values

    Floats = NDArray[np.float32]
    Positions = NDArray[np.intp]

_SAMPLE = 2048
"""Vectors from which the mean vector is taken and, with HNSW, the spread: of pages evenly apart."""
_GROWN = 1.05
"""A sample is drawn again, and the HNSW index looked for, when the scope has grown by this."""
_NEAREST = 400
"""Pages whose meaning is asked of the HNSW index…"""
_WORDIEST = 300
"""…best pages by words and date whose meaning is asked besides…"""
_CHAINED = 100
"""…and best pages of these and the nearest whose neighbours' meaning is, for the chain."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The scope at one moment."""

    columns: Columns
    blocks: tuple[int, ...]  # whose words the server looks up
    lexical: LexicalSnapshot  # of all other pages


@dataclass(frozen=True, slots=True)
class _Sample:
    """Some of the scope's vectors."""

    size: int  # pages of the scope when it was drawn
    vectors: Floats  # (m, dimension)
    mean: Floats  # (dimension,)
    near: bool  # whether the server has an HNSW index


class ServerIndex:
    """Search over the pages of one scope; its statistics are of this scope only."""

    def __init__(
        self, server: PageSearch, scope: Scope, dimension: int, ranking: RankingConfig
    ) -> None:
        """Read where the scope's pages are.

        dimension: length of the vectors, 0 while there are none; ranking: the weights.  Raises
        StorageError.
        """
        self.server = server
        self.scope = scope
        self.dimension = dimension
        self.ranking = ranking
        self._sample: _Sample | None = None
        sealed = server.sealed(scope)
        unsealed = server.unsealed(scope, sealed.blocks)
        postings, unsealed_lengths, unsealed_counts = postings_of(unsealed.terms, unsealed.sizes, 0)
        seqs = np.concatenate((sealed.seqs, unsealed.seqs))
        counts = np.concatenate((sealed.counts, unsealed_counts))
        lengths = np.concatenate((sealed.lengths, unsealed_lengths))
        order = np.argsort(seqs, kind="stable")
        # Passages follow their pages: each page's first one is where it was, and the others do.
        passages = _ranges((np.cumsum(counts) - counts)[order], counts[order])
        columns = Columns.empty()
        if seqs.size:
            columns = columns.extended(
                seqs[order],
                np.concatenate((sealed.first, unsealed.first))[order],
                np.concatenate((sealed.sessions, unsealed.sessions))[order],
                np.concatenate((sealed.timestamps, unsealed.timestamps))[order],
                counts[order],
                lengths[passages],
            )
        rows = np.flatnonzero(passages >= len(sealed.lengths)) + 1
        lexical = compacted(extended(LexicalSnapshot(), moved(postings, rows)))
        self._now = _Snapshot(columns, sealed.blocks, lexical)

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
    def replaced(self) -> int:
        """Number of its pages that others have taken the place of."""
        return self._now.columns.gone.size

    def between(self, since: datetime | None, before: datetime | None) -> NDArray[np.int64]:
        """Return the journal positions, ascending, of the pages from one time until another."""
        return self._now.columns.between(since, before)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        sample = self._sample.vectors.nbytes if self._sample else 0
        return self._now.columns.nbytes + self._now.lexical.nbytes + sample

    def extend(self, new: IndexColumns) -> None:
        """Add pages that were journalled since; what they replace is returned no more."""
        if not len(new):
            return
        now = self._now
        postings, lengths, counts = postings_of(new.terms, new.sizes, now.columns.size + 1)
        moved_here = new.first > 0
        columns, _ = now.columns.without(new.first[moved_here], new.sessions[moved_here])
        columns = columns.extended(
            new.seqs, new.first, new.sessions, new.timestamps, counts, lengths
        )
        self._now = _Snapshot(columns, now.blocks, compacted(extended(now.lexical, postings)))

    def search(
        self,
        query: str,
        vector: Floats | None,
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
        vector: Floats | None,
        *,
        now: float,
        allowed: NDArray[np.int64] | None = None,
        names: frozenset[str] = frozenset(),
        before: str = "",
    ) -> Ranked | None:
        """Return the pages scored for `query`, as `ScopeIndex.ranked` does.

        Raises StaleBlocks when the scope must be read again, StorageError.
        """
        here = self._now
        dense = None
        if vector is not None and here.columns.standing:
            sample = self._sampled(here.columns)
            if len(sample.vectors):
                whole = allowed is not None or not sample.near
                dense = _Dense(self, here.columns, sample, np.asarray(vector, np.float32), whole)
        pages = _Pages(self, here, dense)
        return ranked(
            pages,
            query,
            now=now,
            allowed=allowed,
            config=self.ranking,
            names=names,
            before=before,
        )

    def _sampled(self, columns: Columns) -> _Sample:
        """Return the sample, drawn anew where the scope has outgrown it."""
        sample, n = self._sample, columns.pages
        if sample is None or n > _GROWN * sample.size or not len(sample.vectors):
            seqs = columns.seqs[1 : n + 1 : -(-n // _SAMPLE)].tolist()
            blobs = self.server.vectors(self.scope, seqs, self.dimension)
            rows = unpack_vectors(b"".join(blobs), self.dimension)
            mean = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(self.dimension)
            near = self.server.has_near(self.scope, self.dimension)
            sample = self._sample = _Sample(n, rows, mean.astype(np.float32), near)
        return sample


class _Dense:
    """The meaning of one question, compared in the server."""

    def __init__(
        self, index: ServerIndex, columns: Columns, sample: _Sample, vector: Floats, whole: bool
    ) -> None:
        """whole: compare every page, not only those that an index and their words suggest."""
        self._server, self._scope = index.server, index.scope
        self._config = index.ranking
        self._columns = columns
        self._sample = sample
        self._vector = vector
        self._target = vector - np.float32(self._config.centring) * sample.mean
        self._whole = whole

    def signal(self, scores: Floats) -> Floats:
        """Return the standardised signal, (n,); 0, which is average, where nothing is known."""
        products = np.full(self._columns.size, np.nan, dtype=np.float32)
        if self._whole:
            self._place(products, self._server.products(self._scope, self._target))
            known = products[~np.isnan(products)]
        else:
            self._compare_some(products, scores)
            known = self._sample.vectors @ self._target
        if not known.size:
            return np.zeros_like(products)
        config = self._config
        mean, scale = rank.unit(known, config.prior_dense_spread, config.prior_pages)
        return np.nan_to_num((products - mean) * scale, copy=False)

    @property
    def usual(self) -> float:
        """The mean cosine, by the sample."""
        return float(self._vector @ self._sample.mean)

    def cosines(self, positions: Positions) -> list[float]:
        """Return the cosine of a few pages, 0 where there is no vector."""
        found = np.full(self._columns.size, 0, dtype=np.float32)
        pages = np.unique(self._columns.page[positions + 1])
        seqs = self._columns.seqs[pages].tolist()
        self._place(found, self._server.products(self._scope, self._vector, seqs))
        return found[positions].tolist()  # type: ignore[no-any-return]

    def _compare_some(self, products: Floats, scores: Floats) -> None:
        """Compare the nearest by the index, the best by words, and the neighbours of the best."""
        self._place(products, self._server.nearest(self._scope, self._target, _NEAREST))
        near = np.flatnonzero(~np.isnan(products))
        near = near[rank.top(products[near], _CHAINED)]
        wordy = rank.top(scores.copy(), _WORDIEST)
        best = np.concatenate((near, wordy[:_CHAINED])) + 1
        columns = self._columns
        beside = np.concatenate((columns.before[best], columns.after[best]))
        beside = beside[(beside > 0) & (beside <= columns.size)]
        asked = np.unique(np.concatenate((wordy, beside - 1)))
        asked = asked[np.isnan(products[asked])]
        seqs = columns.seqs[np.unique(columns.page[asked + 1])].tolist()
        self._place(products, self._server.products(self._scope, self._target, seqs))

    def _place(self, products: Floats, found: Values) -> None:
        rows, there = self._columns.places(found.seqs, found.passages)
        products[rows - 1] = found.values[there]


class _Pages:
    """`Pages` of a snapshot, for one question."""

    def __init__(self, index: ServerIndex, here: _Snapshot, dense: _Dense | None) -> None:
        self.columns = here.columns
        self._here = here
        self._index = index
        self._dense = dense

    def find(self, groups: Sequence[Sequence[int]]) -> list[Found]:
        here, index = self._here, self._index
        found = here.lexical.find(groups)
        ids = sorted({id_ for group in groups for id_ in group})
        if not here.blocks or not ids:
            return found
        served = index.server.postings(index.scope, ids, here.blocks)
        return [
            _joined([known, *(self._found(served[id_]) for id_ in group if id_ in served)])
            for group, known in zip(groups, found, strict=True)
        ]

    def dense(self, scores: Floats) -> Floats | None:
        return None if self._dense is None else self._dense.signal(scores)

    def cosines(self, positions: Positions) -> list[float] | None:
        return None if self._dense is None else self._dense.cosines(positions)

    def usual(self) -> float | None:
        return None if self._dense is None else self._dense.usual

    def _found(self, counts: Values) -> Found:
        rows, there = self.columns.places(counts.seqs, counts.passages)
        return rows, counts.values[there]


def _ranges(starts: Positions, counts: Positions) -> Positions:
    """Return starts[i], starts[i] + 1, …, counts[i] numbers of each, one range after the other."""
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - counts, counts)
    return np.asarray(np.repeat(starts, counts) + within, dtype=np.intp)


def _joined(parts: Sequence[Found]) -> Found:
    """Return the pages of several parts as one, rows ascending; counts of one page added up."""
    held = [part for part in parts if len(part[0])]
    if len(held) < 2:
        return held[0] if held else parts[0]
    rows = np.concatenate([rows for rows, _ in held])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    counts = np.concatenate([counts for _, counts in held])[order]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    return rows[starts], np.add.reduceat(counts, starts)
