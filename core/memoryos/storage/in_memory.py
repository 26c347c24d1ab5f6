"""The reference store: plain dictionaries under one lock. Holds nothing beyond the process."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoryos.errors import EngineClosed
from memoryos.model import NO_SEGMENT, ErasureReceipt, Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import dumps
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.storage.port import (
    Changes,
    Concerned,
    Counts,
    Head,
    Kind,
    Lease,
    NewVectors,
    PageDraft,
    PageFilter,
    PageMoved,
    PageQuery,
    Record,
    StoredEmbedder,
    Waiting,
)
from memoryos.storage.rows import is_concerned, matching, page_of, passes, session_number
from memoryos.text.terms import INDEXING


@dataclass(slots=True)
class _ScopeData:
    """Data of one scope. Pages are in journal order."""

    head: Head = field(default_factory=Head)
    pages: dict[str, Page] = field(default_factory=dict)
    terms: dict[str, bytes] = field(default_factory=dict)
    vectors: dict[int, bytes] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    records: dict[tuple[Kind, str], tuple[int, Record]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    receipts: list[ErasureReceipt] = field(default_factory=list)
    lease: tuple[str, datetime] | None = None


class InMemoryStore:
    """Store of `sqlite:///:memory:` and of tests; what the other stores are compared with."""

    uri = "sqlite:///:memory:"
    traces = ""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._scopes: dict[Scope, _ScopeData] = {}
        self._closed = False

    def _data(self, scope: Scope) -> _ScopeData:
        if self._closed:
            raise EngineClosed
        return self._scopes.get(scope) or _ScopeData()

    @property
    def documents(self) -> _Documents:
        return _Documents(self)

    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        with self._lock:
            data = self._data(scope)
            _check_places(data, drafts)
            self._scopes[scope] = data
            return [_given(_put_page(data, draft)) for draft in drafts]

    def pages(self, scope: Scope, query: PageQuery) -> list[Page]:
        with self._lock:
            data = self._data(scope)
            pages = list(data.pages.values())
        if query.ids is not None:
            ids = set(query.ids)
            pages = [page for page in pages if page.id in ids]
        if query.seqs is not None:
            seqs = set(query.seqs)
            pages = [page for page in pages if page.seq in seqs]
        found = matching(pages, query)
        if query.newest_first:
            found.reverse()
        return [_given(page) for page in found[: query.limit]]

    def positions(self, scope: Scope, where: PageFilter, after_seq: int = 0) -> NDArray[np.int64]:
        with self._lock:
            pages = list(self._data(scope).pages.values())
        found = [page.seq for page in pages if page.seq > after_seq and passes(page, where)]
        return np.array(found, np.int64)

    def positions_of(self, scope: Scope, ids: Sequence[str]) -> dict[str, int]:
        with self._lock:
            pages = self._data(scope).pages
            return {id_: pages[id_].seq for id_ in ids if id_ in pages}

    def sessions(self, scope: Scope) -> list[str]:
        with self._lock:
            return list(dict.fromkeys(page.session_id for page in self._data(scope).pages.values()))

    def counts(self, scope: Scope) -> Counts:
        with self._lock:
            data = self._data(scope)
            pages = list(data.pages.values())
            return Counts(
                pages=len(pages),
                sessions=len({page.session_id for page in pages}),
                waiting=sum(page.segment_id is None for page in pages),
                unembedded=len(pages) - len(data.vectors),
                records=Counter(kind for kind, _ in data.records),
            )

    def waiting(self, scope: Scope) -> list[Waiting]:
        pages = self.pages(scope, PageQuery(waiting=True))
        return [Waiting(page.seq, page.session_id) for page in pages]

    def head(self, scope: Scope) -> Head:
        with self._lock:
            return self._data(scope).head

    def index_columns(self, scope: Scope, after_seq: int) -> IndexColumns:
        with self._lock:
            data = self._data(scope)
            pages = [page for page in data.pages.values() if page.seq > after_seq]
            return IndexColumns.of(
                seqs=[page.seq for page in pages],
                sessions=[session_number(page.session_id) for page in pages],
                timestamps=[page.timestamp.timestamp() for page in pages],
                terms=[data.terms[page.id] for page in pages],
                first=[data.first.get(page.seq, 0) for page in pages],
            )

    def vectors(
        self, scope: Scope, after_seq: int, up_to_seq: int
    ) -> tuple[list[int], list[bytes]]:
        with self._lock:
            rows = self._data(scope).vectors
            seqs = [seq for seq in sorted(rows) if after_seq < seq <= up_to_seq]
            return seqs, [rows[seq] for seq in seqs]

    def joined_vectors(self, scope: Scope, after_seq: int, up_to_seq: int) -> VectorColumns:
        return VectorColumns.of(*self.vectors(scope, after_seq, up_to_seq))

    def put_vectors(
        self,
        scope: Scope,
        head: Head,
        embedder: StoredEmbedder,
        vectors: Mapping[int, bytes],
        up_to_seq: int,
    ) -> bool:
        with self._lock:
            data = self._data(scope)
            here = data.head
            if (here.epoch, here.embedded_seq, here.embedder) != (
                head.epoch,
                head.embedded_seq,
                head.embedder,
            ):
                return False
            seqs = {page.seq for page in data.pages.values()}
            data.vectors.update({seq: blob for seq, blob in vectors.items() if seq in seqs})
            data.head = replace(here, embedded_seq=up_to_seq, embedder=embedder)
            return True

    def records(
        self,
        scope: Scope,
        kinds: Sequence[Kind],
        *,
        ids: Sequence[str] | None = None,
        after_version: int = 0,
        live: bool | None = None,
        concerned: Concerned | None = None,
    ) -> list[Record]:
        with self._lock:
            rows = sorted(
                self._data(scope).records.values(),
                key=lambda row: (row[0], row[1].kind, row[1].id),
            )
        return [
            _copy(record)
            for version, record in rows
            if record.kind in kinds
            and version > after_version
            and (ids is None or record.id in ids)
            and live in (None, record.live)
            and (concerned is None or is_concerned(record, concerned))
        ]

    def unreadable(self, scope: Scope, *, journalled: bool = False) -> int:  # noqa: ARG002
        return 0  # records never leave the process's memory

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        with self._lock:
            data = self._data(scope)
            if (data.head.epoch, data.head.version) != (head.epoch, head.version):
                return False
            if changes.add_pages and changes.vectors and data.head.last_seq != head.last_seq:
                return False
            coming = {draft.id for draft in changes.add_pages}
            if any(i.page_id not in data.pages and i.page_id not in coming for i in changes.assign):
                return False
            _check_places(data, changes.add_pages)
            self._scopes[scope] = data
            _apply(data, changes)
            return True

    def lease(self, scope: Scope, owner: str, seconds: float, now: datetime) -> bool:
        with self._lock:
            data = self._data(scope)
            if data.lease and data.lease[0] != owner and data.lease[1] > now:
                return False
            if scope in self._scopes:
                data.lease = (owner, now + timedelta(seconds=seconds))
            return True

    def release(self, scope: Scope, owner: str) -> None:
        with self._lock:
            data = self._data(scope)
            if data.lease and data.lease[0] == owner:
                data.lease = None

    def leased(self, scope: Scope) -> Lease | None:
        with self._lock:
            held = self._data(scope).lease
        return Lease(*held) if held else None

    def scopes(self, *, waiting: bool = False) -> list[Scope]:
        with self._lock:
            found = []
            for scope, data in self._scopes.items():
                counts = self.counts(scope)
                behind = data.head.embedded_seq < data.head.last_seq
                behind = behind or data.head.indexing != INDEXING
                held = counts.pages or any(kind == "note" for kind, _ in data.records)
                if held and (not waiting or counts.waiting or behind):
                    found.append(scope)
            return sorted(found, key=lambda s: (s.user_id, s.assistant_id))

    def log_call(self, scope: Scope, call: Call) -> None:
        with self._lock:
            data = self._data(scope)
            self._scopes[scope] = data
            data.calls.append(call)

    def calls(self, scope: Scope, since: datetime | None = None) -> list[Call]:
        with self._lock:
            return [c for c in self._data(scope).calls if since is None or c.at >= since]

    def receipts(self, scope: Scope) -> list[ErasureReceipt]:
        with self._lock:
            return list(self._data(scope).receipts)

    def embedders(self) -> list[StoredEmbedder]:
        with self._lock:
            found = {data.head.embedder for data in self._scopes.values() if data.vectors}
            return sorted((e for e in found if e is not None), key=lambda e: e.name)

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._lock = threading.RLock()
        else:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._scopes.clear()


class _Documents:
    """What concerns documents alone (see `DocumentRows`)."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    def _here(self, scope: Scope) -> tuple[_ScopeData, dict[int, Page]]:
        data = self._store._data(scope)  # noqa: SLF001  # a part of the store
        documents = {p.seq: p for p in data.pages.values() if p.segment_id == NO_SEGMENT}
        return data, documents

    def positions(self, scope: Scope) -> list[int]:
        with self._store._lock:  # noqa: SLF001
            return list(self._here(scope)[1])

    def retouch(self, scope: Scope, metadata: Mapping[int, Mapping[str, Any]]) -> None:
        with self._store._lock:  # noqa: SLF001
            data, documents = self._here(scope)
            for seq in metadata.keys() & documents.keys():
                page = documents[seq]
                data.pages[page.id] = replace(page, metadata=deepcopy(metadata[seq]))

    def discard(
        self,
        scope: Scope,
        seqs: Sequence[int],
        receipt: Callable[[Sequence[str]], ErasureReceipt],
        *,
        durable: bool = True,  # noqa: ARG002  # nothing here outlives the process
    ) -> tuple[list[str], int]:
        with self._store._lock:  # noqa: SLF001
            data, documents = self._here(scope)
            if not data.head.last_seq:
                return [], 0
            data.head = replace(data.head, version=data.head.version + 1)
            ids = [documents[seq].id for seq in seqs if seq in documents]
            for id_ in ids:
                data.vectors.pop(data.pages.pop(id_).seq, None)
                data.terms.pop(id_)
            if ids:
                data.receipts.append(receipt(ids))
            return ids, data.head.version


def _check_places(data: _ScopeData, drafts: Sequence[PageDraft]) -> None:
    for draft in drafts:
        known = data.pages.get(draft.id)
        if draft.replaces is not None and (known is None or known.seq != draft.replaces):
            raise PageMoved


def _apply(data: _ScopeData, changes: Changes) -> None:
    """Apply the changes of a commit; cannot fail."""
    version, epoch = data.head.version + 1, data.head.epoch + changes.takes_away
    data.head = replace(data.head, version=version, epoch=epoch)
    if changes.erase_all:
        for rows in (data.pages, data.terms, data.vectors, data.first, data.records, data.calls):
            rows.clear()
    for draft in changes.add_pages:
        _put_page(data, draft)
    for key in changes.delete:
        data.records.pop(key, None)
    for page_id in changes.erase_pages:
        page = data.pages.pop(page_id, None)
        if page is not None:
            data.terms.pop(page_id)
            data.vectors.pop(page.seq, None)
    for record in changes.put:
        data.records[record.kind, record.id] = (version, _copy(record))
    for item in changes.assign:
        page = data.pages[item.page_id]
        data.pages[item.page_id] = replace(page, segment_id=item.segment_id, chain_id=item.chain_id)
    if changes.erase_calls:
        data.calls.clear()
    if changes.vectors is not None:
        _replace_vectors(data, changes.vectors)
    data.terms.update(
        {p.id: changes.terms[p.seq] for p in data.pages.values() if p.seq in changes.terms}
    )
    if changes.indexing is not None:
        data.head = replace(data.head, indexing=changes.indexing)
    data.receipts.extend(changes.receipts)


def _replace_vectors(data: _ScopeData, vectors: NewVectors) -> None:
    data.vectors = {
        data.pages[id_].seq: blob for id_, blob in vectors.by_page.items() if id_ in data.pages
    }
    last = max(data.vectors, default=0)
    data.head = replace(data.head, embedded_seq=last, embedder=vectors.embedder)


def _copy(record: Record) -> Record:
    """Return a deep copy of a record, as a database would give."""
    return replace(record, body=json.loads(dumps(record.body)))


def _given(page: Page) -> Page:
    """Return a copy of a page, so that a caller cannot change the stored one."""
    if not page.metadata and all(isinstance(message.content, str) for message in page.messages):
        return page
    return replace(page, metadata=deepcopy(page.metadata), messages=deepcopy(page.messages))


def _put_page(data: _ScopeData, draft: PageDraft) -> Page:
    known = data.pages.get(draft.id)
    if known is not None and draft.replaces is None:
        return known
    if known is not None:
        del data.pages[draft.id]
        data.head = replace(data.head, version=data.head.version + 1)
        data.vectors.pop(known.seq, None)
    seq = data.head.last_seq + 1
    page = page_of(draft, seq, known)
    data.pages[draft.id] = page
    data.terms[draft.id] = draft.terms
    if known is not None:
        data.first[seq] = data.first.pop(known.seq, known.seq)
    data.head = replace(data.head, last_seq=seq)
    return page
