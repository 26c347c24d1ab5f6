"""Engines on PostgreSQL, each in an empty database; a server that is missing fails the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memoryos import Engine
from tests.conftest import ManualClock
from tests.postgres.server import empty_database

pytest.register_assert_rewrite(
    "memoryos.testing.store_contract",
    "memoryos.testing.store_derived",
    "memoryos.testing.store_journal",
)


@pytest.fixture
def postgres_uri() -> str:
    """A database in which there is nothing yet."""
    return empty_database()


@pytest.fixture
def engine(postgres_uri: str, clock: ManualClock) -> Iterator[Engine]:
    with Engine.open(postgres_uri, config={"promotion": "manual"}, clock=clock) as engine:
        yield engine
