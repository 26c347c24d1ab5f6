"""Where knowledge comes from: a model's fact with the statements that it was read from."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def memory(chat):
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}, chat) as engine:
        memory = engine.memory("tom")
        memory.add("I moved to Lisbon.", "My goats live in Porto.", NOON)
        memory.flush()
        yield memory


def test_a_models_fact_is_told_with_what_was_said(memory):
    fact = next(f for f in memory.knowledge("user", "fact") if "Lisbon" in f.text)
    statement = next(s for s in memory.knowledge("user", "statement") if "Lisbon" in s.text)
    explained = memory.explain(fact.id)
    assert explained.statements == (statement,)
    assert f"as was said: “{statement.text}”" in explained.text
    assert memory.explain(statement.id).statements == ()


def test_what_was_stated_by_hand_was_read_from_nothing(memory):
    assert memory.explain(memory.remember("Tom keeps two goats").id).statements == ()


def test_the_newest_sources_alone_may_be_asked_for(memory):
    for day in range(4):
        memory.add("I love chess.", "Fine.", NOON + timedelta(days=day))
    memory.flush()
    (item,) = (s for s in memory.knowledge("user", "statement") if s.text == "I love chess.")
    assert len(memory.explain(item.id).pages) == 4
    newest = memory.explain(item.id, limit=2).pages
    assert [page.timestamp.day for page in newest] == [3, 4]
    with pytest.raises(InvalidInput, match="limit"):
        memory.explain(item.id, limit=0)
