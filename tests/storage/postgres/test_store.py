"""The PostgreSQL store keeps the contract of all stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memoryos.storage.port import Store
from memoryos.storage.postgres import PostgresStore
from memoryos.testing.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, postgres_uri: str) -> Iterator[Store]:
        self.uri = postgres_uri
        store = PostgresStore(postgres_uri)
        self.handles = [store]
        yield store
        for handle in self.handles:
            handle.close()

    def another(self, store: Store) -> Store:
        self.handles.append(PostgresStore(self.uri))
        return self.handles[-1]
