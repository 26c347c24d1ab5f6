"""Writes pages and changes to a scope, within a transaction of the PostgreSQL store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from memoryos.model import Page, Scope
from memoryos.storage.codec import dumps, receipt_body
from memoryos.storage.port import Changes, NewVectors, PageDraft, PageQuery, StoredEmbedder
from memoryos.storage.postgres.connection import SQL, Connection
from memoryos.storage.postgres.documents import delete_seqs
from memoryos.storage.postgres.rows import (
    digest,
    digests,
    erase_all,
    page_row,
    pages_of_rows,
    record_row,
    scope_key,
    select_pages,
    terms_row,
    unreadable,
    vectors_of,
)
from memoryos.storage.postgres.search import unseal
from memoryos.storage.rows import fresh_drafts, page_of
from memoryos.text.terms import INDEXING


class Conflict(Exception):
    """The scope changed since it was read; rolls the transaction back."""


def append(db: Connection, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
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
    known = {page.id: page for page in pages_of_rows(key, rows)}
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
        delete_seqs(db, key, [*moved.values()])
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


def apply(db: Connection, scope: Scope, version: int, changes: Changes) -> None:
    """Apply changes to a scope whose row this transaction holds."""
    key = scope_key(scope)
    if changes.erase_all:
        erase_all(db, key)
    if changes.add_pages:
        append(db, scope, changes.add_pages)
    _assign(db, key, changes)
    deleted = [(key, kind, digest(id_)) for kind, id_ in changes.delete]
    _each(db, "delete_record", deleted)
    if changes.erase_unreadable:
        rows = db.execute(SQL["all_records"], (key,), binary=True).fetchall()
        _each(db, "delete_record", [(key, *row) for row in unreadable(key, rows)])
    if changes.erase_pages:
        gone = db.execute(SQL["erase_pages"], (key, digests(changes.erase_pages))).fetchall()
        delete_seqs(db, key, [seq for (seq,) in gone])
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
        raise Conflict


def _replace_vectors(db: Connection, key: UUID, vectors: NewVectors) -> None:
    by_page, embedder = vectors.by_page, vectors.embedder
    db.execute(SQL["delete_all_vectors"], (key,))
    rows = db.execute(SQL["seqs_of_ids"], (key, digests(by_page))).fetchall()
    put_vectors(db, key, {seq: by_page[id_.decode()] for seq, id_ in rows}, embedder)
    last = max((seq for seq, _ in rows), default=0)
    db.execute(SQL["keep_embedder"], (embedder.name, embedder.dimension))
    db.execute(SQL["replace_embedding"], (last, embedder.name, embedder.dimension, key))


def put_vectors(
    db: Connection, key: UUID, by_seq: Mapping[int, bytes], embedder: StoredEmbedder
) -> None:
    """Store the vectors of pages, by position, in place of those that they had."""
    db.execute(SQL["delete_vectors"], (key, list(by_seq)))
    rows = [
        (key, seq, passage, vector)
        for seq, blob in by_seq.items()
        for passage, vector in enumerate(vectors_of(blob, embedder.dimension))
    ]
    _each(db, "put_vector", rows)


def _bytes(id_: str | None) -> bytes | None:
    return None if id_ is None else id_.encode()
