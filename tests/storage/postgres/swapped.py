"""A pytest plugin that puts PostgreSQL under every test.

    python -m pytest -p tests.storage.postgres.swapped tests/langchain tests/langgraph …

Whatever SQLite database a test of this process names, it gets one on PostgreSQL instead: the same
for the same name, empty at the test's first use of it.
"""

from __future__ import annotations

import pytest

import memoryos.engine
from memoryos.config import MemoryConfig
from memoryos.storage.port import Store
from memoryos.storage.postgres import PostgresStore
from tests.storage.postgres.server import another_database, empty_database

_databases: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    """Let the pool of connections draw the time to renew each at random, in a thread of its own."""
    config.addinivalue_line("filterwarnings", "ignore:Do not use the `random` module")


@pytest.fixture(autouse=True)
def _postgres_instead_of_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    real = memoryos.engine.open_store
    given: dict[str, str] = {}

    def open_store(uri: str, config: MemoryConfig) -> Store:
        if not isinstance(uri, str) or not uri.startswith("sqlite://"):
            return real(uri, config)
        # Two engines on ":memory:" share nothing.
        name = f"{uri}#{len(given)}" if ":memory:" in uri else uri
        if name not in given:
            if len(given) == len(_databases):
                _databases.append(another_database())
            given[name] = empty_database(_databases[len(given)])
        store = PostgresStore(
            given[name] + "&pool_size=4",
            durability=config.durability,
            lock_seconds=config.lock_seconds,
        )
        store.uri = uri  # some adapters open it again by its name
        return store

    monkeypatch.setattr(memoryos.engine, "open_store", open_store)
