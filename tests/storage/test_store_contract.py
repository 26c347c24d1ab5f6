"""The stores that need no server keep the contract of all stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.port import Store
from memoryos.storage.sqlite import SQLiteStore
from memoryos.testing.store_contract import StoreContract


class TestInMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return InMemoryStore()


class TestSQLiteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        # Power cuts are another test's; without waiting for the disk this one is quick.
        store = SQLiteStore(tmp_path / "memories.db", durability="normal")
        self.handles = [store]
        yield store
        for handle in self.handles:
            handle.close()

    def another(self, store: Store) -> Store:
        assert isinstance(store, SQLiteStore)
        self.handles.append(SQLiteStore(store.path, durability="normal"))
        return self.handles[-1]
