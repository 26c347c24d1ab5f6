"""Rows of the SQLite store to pages and records, and back; arguments of its statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memoryos.errors import NotADatabase
from memoryos.model import Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import FORMAT, JOURNALLED_KINDS, KINDS, dumps, encode_messages, micros
from memoryos.storage.port import (
    Condition,
    PageDraft,
    PageFilter,
    PageQuery,
    Record,
    StoredEmbedder,
)
from memoryos.storage.rows import (
    checksum,
    checksums,
    decode_pages,
    is_readable,
    is_record,
    session_number,
)
from memoryos.storage.sql import COMPARISONS, named_queries

_SQL = named_queries("memoryos.storage.sqlite")
SHIFT = 32
SEQ_MASK = (1 << SHIFT) - 1
"""A slot is scope_id << SHIFT | seq."""
ALWAYS, NEVER = -(1 << 63), (1 << 63) - 1
"""The first and last time that a row can hold, however damaged."""


def slots(scope_id: int, after_seq: int = 0, up_to_seq: int = SEQ_MASK) -> dict[str, int]:
    """Return the range of slots of a scope's positions in (after_seq, up_to_seq]."""
    first = scope_id << SHIFT
    return {"first": first | after_seq, "last": first | min(up_to_seq, SEQ_MASK)}


def select_pages(scope_id: int, query: PageQuery) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments of the statement that narrows most.

    What it does not narrow by is left to `matching`.
    """
    if query.ids is not None:
        return "pages_by_ids", {"scope": scope_id, "ids": dumps(list(query.ids))}
    if query.seqs is not None:
        wanted = [scope_id << SHIFT | int(seq) for seq in query.seqs]
        return "pages_by_slots", {"slots": dumps(wanted)}
    narrowing = (query.session_id is not None, query.segment_id is not None, query.waiting)
    exact = query.chain_id is None and sum(narrowing) <= 1
    arguments = {
        **slots(
            scope_id,
            query.after_seq,
            SEQ_MASK if query.up_to_seq is None else query.up_to_seq,
        ),
        "scope": scope_id,
        "session_id": query.session_id,
        "segment_id": query.segment_id,
        "since": ALWAYS if query.since is None else micros(query.since),
        "before": NEVER if query.before is None else micros(query.before),
        "limit": query.limit if query.limit is not None and exact else -1,
    }
    if query.session_id is not None:
        name = "pages_of_session"
    elif query.segment_id is not None:
        name = "pages_of_segment"
    elif query.waiting:
        name = "pages_waiting"
    else:
        name = "pages"
    return f"newest_{name}" if query.newest_first else name, arguments


def select_positions(
    scope_id: int, where: PageFilter, after_seq: int
) -> tuple[str, dict[str, Any]]:
    """Return a statement for the slots of the pages that match, and its arguments."""
    given: dict[str, Any] = {
        "session_id": where.session_id,
        "segment_id": where.segment_id,
        "since": None if where.since is None else micros(where.since),
        "before": None if where.before is None else micros(where.before),
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    by_index = where.session_id is not None or where.segment_id is not None
    arguments |= slots(scope_id, after_seq) | ({"scope": scope_id} if by_index else {})
    base = _SQL["positions" if by_index else "positions_in_order"]
    parts = [base, *(_SQL[f"where_{name}"] for name in given if given[name] is not None)]
    for n, condition in enumerate(where.metadata):
        if condition.comparison == "in":
            name = "where_in_or_missing" if None in condition.values else "where_in"
            values: Any = dumps(list(condition.values))
        elif condition.comparison == "has":
            name, values = "where_has", None
        else:
            values = condition.values[0]
            name = "where_text" if isinstance(values, str) else "where_number"
        comparison = COMPARISONS[condition.comparison]
        parts.append(_SQL[name].format(n=n, comparison=comparison))
        arguments |= {f"name{n}": condition.name, f"values{n}": values}
        if not name.endswith("missing"):
            arguments[f"key{n}"] = _as_written(condition)
    return " ".join([*parts, _SQL["by_slot"]]), arguments


def _as_written(condition: Condition) -> str:
    """Return what the JSON of `page_row` holds for every page that meets a condition.

    With the value where there is one, and only one way to write it.
    """
    value = condition.values[0] if len(condition.values) == 1 else None
    told = condition.comparison == "in" and isinstance(value, str)
    return f"{dumps(condition.name)}:{dumps(value) if told else ''}"


def page_row(scope_id: int, page: Page) -> tuple[Any, ...]:
    """Return a page as a row of `pages`."""
    said = (
        page.id,
        page.session_id,
        micros(page.timestamp),
        page.user_input,
        page.agent_response,
        dumps(page.metadata) if page.metadata else None,
        encode_messages(page),
    )
    slot = scope_id << SHIFT | page.seq
    return (slot, scope_id, *said, page.chain_id, page.segment_id, checksum(slot, scope_id, *said))


def terms_row(scope_id: int, page: Page, draft: PageDraft, first: int) -> tuple[Any, ...]:
    """Return what the index needs of a page as a row of `terms`."""
    slot = scope_id << SHIFT | page.seq
    session = session_number(page.session_id)
    row = (slot, session, page.timestamp.timestamp(), draft.terms, first)
    return (*row, checksum(*row))


def record_row(scope_id: int, version: int, record: Record) -> tuple[Any, ...]:
    """Return a derived record as a row of `records`."""
    said = (record.kind, record.id, dumps(record.body), record.vector)
    written = checksum(scope_id, *said, int(record.live))
    return (scope_id, *said, version, record.live, FORMAT, written)


def stored_pages(rows: Iterable[tuple[Any, ...]]) -> list[Page]:
    """Return the pages of rows of `pages`. One whose place is another scope's is not given."""
    here = [row for row in rows if row[0] >> SHIFT == row[-2]]
    now = checksums([(slot, scope_id, *said) for slot, *said, _, _, scope_id, _ in here])
    return decode_pages(
        [
            (
                slot & SEQ_MASK,
                *said,
                chain,
                segment,
                sum_ == written or is_intact(slot, scope_id, said, written),
            )
            for (slot, *said, chain, segment, scope_id, written), sum_ in zip(
                here, now, strict=True
            )
        ]
    )


def is_intact(slot: int, scope_id: int, said: list[Any], written: int | None) -> bool:
    """Return whether a row of `pages` is as it was written; `said` is from its id to messages."""
    if written is not None:
        return written == checksum(slot, scope_id, *said)
    return is_readable(said)  # as an older version wrote it


def unreadable(
    scope_id: int, rows: Iterable[Sequence[Any]], *, journalled: bool = False
) -> list[tuple[int]]:
    """Return the row ids of the rows of `all_records` that hold no readable record.

    Those of the journal are not among them, as nothing would derive them again; or only those.
    """
    return [
        (rowid,)
        for *row, written, format_, rowid in rows
        if (row[0] in JOURNALLED_KINDS) == journalled
        and (row[0] not in KINDS or not is_record(scope_id, row, written, format_))
    ]


def erase_all(db: sqlite3.Connection, scope_id: int, scope: Scope) -> None:
    """Delete all that a scope holds but its receipts, by position and without reading it.

    Raises NotADatabase if the file is so damaged that some of it is still there.
    """
    # A damaged digest may have made it begin anew under another number.
    names = db.execute(_SQL["scopes_of_names"], (scope.user_id, scope.assistant_id)).fetchall()
    for id_ in {scope_id, *(number for (number,) in names)}:
        for name in ("delete_pages_between", "delete_terms_between", "delete_vectors"):
            db.execute(_SQL[name], slots(id_))
        for name in ("delete_pages_of_scope", "delete_records", "delete_calls", "forget_scope"):
            db.execute(_SQL[name], (id_,))
        if db.execute(_SQL["left_of_scope"], {"scope": id_, **slots(id_)}).fetchone()[0]:
            raise NotADatabase("the file is damaged: rows in it cannot be deleted")
    # Of a damaged file: no verb reads what belongs to no scope, and it may be this one's.
    for name in ("delete_stray_records", "delete_stray_calls"):
        db.execute(_SQL[name])


def vector_row(slot: int, blob: bytes) -> tuple[Any, ...]:
    """Return a vector as a row of `vectors`."""
    return (slot, blob, checksum(slot, blob))


def embedder_id(db: sqlite3.Connection, embedder: StoredEmbedder) -> int:
    """Return the number of an embedder, a new one for one that has none."""
    row = (embedder.name, embedder.dimension)
    db.execute(_SQL["keep_embedder"], row)
    id_: int = db.execute(_SQL["embedder_id"], row).fetchone()[0]
    return id_


def put_vectors(db: sqlite3.Connection, by_slot: Mapping[int, bytes]) -> None:
    """Store the vectors of the pages that are still there."""
    # A page replaced or erased meanwhile has no row; its old position must stay empty.
    here = db.execute(_SQL["existing_slots"], {"slots": dumps(list(by_slot))}).fetchall()
    db.executemany(_SQL["put_vector"], (vector_row(slot, by_slot[slot]) for (slot,) in here))


def delete_slots(db: sqlite3.Connection, slots: Iterable[int]) -> None:
    """Delete pages with their terms and vectors."""
    rows = [(slot,) for slot in slots]
    for name in ("delete_page", "delete_terms", "delete_vector"):
        db.executemany(_SQL[name], rows)


def replace_terms(db: sqlite3.Connection, scope_id: int, by_seq: Mapping[int, bytes]) -> None:
    """Write the rows of `terms` at some positions anew."""
    for seq, terms in by_seq.items():
        slot = scope_id << SHIFT | seq
        for session_id, timestamp in db.execute(_SQL["place_of_page"], (slot,)):
            place = {"session": session_number(session_id), "timestamp": timestamp}
            db.execute(_SQL["replace_terms"], {**place, "slot": slot, "terms": terms})


def call_row(scope_id: int, call: Call) -> tuple[Any, ...]:
    """Return a model call as a row of `calls`."""
    spent = (call.prompt_tokens, call.completion_tokens, call.seconds)
    row = (scope_id, micros(call.at), call.purpose, call.model, *spent, call.outcome)
    return (*row, checksum(*row))
