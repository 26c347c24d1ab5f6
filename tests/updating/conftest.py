"""A memory that files when it is told to."""

from __future__ import annotations

import pytest

from memoryos import Engine, Memory


@pytest.fixture
def memory() -> Memory:
    return Engine.open("sqlite:///:memory:", {"promotion": "manual"}).memory("tom")
