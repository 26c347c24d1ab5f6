"""The stores that the tests of trust run on, and texts from which the rules learn something."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memoryos.storage.port import Store
from memoryos.storage.postgres import PostgresStore
from memoryos.storage.sqlite import SQLiteStore
from tests.postgres.server import empty_database

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


IN_MEMORY_FILES = Path("/dev/shm")


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder whose files do not wait for a disk, where the machine has one."""
    where = IN_MEMORY_FILES if IN_MEMORY_FILES.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, quick_folder: Path) -> OpenStore:
    return STORES[request.param](quick_folder)
