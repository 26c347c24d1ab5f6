"""The stores that the tests of trust run on, and texts from which the rules learn something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memoryos.storage.port import Store
from memoryos.storage.postgres import PostgresStore
from memoryos.storage.sqlite import SQLiteStore
from tests.storage.postgres.server import empty_database

OpenStore = Callable[[], Store]
"""Opens one more handle on the same database."""


def sqlite_store(folder: Path) -> OpenStore:
    # Power cuts are test_durability's; without waiting for the disk the others are quick.
    return lambda: SQLiteStore(folder / "memories.db", durability="normal")


def postgres_store(folder: Path) -> OpenStore:
    uri = empty_database()
    return lambda: PostgresStore(uri)


STORES: dict[str, Callable[[Path], OpenStore]] = {
    "postgres": postgres_store,
    "sqlite": sqlite_store,
}
"""Another store joins the tests of trust with one line here."""


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, quick_folder: Path) -> OpenStore:
    return STORES[request.param](quick_folder)
