"""Errors of SQLite's driver, told by their result codes."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from memoryos.errors import NotADatabase, StorageBusy, StorageError, StorageReadOnly
from memoryos.storage.sqlite.connection import translated

BY_CODE = sys.version_info >= (3, 11)


def told(path: Path, statement: str, database: str = ":memory:") -> type[StorageError]:
    """The kind of error that a statement raises."""
    with (
        pytest.raises(StorageError) as caught,
        translated(path),
        closing(sqlite3.connect(database, timeout=0)) as connection,
    ):
        connection.execute(statement)
    return type(caught.value)


def test_words_in_an_error_do_not_decide_what_it_is(tmp_path: Path) -> None:
    statement = "SELECT * FROM locked_and_full"
    assert told(tmp_path, statement) is (StorageError if BY_CODE else StorageBusy)


def test_each_kind_is_told(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"no database " * 100)
    assert told(garbage, "SELECT * FROM sqlite_master", str(garbage)) is NotADatabase
    assert told(tmp_path, "SELECT 1", str(tmp_path)) is StorageReadOnly
    held = tmp_path / "held.db"
    owner = sqlite3.connect(held, isolation_level=None)
    owner.execute("CREATE TABLE t (x)")
    owner.execute("BEGIN EXCLUSIVE")
    assert told(held, "SELECT * FROM t", str(held)) is StorageBusy
    owner.close()
