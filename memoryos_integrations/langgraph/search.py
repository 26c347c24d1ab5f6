"""A search over a prefix of namespaces: one recall for each user that the prefix may name."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from langgraph.store.base import SearchOp

from memoryos.memory.notes import Note, Notes
from memoryos_integrations.langgraph.expiry import Expiry
from memoryos_integrations.langgraph.filters import compiled
from memoryos_integrations.langgraph.items import Stored

Hit = tuple[Note[Stored], "float | None"]
Found = tuple[Notes[Stored], Note[Stored], "float | None"]
_LEAST_COMPARED = 64
"""Items whose relevance is worked out, at the least: the pages of a result then agree."""


def found_in(
    shelf: Notes[Stored], op: SearchOp, enough: int, now: datetime, expiry: Expiry
) -> list[Hit]:
    """Return the `enough` first items of one user's that a search gives, with their scores."""
    passes = compiled(op.filter)
    prefix = tuple(op.namespace_prefix)
    depth = len(prefix)
    notes = shelf.within(lambda namespace: namespace[:depth] == prefix)

    def is_wanted(note: Note[Stored]) -> bool:
        return expiry.is_alive(note, now, shelf) and passes(note.value.value)

    query = (op.query or "").strip()
    if not query:
        return [(note, None) for note in _newest(notes, enough, is_wanted)]
    notes = {
        seq: note
        for seq, note in notes.items()
        if note.value.expires is None or expiry.is_alive(note, now, shelf)
    }
    if op.filter:
        notes = {seq: note for seq, note in notes.items() if passes(note.value.value)}
    # As many are compared for this page of the result as for those before it.
    compared = max(_LEAST_COMPARED, 1 << (enough - 1).bit_length())
    hits: list[Hit] = list(shelf.search(query, compared, notes)[:enough])
    if len(hits) < enough:
        there = {note.page.seq for note, _ in hits}
        others = _newest(notes, enough - len(hits), lambda note: note.page.seq not in there)
        hits += [(note, None) for note in others]
    return hits


def _newest(
    notes: Mapping[int, Note[Stored]], enough: int, is_wanted: Callable[[Note[Stored]], bool]
) -> list[Note[Stored]]:
    """Return the wanted notes that were put last, the newest first."""
    wanted = (notes[seq] for seq in sorted(notes, reverse=True) if is_wanted(notes[seq]))
    return list(islice(wanted, enough))


def newest(found: Sequence[Found], enough: int) -> list[Found]:
    """Return what several users' searches gave, in one order: by score, then the newest."""
    key: Callable[[Found], Any] = lambda hit: (  # noqa: E731  # used twice
        hit[2] is not None,
        hit[2] or 0.0,
        hit[1].value.updated,
    )
    return heapq.nlargest(enough, found, key=key)
