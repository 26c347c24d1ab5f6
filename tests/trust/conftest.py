"""The stores that the tests of trust run on, and texts from which the rules learn something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memoryos.stores.port import Store
from memoryos.stores.sqlite import SQLiteStore

OpenStore = Callable[[], Store]
"""Opens one more handle on the same database."""


def sqlite_store(folder: Path) -> OpenStore:
    # Power cuts are test_durability's; without waiting for the disk the others are quick.
    return lambda: SQLiteStore(folder / "memories.db", durability="normal")


STORES: dict[str, Callable[[Path], OpenStore]] = {"sqlite": sqlite_store}
"""Another store joins the tests of trust with one line here."""


@pytest.fixture(params=sorted(STORES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    return STORES[request.param](tmp_path)
