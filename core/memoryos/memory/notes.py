"""Notes: pages that are no turns of a conversation, as a store or a file system keeps them.

    notes = Notes(engine.memory("tom"), "recipes", lambda page: page.metadata["recipe"])
    notes.put([Draft("ramen", "recipes", "Spicy ramen: …", {"recipe": {"minutes": 20}})])
    [(note, relevance)] = notes.search("something spicy", 1, notes.all())

They are recalled with everything else and erased as pages are; they are never filed, and nothing is
derived from them. An adapter that keeps things for a program is made of this class.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

import numpy as np

from memoryos.memory.memory import Memory
from memoryos.memory.modules import Modules
from memoryos.model import NOTE, ErasureReceipt, Message, Page, Scope
from memoryos.retrieval.filters import Where
from memoryos.storage.journal import drafts_of, indexed_text, message_page, page_id
from memoryos.storage.port import Head, PageDraft, PageMoved, PageQuery
from memoryos.storage.transact import attempts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """A note about to be kept."""

    key: str
    """Identifies it among the notes of its kind; the same key takes the other's place."""
    session_id: str
    """A session of notes: short-term memory of a conversation does not show them."""
    text: str
    """What is searched and recalled; empty for nothing."""
    metadata: Mapping[str, Any]
    """JSON; what the note is."""
    timestamp: datetime | None = None
    """None: that of the note whose place it takes, else now."""


@dataclass(frozen=True, slots=True)
class Note(Generic[T]):
    """A kept note: its page, and what it is."""

    page: Page
    value: T


class Notes(Generic[T]):
    """The notes of one kind in one scope. Thread-safe.

    memory: whose they are. kind: a name for the program that keeps them; other kinds are not seen.
    read: makes of a page what the note is; called once for each version of a note.

    `all` holds the notes in memory, as the search index holds their words, and reads what was added
    since; every method sees what other threads and processes have stored. All raise StorageError or
    InvalidInput.
    """

    def __init__(self, memory: Memory, kind: str, read: Callable[[Page], T]) -> None:
        self.scope: Scope = memory.scope
        self.kind = kind
        self._memory = memory
        self._modules: Modules = memory._modules  # noqa: SLF001  # of the same module
        self._read = read
        self._lock = threading.RLock()
        self._head = Head()
        self._held: dict[int, Note[T]] = {}
        """By position, ascending: the newest last."""
        self._by_id: dict[str, int] = {}

    def id_of(self, key: str) -> str:
        """Return the id of the page that a key's note is on."""
        return page_id(json.dumps([self.kind, key], ensure_ascii=False))

    def get(self, key: str) -> Note[T] | None:
        """Return the note of a key."""
        return next(iter(self.of_ids([self.id_of(key)])), None)

    def of_ids(self, ids: Sequence[str]) -> list[Note[T]]:
        """Return notes by the ids of their pages, as they stand in the store."""
        pages = self._modules.store.pages(self.scope, PageQuery(ids=ids))
        return [self._note(page) for page in pages if self._is_mine(page)]

    def all(self) -> list[Note[T]]:
        """Return every note, in the order in which they were put."""
        with self._lock:
            self._catch_up()
            return list(self._held.values())

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def put(self, drafts: Sequence[Draft]) -> list[Page]:
        """Keep notes, each of another key, in one transaction."""
        if not drafts:
            return []
        ids = [self.id_of(draft.key) for draft in drafts]
        store = self._modules.store
        for _ in attempts("put"):
            known = {page.id: page for page in store.pages(self.scope, PageQuery(ids=ids))}
            coming = [
                self._page_draft(draft, known.get(id_))
                for draft, id_ in zip(drafts, ids, strict=True)
            ]
            with suppress(PageMoved):
                pages = store.append(self.scope, coming)
                if all(
                    page.metadata == draft.metadata
                    for page, draft in zip(pages, coming, strict=True)
                ):
                    self._modules.after_add(self.scope)
                    return pages
        raise AssertionError("unreachable")

    def _page_draft(self, draft: Draft, old: Page | None) -> PageDraft:
        message = Message("assistant" if draft.text else "tool", draft.text)
        page = message_page(
            [message],
            id_=self.id_of(draft.key),
            timestamp=draft.timestamp or (old.timestamp if old else self._modules.clock()),
            session_id=draft.session_id,
            metadata={NOTE: self.kind, **draft.metadata},
            most_bytes=self._modules.config.max_text_bytes,
        )
        return replace(drafts_of([page])[0], replaces=old.seq if old else None)

    def retouch(self, changed: Mapping[int, Mapping[str, Any]]) -> None:
        """Replace the metadata of notes, by their page's position, and nothing else.

        Costs no new page and waits for no disk: what is written may be lost in a power cut.
        """
        kept = {seq: {NOTE: self.kind, **metadata} for seq, metadata in changed.items()}
        self._modules.store.notes.retouch(self.scope, kept)
        with self._lock:
            for seq in kept.keys() & self._held.keys():
                page = replace(self._held[seq].page, metadata=kept[seq])
                self._held[seq] = self._note(page)

    def discard(self, notes: Iterable[Note[T]], request: str = "note") -> int:
        """Erase notes, as they stand, in one transaction that costs no more than they are.

        A note that was put anew meanwhile stays. A receipt is left under the name `request`. The
        file of an SQLite store is written over in place; a `forget`, or the next opening, writes
        all of it anew, which takes the last copies of freed cells.
        """
        seqs = [note.page.seq for note in notes]
        if not seqs:
            return 0

        def receipt(ids: Sequence[str]) -> ErasureReceipt:
            return ErasureReceipt(
                id="e" + secrets.token_hex(9),
                at=self._modules.clock(),
                request=request,
                erased={"pages": len(ids)},
                rewritten={},
                page_ids=tuple(ids),
                knowledge_ids=(),
            )

        with self._lock:
            ids, version = self._modules.store.notes.discard(self.scope, seqs, receipt)
            for seq in seqs:
                self._drop(seq)
            if version == self._head.version + 1:  # else others changed the scope meanwhile
                self._head = replace(self._head, version=version)
        return len(ids)

    # ── searching ────────────────────────────────────────────────────────────────────────────

    def search(self, query: str, k: int, among: Sequence[Note[T]]) -> list[tuple[Note[T], float]]:
        """Return the notes nearest to a query with their relevance, 0 to 1, the best first.

        It is one recall, whatever the number of notes. Those without text are never found.
        """
        candidates = {note.page.seq: note for note in among if note.page.text}
        if not candidates or k < 1:
            return []
        found = self._modules.retriever.recall(
            self.scope,
            self._memory.session_id,
            query,
            k=k,
            max_tokens=0,
            where=Where(seqs=sorted(candidates)),
            now=self._modules.clock(),
        )
        pages = [item.page for item in found.pages if item.page.seq in candidates]
        ranked = zip(pages, self._relevances(query, pages), strict=True)
        scored = [(candidates[page.seq], relevance) for page, relevance in ranked]
        scored.sort(key=lambda pair: -pair[1])  # stable: the recall's order decides among equals
        return scored

    def _relevances(self, query: str, pages: Sequence[Page]) -> list[float]:
        """Return how near each page's words are to the query: their cosine, 0 to 1."""
        if not pages:
            return []
        embedder = self._modules.embedder
        target = np.asarray(embedder.embed_query(query), np.float32)
        rows = np.asarray(embedder.embed_documents([indexed_text(page) for page in pages]))
        return [float(cosine) for cosine in np.clip(rows @ target, 0.0, 1.0)]

    # ── what is held ─────────────────────────────────────────────────────────────────────────

    def _catch_up(self) -> None:
        store, before = self._modules.store, self._head
        head = store.head(self.scope)
        if (head.last_seq, head.version, head.epoch) == (
            before.last_seq,
            before.version,
            before.epoch,
        ):
            return
        held_some = bool(self._held)
        if head.last_seq > before.last_seq:
            for page in store.pages(self.scope, PageQuery(after_seq=before.last_seq)):
                if self._is_mine(page):
                    self._hold(page)
        if head.version != before.version and held_some:
            standing = set(store.notes.positions(self.scope))
            for seq in [seq for seq in self._held if seq not in standing]:
                self._drop(seq)
        self._head = head

    def _hold(self, page: Page) -> None:
        old = self._by_id.get(page.id)
        if old is not None and old != page.seq:
            self._drop(old)
        self._held[page.seq] = self._note(page)
        self._by_id[page.id] = page.seq

    def _drop(self, seq: int) -> None:
        note = self._held.pop(seq, None)
        if note is not None:
            del self._by_id[note.page.id]

    def _note(self, page: Page) -> Note[T]:
        return Note(page, self._read(page))

    def _is_mine(self, page: Page) -> bool:
        return page.metadata.get(NOTE) == self.kind
