"""The Store protocol on SQLite. Statements are in queries.sql."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoryos.errors import NotADatabase, StorageError
from memoryos.model import ErasureReceipt, Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import dumps, from_micros, micros
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
from memoryos.storage.rows import (
    concerned_texts,
    matching,
    read_receipts,
    read_record,
    scope_digest,
)
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.changes import Conflict, append, apply
from memoryos.storage.sqlite.columns import read_columns, read_joined_vectors, read_vectors
from memoryos.storage.sqlite.connection import Connections
from memoryos.storage.sqlite.documents import SQLiteDocuments
from memoryos.storage.sqlite.grouping import GroupCommit
from memoryos.storage.sqlite.repair import problems
from memoryos.storage.sqlite.rows import (
    ALWAYS,
    SEQ_MASK,
    SHIFT,
    call_row,
    embedder_id,
    put_vectors,
    select_pages,
    select_positions,
    slots,
    stored_pages,
    unreadable,
)
from memoryos.text.terms import INDEXING

_log = logging.getLogger("memoryos.storage")
_SQL = named_queries("memoryos.storage.sqlite")


_TRACES = (
    "the file is in use or its disk full: traces of what was erased stay until the next erasure"
)


class SQLiteStore:
    """Store in one SQLite file. Raises StorageError or one of its kinds."""

    traces = ""

    def __init__(
        self, path: str | Path, *, durability: str = "full", lock_seconds: float = 60.0
    ) -> None:
        self.path = Path(path)
        self.uri = f"sqlite:///{path}"
        self._db = Connections(self.path, durability=durability, lock_seconds=lock_seconds)
        self._grouped = GroupCommit(self._db.writing)
        self._scope_ids: dict[Scope, int] = {}  # never stale: scope rows are never deleted
        self.documents = SQLiteDocuments(self._db, self._find_scope)

    # ── the journal ──────────────────────────────────────────────────────────────────────────

    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        def write(db: sqlite3.Connection) -> tuple[int, list[Page]]:
            scope_id = self._make_scope(db, scope)
            return scope_id, append(db, scope_id, scope, drafts)

        scope_id, pages = self._grouped.run(write)
        self._scope_ids[scope] = scope_id
        return pages

    def pages(self, scope: Scope, query: PageQuery) -> list[Page]:
        scope_id = self._find_scope(scope)
        if scope_id is None or query.limit == 0:
            return []
        name, arguments = select_pages(scope_id, query)
        rows = self._db.fetch(_SQL[name], arguments)
        # json_each() cuts a text at its NUL, so ids are compared again.
        ids, seqs = (None if given is None else set(given) for given in (query.ids, query.seqs))
        pages = [
            page
            for page in matching(stored_pages(rows), query)
            if (ids is None or page.id in ids) and (seqs is None or page.seq in seqs)
        ]
        pages.sort(key=lambda page: page.seq, reverse=query.newest_first)
        return pages[: query.limit]

    def positions(self, scope: Scope, where: PageFilter, after_seq: int = 0) -> NDArray[np.int64]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return np.zeros(0, np.int64)
        found = self._db.fetch(*select_positions(scope_id, where, after_seq))
        return np.fromiter((slot & SEQ_MASK for (slot,) in found), np.int64, len(found))

    def positions_of(self, scope: Scope, ids: Sequence[str]) -> dict[str, int]:
        arguments = {"scope": self._find_scope(scope), "ids": dumps(list(ids))}
        found = self._db.fetch(_SQL["slots_of_ids"], arguments)
        wanted = set(ids)  # json_each() cuts a text at its NUL
        return {id_: slot & SEQ_MASK for slot, id_ in found if id_ in wanted}

    def sessions(self, scope: Scope) -> list[str]:
        return [row[0] for row in self._rows(scope, "sessions")]

    def counts(self, scope: Scope) -> Counts:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return Counts()
        with self._db.reading() as db:
            pages, sessions = db.execute(_SQL["count_pages"], (scope_id,)).fetchone()
            waiting = db.execute(_SQL["count_waiting"], (scope_id,)).fetchone()[0]
            vectors = db.execute(_SQL["count_vectors"], slots(scope_id)).fetchone()[0]
            records = dict(db.execute(_SQL["count_records"], (scope_id,)))
        return Counts(pages, sessions, waiting, pages - vectors, records)

    def waiting(self, scope: Scope) -> list[Waiting]:
        return [Waiting(slot & SEQ_MASK, name) for slot, name in self._rows(scope, "waiting")]

    # ── the search index's raw material ──────────────────────────────────────────────────────

    def head(self, scope: Scope) -> Head:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return Head()
        ((last, embedded, version, epoch, name, dimension, indexing),) = self._db.fetch(
            _SQL["head"], (scope_id,)
        )
        embedder = StoredEmbedder(name, dimension) if name is not None else None
        return Head(last, embedded, version, epoch, embedder, indexing)

    def index_columns(self, scope: Scope, after_seq: int) -> IndexColumns:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return IndexColumns.of()
        with self._db.reading() as db:
            return read_columns(db, slots(scope_id, after_seq))

    def vectors(
        self, scope: Scope, after_seq: int, up_to_seq: int
    ) -> tuple[list[int], list[bytes]]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return [], []
        with self._db.reading() as db:
            return read_vectors(db, slots(scope_id, after_seq, up_to_seq))

    def joined_vectors(self, scope: Scope, after_seq: int, up_to_seq: int) -> VectorColumns:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return VectorColumns.of()
        with self._db.reading() as db:
            return read_joined_vectors(db, slots(scope_id, after_seq, up_to_seq))

    def put_vectors(
        self,
        scope: Scope,
        head: Head,
        embedder: StoredEmbedder,
        vectors: Mapping[int, bytes],
        up_to_seq: int,
    ) -> bool:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return False
        with self._db.writing(durable=False) as db:
            moved = db.execute(
                _SQL["move_embedded_seq"],
                {
                    "up_to": up_to_seq,
                    "embedder": embedder_id(db, embedder),
                    "scope": scope_id,
                    "epoch": head.epoch,
                    "embedded_seq": head.embedded_seq,
                    "name": head.embedder.name if head.embedder else None,
                },
            )
            if moved.rowcount == 0:
                return False
            put_vectors(db, {scope_id << SHIFT | seq: blob for seq, blob in vectors.items()})
        return True

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
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return []
        arguments = {
            "scope": scope_id,
            "kinds": dumps(list(kinds)),
            "ids": None if ids is None else dumps(list(ids)),
            "after": after_version,
            "live": live,
        }
        name = "live_records" if live else "records"
        if concerned is not None:
            names, marks, analyst = concerned_texts(concerned)
            arguments |= {"names": dumps(names), "marks": None if marks is None else dumps(marks)}
            name, arguments["analyst"] = "records_concerned", analyst
        rows = self._db.fetch(_SQL[name if ids is None else "records_by_id"], arguments)
        wanted = None if ids is None else set(ids)  # json_each() cuts a text at its NUL
        return [
            record
            for *row, written, format_ in rows
            if (wanted is None or row[1] in wanted)
            and (record := read_record(scope_id, row, written, format_)) is not None
        ]

    def unreadable(self, scope: Scope, *, journalled: bool = False) -> int:
        rows = self._rows(scope, "all_records")
        if not rows:
            return 0
        return len(unreadable(self._scope_ids[scope], rows, journalled=journalled))

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        try:
            return self._commit(scope, head, changes)
        except StorageError as error:
            if not (changes.erase_all and type(error) in (NotADatabase, StorageError)):
                raise
        self._db.rescue(without=self._find_scope(scope))  # what cannot be read is left behind
        self._scope_ids.clear()
        return self._commit(scope, self.head(scope), changes)

    def _commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        expected = {
            "version": head.version,
            "epoch": head.epoch,
            "last_seq": head.last_seq if changes.add_pages and changes.vectors else None,
            "takes": int(changes.takes_away),
        }
        try:
            with self._db.writing(durable=not _derivable(changes)) as db:
                scope_id = self._make_scope(db, scope)
                bumped = db.execute(_SQL["bump"], {"scope": scope_id, **expected}).fetchone()
                if bumped is None:
                    raise Conflict
                apply(db, scope_id, scope, bumped[0], changes)
        except Conflict:
            return False
        if changes.removes and not self._db.scrub():
            if changes.erase_all and not self._db.is_sound():
                self._db.rescue(without=scope_id)  # which writes the file anew as well
                self._scope_ids.clear()
            else:
                _log.warning("%s", _TRACES)
        return True

    # ── many processes ───────────────────────────────────────────────────────────────────────

    def lease(self, scope: Scope, owner: str, seconds: float, now: datetime) -> bool:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return True
        expires = micros(now + timedelta(seconds=seconds))
        row = {"scope": scope_id, "owner": owner, "expires": expires, "now": micros(now)}
        with self._db.writing(durable=False) as db:
            return db.execute(_SQL["lease"], row).rowcount > 0

    def release(self, scope: Scope, owner: str) -> None:
        scope_id = self._find_scope(scope)
        if scope_id is not None:
            with self._db.writing(durable=False) as db:
                db.execute(_SQL["release"], (scope_id, owner))

    def leased(self, scope: Scope) -> Lease | None:
        rows = self._rows(scope, "leased")
        return Lease(rows[0][0], from_micros(rows[0][1])) if rows else None

    def scopes(self, *, waiting: bool = False) -> list[Scope]:
        if waiting:
            rows = self._db.fetch(_SQL["scopes_waiting"], (INDEXING,))
        else:
            rows = self._db.fetch(_SQL["scopes"])
        return [Scope(user_id, assistant_id) for user_id, assistant_id in rows]

    # ── ledger, receipts, metadata ───────────────────────────────────────────────────────────

    def log_call(self, scope: Scope, call: Call) -> None:
        with self._db.writing() as db:
            row = call_row(self._make_scope(db, scope), call)
            db.execute(_SQL["insert_call"], row)

    def calls(self, scope: Scope, since: datetime | None = None) -> list[Call]:
        rows = self._rows(scope, "calls", ALWAYS if since is None else micros(since))
        return [
            Call(purpose, model, prompt, completion, seconds, outcome, from_micros(at))
            for purpose, model, prompt, completion, seconds, outcome, at in rows
        ]

    def receipts(self, scope: Scope) -> list[ErasureReceipt]:
        return read_receipts(self._rows(scope, "receipts"))

    def embedders(self) -> list[StoredEmbedder]:
        return [StoredEmbedder(*row) for row in self._db.fetch(_SQL["embedders"])]

    def before_fork(self) -> None:
        self._db.before_fork()

    def after_fork(self, *, child: bool) -> None:
        self._db.after_fork(child=child)
        if child:
            self._grouped.after_fork()

    def backup(self, path: str) -> None:
        self._db.backup(path)

    def repair(self) -> None:
        self._db.repair()

    def problems(self) -> list[str]:
        with self._db.reading() as db:
            return problems(db)

    def close(self) -> None:
        self._db.close()

    # ── helpers ──────────────────────────────────────────────────────────────────────────────

    def _find_scope(self, scope: Scope) -> int | None:
        scope_id = self._scope_ids.get(scope)
        if scope_id is None:
            rows = self._db.fetch(_SQL["find_scope"], (scope_digest(scope),))
            if not rows:
                return None
            scope_id = self._scope_ids[scope] = rows[0][0]
        return scope_id

    def _make_scope(self, db: sqlite3.Connection, scope: Scope) -> int:
        scope_id = self._scope_ids.get(scope)
        if scope_id is None:
            digest = scope_digest(scope)
            row = db.execute(_SQL["find_scope"], (digest,)).fetchone()
            # Not remembered before the transaction is through: it may be rolled back. Its names
            # come with its first page and go with its last.
            if row is None:
                row = db.execute(_SQL["create_scope"], (digest, INDEXING)).fetchone()
            scope_id = int(row[0])
        return scope_id

    def _rows(self, scope: Scope, query: str, *arguments: Any) -> list[Any]:
        scope_id = self._find_scope(scope)
        return [] if scope_id is None else self._db.fetch(_SQL[query], (scope_id, *arguments))


def _derivable(changes: Changes) -> bool:
    """Whether the journal as it is gives all of this again."""
    return not (changes.add_pages or changes.receipts or changes.vectors or changes.removes)
