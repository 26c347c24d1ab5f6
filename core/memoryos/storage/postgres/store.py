"""The Store protocol on PostgreSQL. Statements are in queries.sql.

Writers of one scope wait for one another at its row in `scopes`, which every transaction takes
first; writers of different scopes never meet. Reads are single statements and wait for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoryos.model import ErasureReceipt, Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import from_micros, micros
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.storage.port import (
    Changes,
    Concerned,
    Counts,
    Head,
    Kind,
    Lease,
    PageDraft,
    PageFilter,
    PageQuery,
    Record,
    StoredEmbedder,
    Waiting,
)
from memoryos.storage.postgres.changes import Conflict, append, apply, put_vectors
from memoryos.storage.postgres.connection import SQL, Connection, Connections
from memoryos.storage.postgres.documents import PostgresDocuments
from memoryos.storage.postgres.queue import Queue
from memoryos.storage.postgres.rows import (
    blob_of,
    digests,
    pages_of_rows,
    record_of,
    scope_key,
    select_pages,
    select_positions,
    unreadable,
)
from memoryos.storage.postgres.search import PostgresSearch
from memoryos.storage.rows import concerned_texts, read_receipts
from memoryos.text.terms import INDEXING

_ALWAYS = -(1 << 62)
_FIRST = UUID(int=0)


class PostgresStore:
    """Store in one PostgreSQL database. Raises StorageError or one of its kinds."""

    traces = (
        "PostgreSQL keeps removed rows in its files until VACUUM has run and the space is used "
        "again (VACUUM FULL writes the tables anew), and in its write-ahead log, the log's archive "
        "and backups until those are discarded"
    )

    def __init__(self, uri: str, *, durability: str = "full", lock_seconds: float = 60.0) -> None:
        self._db = Connections(uri, durability=durability, lock_seconds=lock_seconds)
        self.uri = self._db.address.shown
        """Where the store is, without a password."""
        self.documents = PostgresDocuments(self._db)

    # ── the journal ──────────────────────────────────────────────────────────────────────────

    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        if not drafts:
            return []
        # A page goes in once by its id, however often it is tried; not so one that is replaced.
        again = all(draft.replaces is None for draft in drafts)
        return self._db.writing(lambda db: append(db, scope, drafts), again=again)

    def pages(self, scope: Scope, query: PageQuery) -> list[Page]:
        statement, arguments = select_pages(scope_key(scope), query)
        return pages_of_rows(scope_key(scope), self._rows(statement, arguments))

    def positions(self, scope: Scope, where: PageFilter, after_seq: int = 0) -> NDArray[np.int64]:
        statement, arguments = select_positions(scope_key(scope), where, after_seq)
        return np.array([seq for (seq,) in self._rows(statement, arguments)], np.int64)

    def positions_of(self, scope: Scope, ids: Sequence[str]) -> dict[str, int]:
        rows = self._rows(SQL["seqs_of_ids"], (scope_key(scope), digests(ids)))
        return {id_.decode(): seq for seq, id_ in rows}

    def sessions(self, scope: Scope) -> list[str]:
        rows = self._rows(SQL["sessions"], (scope_key(scope),))
        return [session_id.decode() for (session_id,) in rows]

    def counts(self, scope: Scope) -> Counts:
        rows = self._rows(SQL["counts"], {"scope": scope_key(scope)})
        pages, sessions, waiting, vectors = rows[0]
        records = dict(self._rows(SQL["count_records"], (scope_key(scope),)))
        return Counts(pages, sessions, waiting, pages - vectors, records)

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
            put_vectors(db, key, {seq: vectors[seq] for (seq,) in here}, embedder)
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
        live: bool | None = None,
        concerned: Concerned | None = None,
    ) -> list[Record]:
        arguments = {
            "scope": scope_key(scope),
            "kinds": list(kinds),
            "after": after_version,
            "live": live,
        }
        name = "records"
        if ids is not None:
            name, arguments["ids"] = "records_by_id", digests(ids)
        elif concerned is not None:
            names, marks, analyst = concerned_texts(concerned)
            arguments |= {"names": names, "marks": marks, "analyst": analyst}
            name = "records_concerned"
        rows = self._rows(SQL[name], arguments)
        key = scope_key(scope)
        found = (record_of(key, row, written, format_) for *row, written, format_ in rows)
        return [record for record in found if record is not None]

    def unreadable(self, scope: Scope, *, journalled: bool = False) -> int:
        key = scope_key(scope)
        rows = self._rows(SQL["all_records"], (key,))
        return len(unreadable(key, rows, journalled=journalled))

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        expected = {
            "scope": scope_key(scope),
            "version": head.version,
            "epoch": head.epoch,
            "takes": int(changes.takes_away),
            "last_seq": head.last_seq if changes.add_pages and changes.vectors else None,
        }

        def change(db: Connection) -> None:
            bumped = db.execute(SQL["bump"], expected).fetchone()
            if bumped is None and not head.version:
                db.execute(SQL["create_scope"], (expected["scope"], INDEXING))
                bumped = db.execute(SQL["bump"], expected).fetchone()
            if bumped is None:
                raise Conflict
            apply(db, scope, bumped[0], changes)

        try:
            self._db.writing(change, again=False)
        except Conflict:
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
        return read_receipts(rows)

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
