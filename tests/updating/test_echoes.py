"""Recalled text that comes back in a user's message is not learned again as new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine
from memoryos.memory.memory import Memory

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
CONFIG = {
    "promotion": "manual",
    "short_term_capacity": 1,
    "page_out_batch": 1,
    "heat_threshold": 1.0,
}


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Someone who lived in Lisbon and lives in Porto."""
    with Engine.open("sqlite:///:memory:", CONFIG) as engine:
        memory = engine.memory("tom")
        say(memory, "I live in Lisbon.", 0)
        say(memory, "I live in Porto.", 1)
        assert memory.profile().user["home"] == "Porto"
        yield memory


def say(memory: Memory, text: str, day: int) -> None:
    memory.add(text, "ok", NOON + timedelta(days=day))
    memory.add("ok", "ok", NOON + timedelta(days=day, minutes=1))
    memory.flush()


def test_a_quoted_turn_does_not_supersede_what_is_newer(memory: Memory) -> None:
    before = memory.knowledge(status="all")
    say(memory, "I live in Lisbon. What did I say about it?", 2)
    assert memory.profile().user["home"] == "Porto"
    assert memory.knowledge(status="all") == before


def test_a_quoted_turn_is_no_second_source(memory: Memory) -> None:
    (fact,) = memory.knowledge()
    say(memory, "I live in Porto. What did I say about it?", 2)
    (again,) = memory.knowledge()
    assert again == fact


def test_a_context_block_in_a_message_is_not_read(memory: Memory) -> None:
    before = memory.knowledge(status="all")
    block = memory.recall("Where do I live?").text()
    assert "I live in Lisbon" in block
    message = f"{block}\n\nI love chess. Where do I live?"
    say(memory, message, 2)
    assert memory.profile().user["home"] == "Porto"
    fresh = [item for item in memory.knowledge(status="all") if item not in before]
    assert ["chess" in item.text for item in fresh] == [True]
    assert message in [page.user_input for page in memory.pages()], "the journal keeps it all"


def test_who_says_it_again_says_it_again(memory: Memory) -> None:
    """Moving back is news, though the words are those of long ago."""
    say(memory, "I live in Lisbon.", 2)
    assert memory.profile().user["home"] == "Lisbon"


def test_news_beside_a_quoted_turn_are_news(memory: Memory) -> None:
    say(memory, "I live in Porto. Now I live in Faro.", 2)
    assert memory.profile().user["home"] == "Faro"
