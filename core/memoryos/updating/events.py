"""What the journal holds beside pages: recalls, which add heat, and notes, stated by hand.

Each is written down with the position of the page after which it came, so that a rebuild works it
in where it was worked in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from memoryos.model import Knowledge, Note, Recalled, Scope, Visits
from memoryos.storage.codec import decode, encode
from memoryos.storage.port import Changes, Head, PageQuery, Store
from memoryos.storage.transact import transact
from memoryos.tiers.long_term import standing
from memoryos.updating.filing import Updater

_MOST_RECALLS = 100
"""Recalls between two pages of the journal that add heat; one page cannot keep a scope hot."""


class Events:
    """Writes recalls and notes beside the journal of any scope, and replays them. Thread-safe."""

    def __init__(self, store: Store, updater: Updater) -> None:
        self._store = store
        self._updater = updater

    def visit(self, scope: Scope, pages: dict[str, int], at: datetime) -> None:
        """Count recalls towards the heat of the segments of the pages that they found.

        They are written down beside the journal, after the last page that is filed, so that a
        rebuild counts them where they were counted.
        """

        def work(head: Head) -> tuple[Changes | None, None]:
            after = filed_seq(self._store, scope, head)
            paging = self._updater.paging(scope)
            found = self._store.records(scope, ["visits"], ids=[f"v{after}"])
            known = decode(found[0]) if found else Visits(f"v{after}", after)
            assert isinstance(known, Visits)
            if len(known.recalls) >= _MOST_RECALLS:
                return None, None
            recalled = Recalled(at, pages)
            paging.recalled(recalled)
            changes = paging.changes()
            record = encode(replace(known, recalls=(*known.recalls, recalled)))
            return replace(changes, put=[*changes.put, record]), None

        transact(self._store, scope, "consolidation", work)

    def replay(self, scope: Scope, events: Sequence[Visits | Note]) -> None:
        """File everything, with recalls and notes where they stood in the journal."""
        for event in sorted(events, key=order_of):
            self._updater.file(scope, up_to=event.after_seq)
            self.apply(scope, event)
        self._updater.file(scope)

    def apply(self, scope: Scope, event: Visits | Note) -> None:
        """Work recalls or a note, as they are journalled already, into the tiers."""

        def work(_: Head) -> tuple[Changes | None, None]:
            paging = self._updater.paging(scope)
            if isinstance(event, Note):
                paging.note(event)
            else:
                for recalled in event.recalls:
                    paging.recalled(recalled)
            changes = paging.changes()
            return replace(changes, put=[*changes.put, encode(event)]), None

        transact(self._store, scope, "filing", work)

    def note(self, scope: Scope, note: Note) -> Knowledge | None:
        """Journal what was stated by hand, and let it take its place; return what stands now.

        What corrects something that was replaced since corrects what stands in its place.  None
        for a note that restores what is not there; it is journalled all the same.
        """
        if self._updater.by_page(scope):  # else what waits is a model's to file, and may be much
            waiting = self._store.pages(scope, PageQuery(waiting=True))
            edited = [page.seq for page in waiting if page.chain_id is not None]
            if edited:  # what they stated is out of date: a note is about what they say now
                self._updater.file(scope, up_to=edited[-1])

        def work(head: Head) -> tuple[Changes | None, Knowledge | None]:
            notes = map(decode, self._store.records(scope, ["note"]))
            numbers = [known.number for known in notes if isinstance(known, Note)]
            placed = replace(
                note,
                after_seq=filed_seq(self._store, scope, head),
                number=max(numbers, default=0) + 1,
                corrects=note.corrects and self._standing(scope, note.corrects),
            )
            paging = self._updater.paging(scope)
            fact = paging.note(placed)
            changes = paging.changes()
            return replace(changes, put=[*changes.put, encode(placed)]), fact

        return transact(self._store, scope, "note", work)

    def _standing(self, scope: Scope, knowledge_id: str) -> str:
        stored = map(decode, self._store.records(scope, ["knowledge"]))
        known = {item.id: item for item in stored if isinstance(item, Knowledge)}
        return standing(known[knowledge_id], known).id if knowledge_id in known else knowledge_id


def order_of(event: Visits | Note) -> tuple[int, int]:
    """Recalls and notes touch different tiers, so that only notes need an order among them."""
    return event.after_seq, event.number if isinstance(event, Note) else 0


def filed_seq(store: Store, scope: Scope, head: Head) -> int:
    """Return the position of the last page before which all are filed; 0 if none is."""
    first = store.pages(scope, PageQuery(waiting=True, limit=1))
    return first[0].seq - 1 if first else head.last_seq
