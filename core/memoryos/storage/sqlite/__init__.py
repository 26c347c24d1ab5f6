"""The embedded store: one SQLite file in WAL mode."""

from memoryos.storage.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
