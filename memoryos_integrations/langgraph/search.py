"""A search over a prefix of namespaces: one recall for each user that the prefix may name."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime
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
    notes = [
        note
        for note in shelf.all()
        if note.value.namespace[:depth] == prefix
        and (note.value.expires is None or not expiry.is_over(note, now, shelf))
        and (not op.filter or passes(note.value.value))
    ]
    query = (op.query or "").strip()
    if not query:
        return [(note, None) for note in heapq.nlargest(enough, notes, key=_updated)]
    # As many are compared for this page of the result as for those before it.
    compared = max(_LEAST_COMPARED, 1 << (enough - 1).bit_length())
    hits: list[Hit] = list(shelf.search(query, compared, notes)[:enough])
    if len(hits) < enough:
        there = {note.page.id for note, _ in hits}
        others = [note for note in notes if note.page.id not in there]
        hits += [(note, None) for note in heapq.nlargest(enough, others, key=_updated)]
    return hits[:enough]


def newest(found: Sequence[Found], enough: int) -> list[Found]:
    """Return what several users' searches gave, in one order: by score, then the newest."""
    key: Callable[[Found], Any] = lambda hit: (  # noqa: E731  # used twice
        hit[2] is not None,
        hit[2] or 0.0,
        hit[1].value.updated,
    )
    return heapq.nlargest(enough, found, key=key)


def _updated(note: Note[Stored]) -> tuple[datetime, int]:
    return note.value.updated, note.page.seq
