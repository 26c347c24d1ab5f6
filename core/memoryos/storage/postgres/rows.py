"""Rows of the PostgreSQL store to pages and back. Ids are bytes there: any text may be one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
from pgvector import HalfVector

from memoryos.model import Page, Scope
from memoryos.storage.codec import FORMAT, JOURNALLED_KINDS, KINDS, dumps, encode_messages, micros
from memoryos.storage.port import PageDraft, PageFilter, PageQuery, Record
from memoryos.storage.postgres.connection import SQL, Connection
from memoryos.storage.rows import (
    checksum,
    decode_pages,
    is_readable,
    read_record,
    scope_digest,
    session_number,
)
from memoryos.storage.sql import COMPARISONS


def scope_key(scope: Scope) -> UUID:
    """Return the key that every row of a scope begins with."""
    return UUID(bytes=scope_digest(scope))


def digest(id_: str) -> bytes:
    """Return what the indexes hold of an id."""
    return sha256(id_.encode()).digest()


def digests(ids: Iterable[str]) -> list[bytes]:
    """Return the digests of ids."""
    return [digest(id_) for id_ in ids]


def select_pages(key: UUID, query: PageQuery) -> tuple[bytes, dict[str, Any]]:
    """Return a statement with just the conditions asked for, so that it is planned by them."""
    given: dict[str, Any] = {
        "ids": None if query.ids is None else digests(query.ids),
        "seqs": None if query.seqs is None else [int(seq) for seq in query.seqs],
        "session": None if query.session_id is None else query.session_id.encode(),
        "segment": None if query.segment_id is None else digest(query.segment_id),
        "chain": None if query.chain_id is None else query.chain_id.encode(),
        "waiting": query.waiting or None,
        "after": query.after_seq or None,
        "up_to": query.up_to_seq,
        "since": None if query.since is None else micros(query.since),
        "before": None if query.before is None else micros(query.before),
    }
    used = {name: value for name, value in given.items() if value is not None}
    parts = [SQL["pages"], *(SQL[f"and_{name}"] for name in used)]
    parts.append(SQL["newest_first" if query.newest_first else "oldest_first"])
    if query.limit is not None:
        parts.append(SQL["at_most"])
    return b" ".join(parts), {"scope": key, "limit": query.limit, **used}


def select_positions(key: UUID, where: PageFilter, after_seq: int) -> tuple[bytes, dict[str, Any]]:
    """Return a statement for the positions of the pages that match, and its arguments."""
    given: dict[str, Any] = {
        "session": None if where.session_id is None else where.session_id.encode(),
        "segment": None if where.segment_id is None else digest(where.segment_id),
        "after": after_seq or None,
        "since": None if where.since is None else micros(where.since),
        "before": None if where.before is None else micros(where.before),
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    parts = [SQL["positions"], *(SQL[f"and_{name}"] for name in arguments)]
    for n, condition in enumerate(where.metadata):
        values: Any = condition.values[0] if condition.values else None
        if condition.comparison == "in":
            name = "where_in_or_missing" if None in condition.values else "where_in"
            # In Python, and so in a filter, True is 1 and False 0.
            values = list(condition.values)
            values += [int(v) if isinstance(v, bool) else bool(v) for v in values if v in (0, 1)]
            values = [dumps(value) for value in values]
        elif condition.comparison == "has":
            name = "where_has"
        elif isinstance(values, str):
            name = "where_text"
        else:
            name, values = "where_number", repr(values)
        comparison = COMPARISONS[condition.comparison]
        parts.append(SQL[name].decode().format(n=n, comparison=comparison).encode())
        arguments |= {f"name{n}": condition.name, f"values{n}": values}
    return b" ".join([*parts, SQL["oldest_first"]]), {**arguments, "scope": key}


def page_row(key: UUID, page: Page) -> tuple[Any, ...]:
    """Return a page as a row of `pages`."""
    said = (
        key,
        page.seq,
        page.id.encode(),
        page.session_id.encode(),
        micros(page.timestamp),
        page.user_input,
        page.agent_response,
        dumps(page.metadata) if page.metadata else None,
        encode_messages(page),
    )
    chain = None if page.chain_id is None else page.chain_id.encode()
    segment = None if page.segment_id is None else page.segment_id.encode()
    return (*said, chain, segment, checksum(*said))


def pages_of_rows(key: UUID, rows: Iterable[tuple[Any, ...]]) -> list[Page]:
    """Return the pages of rows of `pages` of one scope."""
    return decode_pages(
        [
            (
                seq,
                id_.decode(errors="replace"),
                session_id.decode(errors="replace"),
                *contents,
                None if chain_id is None else chain_id.decode(errors="replace"),
                None if segment_id is None else segment_id.decode(errors="replace"),
                _is_intact(key, seq, id_, session_id, contents, written),
            )
            for seq, id_, session_id, *contents, chain_id, segment_id, written in rows
        ]
    )


def _is_intact(
    key: UUID, seq: int, id_: bytes, session_id: bytes, contents: list[Any], written: int | None
) -> bool:
    if written is not None:
        return written == checksum(key, seq, id_, session_id, *contents)
    texts = (id_.decode(errors="replace"), session_id.decode(errors="replace"))
    return is_readable((*texts, *contents))  # as an older version wrote it


def terms_row(key: UUID, page: Page, draft: PageDraft, first: int) -> tuple[Any, ...]:
    """Return what the search index needs of a page as a row of `terms`."""
    number = session_number(page.session_id)
    time = page.timestamp.timestamp()
    return (key, page.seq, number, time, draft.terms, first)


def record_row(key: UUID, version: int, record: Record) -> tuple[Any, ...]:
    """Return a derived record as a row of `records`."""
    said = (record.kind, record.id.encode(), dumps(record.body), record.vector)
    written = checksum(key, *said, int(record.live))
    return (key, *said, version, record.live, FORMAT, written)


def vectors_of(blob: bytes, dimension: int) -> list[HalfVector]:
    """Return the packed vectors of a page as the driver wants them, one for each passage."""
    rows = np.frombuffer(blob, np.int8).reshape(-1, dimension)
    return [HalfVector(row) for row in rows.astype(np.float16)]


def blob_of(sent: bytes) -> bytes:
    """Return a page's vectors, packed, from what the server sends of them one after the other.

    That is of each its dimension, two bytes of nothing, and big-endian numbers of half precision.
    """
    dimension = int.from_bytes(sent[:2], "big")
    rows = np.frombuffer(sent, np.dtype([("header", ">u2", 2), ("vector", ">f2", (dimension,))]))
    return np.asarray(rows["vector"], dtype=np.int8).tobytes()


def record_of(key: UUID, row: Sequence[Any], written: int | None, format_: int) -> Record | None:
    """Return the record of a row; None if it cannot be read. Its id is bytes in the checksum."""
    record = read_record(key, row, written, format_)
    return record and replace(record, id=row[1].decode())


def unreadable(
    key: UUID, rows: Sequence[tuple[Any, ...]], *, journalled: bool = False
) -> list[tuple[str, bytes]]:
    """Return kind and key of the rows of `all_records` that hold no readable record.

    Those of the journal are not among them, as nothing would derive them again; or only those.
    """
    return [
        (row[0], digest_)
        for *row, written, format_, digest_ in rows
        if (row[0] in JOURNALLED_KINDS) == journalled
        and (row[0] not in KINDS or record_of(key, row, written, format_) is None)
    ]


def erase_all(db: Connection, key: UUID) -> None:
    """Delete all that a scope holds but its receipts."""
    for statement in SQL["erase_all"].split(b";"):
        db.execute(statement, {"scope": key})
    db.execute(SQL["unname_scope"], {"scope": key})
