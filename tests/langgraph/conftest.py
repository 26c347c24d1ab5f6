"""An engine that does nothing behind the test's back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memoryos import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as opened:
        yield opened
