"""The Store protocol on PostgreSQL. Statements are in queries.sql.

Writers of one scope wait for one another at its row in `scopes`, which every transaction takes
first; writers of different scopes never meet. Reads are single statements and wait for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Call, ErasureReceipt, Page, Scope
from memoryos.storage.codec import dumps, from_micros, micros, receipt_body, receipt_of
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.storage.port import (
    Changes,
    Counts,
    Head,
    Kind,
    Lease,
    NewVectors,
    PageDraft,
    PageFilter,
    PageQuery,
    Record,
    StoredEmbedder,
    Waiting,
)
from memoryos.storage.postgres.connection import SQL, Connection, Connections
from memoryos.storage.postgres.queue import Queue
from memoryos.storage.postgres.rows import (
    blob_of,
    digest,
    digests,
    page_row,
    pages_of_rows,
    record_row,
    scope_key,
    select_pages,
    select_positions,
    terms_row,
    vectors_of,
)
from memoryos.storage.postgres.search import PostgresSearch, unseal
from memoryos.storage.rows import fresh_drafts, page_of
from memoryos.text.terms import INDEXING

_ALWAYS = -(1 << 62)
_FIRST = UUID(int=0)


class _Conflict(Exception):
    """The scope changed since it was read; rolls the transaction back."""


class PostgresStore:
    """Store in one PostgreSQL database. Raises StorageError or one of its kinds."""

    def __init__(self, uri: str, *, durability: str = "full", lock_seconds: float = 60.0) -> None:
        self._db = Connections(uri, durability=durability, lock_seconds=lock_seconds)
        self.uri = self._db.address.shown
        """Where the store is, without a password."""

    # ── the journal ──────────────────────────────────────────────────────────────────────────

    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        if not drafts:
            return []
        # A page goes in once by its id, however often it is tried; not so one that is replaced.
        again = all(draft.replaces is None for draft in drafts)
        return self._db.writing(lambda db: _append(db, scope, drafts), again=again)

    def pages(self, scope: Scope, query: PageQuery) -> list[Page]:
        statement, arguments = select_pages(scope_key(scope), query)
        return pages_of_rows(self._rows(statement, arguments))

    def positions(self, scope: Scope, where: PageFilter, after_seq: int = 0) -> NDArray[np.int64]:
        rows = self._rows(*select_positions(scope_key(scope), where, after_seq))
        return np.array([seq for (seq,) in rows], np.int64)

    def positions_of(self, scope: Scope, ids: Sequence[str]) -> dict[str, int]:
        rows = self._rows(SQL["seqs_of_ids"], (scope_key(scope), digests(ids)))
        return {id_.decode(): seq for seq, id_ in rows}

    def sessions(self, scope: Scope) -> list[str]:
        rows = self._rows(SQL["sessions"], (scope_key(scope),))
        return [session_id.decode() for (session_id,) in rows]

    def counts(self, scope: Scope) -> Counts:
        rows = self._rows(SQL["counts"], {"scope": scope_key(scope)})
        pages, sessions, waiting, vectors = rows[0]
        return Counts(pages, sessions, waiting, pages - vectors)

    def waiting(self, scope: Scope) -> list[Waiting]:
        rows = self._rows(SQL["waiting"], (scope_key(scope),))
        return [Waiting(seq, session_id.decode()) for seq, session_id in rows]

    # ── the search index's raw material ──────────────────────────────────────────────────────

    def head(self, scope: Scope) -> Head:
        rows = self._rows(SQL["head"], (scope_key(scope),))
        if not rows:
            return Head()
        last, embedded, version, epoch, name, dimension, indexing = rows[0]
        embedder = StoredEmbedder(name, dimension) if name is not None else None
        return Head(last, embedded, version, epoch, embedder, indexing)

    def index_columns(self, scope: Scope, after_seq: int) -> IndexColumns:
        rows = self._rows(SQL["index_columns"], (scope_key(scope), after_seq))
        return IndexColumns.of(*zip(*rows, strict=True))

    def vectors(
        self, scope: Scope, after_seq: int, up_to_seq: int
    ) -> tuple[list[int], list[bytes]]:
        rows = self._rows(SQL["vectors"], (scope_key(scope), after_seq, up_to_seq))
        return [seq for seq, _ in rows], [blob_of(sent) for _, sent in rows]

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
        key = scope_key(scope)
        known = head.embedder.name if head.embedder else None
        arguments = {
            "scope": key,
            "epoch": head.epoch,
            "embedded_seq": head.embedded_seq,
            "known": known,
            "up_to": up_to_seq,
            "embedder": embedder.name,
            "dimension": embedder.dimension,
        }

        def put(db: Connection) -> bool:
            if db.execute(SQL["move_embedded_seq"], arguments).fetchone() is None:
                return False
            if known is None:
                db.execute(SQL["keep_embedder"], (embedder.name, embedder.dimension))
            # A page replaced or erased meanwhile has no row; its old position must stay empty.
            here = db.execute(SQL["existing_seqs"], (key, list(vectors))).fetchall()
            _put_vectors(db, key, {seq: vectors[seq] for (seq,) in here}, embedder)
            return True

        return self._db.writing(put, again=True)

    # ── what is derived ──────────────────────────────────────────────────────────────────────

    def records(
        self,
        scope: Scope,
        kinds: Sequence[Kind],
        *,
        ids: Sequence[str] | None = None,
        after_version: int = 0,
        live_only: bool = False,
    ) -> list[Record]:
        arguments = {
            "scope": scope_key(scope),
            "kinds": list(kinds),
            "after": after_version,
            "live_only": live_only,
        }
        name = "records"
        if ids is not None:
            name, arguments["ids"] = "records_by_id", digests(ids)
        return [
            Record(kind, id_.decode(), json.loads(body), vector, live)
            for kind, id_, body, vector, live in self._rows(SQL[name], arguments)
        ]

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        takes = bool(changes.delete or changes.erase_pages or changes.vectors or changes.terms)
        expected = {
            "scope": scope_key(scope),
            "version": head.version,
            "epoch": head.epoch,
            "takes": int(takes),
            "last_seq": head.last_seq if changes.add_pages and changes.vectors else None,
        }

        def apply(db: Connection) -> None:
            bumped = db.execute(SQL["bump"], expected).fetchone()
            if bumped is None and not head.version:
                db.execute(SQL["create_scope"], (expected["scope"], INDEXING))
                bumped = db.execute(SQL["bump"], expected).fetchone()
            if bumped is None:
                raise _Conflict
            _apply(db, scope, bumped[0], changes)

        try:
            self._db.writing(apply, again=False)
        except _Conflict:
            return False
        return True

    # ── many processes ───────────────────────────────────────────────────────────────────────

    def lease(self, scope: Scope, owner: str, seconds: float, now: datetime) -> bool:
        expires = micros(now + timedelta(seconds=seconds))
        row = {"scope": scope_key(scope), "owner": owner, "expires": expires, "now": micros(now)}
        return self._db.writing(
            lambda db: db.execute(SQL["lease"], row).fetchone() is not None, again=True
        )

    def release(self, scope: Scope, owner: str) -> None:
        row = (scope_key(scope), owner)
        self._db.writing(lambda db: db.execute(SQL["release"], row), again=True)

    def leased(self, scope: Scope) -> Lease | None:
        rows = self._rows(SQL["leased"], (scope_key(scope),))
        return Lease(rows[0][0], from_micros(rows[0][1])) if rows else None

    def scopes(self, *, waiting: bool = False) -> list[Scope]:
        if waiting:
            rows = self._rows(SQL["scopes_waiting"], (INDEXING,))
        else:
            rows = self._rows(SQL["scopes"], ())
        return [_scope(row) for row in rows]

    def scope_of(self, key: UUID) -> Scope | None:
        """Return the scope of a key; None if nothing of it is left."""
        rows = self._rows(SQL["scope_names"], (key,))
        return _scope(rows[0]) if rows else None

    def forgotten_by_queue(self, after: UUID = _FIRST, limit: int = 1000) -> list[UUID]:
        """Return keys of scopes with pages that have no vector yet and no task, in order."""
        rows = self._rows(SQL["scopes_forgotten_by_queue"], (after, limit))
        return [key for (key,) in rows]

    @cached_property
    def queue(self) -> Queue:
        """The queue through which processes ask `memoryos worker` for work."""
        return Queue(self._db)

    @cached_property
    def search(self) -> PostgresSearch:
        """Search in the server, for large scopes."""
        return PostgresSearch(self._db)

    def enqueue(self, scope: Scope) -> None:
        self.queue.put(scope_key(scope))

    # ── ledger, receipts, metadata ───────────────────────────────────────────────────────────

    def log_call(self, scope: Scope, call: Call) -> None:
        key = scope_key(scope)
        row = (
            key,
            micros(call.at),
            call.purpose,
            call.model,
            call.prompt_tokens,
            call.completion_tokens,
            call.seconds,
            call.outcome,
        )
        self._db.writing(lambda db: db.execute(SQL["insert_call"], row), again=False)

    def calls(self, scope: Scope, since: datetime | None = None) -> list[Call]:
        first = _ALWAYS if since is None else micros(since)
        return [
            Call(purpose, model, prompt, completion, seconds, outcome, from_micros(at))
            for purpose, model, prompt, completion, seconds, outcome, at in self._rows(
                SQL["calls"], (scope_key(scope), first)
            )
        ]

    def receipts(self, scope: Scope) -> list[ErasureReceipt]:
        rows = self._rows(SQL["receipts"], (scope_key(scope),))
        return [receipt_of(json.loads(body)) for (body,) in rows]

    def embedders(self) -> list[StoredEmbedder]:
        return [StoredEmbedder(*row) for row in self._rows(SQL["embedders"], ())]

    def before_fork(self) -> None:
        self._db.before_fork()

    def after_fork(self, *, child: bool) -> None:
        self._db.after_fork(child=child)

    def close(self) -> None:
        self._db.close()

    # ── helpers ──────────────────────────────────────────────────────────────────────────────

    def _rows(self, statement: bytes, arguments: Any) -> list[tuple[Any, ...]]:
        return self._db.reading(lambda db: db.execute(statement, arguments, binary=True).fetchall())


def _scope(row: tuple[Any, ...]) -> Scope:
    user_id, assistant_id = row
    return Scope(user_id.decode(), assistant_id.decode())


def _append(db: Connection, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
    """Journal drafts; whoever else writes the scope waits at its row."""
    key = scope_key(scope)
    statement, arguments = select_pages(key, PageQuery(ids=[draft.id for draft in drafts]))
    while True:
        # Both are sent together; the second sees what was committed before the first had its lock.
        locked = db.execute(SQL["lock_scope"], (key,))
        rows = db.execute(statement, arguments, binary=True).fetchall()
        row = locked.fetchone()
        if row is not None:
            break
        db.execute(SQL["create_scope"], (key, INDEXING))
    known = {page.id: page for page in pages_of_rows(rows)}
    fresh = fresh_drafts(drafts, known)
    if not fresh:
        return [known[draft.id] for draft in drafts]
    last = row[0] + len(fresh)
    names = {"user_id": scope.user_id.encode(), "assistant_id": scope.assistant_id.encode()}
    db.execute(SQL["take_seqs"], {"scope": key, "last_seq": last, **names})
    moved = {id_: known[id_].seq for id_ in fresh if id_ in known}
    first = {}
    if moved:  # who is at work on the old page's words begins again
        db.execute(SQL["note_replacement"], (key,))
        found = db.execute(SQL["first_positions"], (key, [*moved.values()])).fetchall()
        before: dict[int, int] = dict(found)
        first = {id_: before.get(seq) or seq for id_, seq in moved.items()}
        _delete_seqs(db, key, [*moved.values()])
    pages = {
        draft.id: page_of(draft, seq, known.get(draft.id))
        for seq, draft in enumerate(fresh.values(), row[0] + 1)
    }
    page_rows = [page_row(key, page) for page in pages.values()]
    term_rows = [
        terms_row(key, pages[draft.id], draft, first.get(draft.id, 0)) for draft in fresh.values()
    ]
    _each(db, "insert_page", page_rows)
    _each(db, "insert_terms", term_rows)
    return [pages.get(draft.id) or known[draft.id] for draft in drafts]


def _each(db: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if len(rows) == 1:
        db.execute(SQL[statement], rows[0])
    elif rows:
        with db.cursor() as cursor:
            cursor.executemany(SQL[statement], rows)


def _apply(db: Connection, scope: Scope, version: int, changes: Changes) -> None:
    """Apply changes to a scope whose row this transaction holds."""
    key = scope_key(scope)
    if changes.add_pages:
        _append(db, scope, changes.add_pages)
    _assign(db, key, changes)
    deleted = [(key, kind, digest(id_)) for kind, id_ in changes.delete]
    _each(db, "delete_record", deleted)
    if changes.erase_pages:
        gone = db.execute(SQL["erase_pages"], (key, digests(changes.erase_pages))).fetchall()
        _delete_seqs(db, key, [seq for (seq,) in gone])
    if changes.erase_pages or any(kind == "note" for kind, _ in changes.delete):
        db.execute(SQL["unname_scope"], {"scope": key})
    _each(db, "put_record", [record_row(key, version, record) for record in changes.put])
    if any(record.kind == "note" for record in changes.put):
        names = (scope.user_id.encode(), scope.assistant_id.encode(), key)
        db.execute(SQL["name_scope"], names)
    if changes.erase_calls:
        db.execute(SQL["delete_calls"], (key,))
    if changes.vectors is not None:
        _replace_vectors(db, key, changes.vectors)
    _each(db, "replace_terms", [(terms, key, seq) for seq, terms in changes.terms.items()])
    if changes.indexing is not None:
        db.execute(SQL["set_indexing"], (changes.indexing, key))
    if changes.terms:
        unseal(db, key, changes.terms)
    receipts = [(key, dumps(receipt_body(receipt))) for receipt in changes.receipts]
    _each(db, "insert_receipt", receipts)


def _assign(db: Connection, key: UUID, changes: Changes) -> None:
    places = {digest(item.page_id): item for item in changes.assign}
    if not places:
        return
    arguments = {
        "scope": key,
        "ids": list(places),
        "segments": [_bytes(item.segment_id) for item in places.values()],
        "chains": [_bytes(item.chain_id) for item in places.values()],
    }
    if len(db.execute(SQL["assign"], arguments).fetchall()) != len(places):
        raise _Conflict


def _replace_vectors(db: Connection, key: UUID, vectors: NewVectors) -> None:
    by_page, embedder = vectors.by_page, vectors.embedder
    db.execute(SQL["delete_all_vectors"], (key,))
    rows = db.execute(SQL["seqs_of_ids"], (key, digests(by_page))).fetchall()
    _put_vectors(db, key, {seq: by_page[id_.decode()] for seq, id_ in rows}, embedder)
    last = max((seq for seq, _ in rows), default=0)
    db.execute(SQL["keep_embedder"], (embedder.name, embedder.dimension))
    db.execute(SQL["replace_embedding"], (last, embedder.name, embedder.dimension, key))


def _put_vectors(
    db: Connection, key: UUID, by_seq: Mapping[int, bytes], embedder: StoredEmbedder
) -> None:
    db.execute(SQL["delete_vectors"], (key, list(by_seq)))
    rows = [
        (key, seq, passage, vector)
        for seq, blob in by_seq.items()
        for passage, vector in enumerate(vectors_of(blob, embedder.dimension))
    ]
    _each(db, "put_vector", rows)


def _delete_seqs(db: Connection, key: UUID, seqs: Sequence[int]) -> None:
    if seqs:
        for name in ("delete_pages", "delete_terms", "delete_vectors"):
            db.execute(SQL[name], (key, list(seqs)))
        unseal(db, key, seqs)


def _bytes(id_: str | None) -> bytes | None:
    return None if id_ is None else id_.encode()
