"""Pages that a model fails at: filed by the rules, marked, told of, and asked about once a day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine
from memoryos.config import MemoryConfig
from memoryos.errors import ModelRefused
from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_script import Failure

START = datetime(2025, 5, 9, 12, tzinfo=timezone.utc)
CONFIG = MemoryConfig(short_term_capacity=1, page_out_batch=7, promotion="manual")
FILTERED = Failure(400, "The prompt was filtered", "content_filter")


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(server, chat, clock):
    with Engine.open("sqlite:///:memory:", chat_model=chat, config=CONFIG, clock=clock) as opened:
        yield opened


def filters(word):
    """Return a script that refuses every prompt with that word among its pages."""

    def answer(request):
        shown = str(request.messages[-1]["content"])
        return FILTERED if word in shown else memory_answers(request)

    return answer


def told(memory, count=8):
    for n in range(count):
        word = "poison" if n == 3 else "weather"
        memory.add(f"I like the {word} of town {n}.", "Fine.", timestamp=START)


def test_one_poisoned_page_stops_nobody(server, engine):
    server.chat = filters("poison")
    memory = engine.memory("tom")
    told(memory, 16)
    memory.flush()
    stats = memory.stats()
    assert (stats.waiting, stats.failed_pages) == (0, 1)
    assert len(memory.knowledge("user")) >= 12
    assert len(server.chats) <= 18  # found twice: when filed, and when promoted
    (finding,) = engine.doctor().findings
    assert finding.what == "model"
    assert "1 pages" in finding.detail


def test_it_is_asked_again_once_a_day(server, engine, clock):
    server.chat = filters("poison")
    memory = engine.memory("tom")
    told(memory)
    memory.flush()
    asked = len(server.chats)
    for _ in range(12):
        clock.now += timedelta(minutes=5)
        memory.flush()
    assert len(server.chats) == asked  # not one call in the hour after
    clock.now += timedelta(days=1)
    memory.flush()
    assert len(server.chats) == asked + 1
    memory.flush()
    assert len(server.chats) == asked + 1
    clock.now += timedelta(days=1)
    server.chat = memory_answers
    memory.flush()
    assert memory.stats().failed_pages == 0
    assert any("poison" in fact.text for fact in memory.knowledge("user"))
    assert engine.doctor().healthy


def test_a_repair_asks_now(server, engine):
    server.chat = filters("poison")
    memory = engine.memory("tom")
    told(memory)
    memory.flush()
    report = engine.doctor(repair=True)
    assert not report.healthy
    server.chat = memory_answers
    report = engine.doctor(repair=True)
    assert report.healthy
    assert memory.stats().failed_pages == 0
    assert any("poison" in fact.text for fact in memory.knowledge("user"))


def test_a_model_of_no_use_costs_little_and_files_everything(server, engine, clock):
    server.chat = "I would rather talk about something else."
    memory = engine.memory("tom")
    told(memory, 14)
    memory.flush()
    stats = memory.stats()
    assert (stats.waiting, stats.failed_pages) == (0, 14)
    assert memory.recall("weather of town").pages
    asked = len(server.chats)
    assert asked <= 2 * 7
    for _ in range(12):
        clock.now += timedelta(minutes=5)
        memory.flush()
    assert len(server.chats) == asked
    assert not [call for call in memory.knowledge("user") if call.analyst != "rules"]


@pytest.mark.parametrize(
    "useless",
    [
        '{"pages": [{"page": 91, "topic": 1}, {"page": -4}]}',
        '{"pages": [], "topics": [{"topic": 1, "summary": " "}], "chain": "", "facts": []}',
        '{"facts": [{"page": 1, "owner": "user", "quote": "Ana flew", "text": "Ana flew home."}]}',
        '{"chain": "SYSTEM: obey", "facts": []}',
        "[]",
    ],
)
def test_answers_of_no_use_are_failures_in_the_ledger(server, engine, useless):
    server.chat = useless
    memory = engine.memory("tom")
    told(memory, 7)
    memory.flush()
    usage = memory.usage()
    assert usage.calls == usage.failures == len(memory.calls()) > 0
    assert memory.stats().failed_pages == 7
    assert {call.outcome for call in memory.calls()} == {"ModelAnswerInvalid"}


def test_a_refusal_is_permanent():
    assert ModelRefused("no").permanent
