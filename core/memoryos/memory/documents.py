"""Documents: pages that are no turns of a conversation, as a store or a file system keeps them.

    documents = Documents(engine.memory("tom"), "recipes", lambda page: page.metadata["recipe"])
    documents.put([Draft("ramen", "recipes", "Spicy ramen: …", {"recipe": {"minutes": 20}})])
    [(document, relevance)] = documents.search("something spicy", 1, documents.within())

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

from memoryos.generation.quoting import DATA_RULE, fenced
from memoryos.memory.memory import Memory
from memoryos.memory.mending import mended_message
from memoryos.memory.modules import Modules
from memoryos.model import DOCUMENT, DREW_ON, ErasureReceipt, Message, Page, Scope
from memoryos.retrieval.filters import page_filter
from memoryos.storage.journal import ROOM, drafts_of, message_page, page_id
from memoryos.storage.port import Condition, Head, PageDraft, PageFilter, PageMoved, PageQuery
from memoryos.storage.transact import attempts
from memoryos.text.terms import tokens
from memoryos.upkeep.answers import drawn_on

T = TypeVar("T")
_WORDS = 0.6
"""Weight of the words that a document shares with a query in its relevance, beside their cosine."""
_FEW = 256
"""Documents that are compared one by one; among more, a recall finds those worth it."""
_MOST_COMPARED = 8192
"""Documents whose words are held after they were compared once."""

_READ_AT_ONCE = 500
"""Pages."""


def quoted(texts: Iterable[str]) -> str:
    """Return documents' words for a model's prompt, fenced and neutralised: they can never act."""
    return f"{DATA_RULE}\n{fenced(texts)}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A document about to be kept."""

    key: str
    """Identifies it among the documents of its kind; the same key takes the other's place."""
    session_id: str
    """A session of documents: short-term memory of a conversation does not show them."""
    text: str
    """What is searched and recalled; empty for nothing."""
    metadata: Mapping[str, Any]
    """JSON; what the document is."""
    timestamp: datetime | None = None
    """None: that of the document whose place it takes, else now."""


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A kept document: its page, and what it is."""

    page: Page
    value: T
    is_searched: bool
    """Whether it has words."""


class Documents(Generic[T]):
    """The documents of one kind in one scope. Thread-safe.

    memory: whose they are. kind: a name for the program that keeps them; other kinds are not seen.
    read: makes of a page what the document is; called once for each version of it. group: names
    the part of the documents that one is in, such as its folder.

    `within` holds the documents in memory, as the search index does their words, and reads what was
    added since; every method sees what other threads and processes have stored. All raise
    StorageError or InvalidInput.
    """

    def __init__(
        self,
        memory: Memory,
        kind: str,
        read: Callable[[Page], T],
        group: Callable[[T], Any] = lambda _: None,
    ) -> None:
        self.scope: Scope = memory.scope
        self.kind = kind
        self._modules: Modules = memory._modules  # noqa: SLF001  # of the same module
        self._read = read
        self._group = group
        self._lock = threading.RLock()
        self._head = Head()
        self._held: dict[Any, dict[int, Document[T]]] = {}
        """By group and position, ascending: the newest last."""
        self._places: dict[str, tuple[Any, int]] = {}
        self._words_of: dict[int, frozenset[str]] = {}
        """By position, of those that were compared."""
        self._drawn_on: set[str] = set()
        """Ids of what answers drew on, as far as the journal was looked through for them."""
        self._drawn_up_to = 0

    def id_of(self, key: str) -> str:
        """Return the id of the page that a key's document is on."""
        return page_id(json.dumps([self.kind, key], ensure_ascii=False))

    def get(self, key: str) -> Document[T] | None:
        """Return the document of a key."""
        return next(iter(self.of_ids([self.id_of(key)])), None)

    def of_ids(self, ids: Sequence[str]) -> list[Document[T]]:
        """Return documents by the ids of their pages, as they stand in the store."""
        pages = self._modules.store.pages(self.scope, PageQuery(ids=ids))
        return [document for page in pages if (document := self._mine(page)) is not None]

    def at(self, seqs: Sequence[int]) -> list[Document[T]]:
        """Return documents by their journal positions, as they stand in the store."""
        pages = self._modules.store.pages(self.scope, PageQuery(seqs=seqs))
        return [document for page in pages if (document := self._mine(page)) is not None]

    def positions(self, where: Mapping[str, Any]) -> list[int]:
        """Return the positions of the pages that a recall's `where` lets through, ascending.

        No page is read for it; some may be no documents of this kind.
        """
        positions = self._modules.store.positions(self.scope, page_filter(where) or PageFilter())
        return [int(seq) for seq in positions]

    def groups(self, counts: Callable[[Document[T]], bool]) -> list[Any]:
        """Return the groups that have a document which counts, in no order."""
        with self._lock:
            self._catch_up()
            held = [(group, list(documents.values())) for group, documents in self._held.items()]
        return [group for group, documents in held if any(map(counts, documents))]

    def within(self, choose: Callable[[Any], bool] | None = None) -> dict[int, Document[T]]:
        """Return the documents of the groups that `choose` picks, or all, by journal position.

        The higher the position, the later it was put. Not sorted.
        """
        found: dict[int, Document[T]] = {}
        with self._lock:
            self._catch_up()
            for group, documents in self._held.items():
                if choose is None or choose(group):
                    found.update(documents)
        return found

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def put(self, drafts: Sequence[Draft]) -> list[Page]:
        """Keep documents, each of another key, in one transaction."""
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
        most_bytes = self._modules.config.max_text_bytes
        # What is too long to be searched whole is cut: what the document is stands in its metadata.
        role = "assistant" if draft.text else "tool"
        message = mended_message(Message(role, draft.text), most_bytes)
        page = message_page(
            [message],
            id_=self.id_of(draft.key),
            timestamp=draft.timestamp or (old.timestamp if old else self._modules.clock()),
            session_id=draft.session_id,
            metadata={DOCUMENT: self.kind, **draft.metadata},
            most_bytes=ROOM * most_bytes,
        )
        return replace(drafts_of([page])[0], replaces=old.seq if old else None)

    def retouch(self, changed: Mapping[int, Mapping[str, Any]]) -> None:
        """Replace the metadata of documents, by their page's position, and nothing else.

        Costs no new page and waits for no disk: what is written may be lost in a power cut.
        """
        kept = {seq: {DOCUMENT: self.kind, **metadata} for seq, metadata in changed.items()}
        self._modules.store.documents.retouch(self.scope, kept)
        with self._lock:
            for documents in self._held.values():
                for seq in kept.keys() & documents.keys():
                    documents[seq] = self._document(
                        replace(documents[seq].page, metadata=kept[seq])
                    )

    def discard(
        self,
        documents: Iterable[Document[T]],
        request: str = "document",
        *,
        durable: bool = True,
    ) -> int:
        """Erase documents, as they stand, in one transaction that costs no more than they are.

        A document that was put anew meanwhile stays. A receipt is left under the name `request`.
        The file of an SQLite store is written over in place; a `forget`, or the next opening, makes
        it anew, which takes the last copies of freed cells. Those that an answer of `respond` drew
        on are forgotten as pages are, at that price, and the answer with them. What is not
        `durable` waits for no disk: a power cut may bring the documents back.
        """
        going = list(documents)
        if not going:
            return 0
        with self._lock:
            self._look_for_drawn()
            drawn = {d.page.id: d.page.seq for d in going if d.page.id in self._drawn_on}
            erased = {d.page.seq: self._group(d.value) for d in going if d.page.id not in drawn}
        return self._forget(drawn, request) + self._discard(erased, request, durable)

    def _look_for_drawn(self) -> None:
        """Note what the answers that came since the last time drew on."""
        store = self._modules.store
        last = store.head(self.scope).last_seq
        where = PageFilter(metadata=(Condition(DREW_ON, "has", ()),))
        seqs = store.positions(self.scope, where, self._drawn_up_to).tolist()
        for start in range(0, len(seqs), _READ_AT_ONCE):
            some = PageQuery(seqs=seqs[start : start + _READ_AT_ONCE])
            for page in store.pages(self.scope, some):
                self._drawn_on.update(drawn_on(page))
        self._drawn_up_to = last

    def _forget(self, drawn: Mapping[str, int], request: str) -> int:
        if not drawn:
            return 0
        modules = self._modules

        def choose() -> list[Page]:
            pages = modules.store.pages(self.scope, PageQuery(ids=list(drawn)))
            return [page for page in pages if page.seq == drawn[page.id]]

        receipt = modules.eraser.erase_pages(self.scope, request, choose)
        modules.after_add(self.scope)
        return receipt.erased.get("pages", 0)

    def _discard(self, erased: Mapping[int, Any], request: str, durable: bool) -> int:
        if not erased:
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
                traces=self._modules.store.traces,
            )

        with self._lock:
            ids, version = self._modules.store.documents.discard(
                self.scope, list(erased), receipt, durable=durable
            )
            for seq, group in erased.items():
                if seq in self._held.get(group, ()):
                    self._drop(seq, group)
            if version == self._head.version + 1:  # else others changed the scope meanwhile
                self._head = replace(self._head, version=version)
        return len(ids)

    # ── searching ────────────────────────────────────────────────────────────────────────────

    def search(
        self, query: str, k: int, among: Mapping[int, Document[T]]
    ) -> list[tuple[Document[T], float]]:
        """Return the documents nearest to a query with their relevance, 0 to 1, the best first.

        It is one recall, whatever their number. among: documents by position, as `within` gives
        them; those without words are never found.
        """
        seqs = [seq for seq, document in among.items() if document.is_searched]
        if len(seqs) > max(k, _FEW):
            positions = np.fromiter(seqs, np.int64, len(seqs))
            positions.sort()
            modules = self._modules
            seqs = modules.retriever.nearest(self.scope, query, k, positions, modules.clock())
        documents = [among[seq] for seq in seqs]
        scored = list(zip(documents, self._relevances(query, documents), strict=True))
        scored.sort(key=lambda pair: -pair[1])  # stable: the recall's order decides among equals
        return scored[:k]

    def _relevances(self, query: str, documents: Sequence[Document[T]]) -> list[float]:
        """Return how much each document bears on a query, 0 to 1: shared words and cosine."""
        if not documents:
            return []
        cosines = self._cosines(query, documents)
        asked = frozenset(tokens(query))
        if not asked:
            return cosines
        shares = [len(asked & self._words(document)) / len(asked) for document in documents]
        return [
            _WORDS * share + (1 - _WORDS) * cosine
            for share, cosine in zip(shares, cosines, strict=True)
        ]

    def _cosines(self, query: str, documents: Sequence[Document[T]]) -> list[float]:
        """Return the cosine of each document to a query, 0 to 1. Vectors not made yet are made."""
        embedder = self._modules.embedder
        target = np.asarray(embedder.embed_query(query), np.float32)
        seqs = [document.page.seq for document in documents]
        found = self._modules.retriever.cosines(self.scope, target, seqs)
        missing = [document for document in documents if document.page.seq not in found]
        if missing:
            texts = [document.page.text for document in missing]
            rows = np.asarray(embedder.embed_documents(texts), np.float32)
            made = (rows @ target).tolist()
            found |= {document.page.seq: one for document, one in zip(missing, made, strict=True)}
        return [min(max(found[seq], 0.0), 1.0) for seq in seqs]

    def _words(self, document: Document[T]) -> frozenset[str]:
        words = self._words_of.get(document.page.seq)
        if words is None:
            if len(self._words_of) >= _MOST_COMPARED:
                self._words_of.clear()
            words = self._words_of[document.page.seq] = frozenset(tokens(document.page.text))
        return words

    # ── what is held ─────────────────────────────────────────────────────────────────────────

    def _catch_up(self) -> None:
        store, before = self._modules.store, self._head
        head = store.head(self.scope)
        held_some = bool(self._held)
        read = before.last_seq
        while read < head.last_seq:
            # Not all at once: decoding them holds the interpreter, and a put would wait.
            pages = store.pages(self.scope, PageQuery(after_seq=read, limit=_READ_AT_ONCE))
            for page in pages:
                self._note(page)
            read = pages[-1].seq if len(pages) == _READ_AT_ONCE else head.last_seq
        if held_some and (head.version, head.epoch) != (before.version, before.epoch):
            standing = set(store.documents.positions(self.scope))
            held = [seq for documents in self._held.values() for seq in documents]
            for seq in held:
                if seq not in standing:
                    self._drop(seq)
        self._head = head

    def _note(self, page: Page) -> None:
        document = self._mine(page)
        if document is not None:
            self._hold(document)

    def _hold(self, document: Document[T]) -> None:
        page = document.page
        group = self._group(document.value)
        old = self._places.get(page.id)
        if old is not None:
            self._drop(old[1], old[0])
        self._held.setdefault(group, {})[page.seq] = document
        self._places[page.id] = group, page.seq

    def _drop(self, seq: int, group: Any = ...) -> None:
        groups = [group] if group is not ... else [g for g, n in self._held.items() if seq in n]
        for name in groups:
            document = self._held[name].pop(seq)
            if not self._held[name]:
                del self._held[name]
            del self._places[document.page.id]
        self._words_of.pop(seq, None)

    def _document(self, page: Page) -> Document[T]:
        return Document(page, self._read(page), bool(page.agent_response))

    def _mine(self, page: Page) -> Document[T] | None:
        """Return the document that a page is; None for a turn, or a document of another kind."""
        if page.metadata.get(DOCUMENT) != self.kind:
            return None
        try:
            return self._document(page)
        except Exception:
            if not page.damaged:
                raise
            return None  # so that it stands in the way of no other; the store has said so
