"""Forgetting: erasure follows every derivation and leaves a receipt.

What was made only of the erased pages goes; what was made of others too is made again, by the rules
and at once, from those others. All of it is one commit.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from memoryos.errors import NotADatabase, NotFound, StorageError
from memoryos.model import (
    ErasureReceipt,
    Knowledge,
    Note,
    Page,
    Scope,
)
from memoryos.ports import Analyst, Clock, Embedder
from memoryos.retrieval.views import Views
from memoryos.storage.codec import ALL_KINDS, decode, kind_of
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    Kind,
    PageQuery,
    Record,
    Store,
)
from memoryos.storage.transact import transact
from memoryos.storage.vectors import embedded, replace_outdated
from memoryos.tiers import long_term
from memoryos.updating.notes import fact_id
from memoryos.upkeep.removal import Work, pages_of


def no_note(_: Note) -> bool:
    """Choose none of the notes."""
    return False


Found = TypeVar("Found")
_MOST_SOUND = 4096


class Eraser:
    """Erases from one store. Thread-safe."""

    def __init__(
        self, store: Store, views: Views, rules: Analyst, embedder: Embedder, clock: Clock
    ) -> None:
        self._store = store
        self._views = views
        self._rules = rules
        self._embedder = embedder
        self._clock = clock
        self._sound: set[Scope] = set()
        """Scopes whose records could all be read when one was erased from."""

    def erase_pages(
        self,
        scope: Scope,
        request: str,
        choose: Callable[[], Sequence[Page]],
        choose_note: Callable[[Note], bool] = no_note,
    ) -> ErasureReceipt:
        """Erase the pages that `choose` finds, and all that is derived from them.

        Notes go with the page that they were taken from, or where `choose_note` says so.
        """
        replace_outdated(self._store, scope, self._embedder)

        def work_out(head: Head) -> tuple[Changes, ErasureReceipt]:
            pages = choose()
            work = Work(self._store, scope, self._rules, [page.id for page in pages])
            work.drop_notes(choose_note)
            work.follow()
            work.drop_recalls()
            vectors = sum(page.seq <= head.embedded_seq for page in pages)
            receipt = self._receipt(request, work, vectors)
            changes = Changes(
                put=self._records(work),
                delete=[(kind_of(value), value.id) for value in work.deleted],
                erase_pages=work.page_ids,
                add_pages=[*work.requoted, *work.stripped],
                assign=[Assignment(draft.id, None, None) for draft in work.stripped],
                erase_unreadable="unreadable" in receipt.erased,  # whose words, no one can tell
                receipts=[receipt],
            )
            return changes, receipt

        return self._commit(scope, work_out)

    def erase_everything(self, scope: Scope) -> ErasureReceipt:
        """Erase all pages and all that is derived, without reading what they say."""

        def work_out(_: Head) -> tuple[Changes, ErasureReceipt]:
            receipt = self._receipt_of_all(scope)
            return Changes(erase_all=True, receipts=[receipt]), receipt

        return self._commit(scope, work_out)

    def erase_knowledge(self, scope: Scope, knowledge_id: str) -> ErasureReceipt:
        """Erase one fact; no rebuild learns it again from the same page. Raises NotFound."""
        replace_outdated(self._store, scope, self._embedder)

        def work_out(_: Head) -> tuple[Changes, ErasureReceipt]:
            work = Work(self._store, scope, self._rules, [], knowledge_id)
            fact = work.knowledge.get(knowledge_id)
            if fact is None:
                raise NotFound(f"no knowledge has the id {knowledge_id!r} in this scope")
            work.delete(fact)
            work.drop_notes(lambda note: knowledge_id in (fact_id(note), note.restores))
            work.restore_superseded()
            receipt = self._receipt("knowledge", work)
            changes = Changes(
                put=self._records(work),
                delete=[(kind_of(value), value.id) for value in work.deleted],
                receipts=[receipt],
            )
            return changes, receipt

        return self._commit(scope, work_out)

    def _commit(
        self, scope: Scope, work_out: Callable[[Head], tuple[Changes, ErasureReceipt]]
    ) -> ErasureReceipt:
        receipt = transact(self._store, scope, "forget", work_out)
        self._views.drop(scope)
        return receipt

    def _unreadable(self, scope: Scope) -> int:
        """Count the scope's unreadable records; once per process, as that reads all of them."""
        if scope in self._sound:
            return 0
        found = self._store.unreadable(scope)
        if not found:
            if len(self._sound) >= _MOST_SOUND:
                self._sound.clear()
            self._sound.add(scope)
        return found

    def _receipt(self, request: str, work: Work, embedded_pages: int = 0) -> ErasureReceipt:
        erased = Counter(_plural(kind_of(value)) for value in work.deleted)
        erased["pages"] = len(work.page_ids)
        rewritten = Counter(_plural(kind_of(value)) for value in work.changed)
        rewritten["pages"] = len(work.requoted) + len(work.stripped)
        erased["vectors"] = embedded_pages
        erased["unreadable"] = self._unreadable(work.scope) if work.gone else 0
        return ErasureReceipt(
            id="e" + secrets.token_hex(9),
            at=self._clock(),
            request=request,
            erased={name: n for name, n in sorted(erased.items()) if n},
            rewritten={name: n for name, n in sorted(rewritten.items()) if n},
            page_ids=tuple(work.page_ids),
            knowledge_ids=tuple(
                mark
                for value in work.deleted
                if isinstance(value, Knowledge)
                for mark in (long_term.marks(value) if request == "knowledge" else [value.id])
            ),
            answers=tuple(work.answers),
            traces=self._store.traces,
        )

    def _receipt_of_all(self, scope: Scope) -> ErasureReceipt:
        """Return the receipt of an erasure of everything; it counts what can be counted."""
        store = self._store
        pages = _if_readable(lambda: store.pages(scope, PageQuery()))
        records = _if_readable(lambda: store.records(scope, ALL_KINDS))
        erased = Counter(_plural(record.kind) for record in records)
        erased["pages"] = len(pages)
        for counts in _if_readable(lambda: [store.counts(scope)]):
            erased["vectors"] = counts.pages - counts.unembedded
        erased["calls"] = len(_if_readable(lambda: store.calls(scope)))
        erased["unreadable"] = sum(_if_readable(lambda: [store.unreadable(scope)]))
        return ErasureReceipt(
            id="e" + secrets.token_hex(9),
            at=self._clock(),
            request="everything",
            erased={name: n for name, n in sorted(erased.items()) if n},
            page_ids=tuple(page.id for page in pages),
            knowledge_ids=tuple(r.id for r in records if r.kind == "knowledge"),
            traces=store.traces,
        )

    def _records(self, work: Work) -> list[Record]:
        """Return what was made again as records, with vectors."""
        return embedded(work.changed, self._embedder)


@dataclass(frozen=True, slots=True)
class Remains:
    """What exists again of something that was erased, e.g. by an import."""

    page_ids: tuple[str, ...]
    """Pages of the receipt that are in the journal (again, by an import)."""
    knowledge_ids: tuple[str, ...]
    """Facts of the receipt that are known (again)."""
    derived_ids: tuple[str, ...]
    """Derived things of any kind that name a page of the receipt as their source."""

    @property
    def nothing(self) -> bool:
        """Whether nothing is there."""
        return not (self.page_ids or self.knowledge_ids or self.derived_ids)


def remains(store: Store, scope: Scope, receipt: ErasureReceipt) -> Remains:
    """Look for what a receipt says was erased."""
    gone, facts = set(receipt.page_ids), set(receipt.knowledge_ids)
    pages = store.pages(scope, PageQuery(ids=receipt.page_ids)) if gone else []
    records = store.records(scope, ALL_KINDS)
    values = [decode(record) for record in records]
    return Remains(
        page_ids=tuple(page.id for page in pages),
        knowledge_ids=tuple(v.id for v in values if isinstance(v, Knowledge) and v.id in facts),
        derived_ids=tuple(value.id for value in values if not gone.isdisjoint(pages_of(value))),
    )


def _if_readable(read: Callable[[], list[Found]]) -> list[Found]:
    """Return what is read from the store; nothing where it is damaged, as a second try tells."""
    for _ in range(2):
        try:
            return read()
        except StorageError as error:
            if type(error) not in (NotADatabase, StorageError):
                raise  # busy, say
    return []


def _plural(kind: Kind) -> str:
    return kind if kind in ("knowledge", "visits") else f"{kind}s"
