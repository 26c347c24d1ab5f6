"""When a model reads what short-term memory holds (paper §3.3, STM–MTM update).

Short-term memory is a session's newest pages, filed or not. A model is paid for by the call, so it
reads pages in batches when a session overflows; a session at rest, or that others have followed, it
reads down to the last page. (The rules file each page at once, and need no plan.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Set
from typing import Protocol


class Waiting(Protocol):
    """A page that waits for page-out."""

    @property
    def seq(self) -> int:
        """Position in the journal."""
        ...

    @property
    def session_id(self) -> str:
        """The session it belongs to."""
        ...


def plan(
    waiting: Iterable[Waiting], last_seq: int, *, capacity: int, batch: int, resting: Set[str]
) -> list[tuple[str, list[int]]]:
    """Return the batches that are due as (session_id, positions), in the order they fell due.

    A batch of `batch` pages is due when a session holds `capacity + batch` waiting pages, and all
    of a session's are when `2 * capacity` pages of other sessions have followed its last.
    `resting` sessions leave whole.
    """
    open_sessions: OrderedDict[str, list[int]] = OrderedDict()  # least recently spoken in first
    due: list[tuple[str, list[int]]] = []
    rest_after = 2 * capacity
    for page in waiting:
        due += _rested(open_sessions, page.seq, rest_after, capacity + batch)
        held = open_sessions.setdefault(page.session_id, [])
        open_sessions.move_to_end(page.session_id)
        held.append(page.seq)
        if len(held) >= capacity + batch:
            due.append((page.session_id, held[:batch]))
            del held[:batch]
    due += _rested(open_sessions, last_seq + 1, rest_after, capacity + batch)
    for session_id, held in open_sessions.items():
        if session_id in resting:
            due += [(session_id, part) for part in _parts(held, capacity + batch)]
    return due


def _rested(
    open_sessions: OrderedDict[str, list[int]], seq: int, rest_after: int, most: int
) -> Iterator[tuple[str, list[int]]]:
    while open_sessions:
        session_id, held = next(iter(open_sessions.items()))
        if held and held[-1] + rest_after >= seq:
            return
        del open_sessions[session_id]
        for part in _parts(held, most):
            yield session_id, part


def _parts(seqs: list[int], most: int) -> Iterator[list[int]]:
    for start in range(0, len(seqs), most):
        yield seqs[start : start + most]
