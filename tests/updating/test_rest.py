"""A session at rest is read by the model, though it is short: nobody has to flush."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine, MemoryConfig
from memoryos.testing.memory_answers import memory_answers
from tests.conftest import ManualClock

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


def test_a_session_is_read_once_nothing_was_said_in_it_for_rest_seconds(server, chat):
    clock = ManualClock(NOON)
    config = MemoryConfig(rest_seconds=600, promotion="manual")
    with Engine.open("sqlite:///:memory:", config, chat, clock=clock) as engine:
        morning, evening = (engine.memory("tom", session_id=s) for s in ("morning", "evening"))
        run = lambda: engine.modules.consolidator.run(morning.scope)  # noqa: E731
        morning.add("I live in Lisbon.", "Nice.")
        clock.advance(seconds=400)
        evening.add("I work as a nurse.", "Hard work.")
        clock.advance(seconds=199)
        run()
        assert not server.chats
        assert morning.stats().waiting == 2
        clock.advance(seconds=1)
        run()
        assert len(server.chats) == 1  # the morning's page; the evening goes on
        assert "Lisbon" in server.chats[0].prompt
        assert "nurse" not in server.chats[0].prompt
        assert morning.stats().waiting == 1
        clock.advance(seconds=400)
        run()
        run()
        assert len(server.chats) == 2
        assert morning.stats().waiting == 0
        facts = {fact.text for fact in morning.knowledge("user", "fact")}
        assert any("Lisbon" in text for text in facts)
        assert any("nurse" in text for text in facts)


@pytest.mark.parametrize("reopened", [False, True])
def test_the_worker_finds_out_by_itself(server, chat, tmp_path, reopened):
    asked = threading.Event()

    def answer(request):
        asked.set()
        return memory_answers(request)

    server.chat = answer
    url, config = f"sqlite:///{tmp_path / 'm.db'}", MemoryConfig(rest_seconds=1.0)
    engine = Engine.open(url, config, chat)
    engine.memory("tom").add("I live in Lisbon.", "Nice.")
    if reopened:  # what an earlier process left; a second ago
        engine.close()
        assert not asked.is_set()
        engine = Engine.open(url, config, chat)
    with engine:
        assert asked.wait(20)
        assert engine.memory("tom").pages()


def test_a_page_of_long_ago_is_read_at_once(server, chat):
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}, chat) as engine:
        memory = engine.memory("tom")
        memory.add("I live in Lisbon.", "Nice.", NOON - timedelta(days=900))
        engine.modules.consolidator.run(memory.scope)
        assert len(server.chats) == 1
