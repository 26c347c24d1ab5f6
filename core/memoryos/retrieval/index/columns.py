"""Columns of the index beside words and vectors: position, session neighbours, time, length."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Number = TypeVar("Number", bound=np.generic)

_COLUMNS = ("seqs", "first", "timestamps", "lengths", "spans", "before", "after")


@dataclass(frozen=True, slots=True)
class PageColumns:
    """The pages of one scope at one moment.

    Row 0 stands for "no page"; page i (from 0) is in row i + 1.  A page that was replaced keeps its
    row, out of its session's order and of all sums.  Arrays have room beyond `size` for pages to
    come: a longer snapshot may share them, and may have written there, and into the neighbours and
    sums of the last pages of a session.  A row read from `before` or `after` is therefore always
    below `capacity`, though it may be that of a page this snapshot has not.
    """

    size: int
    replaced: NDArray[np.intp]  # rows of pages that were replaced, ascending
    seqs: NDArray[np.int64]
    first: NDArray[np.int64]  # seq where the page stood before it was replaced, else its own
    timestamps: NDArray[np.float64]  # unix seconds
    lengths: NDArray[np.float32]  # words per page
    spans: NDArray[np.float32]  # words of the five pages around it in its session
    before: NDArray[np.intp]  # row of the page before it in its session, 0 if none
    after: NDArray[np.intp]  # row of the page after it, 0 if none
    words: float  # sum of lengths
    span_words: float  # sum of spans
    last_of_session: dict[int, int] = field(repr=False)  # session -> row; the writer's own

    @classmethod
    def empty(cls) -> PageColumns:
        """Return no pages."""
        return cls(
            0,
            np.zeros(0, np.intp),
            np.zeros(1, np.int64),
            np.zeros(1, np.int64),
            np.zeros(1, np.float64),
            np.zeros(1, np.float32),
            np.zeros(1, np.float32),
            np.zeros(1, np.intp),
            np.zeros(1, np.intp),
            0.0,
            0.0,
            {},
        )

    @property
    def capacity(self) -> int:
        """Rows that an array indexed by `before` or `after` must have."""
        return len(self.after)

    @property
    def pages(self) -> int:
        """Number of pages, those that were replaced not counted."""
        return self.size - self.replaced.size

    @property
    def live(self) -> NDArray[np.bool_] | None:
        """(size,) whether each page is the one that stands, or None if all are."""
        if not self.replaced.size:
            return None
        live = np.ones(self.size, dtype=bool)
        live[self.replaced - 1] = False
        return live

    @property
    def average(self) -> float:
        """Mean words per page."""
        return self.words / max(self.pages, 1)

    @property
    def average_span(self) -> float:
        """Mean words of the pages around a page."""
        return self.span_words / max(self.pages, 1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(getattr(self, name).nbytes for name in _COLUMNS)

    def positions(self, seqs: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return (position from 0, whether it is there) of each of `seqs`."""
        known = self.seqs[1 : self.size + 1]
        if known.size and known[-1] - known[0] == known.size - 1:  # no page has gone
            positions = (seqs - known[0]).astype(np.intp)
            return positions, (positions >= 0) & (positions < known.size)
        positions = np.searchsorted(known, seqs)
        there = positions < len(known)
        there[there] = known[positions[there]] == seqs[there]
        return positions, there

    def without(
        self, first: NDArray[np.int64], sessions: NDArray[np.int64]
    ) -> tuple[PageColumns, NDArray[np.intp]]:
        """Return (the columns without the pages that stood at `first`, the rows of those).

        first: (m,) as in `extended`; sessions: (m,) theirs.  One writer at a time.
        """
        rows = []
        words, span_words = self.words, self.span_words
        for seq, session in zip(first.tolist(), sessions.tolist(), strict=True):
            known = self.first[1 : self.size + 1]
            start = int(np.searchsorted(self.seqs[1 : self.size + 1], seq))
            found = start + 1 + np.flatnonzero(known[start:] == seq)
            for row in missing(found, self.replaced).tolist():
                rows.append(row)
                words -= float(self.lengths[row])
                span_words += self._unlink(row, session)
        gone = np.array(rows, np.intp)
        if not rows:
            return self, gone
        replaced = joined(self.replaced, gone)
        changed = replace(self, replaced=replaced, words=words, span_words=span_words)
        return changed, gone

    def _unlink(self, row: int, session: int) -> float:
        """Take a page out of its session's order; return by how much the sum of spans changes."""
        before, after = int(self.before[row]), int(self.after[row])
        near = {before, int(self.before[before]), after, int(self.after[after])} - {0}
        change = -float(self.spans[row]) - sum(float(self.spans[other]) for other in near)
        if before:
            self.after[before] = after
        if after:
            self.before[after] = before
        if self.last_of_session.get(session) == row:
            self.last_of_session[session] = before
        self.before[row] = self.after[row] = 0
        for other in near:
            self.spans[other] = sum(float(self.lengths[page]) for page in self._window(other))
        return change + sum(float(self.spans[other]) for other in near)

    def _window(self, row: int) -> list[int]:
        """Return the rows of the five pages around a page."""
        before, after = int(self.before[row]), int(self.after[row])
        around = (int(self.before[before]), before, row, after, int(self.after[after]))
        return [page for page in around if page]

    def extended(
        self,
        seqs: NDArray[np.int64],
        first: NDArray[np.int64],
        sessions: NDArray[np.int64],
        timestamps: NDArray[np.float64],
        lengths: NDArray[np.float32],
    ) -> PageColumns:
        """Return the columns with new pages added, each column (m,).  One writer at a time.

        first: where each stood before it was replaced, else 0.
        """
        start, m = self.size + 1, len(seqs)
        none = np.zeros(m, np.intp)
        before = _grown(self.before, start, none)
        after = _grown(self.after, start, none)
        _link(before, after, start, sessions, self.last_of_session)
        all_lengths = _grown(self.lengths, start, lengths)
        spans = _grown(self.spans, start, lengths)
        rows = np.arange(start, start + m)
        once = before[rows]
        twice = before[once]
        # Rows of `once` (and of `twice`) are distinct but for 0, so that += adds each.
        spans[once] += lengths
        spans[twice] += lengths
        spans[rows] += all_lengths[once] + all_lengths[twice]
        spans[0] = 0
        pairs = float(((once > 0) * (lengths + all_lengths[once])).sum())
        pairs += float(((twice > 0) * (lengths + all_lengths[twice])).sum())
        words = float(lengths.sum())
        return PageColumns(
            self.size + m,
            self.replaced,
            _grown(self.seqs, start, seqs),
            _grown(self.first, start, np.where(first > 0, first, seqs)),
            _grown(self.timestamps, start, timestamps),
            all_lengths,
            spans,
            before,
            after,
            self.words + words,
            self.span_words + words + pairs,
            self.last_of_session,
        )


def _grown(array: NDArray[Number], size: int, new: NDArray[Number]) -> NDArray[Number]:
    """Return an array whose rows from `size` on are `new`; copied only where there is no room."""
    end = size + len(new)
    if end > len(array):
        bigger = np.zeros(max(end, len(array) * 3 // 2 + 16), dtype=array.dtype)
        bigger[:size] = array[:size]
        array = bigger
    array[size:end] = new
    return array


def _link(
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    first: int,
    sessions: NDArray[np.int64],
    last_of_session: dict[int, int],
) -> None:
    """Chain the new rows (from `first` on) to their neighbours within their sessions."""
    order = np.argsort(sessions, kind="stable")
    ordered = sessions[order]
    rows = order + first
    same = ordered[1:] == ordered[:-1]
    before[rows[1:][same]] = rows[:-1][same]
    after[rows[:-1][same]] = rows[1:][same]
    starts = np.concatenate(([0], np.flatnonzero(~same) + 1))
    ends = np.concatenate((starts[1:], [len(rows)])) - 1
    for session, start, end in zip(
        ordered[starts].tolist(), rows[starts].tolist(), rows[ends].tolist(), strict=True
    ):
        previous = last_of_session.get(session, 0)
        if previous:
            before[start] = previous
            after[previous] = start
        last_of_session[session] = end


# Ascending numbers without repetition, of which a few change at a time: no sorting anew.


def joined(ordered: NDArray[np.intp], new: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return `ordered` with `new` among them; none of those may be there already."""
    new = np.sort(new)
    return np.insert(ordered, np.searchsorted(ordered, new), new)


def removed(ordered: NDArray[np.intp], gone: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return `ordered` without those of `gone` that it has."""
    at = np.searchsorted(ordered, gone)
    inside = at < ordered.size
    at, gone = at[inside], gone[inside]
    return np.delete(ordered, at[ordered[at] == gone])


def missing(numbers: NDArray[np.intp], ordered: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return those of `numbers` that are not in `ordered`."""
    if not ordered.size:
        return numbers
    at = np.minimum(np.searchsorted(ordered, numbers), ordered.size - 1)
    found: NDArray[np.intp] = numbers[ordered[at] != numbers]
    return found
