"""What recalls keep of a scope is what a new engine reads, also under filters and after changes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.memory import Memory
from memoryos.model import Message
from memoryos.retrieval import views

START = datetime(2025, 3, 1, tzinfo=timezone.utc)
FILTERS: list[dict[str, Any] | None] = [
    None,
    {"session_id": "s1"},
    {"since": START + timedelta(hours=6)},
    {"since": START + timedelta(hours=2), "before": START + timedelta(hours=30)},
    {"topic": ["t0", "t2"]},
    {"topic": "t1", "session_id": "s0", "before": START + timedelta(hours=50)},
]


def told(memory: Memory, where: dict[str, Any] | None, asked: str) -> tuple[object, ...]:
    found = memory.recall(asked, where=where, min_relevance=0, visit=False)
    return (
        [(p.page, p.score, p.relevance, p.reasons) for p in found.pages],
        found.short_term,
        [segment.id for segment in found.segments],
        found.user_knowledge,
        found.profile,
        found.text(),
    )


def change(memory: Memory, chance: random.Random, hour: int) -> None:
    """Add, complete, file, state or forget something."""
    session, at = memory.session(f"s{hour % 3}"), START + timedelta(hours=hour)
    what = chance.randrange(8)
    thing = chance.choice(("garden", "boat", "violin", "sister"))
    if what == 0:
        memory.flush()
    elif what == 1 and (pages := memory.pages()):
        memory.forget(page_id=chance.choice(pages).id)
    elif what == 2:
        memory.remember(f"My {thing} is called number {hour}")
    elif what == 3:
        session.add_messages([Message("user", f"I sold my {thing} in hour {hour}.")], at)
        memory.flush()  # the answer gives the page another position, after what was made of it
        told(memory, {"since": START}, "Who sold something?")
        session.add_messages([Message("assistant", f"Why sell the {thing}?")], at)
    else:
        topic = {"topic": f"t{hour % 3}"} if chance.random() < 0.7 else None
        session.add(f"I like my {thing}, it is {hour} years old.", "Oh, good.", at, topic)


@pytest.mark.parametrize("characters", [0, 300, 1 << 18])
def test_a_recall_is_that_of_an_engine_that_has_kept_nothing(
    quick_folder: Path, monkeypatch: pytest.MonkeyPatch, characters: int
) -> None:
    monkeypatch.setattr(views, "_MOST_CHARACTERS", characters)
    uri, chance = f"sqlite:///{quick_folder / 'm.db'}", random.Random(characters)
    config = {"promotion": "manual"}
    with Engine.open(uri, config) as one, Engine.open(uri, config) as two:
        one.modules.clock = two.modules.clock = lambda: START + timedelta(days=9)
        kept, changing = one.memory("tom", session_id="s1"), two.memory("tom", session_id="s1")
        for hour in range(40):
            change(chance.choice((kept, changing)), chance, hour)
            asked = chance.choice(("What about my garden?", "and the boat?", "Who sold a violin?"))
            where = chance.choice(FILTERS)
            two.modules.views.clear()
            told(kept, where, asked)  # what it keeps is asked for twice
            assert told(kept, where, asked) == told(changing, where, asked), (hour, where, asked)
