"""Reads the columns and vectors that the search index is loaded from."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import numpy as np

from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.storage.rows import checksum
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.rows import SEQ_MASK

_SQL = named_queries("memoryos.storage.sqlite")
_AT_ONCE = 4096
"""Slots whose rows SQLite joins in one statement: what it joins has its limits."""
_FEW = 64
"""Pages from which on that is worth while."""
_PARTS = 1 << 24
"""The parts of a second in which SQLite writes a time: from 1978 on they give it to the last bit,
which decimals would not."""


def read_columns(db: sqlite3.Connection, slots: Mapping[str, int]) -> IndexColumns:
    """Return what the index needs of a range of slots, as of one moment."""
    few = _rows(db, slots, _FEW)
    if len(few) < _FEW:
        return few
    if not _joins_blobs(db):
        return _rows(db, slots)
    first = slots["first"]
    db.execute("BEGIN")  # or a page could be replaced between two of the statements
    try:
        last = db.execute(_SQL["last_slot"], slots).fetchone()[0] or first
        parts = [
            _joined_columns(db, start, min(start + _AT_ONCE, last))
            for start in range(first, last, _AT_ONCE)
        ]
    finally:
        db.execute("ROLLBACK")
    return IndexColumns.joined(parts)


def _rows(db: sqlite3.Connection, slots: Mapping[str, int], most: int = -1) -> IndexColumns:
    """Return the columns of at most so many pages, read row by row."""
    rows = db.execute(_SQL["index_columns"], {**slots, "most": most}).fetchall()
    if not rows:
        return IndexColumns.of()
    places, *columns = zip(*rows, strict=True)
    return IndexColumns.of([place & SEQ_MASK for place in places], *columns)


def _joined_columns(db: sqlite3.Connection, first: int, last: int) -> IndexColumns:
    """Return the columns of a range, joined by SQLite where that loses nothing.

    It takes half the time that rows take, and Python's other threads run meanwhile.
    """
    slots = {"first": first, "last": last}
    arguments = {**slots, "parts": float(_PARTS)}
    try:
        *numbers, terms, inexact = db.execute(_SQL["joined_columns"], arguments).fetchone()
    except sqlite3.DataError:  # more than SQLite can join: pages of a hundred thousand words each
        return _rows(db, slots)
    if terms is None:
        return IndexColumns.of()
    offsets, sessions, parts, sizes, replaced = (
        np.fromstring(text, np.int64, sep=",") for text in numbers
    )
    if inexact or (offsets[1:] <= offsets[:-1]).any():
        return _rows(db, slots)
    return IndexColumns(
        offsets + (first & SEQ_MASK), sessions, parts / _PARTS, replaced, terms, sizes
    )


def read_vectors(db: sqlite3.Connection, slots: Mapping[str, int]) -> tuple[list[int], list[bytes]]:
    """Return positions and vectors of a range of slots, but for those that are damaged."""
    found = [
        (slot & SEQ_MASK, blob)
        for slot, blob, written in db.execute(_SQL["vectors"], slots)
        if written is None or written == checksum(slot, blob)
    ]
    return [seq for seq, _ in found], [blob for _, blob in found]


def read_joined_vectors(db: sqlite3.Connection, slots: Mapping[str, int]) -> VectorColumns:
    """Return the same with the vectors joined.

    SQLite joins them where it can: that takes half the time that rows of blobs take, and Python's
    other threads run meanwhile.
    """
    if not _joins_blobs(db):
        return VectorColumns.of(*read_vectors(db, slots))
    try:
        offsets, sizes, joined = db.execute(_SQL["joined_vectors"], slots).fetchone()
    except sqlite3.DataError:  # more than SQLite can join
        return VectorColumns.of(*read_vectors(db, slots))
    if offsets is None:
        return VectorColumns.of()
    first = slots["first"] & SEQ_MASK
    seqs, lengths = (np.fromstring(text, np.int64, sep=",") for text in (offsets, sizes))
    return VectorColumns(seqs + first, lengths, joined)


def _joins_blobs(db: sqlite3.Connection) -> bool:
    return bool(db.execute(_SQL["joins_blobs"]).fetchone()[0])
