"""The embedded store: one SQLite file in WAL mode."""

from memoryos.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
