"""Moving all memories from one store to another, scope by scope, each checked against its source.

A scope goes over in one transaction: pages, derived records, vectors and receipts as they are, so
that no model is called and nothing is derived again. Stopped anywhere, a second run passes over
what is there already and goes on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from memoryos.errors import StorageError
from memoryos.model import ErasureReceipt, Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import ALL_KINDS, dumps, message_body, moved, receipt_body
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    NewVectors,
    PageDraft,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.transact import snapshot, transact

_log = logging.getLogger("memoryos.migration")
Progress = Callable[[int, int], None]
"""Called with (done, total) scopes."""


@dataclass(slots=True)
class Migration:
    """Result of a migration."""

    scopes: int = 0
    """Scopes of the source."""
    copied: int = 0
    """Scopes copied by this run, each found equal to its source afterwards."""
    there: int = 0
    """Scopes that the target held already, equal to their source."""
    pages: int = 0
    """Pages of the scopes that are now in the target."""
    differing: list[Scope] = field(default_factory=list)
    """Scopes of which the target holds something else; they are left alone."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """Contents of a scope, positions written as ordinals (0 is none)."""

    pages: list[Page]
    terms: list[bytes]
    vectors: dict[int, bytes]
    """By ordinal of the page."""
    embedder: StoredEmbedder | None
    indexing: int
    records: list[Record]
    receipts: list[ErasureReceipt]
    calls: list[Call]

    @property
    def empty(self) -> bool:
        return not (self.pages or self.records or self.receipts or self.calls)

    def checksum(self) -> str:
        """Return a digest of everything."""
        hasher = hashlib.sha256()
        for part in self._parts():
            hasher.update(len(part).to_bytes(8, "big"))
            hasher.update(part)
        return hasher.hexdigest()

    def _parts(self) -> Iterator[bytes]:
        yield dumps([self.embedder.name, self.embedder.dimension] if self.embedder else []).encode()
        for ordinal, (page, terms) in enumerate(zip(self.pages, self.terms, strict=True), 1):
            yield dumps(_page_body(page)).encode()
            yield terms
            yield self.vectors.get(ordinal, b"")
        for record in self.records:
            yield dumps([record.kind, record.id, record.live]).encode()
            yield dumps(_sorted(record.body)).encode()
            yield record.vector or b""
        for receipt in self.receipts:
            yield dumps(_sorted(receipt_body(receipt))).encode()
        for call in self.calls:
            yield repr(call).encode()


def migrate(source: Store, target: Store, progress: Progress | None = None) -> Migration:
    """Copy every scope of `source` that `target` does not hold yet. Raises StorageError.

    Nothing may write either of them meanwhile; a scope written all the same is found to differ.
    """
    scopes = source.scopes()
    done = Migration(scopes=len(scopes))
    for number, scope in enumerate(scopes):
        if progress is not None:
            progress(number, len(scopes))
        _migrate_scope(source, target, scope, done)
    if progress is not None:
        progress(len(scopes), len(scopes))
    return done


def _migrate_scope(source: Store, target: Store, scope: Scope, done: Migration) -> None:
    wanted, there = _contents(source, scope), _contents(target, scope)
    if there.checksum() == wanted.checksum():
        done.there += 1
    elif there.empty or _but_for_calls(there, wanted):
        if there.empty:
            _copy(target, scope, wanted)
        # The ledger has no ids: what is there of it are its first lines.
        for call in wanted.calls[len(there.calls) :]:
            target.log_call(scope, call)
        copy = _contents(target, scope)
        if copy.checksum() != wanted.checksum():
            raise StorageError(
                f"the copy of the memory of user {scope.user_id!r} is not like its source: "
                f"{len(copy.pages)} of {len(wanted.pages)} pages. Is the source being written? "
                "Stop that and run the migration again"
            )
        done.copied += 1
    else:
        done.differing.append(scope)
        return
    done.pages += len(wanted.pages)


def _but_for_calls(there: _Contents, wanted: _Contents) -> bool:
    """Return whether only the end of the ledger is missing: an earlier run was stopped there."""
    if there.calls != wanted.calls[: len(there.calls)]:
        return False
    return replace(there, calls=[]).checksum() == replace(wanted, calls=[]).checksum()


def _contents(store: Store, scope: Scope) -> _Contents:
    """Read all of a scope, as of one moment."""

    def read(head: Head) -> _Contents:
        pages = store.pages(scope, PageQuery())
        columns = store.index_columns(scope, 0)
        seqs, blobs = store.vectors(scope, 0, head.last_seq)
        records = store.records(scope, ALL_KINDS)
        ordinals = np.array([page.seq for page in pages], np.int64)
        return _Contents(
            pages=pages,
            terms=columns.terms_by_page(),
            vectors={
                int(np.searchsorted(ordinals, seq)) + 1: blob
                for seq, blob in zip(seqs, blobs, strict=True)
            },
            embedder=head.embedder if seqs else None,
            indexing=head.indexing,
            records=sorted(
                (
                    moved(r, lambda seq: int(np.searchsorted(ordinals, seq, "right")))
                    for r in records
                ),
                key=lambda r: (r.kind, r.id),
            ),
            receipts=store.receipts(scope),
            calls=store.calls(scope),
        )

    return snapshot(store, scope, "migrate", read)


def _copy(target: Store, scope: Scope, contents: _Contents) -> None:
    vectors = None
    if contents.embedder is not None:
        by_page = {
            page.id: contents.vectors[ordinal]
            for ordinal, page in enumerate(contents.pages, 1)
            if ordinal in contents.vectors
        }
        vectors = NewVectors(contents.embedder, by_page)
    add_pages = [
        _draft(page, terms) for page, terms in zip(contents.pages, contents.terms, strict=True)
    ]
    assign = [
        Assignment(page.id, page.segment_id, page.chain_id)
        for page in contents.pages
        if (page.segment_id, page.chain_id) != (None, None)
    ]

    def work(head: Head) -> tuple[Changes, None]:
        # Positions go on from the last one that the target ever gave in this scope.
        put = [
            moved(record, lambda ordinal: head.last_seq + ordinal if ordinal else 0)
            for record in contents.records
        ]
        receipts = contents.receipts
        changes = Changes(
            add_pages=add_pages,
            assign=assign,
            put=put,
            vectors=vectors,
            receipts=receipts,
            indexing=contents.indexing,
        )
        return changes, None

    transact(target, scope, "migrate", work)


def _draft(page: Page, terms: bytes) -> PageDraft:
    return PageDraft(
        id=page.id,
        user_input=page.user_input,
        agent_response=page.agent_response,
        timestamp=page.timestamp,
        session_id=page.session_id,
        metadata=page.metadata,
        messages=page.messages,
        terms=terms,
    )


def _page_body(page: Page) -> list[Any]:
    return [
        page.id,
        page.user_input,
        page.agent_response,
        page.timestamp.isoformat(),
        page.session_id,
        _sorted(page.metadata),
        [_sorted(message_body(message)) for message in page.messages],
        page.chain_id,
        page.segment_id,
    ]


def _sorted(value: Any) -> Any:
    """Return JSON with the names of its objects in order."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, (list, tuple)) else value
