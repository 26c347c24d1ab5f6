"""What the search index is filled from, as it is read from the SQLite store's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from memoryos.stores.port import IndexColumns
from memoryos.stores.sql import named_queries
from memoryos.stores.sqlite.rows import SEQ_MASK

_SQL = named_queries("memoryos.stores.sqlite")


def read_columns(db: sqlite3.Connection, slots: Mapping[str, int]) -> IndexColumns:
    """Return the index terms of a range of slots."""
    found = IndexColumns([], [], [], [], [])
    # Row by row: a hundred thousand rows held together cost twice as much.
    for slot, session, timestamp, terms, first in db.execute(_SQL["index_columns"], slots):
        found.seqs.append(slot & SEQ_MASK)
        found.sessions.append(session)
        found.timestamps.append(timestamp)
        found.terms.append(terms)
        found.first.append(first)
    return found


def read_vectors(db: sqlite3.Connection, slots: Mapping[str, int]) -> tuple[list[int], list[bytes]]:
    """Return positions and vectors of a range of slots."""
    rows = db.execute(_SQL["vectors"], slots).fetchall()
    return [row[0] & SEQ_MASK for row in rows], [row[1] for row in rows]


def read_joined_vectors(
    db: sqlite3.Connection, slots: Mapping[str, int]
) -> tuple[list[int], bytes]:
    """Return the same with the vectors joined.

    SQLite joins them where it can: that takes half the time that rows of blobs take, and Python's
    other threads run meanwhile.
    """
    if not db.execute(_SQL["joins_blobs"]).fetchone()[0]:
        seqs, blobs = read_vectors(db, slots)
        return seqs, b"".join(blobs)
    offsets, joined = db.execute(_SQL["joined_vectors"], slots).fetchone()
    if offsets is None:
        return [], b""
    first = slots["first"] & SEQ_MASK
    return [first + int(offset) for offset in offsets.split(",")], joined
