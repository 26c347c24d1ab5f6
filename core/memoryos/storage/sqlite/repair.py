"""What is wrong with a file, and how what can still be read of it is saved."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from memoryos.errors import StorageBusy
from memoryos.model import Scope
from memoryos.storage.rows import checksum, scope_digest
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.schema import migrate

_log = logging.getLogger("memoryos.storage")
_SQL = named_queries("memoryos.storage.sqlite")
_LAST = (1 << 63) - 1
_KEPT = ("scopes", "receipts")
"""Tables whose rows stay when all else of a scope goes."""


def fetch_damaged(
    db: sqlite3.Connection, statement: str, arguments: Sequence[Any] | Mapping[str, Any]
) -> list[Any]:
    """Return all rows of a statement, also where a text in them is no longer UTF-8."""
    try:
        return db.execute(statement, arguments).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):  # Python's driver has no code for it
            raise
    db.text_factory = _mended
    try:
        return db.execute(statement, arguments).fetchall()
    finally:
        db.text_factory = str


def _mended(text: bytes) -> str:
    return text.decode(errors="replace")


def problems(connection: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with the file, and where its rows and schema are not ours."""
    connection.create_function("checksum", -1, checksum, deterministic=True)
    found: list[str] = []
    for look in (_integrity, _altered_rows, _altered_heads, _untidy, altered_schema):
        try:
            found += look(connection)
        except sqlite3.Error as error:
            found.append(f"the file is damaged: {error}")
    return list(dict.fromkeys(found))


def _integrity(db: sqlite3.Connection) -> Iterator[str]:
    return (row[0] for row in db.execute("PRAGMA integrity_check") if row[0] != "ok")


def _altered_rows(db: sqlite3.Connection) -> Iterator[str]:
    for name in ("terms", "receipts", "calls", "pages"):
        (altered,) = db.execute(_SQL[f"altered_{name}"]).fetchone()
        if altered:
            yield f"{altered} rows of {name} are not as they were written"


def _untidy(db: sqlite3.Connection) -> Iterator[str]:
    if db.execute(_SQL["last_removal"]).fetchone()[0] is not None:
        yield "traces of what was erased are still to be written over"


def altered_schema(db: sqlite3.Connection) -> Iterator[str]:
    """Yield where the schema is not ours."""
    here, ours = set(fetch_damaged(db, _SQL["schema"], ())), _our_schema()
    for kind, name, _ in sorted(ours - here):
        yield f"the {kind} {name} is missing or altered"
    names = {(kind, name) for kind, name, _ in ours}
    strange = ((kind, name) for kind, name, _ in here - ours if (kind, name) not in names)
    for kind, name in sorted(strange, key=repr):  # damaged, they may be of any type
        yield f"the {kind} {name} is not ours"


@cache
def _our_schema() -> frozenset[tuple[str, str, str]]:
    """Return kind, name and text of everything in the schema of a new file."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        return frozenset(fresh.execute(_SQL["schema"]))


def mend_schema(db: sqlite3.Connection, path: Path) -> bool:
    """Put back the text of tables and indexes that is not as it was written; return whether any.

    A column whose name has a flipped bit would make every statement fail. The connection is of
    no use after that (it may write the schema), and no transaction may be open.
    """
    # Flipped bits change no length; a text of another length was written by another program.
    here = set(fetch_damaged(db, _SQL["schema"], ()))
    lengths = {(kind, name): len(str(text)) for kind, name, text in here}
    altered = [row for row in _our_schema() - here if lengths.get(row[:2]) == len(row[2])]
    if not altered:
        return False
    _log.error("the schema of %s is damaged: it is put right", path)
    db.execute("PRAGMA writable_schema = ON")
    db.execute("BEGIN IMMEDIATE")
    for kind, name, text in altered:
        db.execute(_SQL["mend_schema"], (text, kind, name))
    (cookie,) = db.execute("PRAGMA schema_version").fetchone()
    db.execute(f"PRAGMA schema_version = {cookie + 1:d}")  # other connections read it again
    db.execute("COMMIT")
    return True


def _altered_heads(db: sqlite3.Connection) -> Iterator[str]:
    """Yield what is wrong with the rows of scopes."""
    for number, digest, user_id, assistant_id, *counters, newest in db.execute(_SQL["heads"]):
        named = user_id is not None
        if (
            not all(type(n) is int and 0 <= n < 1 << 32 for n in counters)
            or counters[1] > counters[0]
            or (newest or 0) & 0xFFFFFFFF > counters[0]
        ):
            yield f"the counters of scope {number} are not as they were written"
        if named != (assistant_id is not None) or (newest is not None and not named):
            yield f"scope {number} holds pages and has no names"
        elif named and scope_digest(Scope(str(user_id), str(assistant_id))) != digest:
            yield f"the key of scope {number} is not that of its names"


def copy_readable(
    path: Path,
    part: Path,
    target: sqlite3.Connection,
    without: int | None = None,
    *,
    until: float = math.inf,
) -> None:
    """Copy every row of a file that can be read to a new file, then all of that over `target`.

    Args:
        path: the damaged file.
        part: where the new one is made.
        target: a connection to the damaged file, for writing.
        without: number of a scope whose pages, records and calls are not copied.
        until: when to give up waiting for others' locks, as `time.monotonic` counts.

    Raises StorageBusy or sqlite3.Error.
    """
    part.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(part, isolation_level=None)) as fresh,
        closing(sqlite3.connect(path, isolation_level=None)) as damaged,
    ):
        part.chmod(0o600)
        (size,) = target.execute("PRAGMA page_size").fetchone()
        fresh.execute(f"PRAGMA page_size = {size:d}")
        fresh.execute("PRAGMA synchronous = OFF")
        migrate(fresh)
        tables = [name for kind, name, _ in fresh.execute(_SQL["schema"]) if kind == "table"]
        fresh.execute("BEGIN")
        for table in tables:
            _copy_table(damaged, fresh, table, without)
        fresh.execute("COMMIT")
        fresh.backup(target, progress=partial(_give_up, until))


def _give_up(until: float, *_: int) -> None:
    if time.monotonic() > until:  # asked after each try to write
        raise StorageBusy


def _copy_table(
    damaged: sqlite3.Connection, fresh: sqlite3.Connection, table: str, without: int | None
) -> None:
    columns = [row[1] for row in fresh.execute(f"PRAGMA table_info({table})")]
    # The names are our schema's. By place, for a name in the damaged schema may be altered.
    read = f"SELECT * FROM {table} WHERE rowid = ?"  # noqa: S608
    scan = f"SELECT * FROM {table} NOT INDEXED"  # noqa: S608
    put = f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608

    def copy(rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            if len(row) != len(columns):  # the damaged schema is of another table
                continue
            if without is None or without not in _scopes_of(columns, row) or table in _KEPT:
                with suppress(sqlite3.Error):
                    fresh.execute(put, row)

    all_found = True
    for rowid in _readable(damaged, table):
        with suppress(sqlite3.Error):
            found = fetch_damaged(damaged, read, (rowid,))
            all_found = all_found and bool(found)
            copy(found)
    if all_found:
        return
    # Where an inner node is damaged, a scan meets rows that a search misses.
    damaged.text_factory = _mended
    with suppress(sqlite3.Error):
        copy(damaged.execute(scan))
    damaged.text_factory = str


def _scopes_of(columns: Sequence[str], row: Sequence[Any]) -> list[int]:
    """Return the numbers of the scopes that a row names: two where one of them is damaged."""
    named = [value for name, value in zip(columns, row, strict=True) if name == "scope_id"]
    if columns[0] == "slot" and isinstance(row[0], int):
        named.append(row[0] >> 32)
    return named


def _readable(db: sqlite3.Connection, table: str) -> Iterator[int]:
    """Yield the row ids of a table, jumping over what cannot be read."""
    start, jump = -_LAST, 1
    rows = f"SELECT rowid FROM {table} NOT INDEXED WHERE rowid >= ? ORDER BY rowid"  # noqa: S608
    while start < _LAST:
        try:
            for (rowid,) in db.execute(rows, (start,)):
                yield rowid
                start, jump = rowid + 1, 1
        except sqlite3.Error:
            start += jump
            jump *= 2
        else:
            return
