"""The schema of a file: its mark, and the migrations that make it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np

from memoryos.storage.codec import from_blob, pack_vectors
from memoryos.storage.sql import migrations

APPLICATION_ID = 0x4D454D4F
"""Marks the file as ours ("MEMO" in ASCII)."""
_MIGRATIONS = migrations("memoryos.storage.sqlite")
NEWEST = _MIGRATIONS[-1][0]
"""Version of the schema that this version of the library writes."""


def migrate(db: sqlite3.Connection, version: int = 0) -> None:
    """Bring a file from a version of the schema to the newest; begins no transaction."""
    db.create_function("pack_vector", 1, _pack_vector, deterministic=True)
    for number, script in _MIGRATIONS:
        if number > version:
            for statement in _statements(script):
                db.execute(statement)
    db.execute(f"PRAGMA user_version = {NEWEST:d}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")


def _pack_vector(blob: bytes) -> bytes:
    """Return a vector of float32 as it is stored since migration 3."""
    whole = blob[: len(blob) // 4 * 4]  # of a damaged row; `doctor` finds what is too short
    return pack_vectors(np.nan_to_num(from_blob(whole))[np.newaxis])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
