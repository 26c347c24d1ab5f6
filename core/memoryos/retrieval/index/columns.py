"""What the index knows of pages and passages beside their words and vectors, by column."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    Number = TypeVar("Number", bound=np.generic)

_BY_PAGE = ("seqs", "first", "timestamps", "starts", "counts")
_BY_PASSAGE = ("page", "lengths", "spans", "before", "after")


@dataclass(frozen=True, slots=True)
class Columns:
    """The pages of one scope at one moment, and their passages: the rows that are scored.

    Page and row 0 stand for "none"; page i (from 0) is number i + 1, and so are rows.  The passages
    of a page follow one another, as pages do.  A page that was replaced keeps its rows, out of its
    session's order and of all sums.  Arrays have room beyond `pages` and `size` for what is to
    come: a longer snapshot may share them, and may have written there, and into the neighbours and
    sums of the last passages of a session.  A row read from `before` or `after` is therefore always
    below `capacity`, though it may be that of a passage this snapshot has not.
    """

    pages: int  # those that were replaced included
    size: int  # passages of them all
    gone: NDArray[np.intp]  # pages that were replaced, ascending
    replaced: NDArray[np.intp]  # their rows, ascending
    # by page
    seqs: NDArray[np.int64]
    first: NDArray[np.int64]  # seq where the page stood before it was replaced, else its own
    timestamps: NDArray[np.float64]  # unix seconds
    starts: NDArray[np.intp]  # row of its first passage
    counts: NDArray[np.intp]  # of passages
    # by passage
    page: NDArray[np.intp]  # whose it is
    lengths: NDArray[np.float32]  # words
    spans: NDArray[np.float32]  # words of the five passages around it in its session
    before: NDArray[np.intp]  # row of the passage before it in its session, 0 if none
    after: NDArray[np.intp]  # row of the passage after it, 0 if none
    words: float  # sum of lengths
    span_words: float  # sum of spans
    last_of_session: dict[int, int] = field(repr=False)  # session -> row; the writer's own

    @classmethod
    def empty(cls) -> Columns:
        """Return no pages."""
        none = np.zeros(0, np.intp)
        whole, real = np.zeros(1, np.int64), np.zeros(1, np.float32)
        rows = np.zeros(1, np.intp)
        times = np.zeros(1, np.float64)
        by_page = (whole, whole, times, rows, rows)
        return cls(0, 0, none, none, *by_page, rows, real, real, rows, rows, 0.0, 0.0, {})

    @property
    def capacity(self) -> int:
        """Rows that an array indexed by `before` or `after` must have."""
        return len(self.after)

    @property
    def standing(self) -> int:
        """Number of pages, those that were replaced not counted."""
        return self.pages - self.gone.size

    @property
    def passages(self) -> int:
        """Number of their passages."""
        return self.size - self.replaced.size

    @property
    def plain(self) -> bool:
        """Whether every page is one passage, so that pages are numbered as rows are."""
        return self.pages == self.size

    @property
    def live(self) -> NDArray[np.bool_] | None:
        """(size,) whether each passage's page is one that stands, or None if all are."""
        if not self.replaced.size:
            return None
        live = np.ones(self.size, dtype=bool)
        live[self.replaced - 1] = False
        return live

    @property
    def live_pages(self) -> NDArray[np.bool_] | None:
        """(pages,) whether each page is the one that stands, or None if all are."""
        if not self.gone.size:
            return None
        live = np.ones(self.pages, dtype=bool)
        live[self.gone - 1] = False
        return live

    @property
    def average(self) -> float:
        """Mean words per passage."""
        return self.words / max(self.passages, 1)

    @property
    def average_span(self) -> float:
        """Mean words of the passages around a passage."""
        return self.span_words / max(self.passages, 1)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(getattr(self, name).nbytes for name in (*_BY_PAGE, *_BY_PASSAGE))

    def between(self, since: datetime | None, before: datetime | None) -> NDArray[np.int64]:
        """Return the seqs, ascending, of the pages that stand from one time until another."""
        times = self.timestamps[1 : self.pages + 1]
        inside = np.ones(self.pages, dtype=bool)
        if since is not None:
            inside &= times >= since.timestamp()
        if before is not None:
            inside &= times < before.timestamp()
        inside[self.gone - 1] = False
        return self.seqs[1 : self.pages + 1][inside]

    def positions(self, seqs: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return (position from 0, whether it is there) of the page at each of `seqs`."""
        known = self.seqs[1 : self.pages + 1]
        if known.size and known[-1] - known[0] == known.size - 1:  # no page has gone
            positions = (seqs - known[0]).astype(np.intp)
            return positions, (positions >= 0) & (positions < known.size)
        positions = np.searchsorted(known, seqs)
        there = positions < len(known)
        there[there] = known[positions[there]] == seqs[there]
        return positions, there

    def rows_of(self, pages: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of the passages of `pages`, page by page."""
        if self.plain:
            return pages
        counts = self.counts[pages]
        ends = np.cumsum(counts)
        within = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - counts, counts)
        return np.asarray(np.repeat(self.starts[pages], counts) + within, dtype=np.intp)

    def places(
        self, seqs: NDArray[np.int64], passages: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return (rows of passages that are there, which are), by the positions of their pages.

        passages: which of its page each is, from 0.
        """
        positions, there = self.positions(seqs)
        there[there] &= passages[there] < self.counts[positions[there] + 1]
        return self.starts[positions[there] + 1] + passages[there], there

    def best_of_pages(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (pages,) the best of each page's passages; scores: (size,)."""
        if self.plain or not self.pages:
            return scores
        return np.asarray(np.maximum.reduceat(scores, self.starts[1 : self.pages + 1] - 1))

    def without(
        self, first: NDArray[np.int64], sessions: NDArray[np.int64]
    ) -> tuple[Columns, NDArray[np.intp]]:
        """Return (the columns without the pages that stood at `first`, the rows of those).

        first: (m,) as in `extended`; sessions: (m,) theirs.  One writer at a time.
        """
        pages: list[int] = []
        rows: list[int] = []
        words, span_words = self.words, self.span_words
        for seq, session in zip(first.tolist(), sessions.tolist(), strict=True):
            known = self.first[1 : self.pages + 1]
            start = int(np.searchsorted(self.seqs[1 : self.pages + 1], seq))
            found = start + 1 + np.flatnonzero(known[start:] == seq)
            for page in missing(found, self.gone).tolist():
                pages.append(page)
                for row in range(self.starts[page], self.starts[page] + self.counts[page]):
                    rows.append(row)
                    words -= float(self.lengths[row])
                    span_words += self._unlink(row, session)
        gone = np.array(rows, np.intp)
        if not rows:
            return self, gone
        changed = replace(
            self,
            gone=joined(self.gone, np.array(pages, np.intp)),
            replaced=joined(self.replaced, gone),
            words=words,
            span_words=span_words,
        )
        return changed, gone

    def _unlink(self, row: int, session: int) -> float:
        """Take a passage out of its session's order; return how the sum of spans changes."""
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
        """Return the rows of the five passages around a passage."""
        before, after = int(self.before[row]), int(self.after[row])
        around = (int(self.before[before]), before, row, after, int(self.after[after]))
        return [other for other in around if other]

    def extended(
        self,
        seqs: NDArray[np.int64],
        first: NDArray[np.int64],
        sessions: NDArray[np.int64],
        timestamps: NDArray[np.float64],
        counts: NDArray[np.intp],
        lengths: NDArray[np.float32],
    ) -> Columns:
        """Return the columns with m new pages added, each column (m,).  One writer at a time.

        first: where each stood before it was replaced, else 0; counts: passages of each; lengths:
        words of each passage, page by page.
        """
        page = np.repeat(np.arange(self.pages + 1, self.pages + 1 + len(seqs)), counts)
        start, m = self.size + 1, len(lengths)
        of_passages = sessions if m == len(seqs) else np.repeat(sessions, counts)
        none = np.zeros(m, np.intp)
        before = _grown(self.before, start, none)
        after = _grown(self.after, start, none)
        _link(before, after, start, of_passages, self.last_of_session)
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
        last = self.pages + 1
        return Columns(
            self.pages + len(seqs),
            self.size + m,
            self.gone,
            self.replaced,
            _grown(self.seqs, last, seqs),
            _grown(self.first, last, np.where(first > 0, first, seqs)),
            _grown(self.timestamps, last, timestamps),
            _grown(self.starts, last, start + np.cumsum(counts) - counts),
            _grown(self.counts, last, counts),
            _grown(self.page, start, page),
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
