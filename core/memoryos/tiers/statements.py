"""Statements as they come in: what says the same is one entry, of one matter the newest is current.

Pure: the entries that come of pages depend on the pages and their order alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Knowledge, Owner
from memoryos.ports import FactDraft, Vectors
from memoryos.tiers import matters
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
_EQUAL = 1e-4
_NOBODY = -1
_ROOM = 64
"""Rows that are made at first."""
_AT_ONCE = 48
"""New statements that are compared together."""
_ONE_THREAD = 1 << 18
"""Multiplications that BLAS does in one thread: others would go on looking for work for a while,
which takes more of a processor than the whole comparison."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Which of the statements that were there, when it was made, may be near a new one."""

    places: NDArray[np.intp]
    of: int
    """How many were there."""


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
        # As `stack` would, in less time.
        matrix = np.concatenate(rows).reshape(len(rows), -1) if rows else np.zeros((0, 0))
        self._matrix = np.asarray(matrix, np.float32)
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
        compared: Compared | None = None,
    ) -> None:
        """Add what was said at a time, as a new entry or as a source of one that says the same.

        Args:
            draft: What was said.
            vector: Of its text.
            said: When.
            derived: Now.
            corrected: By the id of what was corrected by hand, the fact that stands instead.
            compared: The vector's place in the result of `compared`; None to compare it now.
        """
        words = telling(draft.text)
        near = self._near(draft, vector, compared or Compared(np.zeros(0, np.intp), 0))
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
            older = self._telling(item)
            replaced = (
                nearness >= _SURELY
                or (nearness >= MATTER and _covers(words, older))
                or _denies(words, older)
            )
            # Of one turn both stand: nobody takes back what they are saying.
            if replaced and turns.isdisjoint(source.page_id for source in item.sources):
                new = self._replaces(item, new)
        for item in self._ended(new, turns):
            new = self._replaces(item, new)
        self.keep(new, vector)

    def _ended(self, new: Knowledge, turns: set[str]) -> list[Knowledge]:
        """Return the current statements of the same speaker that a new one ends, oldest first."""
        said = matters.told(new.text)
        speaker = self._speakers.get((new.owner, new.speaker), _NOBODY)
        if not said or speaker == _NOBODY or new.status != "active":
            return []
        places = np.flatnonzero(self._of[: len(self._items)] == speaker).tolist()
        found: dict[str, Knowledge] = {}
        for matter in said:
            ended = [
                item
                for item in map(self._items.__getitem__, places)
                if item.updated <= new.updated
                and turns.isdisjoint(source.page_id for source in item.sources)
                and any(matter.ends(older) for older in matters.held(item.text))
            ]
            if len(ended) == 1 or not matter.only_one:
                found.update((item.id, item) for item in ended)
        return sorted(found.values(), key=lambda item: (item.created, item.id))

    def compared(self, vectors: Sequence[Vectors]) -> list[Compared]:
        """Compare new statements' vectors with those that are here, all at once.

        The result is for `add`, which makes up for what is added or changed meanwhile.
        """
        count = len(self._items)
        if not count or not vectors:
            return [Compared(np.zeros(0, np.intp), 0)] * len(vectors)
        scores = np.empty((count, len(vectors)), np.float32)
        for first in range(0, len(vectors), _AT_ONCE):
            new = np.stack(vectors[first : first + _AT_ONCE]).T
            step = max(1, _ONE_THREAD // new.size)
            for start in range(0, count, step):
                rows = self._matrix[start : min(start + step, count)]
                scores[start : start + step, first : first + _AT_ONCE] = rows @ new
        near = scores >= NEAR - 2 * _EQUAL
        return [Compared(np.flatnonzero(column), count) for column in near.T]

    def _near(
        self, draft: FactDraft, vector: Vectors, compared: Compared
    ) -> list[tuple[Knowledge, float]]:
        """Return the current statements of the same speaker that are near, oldest first."""
        speaker = self._speakers.get((draft.owner, draft.speaker), _NOBODY)
        if speaker == _NOBODY:
            return []
        places = np.concatenate((compared.places, np.arange(compared.of, len(self._items))))
        places = places[self._of[places] == speaker]
        # Row by row and not by BLAS, whose sums depend on what else is multiplied.
        scores: NDArray[np.float32] = np.einsum("ij,j->i", self._matrix[places], vector)
        found = [
            (self._items[place], nearness + _EQUAL)
            for place, nearness in zip(places.tolist(), scores.tolist(), strict=True)
            if nearness >= NEAR - _EQUAL
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
    if one == other:
        return True
    return one[1:] == other[1:] and _alike(one, other)


def _covers(newer: Telling, older: Telling) -> bool:
    """Tell whether a statement speaks of most of what an older one said."""
    both = len(newer[0] & older[0])
    return both >= _COVERED * len(older[0]) and len(older[0]) <= _LONGER * len(newer[0])


def _denies(one: Telling, other: Telling) -> bool:
    """Tell whether two statements say otherwise of the same: another number, or not.

    Who denies may say more ("I'm not vegan any more, I eat meat").
    """
    if one[2] != other[2]:
        fewer = min(len(one[0]), len(other[0]))
        return fewer > 0 and len(one[0] & other[0]) / fewer >= _SAME_WORDS
    return one[1] != other[1] and _alike(one, other)


def _alike(one: Telling, other: Telling) -> bool:
    """Tell whether two statements have most of their telling words in common, numbers left out."""
    first, second = one[0], other[0]
    if one[1] or other[1]:
        first, second = first - one[1], second - other[1]
    fewer, more = sorted((len(first), len(second)))
    if not fewer or fewer < _SAME_WORDS * more:  # they cannot have as much in common
        return False
    both = len(first & second)
    return both / (fewer + more - both) >= _SAME_WORDS
