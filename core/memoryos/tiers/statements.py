"""Statements as they come in: what says the same is one entry, of one matter the newest is current.

Pure: the entries that come of pages depend on the pages and their order alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Knowledge, Owner
from memoryos.ports import FactDraft, Vectors
from memoryos.tiers.long_term import Telling, knowledge_id, merged, telling

NEAR = 0.55
"""Cosine from which on two statements of one speaker are compared word by word."""
MATTER = 0.82
"""Cosine from which on two statements of one speaker are of the same matter."""
_SAME_WORDS = 0.8
"""Share of telling words that statements of one matter have in common, where they differ only in a
number or in a negation."""
_COVERED = 0.5
"""Share of the older statement's telling words that the newer one of its matter has."""
_LONGER = 1.5
"""Times as many telling words as the newer one that an older statement has at most."""
_SURELY = 0.88
"""Cosine from which on no word need be compared."""
_RECOUNTED = 0.7
"""Cosine from which on another number of the same may come with one more word ("now")."""
_EQUAL = 1e-4
_NOBODY = -1
_ROOM = 64
"""Rows that are made at first."""


class Statements:
    """The current statements of a scope while more are added. Collects what changes."""

    def __init__(self, known: Iterable[Knowledge], vectors: Mapping[str, Vectors]) -> None:
        """Start from the current statements, each with its vector."""
        self.changed: dict[str, Knowledge] = {}
        self.vectors: dict[str, Vectors] = {}
        """Of the statements that were added."""
        self._items = [item for item in known if item.kind == "statement" and item.id in vectors]
        self._places = {item.id: place for place, item in enumerate(self._items)}
        self._words: dict[str, Telling] = {}
        rows = [vectors[item.id] for item in self._items]
        self._matrix = np.stack(rows) if rows else np.zeros((0, 0), np.float32)
        """A row for each of the items, and room for more."""
        self._speakers: dict[tuple[Owner, str], int] = {}
        self._of = np.array([self._speaker(item) for item in self._items], np.intp)
        """Number of the speaker of each item; `_NOBODY` where it is not active."""

    def add(
        self,
        draft: FactDraft,
        vector: Vectors,
        said: datetime,
        derived: datetime,
        corrected: Mapping[str, str],
    ) -> None:
        """Add what was said at a time, as a new entry or as a source of one that says the same.

        `corrected` names, by the id of what was corrected by hand, the fact that stands instead.
        """
        words = telling(draft.text)
        near = self._near(draft, vector)
        for item, _ in near:
            if _same(words, self._telling(item)):
                self.keep(merged(item, draft.sources, said))
                return
        new = Knowledge(
            id=knowledge_id(draft.owner, draft.text, draft.sources),
            owner=draft.owner,
            text=draft.text,
            sources=draft.sources,
            analyst="rules",
            created=said,
            updated=said,
            derived=derived,
            kind="statement",
            speaker=draft.speaker,
        )
        if new.id in corrected:
            new = replace(new, status="superseded", superseded_by=corrected[new.id])
        turns = {source.page_id for source in draft.sources}
        for item, nearness in near:
            if not turns.isdisjoint(source.page_id for source in item.sources):
                continue  # of one turn both stand: nobody takes back what they are saying
            older = self._telling(item)
            if (
                nearness >= _SURELY
                or (nearness >= MATTER and _covers(words, older))
                or _denies(words, older)
                or (nearness >= _RECOUNTED and _recounts(words, older))
            ):
                new = self._replaces(item, new)
        self.keep(new, vector)

    def _near(self, draft: FactDraft, vector: Vectors) -> list[tuple[Knowledge, float]]:
        """Return the current statements of the same speaker that are near, oldest first."""
        if not self._items:
            return []
        rows = self._matrix[: len(self._items)]
        scores: NDArray[np.float32] = np.einsum("ij,j->i", rows, vector)
        speaker = self._speakers.get((draft.owner, draft.speaker), _NOBODY)
        of = self._of[: len(self._items)]
        places = np.flatnonzero((scores >= NEAR - _EQUAL) & (of == speaker))
        if speaker == _NOBODY or not places.size:
            return []
        found = [
            (self._items[place], nearness + _EQUAL)
            for place, nearness in zip(places.tolist(), scores[places].tolist(), strict=True)
        ]
        found.sort(key=lambda pair: (pair[0].created, pair[0].id))
        return found

    def _replaces(self, item: Knowledge, new: Knowledge) -> Knowledge:
        """Let the newer of two statements of one matter take the older's place; return `new`."""
        if new.status != "active":
            return new
        if item.updated > new.updated:
            self.keep(replace(item, supersedes=(*item.supersedes, new.id)))
            return replace(new, status="superseded", superseded_by=item.id)
        self.keep(replace(item, status="superseded", superseded_by=new.id))
        return replace(new, supersedes=(*new.supersedes, item.id))

    def keep(self, item: Knowledge, vector: Vectors | None = None) -> None:
        """Note a statement as it is now, with its vector if it is new."""
        self.changed[item.id] = item
        place = self._places.get(item.id)
        if place is not None:
            self._items[place] = item
            self._of[place] = self._speaker(item)
        elif vector is not None:
            self._places[item.id] = len(self._items)
            if len(self._items) == len(self._matrix):
                grown = np.zeros((max(2 * len(self._items), _ROOM), len(vector)), np.float32)
                if self._items:
                    grown[: len(self._items)] = self._matrix
                self._matrix = grown
                self._of = np.resize(self._of, len(grown))
            self._matrix[len(self._items)] = vector
            self._of[len(self._items)] = self._speaker(item)
            self._items.append(item)
            self.vectors[item.id] = vector

    def _speaker(self, item: Knowledge) -> int:
        if item.status != "active":
            return _NOBODY
        return self._speakers.setdefault((item.owner, item.speaker), len(self._speakers))

    def _telling(self, item: Knowledge) -> Telling:
        found = self._words.get(item.id)
        if found is None:
            found = self._words[item.id] = telling(item.text)
        return found


def _same(one: Telling, other: Telling) -> bool:
    return one == other or (one[1:] == other[1:] and _shared(one, other) >= _SAME_WORDS)


def _covers(newer: Telling, older: Telling) -> bool:
    """Tell whether a statement speaks of most of what an older one said."""
    both = len(newer[0] & older[0])
    return both >= _COVERED * len(older[0]) and len(older[0]) <= _LONGER * len(newer[0])


def _denies(one: Telling, other: Telling) -> bool:
    """Tell whether two statements say otherwise of the same: another number, or not.

    Who denies may say more ("I'm not vegan any more, I eat meat").
    """
    if one[2] != other[2]:
        few, many = sorted((one[0], other[0]), key=len)
        return bool(few) and len(few & many) / len(few) >= _SAME_WORDS
    return one[1] != other[1] and _shared(one, other) >= _SAME_WORDS


def _recounts(newer: Telling, older: Telling) -> bool:
    """Tell whether a statement gives another number of what an older one counted."""
    words, before = newer[0] - newer[1], older[0] - older[1]
    counts = bool(newer[1]) and bool(older[1]) and newer[1] != older[1]
    return counts and bool(before) and before <= words and len(words) <= len(before) + 1


def _shared(one: Telling, other: Telling) -> float:
    words = one[0] - one[1], other[0] - other[1]
    either = words[0] | words[1]
    return len(words[0] & words[1]) / len(either) if either else 0.0
