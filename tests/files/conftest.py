"""An engine that does nothing behind the test's back, and one user's files on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memoryos import Engine
from memoryos_integrations.files import Files


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as opened:
        yield opened


@pytest.fixture
def files(engine: Engine) -> Files:
    return Files(engine, "tom")
