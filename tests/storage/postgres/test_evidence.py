"""What is recalled of a dialogue's evidence from PostgreSQL is what is recalled of it from SQLite.

On conversations of our own; the tests marked `benchdata` say the same of three of LoCoMo's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memoryos import Engine, Memory
from memoryos.model import Scope
from memoryos.retrieval.index import server_index
from memoryos.storage.postgres import search

_TURN = re.compile(r"D\d+:\d+")


def pages(dialogue: dict[str, Any]) -> Iterator[tuple[str, datetime, list[dict[str, Any]]]]:
    """The pairs of turns of each session."""
    number = 1
    while f"session_{number}" in dialogue:
        said = dialogue[f"session_{number}_date_time"]
        at = datetime.strptime(said, "%I:%M %p on %d %B, %Y").replace(tzinfo=timezone.utc)
        turns = dialogue[f"session_{number}"]
        for start in range(0, len(turns), 2):
            yield f"session_{number}", at, turns[start : start + 2]
        number += 1


def fill(engine: Engine, user: str, conversation: dict[str, Any]) -> dict[str, str]:
    """Journal a conversation; return the page of each turn."""
    page_of = {}
    for session, at, turns in pages(conversation["conversation"]):
        said = [f"{turn['speaker']}: {turn['text']}" for turn in turns]
        memory = engine.memory(user, session_id=session)
        page = memory.add(said[0], said[1] if len(said) > 1 else "", timestamp=at)
        page_of.update((turn["dia_id"], page.id) for turn in turns)
    return page_of


def ranking(memory: Memory, question: str, page_of: dict[str, str]) -> list[tuple[str, float]]:
    turns = {page: turn for turn, page in page_of.items()}
    return [(turns[found.page.id], found.score) for found in memory.recall(question, k=10).pages]


class Compared(NamedTuple):
    """What was recalled of the same questions from both stores."""

    asked: int
    sqlite: float
    """Mean share of the evidence in the ten pages recalled."""
    postgres: float
    equal: int
    """Questions for which pages and scores are the same on both."""
    equal_order: int
    """Questions for which the pages are the same, in the same order."""


def compared(file: Path, lite: Engine, post: Engine, *, arranged: bool = False) -> Compared:
    """Journal three conversations in both engines, ask their questions, and compare the pages.

    arranged: whether the vectors are sorted into blocks first, as a large scope's are.
    """
    shares: dict[Engine, list[float]] = {lite: [], post: []}
    equal = equal_order = 0
    for number, conversation in enumerate(json.loads(file.read_text("utf-8"))[:3]):
        user = f"conversation {number}"
        page_of = {engine: fill(engine, user, conversation) for engine in shares}
        for engine in shares:
            # Vectors, as consolidation makes them; nothing else that it does is needed.
            consolidator = engine.modules.consolidator
            consolidator.run(engine.memory(user).scope)
            if arranged:
                consolidator._updater.arrange(Scope(user))
        for question in conversation["qa"]:
            evidence = set(_TURN.findall(" ".join(question["evidence"])))
            if question["category"] == 5 or not evidence:
                continue
            found = []
            for engine, pages_ in page_of.items():
                found.append(ranking(engine.memory(user), question["question"], pages_))
                here = {pages_[turn] for turn, _ in found[-1]}
                hits = [pages_.get(turn) in here for turn in evidence]
                shares[engine].append(sum(hits) / len(hits))
            equal += found[0] == found[1]
            equal_order += [turn for turn, _ in found[0]] == [turn for turn, _ in found[1]]
    means = [sum(values) / len(values) for values in shares.values()]
    return Compared(len(shares[lite]), *means, equal, equal_order)


@contextmanager
def engines(sqlite_uri: str, postgres_uri: str, **server: Any) -> Iterator[tuple[Engine, Engine]]:
    """Open both stores; `server` is configured for PostgreSQL only."""
    config = {"promotion": "manual", "durability": "normal"}
    with (
        Engine.open(sqlite_uri, config) as lite,
        Engine.open(postgres_uri, config | server) as post,
    ):
        yield lite, post


def search_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BLOCK", 32)  # so that few pages are in no full block


def test_evidence_is_recalled_as_from_sqlite(
    dialogue: Path, postgres_uri: str, sqlite_uri: str
) -> None:
    with engines(sqlite_uri, postgres_uri) as (lite, post):
        found = compared(dialogue, lite, post)
    assert found.asked == 24
    assert found.equal == found.asked
    assert found.sqlite > 0.8


def test_evidence_is_recalled_in_the_server_as_from_sqlite(
    dialogue: Path, postgres_uri: str, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_in_small_blocks(monkeypatch)
    with engines(sqlite_uri, postgres_uri, search_in_server_from=1) as (lite, post):
        found = compared(dialogue, lite, post, arranged=True)
    assert found.asked == 24
    assert found.equal_order == found.asked


@pytest.mark.benchdata
@pytest.mark.timeout(600)
def test_locomos_evidence_is_recalled_as_from_sqlite(
    locomo: Path, postgres_uri: str, sqlite_uri: str
) -> None:
    with engines(sqlite_uri, postgres_uri) as (lite, post):
        found = compared(locomo, lite, post)
    print(f"in 10 pages, no model: {found}")
    assert found.asked > 300
    assert found.equal == found.asked
    assert found.sqlite > 0.6


@pytest.mark.benchdata
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hnsw", [False, True])
def test_locomos_evidence_is_recalled_in_the_server_as_from_sqlite(
    locomo: Path,
    postgres_uri: str,
    sqlite_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    hnsw: bool,
) -> None:
    search_in_small_blocks(monkeypatch)
    if hnsw:
        # As few as leave most of a conversation's pages unasked.
        monkeypatch.setattr(search, "NEAR_FROM", 100)
        monkeypatch.setattr(server_index, "_NEAREST", 40)
        monkeypatch.setattr(server_index, "_WORDIEST", 40)
        monkeypatch.setattr(server_index, "_CHAINED", 10)
    with engines(sqlite_uri, postgres_uri, search_in_server_from=1) as (lite, post):
        found = compared(locomo, lite, post, arranged=True)
    print(f"in 10 pages, no model: {found}")
    assert found.sqlite > 0.6
    assert abs(found.sqlite - found.postgres) <= 0.01
    assert hnsw or found.equal_order / found.asked > 0.95
