"""The Store protocol on SQLite. Statements are in queries.sql."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
    PageDraft,
    PageFilter,
    PageQuery,
    Record,
    StoredEmbedder,
    Waiting,
)
from memoryos.storage.rows import fresh_drafts, matching, page_of, scope_digest
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.columns import read_columns, read_joined_vectors, read_vectors
from memoryos.storage.sqlite.connection import Connections
from memoryos.storage.sqlite.rows import (
    ALWAYS,
    SEQ_MASK,
    SHIFT,
    delete_slots,
    embedder_id,
    page_row,
    put_vectors,
    record_row,
    select_pages,
    select_positions,
    slots,
    stored_pages,
    terms_row,
)
from memoryos.text.terms import INDEXING

_log = logging.getLogger("memoryos.storage")
_SQL = named_queries("memoryos.storage.sqlite")


class _Conflict(Exception):
    """The scope changed since it was read; rolls the transaction back."""


class SQLiteStore:
    """Store in one SQLite file. Raises StorageError or one of its kinds."""

    def __init__(
        self, path: str | Path, *, durability: str = "full", lock_seconds: float = 60.0
    ) -> None:
        self.path = Path(path)
        self.uri = f"sqlite:///{path}"
        self._db = Connections(self.path, durability=durability, lock_seconds=lock_seconds)
        self._scope_ids: dict[Scope, int] = {}  # never stale: scope rows are never deleted

    # ── the journal ──────────────────────────────────────────────────────────────────────────

    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        with self._db.writing() as db:
            return self._append(db, self._make_scope(db, scope), scope, drafts)

    def _append(
        self, db: sqlite3.Connection, scope_id: int, scope: Scope, drafts: Sequence[PageDraft]
    ) -> list[Page]:
        known = self._known_pages(db, scope_id, drafts)
        fresh = fresh_drafts(drafts, known)
        if not fresh:
            return [known[draft.id] for draft in drafts]
        last, unnamed = db.execute(_SQL["take_seqs"], (len(fresh), scope_id)).fetchone()
        if unnamed:
            db.execute(_SQL["name_scope"], (scope.user_id, scope.assistant_id, scope_id))
        if known.keys() & fresh.keys():  # who is at work on the old page's words begins again
            db.execute(_SQL["note_replacement"], (scope_id,))
        pages, first = {}, {}
        for seq, draft in enumerate(fresh.values(), last - len(fresh) + 1):
            old = known.get(draft.id)
            if old is not None:
                slot = scope_id << SHIFT | old.seq
                (before,) = db.execute(_SQL["first_position"], (slot,)).fetchone()
                first[draft.id] = before or old.seq
                delete_slots(db, [slot])
            pages[draft.id] = page_of(draft, seq, old)
        db.executemany(_SQL["insert_page"], (page_row(scope_id, page) for page in pages.values()))
        db.executemany(
            _SQL["insert_terms"],
            (
                terms_row(scope_id, pages[draft.id], draft, first.get(draft.id, 0))
                for draft in fresh.values()
            ),
        )
        return [pages.get(draft.id) or known[draft.id] for draft in drafts]

    def _known_pages(
        self, db: sqlite3.Connection, scope_id: int, drafts: Sequence[PageDraft]
    ) -> dict[str, Page]:
        if len(drafts) == 1:
            rows = db.execute(_SQL["page_by_id"], {"scope": scope_id, "id": drafts[0].id})
        else:
            ids = dumps([draft.id for draft in drafts])
            rows = db.execute(_SQL["pages_by_ids"], {"scope": scope_id, "ids": ids})
        found = rows.fetchall()  # mostly none
        return {page.id: page for page in stored_pages(found)} if found else {}

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
        return Counts(pages, sessions, waiting, pages - vectors)

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
        live_only: bool = False,
    ) -> list[Record]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return []
        arguments = {
            "scope": scope_id,
            "kinds": dumps(list(kinds)),
            "ids": None if ids is None else dumps(list(ids)),
            "after": after_version,
            "live_only": live_only,
        }
        name = "live_records" if live_only else "records"
        rows = self._db.fetch(_SQL[name if ids is None else "records_by_id"], arguments)
        wanted = None if ids is None else set(ids)  # json_each() cuts a text at its NUL
        return [
            Record(kind, id_, json.loads(body), vector, bool(live))
            for kind, id_, body, vector, live in rows
            if wanted is None or id_ in wanted
        ]

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        takes = bool(changes.delete or changes.erase_pages or changes.vectors or changes.terms)
        try:
            with self._db.writing(durable=not _derivable(changes)) as db:
                scope_id = self._make_scope(db, scope)
                only = head.last_seq if changes.add_pages and changes.vectors else None
                expected = {
                    "scope": scope_id,
                    "version": head.version,
                    "epoch": head.epoch,
                    "last_seq": only,
                }
                bumped = db.execute(_SQL["bump"], {**expected, "takes": int(takes)}).fetchone()
                if bumped is None:
                    raise _Conflict
                self._apply(db, scope_id, scope, bumped[0], changes)
        except _Conflict:
            return False
        if _removes(changes) and not self._db.scrub():
            _log.warning(
                "the database is in use by others: what was erased is no longer in it, but traces "
                "of it stay in the file until the next erasure or opening"
            )
        return True

    def _apply(
        self,
        db: sqlite3.Connection,
        scope_id: int,
        scope: Scope,
        version: int,
        changes: Changes,
    ) -> None:
        added = self._append(db, scope_id, scope, changes.add_pages) if changes.add_pages else []
        for item in changes.assign:
            row = (item.segment_id, item.chain_id, scope_id, item.page_id)
            if db.execute(_SQL["assign"], row).rowcount == 0:
                raise _Conflict
        db.executemany(
            _SQL["delete_record"], ((scope_id, kind, id_) for kind, id_ in changes.delete)
        )
        gone = [
            row[0]
            for page_id in changes.erase_pages
            for row in db.execute(_SQL["slot_of"], (scope_id, page_id))
        ]
        delete_slots(db, gone)
        db.executemany(
            _SQL["put_record"],
            (record_row(scope_id, version, record) for record in changes.put),
        )
        if any(record.kind == "note" for record in changes.put):
            db.execute(_SQL["name_scope"], (scope.user_id, scope.assistant_id, scope_id))
        if changes.erase_calls:
            db.execute(_SQL["delete_calls"], (scope_id,))
        if changes.vectors is not None:
            db.execute(_SQL["delete_vectors"], slots(scope_id))
            by_page = changes.vectors.by_page
            placed = {p.id: scope_id << SHIFT | p.seq for p in added if p.id in by_page}
            ids = dumps([id_ for id_ in by_page if id_ not in placed])
            rest = db.execute(_SQL["slots_of_ids"], {"scope": scope_id, "ids": ids})
            placed |= {id_: slot for slot, id_ in rest}
            rows = [(slot, by_page[id_]) for id_, slot in placed.items()]
            db.executemany(_SQL["put_vector"], rows)
            up_to = max(placed.values(), default=0) & SEQ_MASK
            number = embedder_id(db, changes.vectors.embedder)
            db.execute(_SQL["replace_embedding"], (up_to, number, scope_id))
        first = scope_id << SHIFT
        db.executemany(
            _SQL["replace_terms"], ((terms, first | seq) for seq, terms in changes.terms.items())
        )
        if changes.indexing is not None:
            db.execute(_SQL["set_indexing"], (changes.indexing, scope_id))
        if _removes(changes):
            db.execute(_SQL["note_removal"])
        for receipt in changes.receipts:
            body = dumps(receipt_body(receipt))
            db.execute(_SQL["insert_receipt"], (scope_id, receipt.id, body))
        if changes.erase_pages or any(kind == "note" for kind, _ in changes.delete):
            db.execute(_SQL["unname_scope"], {"scope": scope_id})

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
            row = (
                self._make_scope(db, scope),
                micros(call.at),
                call.purpose,
                call.model,
                call.prompt_tokens,
                call.completion_tokens,
                call.seconds,
                call.outcome,
            )
            db.execute(_SQL["insert_call"], row)

    def calls(self, scope: Scope, since: datetime | None = None) -> list[Call]:
        rows = self._rows(scope, "calls", ALWAYS if since is None else micros(since))
        return [
            Call(purpose, model, prompt, completion, seconds, outcome, from_micros(at))
            for purpose, model, prompt, completion, seconds, outcome, at in rows
        ]

    def receipts(self, scope: Scope) -> list[ErasureReceipt]:
        return [receipt_of(json.loads(row[0])) for row in self._rows(scope, "receipts")]

    def embedders(self) -> list[StoredEmbedder]:
        return [StoredEmbedder(*row) for row in self._db.fetch(_SQL["embedders"])]

    def before_fork(self) -> None:
        self._db.before_fork()

    def after_fork(self, *, child: bool) -> None:
        self._db.after_fork(child=child)

    def backup(self, path: str) -> None:
        self._db.backup(path)

    def problems(self) -> list[str]:
        return self._db.problems()

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
            if row is None:
                # Not remembered before the transaction is through: it may be rolled back. Its
                # names come with its first page and go with its last.
                made: int = db.execute(_SQL["create_scope"], (digest, INDEXING)).fetchone()[0]
                return made
            scope_id = self._scope_ids[scope] = row[0]
        return scope_id

    def _rows(self, scope: Scope, query: str, *arguments: Any) -> list[Any]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return []
        return self._db.fetch(_SQL[query], (scope_id, *arguments))


def _derivable(changes: Changes) -> bool:
    """Whether the journal as it is gives all of this again."""
    return not (changes.add_pages or changes.receipts or changes.vectors or _removes(changes))


def _removes(changes: Changes) -> bool:
    return bool(changes.delete or changes.erase_pages or changes.erase_calls)
