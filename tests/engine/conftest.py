"""Engines for tests, in memory and on disk; contracts' asserts show what they compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memoryos import Engine
from tests.conftest import ManualClock

pytest.register_assert_rewrite(
    "memoryos.testing.store_contract",
    "memoryos.testing.store_derived",
    "memoryos.testing.store_journal",
)


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    uri = "sqlite:///:memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri, config={"promotion": "manual"}, clock=clock) as engine:
        yield engine
