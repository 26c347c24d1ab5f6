"""What the index knows of each page beside its words and vector, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Number = TypeVar("Number", bound=np.generic)

_COLUMNS = ("seqs", "timestamps", "lengths", "spans", "before", "after")


@dataclass(frozen=True, slots=True)
class PageColumns:
    """The pages of one scope at one moment.

    Row 0 stands for "no page"; page i (from 0) is in row i + 1.  Arrays have room beyond `size` for
    pages to come: a longer snapshot may share them, and may have written there, and into `after`
    and `spans` of the last pages of a session.  A row read from `before` or `after` is therefore
    always below `capacity`, though it may be that of a page this snapshot has not.
    """

    size: int
    seqs: NDArray[np.int64]
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
    def average(self) -> float:
        """Mean words per page."""
        return self.words / max(self.size, 1)

    @property
    def average_span(self) -> float:
        """Mean words of the pages around a page."""
        return self.span_words / max(self.size, 1)

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

    def extended(
        self,
        seqs: NDArray[np.int64],
        sessions: NDArray[np.int64],
        timestamps: NDArray[np.float64],
        lengths: NDArray[np.float32],
    ) -> PageColumns:
        """Return the columns with new pages added, each column (m,).  One writer at a time."""
        first, m = self.size + 1, len(seqs)
        none = np.zeros(m, np.intp)
        before = _grown(self.before, first, none)
        after = _grown(self.after, first, none)
        _link(before, after, first, sessions, self.last_of_session)
        all_lengths = _grown(self.lengths, first, lengths)
        spans = _grown(self.spans, first, lengths)
        rows = np.arange(first, first + m)
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
            _grown(self.seqs, first, seqs),
            _grown(self.timestamps, first, timestamps),
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
