"""Times of turns: in which forms they are taken, and the offset they are kept and shown with."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput

NOON_IN_BOGOTA = datetime(2025, 1, 1, 12, tzinfo=timezone(timedelta(hours=-5)))


@pytest.mark.parametrize(
    "given",
    [
        NOON_IN_BOGOTA,
        datetime(2025, 1, 1, 12, tzinfo=ZoneInfo("America/Bogota")),
        "2025-01-01T12:00:00-05:00",
    ],
)
def test_an_offset_is_kept_and_shown(given: object, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'm.db'}"
    with Engine.open(uri) as engine:
        added = engine.memory("tom").add("I fly to Lima at noon.", "Safe travels!", timestamp=given)
        assert (added.timestamp, added.timestamp.utcoffset()) == (
            NOON_IN_BOGOTA,
            timedelta(hours=-5),
        )
        engine.memory("tom").export(tmp_path / "out.jsonl")
    with Engine.open(uri) as engine:
        memory = engine.memory("tom")
        assert [(page.id, page.timestamp) for page in memory.pages()] == [
            (added.id, NOON_IN_BOGOTA)
        ]
        assert memory.pages()[0].timestamp.utcoffset() == timedelta(hours=-5)
        assert "[2025-01-01 12:00 UTC-05:00]" in memory.recall("Lima").text()
        other = engine.memory("ann")
        other.import_(tmp_path / "out.jsonl")
        assert other.pages()[0].timestamp.isoformat() == "2025-01-01T12:00:00-05:00"


def test_seconds_since_1970_are_a_time(engine: Engine) -> None:
    memory = engine.memory("tom")
    assert memory.add("a", timestamp=1735750800).timestamp == NOON_IN_BOGOTA
    assert memory.add("b", timestamp=1735750800.5).timestamp.microsecond == 500_000
    assert len(memory.recall("a b", where={"since": 1735750800}, min_relevance=0).pages) == 2


@pytest.mark.parametrize("given", [1735750800000, float("nan"), float("inf"), True, b"2025", -1e12])
def test_what_is_no_time_is_refused(engine: Engine, given: object) -> None:
    with pytest.raises(InvalidInput, match="timestamp"):
        engine.memory("tom").add("a", timestamp=given)
    assert engine.memory("tom").pages() == []
