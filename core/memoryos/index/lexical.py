"""Postings of one scope: which pages hold which term, how often.

A posting is one uint64: term id (32 bits), row (24 bits), count (8 bits).  Postings live in sorted
runs that never change once published, the newest ones in a short unsorted tail; runs are merged
like those of a log-structured store, so that a page costs amortised O(1) whatever the size of the
memory, and a reader that holds a snapshot never waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from memoryos.tiers.text import TERM_DTYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Postings = NDArray[np.uint64]

MAX_ROWS = 1 << 24
"""Pages one scope can hold in memory."""

_TAIL = 2048
"""Postings kept unsorted before they become a run (about 70 pages)."""
_RATIO = 4
"""A run is merged into the one before it once it is a quarter of its size."""

_ROW = np.uint64(8)
_ID = np.uint64(32)
_ROW_MASK = np.uint64(MAX_ROWS - 1)
_COUNT_MASK = np.uint64(255)


def postings_of(blobs: Sequence[bytes], first_row: int) -> tuple[Postings, NDArray[np.float32]]:
    """Return (postings in page order, words per page) of packed pages.

    blobs: what `text.pack_terms` made, one per page; first_row: row of the first of them.
    """
    records = np.frombuffer(b"".join(blobs), dtype=TERM_DTYPE)
    sizes = np.fromiter(map(len, blobs), dtype=np.int64, count=len(blobs)) // TERM_DTYPE.itemsize
    counts = records["tf"]
    page = np.arange(first_row, first_row + len(blobs), dtype=np.uint64) << _ROW
    postings = records["id"].astype(np.uint64)
    postings <<= _ID
    postings |= np.repeat(page, sizes)
    postings |= counts
    ends = np.cumsum(sizes)
    total = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    lengths = (total[ends] - total[ends - sizes]).astype(np.float32)
    return postings, lengths


@dataclass(frozen=True, slots=True)
class LexicalSnapshot:
    """The postings at one moment; safe to read from any thread."""

    runs: tuple[Postings, ...] = ()
    tail: Postings = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(run.nbytes for run in self.runs) + self.tail.nbytes

    def find(
        self, ids: NDArray[np.uint64]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
        """Return, for each of `ids`, (rows, counts) of the pages that hold it, in no order."""
        parts: list[list[Postings]] = [[] for _ in ids]
        low = ids << _ID
        high = low | np.uint64(0xFFFFFFFF)
        for run in self.runs:
            starts = np.searchsorted(run, low)
            ends = np.searchsorted(run, high, side="right")
            for part, start, end in zip(parts, starts.tolist(), ends.tolist(), strict=True):
                if start < end:
                    part.append(run[start:end])
        if self.tail.size:
            tail_ids = self.tail >> _ID
            for part, wanted in zip(parts, ids, strict=True):
                found = self.tail[tail_ids == wanted]
                if found.size:
                    part.append(found)
        return [_decode(part) for part in parts]


def _decode(parts: list[Postings]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    if not parts:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    rows = ((joined >> _ROW) & _ROW_MASK).astype(np.intp)
    return rows, (joined & _COUNT_MASK).astype(np.float32)


def extended(snapshot: LexicalSnapshot, postings: Postings) -> LexicalSnapshot:
    """Return `snapshot` with `postings` (of later rows) added; the old one stays as it was."""
    tail = np.concatenate((snapshot.tail, postings))
    if tail.size <= _TAIL:
        return LexicalSnapshot(snapshot.runs, tail)
    tail.sort()
    runs = [*snapshot.runs, tail]
    while len(runs) > 1 and runs[-1].size * _RATIO >= runs[-2].size:
        newest = runs.pop()
        merged = np.concatenate((runs.pop(), newest))
        merged.sort(kind="stable")  # two sorted halves: one linear merge
        runs.append(merged)
    return LexicalSnapshot(tuple(runs))
