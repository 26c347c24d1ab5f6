"""Writes pages and changes to a scope, within a transaction of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from memoryos.model import Page, Scope
from memoryos.storage.codec import dumps, receipt_body
from memoryos.storage.port import Changes, PageDraft
from memoryos.storage.rows import checksum, fresh_drafts, page_of
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.repair import fetch_damaged
from memoryos.storage.sqlite.rows import (
    SEQ_MASK,
    SHIFT,
    delete_slots,
    embedder_id,
    erase_all,
    page_row,
    record_row,
    replace_terms,
    slots,
    stored_pages,
    terms_row,
    unreadable,
    vector_row,
)

_SQL = named_queries("memoryos.storage.sqlite")


class Conflict(Exception):
    """The scope changed since it was read; rolls the transaction back."""


def append(
    db: sqlite3.Connection, scope_id: int, scope: Scope, drafts: Sequence[PageDraft]
) -> list[Page]:
    """Journal drafts; return their pages. Raises PageMoved."""
    known = _known_pages(db, scope_id, drafts)
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
    db: sqlite3.Connection, scope_id: int, drafts: Sequence[PageDraft]
) -> dict[str, Page]:
    if len(drafts) == 1:
        sought = ("page_by_id", {"scope": scope_id, "id": drafts[0].id})
    else:
        ids = dumps([draft.id for draft in drafts])
        sought = ("pages_by_ids", {"scope": scope_id, "ids": ids})
    found = fetch_damaged(db, _SQL[sought[0]], sought[1])  # mostly none
    return {page.id: page for page in stored_pages(found)} if found else {}


def apply(
    db: sqlite3.Connection,
    scope_id: int,
    scope: Scope,
    version: int,
    changes: Changes,
) -> None:
    """Apply changes to a scope, whose version is `version` from now on. Raises Conflict."""
    if changes.erase_all:
        erase_all(db, scope_id, scope)
    added = append(db, scope_id, scope, changes.add_pages) if changes.add_pages else []
    for item in changes.assign:
        row = (item.segment_id, item.chain_id, scope_id, item.page_id)
        if db.execute(_SQL["assign"], row).rowcount == 0:
            raise Conflict
    db.executemany(_SQL["delete_record"], ((scope_id, kind, id_) for kind, id_ in changes.delete))
    if changes.erase_unreadable:
        rows = fetch_damaged(db, _SQL["all_records"], (scope_id,))
        db.executemany(_SQL["delete_record_row"], unreadable(scope_id, rows))
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
        rows = [vector_row(slot, by_page[id_]) for id_, slot in placed.items()]
        db.executemany(_SQL["put_vector"], rows)
        up_to = max(placed.values(), default=0) & SEQ_MASK
        number = embedder_id(db, changes.vectors.embedder)
        db.execute(_SQL["replace_embedding"], (up_to, number, scope_id))
    replace_terms(db, scope_id, changes.terms)
    if changes.indexing is not None:
        db.execute(_SQL["set_indexing"], (changes.indexing, scope_id))
    if changes.removes:
        db.execute(_SQL["note_removal"])
    for receipt in changes.receipts:
        body = dumps(receipt_body(receipt))
        written = (scope_id, receipt.id, body)
        db.execute(_SQL["insert_receipt"], (*written, checksum(*written)))
    notes_gone = any(kind == "note" for kind, _ in changes.delete)
    if changes.erase_pages or changes.erase_all or notes_gone:
        db.execute(_SQL["unname_scope"], {"scope": scope_id})
