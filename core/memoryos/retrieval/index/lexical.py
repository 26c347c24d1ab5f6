"""Postings of one scope: which passages hold which term, how often.

A posting is one uint64: term id (32 bits), row (24 bits), count (8 bits).  Postings live in sorted
runs that never change once published, the newest ones in a short unsorted tail; runs are merged
like those of a log-structured store, so that a page costs amortised O(1) whatever the size of the
memory, and a reader that holds a snapshot never waits.  What comes in bulk, as when a memory is
opened, can be searched at once, before it is sorted: to go through it all takes a tenth of that.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from memoryos.text.terms import TERM_DTYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Postings = NDArray[np.uint64]
    Found = tuple[NDArray[np.intp], NDArray[np.float32]]

MAX_ROWS = 1 << 24
"""Passages that one scope can hold in memory."""

_TAIL = 2048
"""Postings kept unsorted before they become a run (about 80 pages)."""
_RATIO = 4
"""A run is merged into the one before it once it is a quarter of its size."""

_MANY = 1 << 16
"""Postings that come in bulk from here on: they are sorted later, and by counting."""

_ROW = np.uint64(8)
_ID = np.uint64(32)
_LOW, _HIGH = (2, 3) if sys.byteorder == "little" else (1, 0)
"""Which of a posting's four uint16 are the two halves of its id."""
_LAST = (1 << 64) - 1
_ROW_MASK = np.uint64(MAX_ROWS - 1)
_COUNT_MASK = np.uint64(255)


def postings_of(
    terms: bytes, sizes: NDArray[np.int64], first_row: int
) -> tuple[Postings, NDArray[np.float32], NDArray[np.intp]]:
    """Return (postings in order of row, words per passage, passages per page) of packed pages.

    terms: of each page, one after the other (`terms.join_passages`); sizes: (n,) bytes of each
    page; first_row: row of the first passage.  Raises ValueError when a page is not a whole number
    of records, or rows run out.
    """
    if (sizes % TERM_DTYPE.itemsize).any():
        raise ValueError("terms must be whole records, as page_terms makes them")
    sizes = sizes // TERM_DTYPE.itemsize
    records = np.frombuffer(terms, dtype=TERM_DTYPE)
    counts = records["tf"].astype(np.uint8)
    ids = records["id"].astype(np.uint64)
    passages = np.ones(len(sizes), dtype=np.intp)
    between = counts == 0
    if between.any():
        of_page = np.repeat(np.arange(len(sizes)), sizes)
        passages += np.bincount(of_page[between], minlength=len(sizes))
        # A record's row: the pages and the ends of passages before it.
        row = (of_page + np.cumsum(between))[~between]
        ids, counts = ids[~between], counts[~between]
        sizes = np.bincount(row, minlength=int(passages.sum()))
    if first_row + len(sizes) > MAX_ROWS:
        raise ValueError(f"a scope holds at most {MAX_ROWS} passages in memory")
    postings = ids << _ID
    rows = np.arange(first_row, first_row + len(sizes), dtype=np.uint64) << _ROW
    postings |= np.repeat(rows, sizes)
    postings |= counts
    total = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, dtype=np.int64, out=total[1:])
    ends = np.cumsum(sizes)
    return postings, (total[ends] - total[ends - sizes]).astype(np.float32), passages


def moved(postings: Postings, rows: NDArray[np.intp]) -> Postings:
    """Return postings of rows 0 to m - 1 as those of `rows`, (m,) and ascending."""
    old = ((postings >> _ROW) & _ROW_MASK).astype(np.intp)
    elsewhere = postings & ~(_ROW_MASK << _ROW)
    return np.asarray(elsewhere | (rows[old].astype(np.uint64) << _ROW), dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class FoundWord:
    """One word of a question and where it is."""

    surface: str  # as the question has it, lower-cased
    idf: float
    rows: NDArray[np.intp]  # ascending
    counts: NDArray[np.float32]


def _none() -> Postings:
    return np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class LexicalSnapshot:
    """The postings at one moment; safe to read from any thread."""

    runs: tuple[Postings, ...] = ()
    heap: Postings = field(default_factory=_none)
    """What came in bulk and is not sorted yet; of later rows than the runs."""
    tail: Postings = field(default_factory=_none)
    """Of later rows than the heap."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(run.nbytes for run in self.runs) + self.heap.nbytes + self.tail.nbytes

    def find(self, groups: Sequence[Sequence[int]]) -> list[Found]:
        """Return, for each group of term ids, (rows ascending, counts) of the pages that hold any.

        groups: ids that stand for the same word; their counts in a page are added up.
        """
        wanted = [i for group in groups for i in group]
        parts: list[list[Postings]] = [[] for _ in wanted]
        # All bounds in one array, as each call of numpy costs a microsecond.
        ends = [min((i + 1) << 32, _LAST) for i in wanted]
        bounds = np.array([i << 32 for i in wanted] + ends, dtype=np.uint64)
        for run in self.runs:
            places = run.searchsorted(bounds).tolist()
            for part, start, end in zip(parts, places, places[len(wanted) :], strict=False):
                if start < end:
                    part.append(run[start:end])
        ids = bounds[: len(wanted)] >> _ID
        if self.heap.size:
            _scan(_alike(self.heap, ids), ids, parts)
        if self.tail.size:
            _scan(self.tail, ids, parts)
        return _decoded(groups, parts)


def _scan(postings: Postings, ids: NDArray[np.uint64], parts: list[list[Postings]]) -> None:
    """Add to the part of each id its postings."""
    here = postings >> _ID
    for part, wanted in zip(parts, ids, strict=True):
        found = postings[here == wanted]
        if found.size:
            part.append(found)


def _alike(postings: Postings, ids: NDArray[np.uint64]) -> Postings:
    """Return the postings whose ids have the lower half of one of `ids`: few more than theirs."""
    wanted = np.zeros(1 << 16, dtype=bool)
    wanted[ids & np.uint64(0xFFFF)] = True
    return postings[wanted[postings.view(np.uint16)[_LOW::4]]]


def _decoded(groups: Sequence[Sequence[int]], parts: list[list[Postings]]) -> list[Found]:
    """Return (rows ascending, counts) of each group; parts: of each id, in runs of rising rows."""
    pieces = [piece for part in parts for piece in part]
    if not pieces:
        return [(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)) for _ in groups]
    joined = np.concatenate(pieces)
    rows = ((joined >> _ROW) & _ROW_MASK).astype(np.intp)
    counts = (joined & _COUNT_MASK).astype(np.float32)
    results = []
    start, part = 0, 0
    for group in groups:
        held = [piece for pieces in parts[part : part + len(group)] for piece in pieces]
        several = sum(map(bool, parts[part : part + len(group)])) > 1
        end = start + sum(map(len, held))
        found = rows[start:end], counts[start:end]
        if several:
            once, inverse = np.unique(found[0], return_inverse=True)
            found = once, np.bincount(inverse, found[1]).astype(np.float32)
        results.append(found)
        start, part = end, part + len(group)
    return results


def _sorted(postings: Postings) -> Postings:
    """Return `postings`, which come in order of row, in order of id and row; may change them.

    Many are sorted by the two halves of their ids, each a stable counting sort: twice as fast.
    """
    if postings.size < _MANY:
        postings.sort()
        return postings
    for half in (_LOW, _HIGH):
        keys = np.ascontiguousarray(postings.view(np.uint16)[half::4])
        postings = postings[np.argsort(keys, kind="stable")]
    return postings


def extended(snapshot: LexicalSnapshot, postings: Postings) -> LexicalSnapshot:
    """Return `snapshot` with `postings` (of later rows) added; the old one stays as it was.

    Many are not sorted yet: see `compacted`.
    """
    tail = np.concatenate((snapshot.tail, postings)) if snapshot.tail.size else postings
    if tail.size <= _TAIL:
        return LexicalSnapshot(snapshot.runs, snapshot.heap, tail)
    older = compacted(snapshot)
    if tail.size >= _MANY:
        return LexicalSnapshot(older.runs, tail)
    return LexicalSnapshot(_with_run(older.runs, _sorted(tail)))


def compacted(snapshot: LexicalSnapshot) -> LexicalSnapshot:
    """Return `snapshot` with its bulk-loaded postings sorted into a run."""
    if not snapshot.heap.size:
        return snapshot
    return LexicalSnapshot(_with_run(snapshot.runs, _sorted(snapshot.heap)), tail=snapshot.tail)


def _with_run(older: Sequence[Postings], newest: Postings) -> tuple[Postings, ...]:
    """Return runs with one of later rows added, merged where they have become alike in size."""
    runs = [*older, newest]
    while len(runs) > 1 and runs[-1].size * _RATIO >= runs[-2].size:
        newest = runs.pop()
        merged = np.concatenate((runs.pop(), newest))
        merged.sort(kind="stable")  # two sorted halves: one linear merge
        runs.append(merged)
    return tuple(runs)
