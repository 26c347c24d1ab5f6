"""Engines on PostgreSQL, each in an empty database; a server that is missing fails the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memoryos import Engine
from tests.conftest import ManualClock
from tests.storage.postgres.server import empty_database


@pytest.fixture
def postgres_uri() -> str:
    """A database in which there is nothing yet."""
    return empty_database()


@pytest.fixture
def engine(postgres_uri: str, clock: ManualClock) -> Iterator[Engine]:
    with Engine.open(postgres_uri, config={"promotion": "manual"}, clock=clock) as engine:
        yield engine
