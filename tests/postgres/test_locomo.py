"""What is recalled of LoCoMo's evidence from PostgreSQL is what is recalled of it from SQLite."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memory
from memoryos.model import Scope
from memoryos.retrieval.index import served_index
from memoryos.storage.postgres import search

MANUAL = {"promotion": "manual"}
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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_evidence_recall_is_sqlites(root: Path, postgres_uri: str, sqlite_uri: str) -> None:
    conversations = json.loads((root.parent / "shared/data/locomo10.json").read_text())
    shares: dict[str, list[float]] = {"sqlite": [], "postgres": []}
    config = MANUAL | {"durability": "normal"}
    with (
        Engine.open(sqlite_uri, config) as lite,
        Engine.open(postgres_uri, config) as post,
    ):
        for number, conversation in enumerate(conversations):
            user = f"conversation {number}"
            known = {"sqlite": (lite, {}), "postgres": (post, {})}
            for engine, page_of in known.values():
                page_of.update(fill(engine, user, conversation))
                # Vectors, as consolidation makes them; nothing else that it does is needed.
                engine.modules.consolidator.run(engine.memory(user).scope)
            for question in conversation["qa"]:
                evidence = set(_TURN.findall(" ".join(question["evidence"])))
                if question["category"] == 5 or not evidence:
                    continue
                found = {}
                for name, (engine, page_of) in known.items():
                    found[name] = ranking(engine.memory(user), question["question"], page_of)
                    here = {page_of[turn] for turn, _ in found[name]}
                    hits = [page_of.get(turn) in here for turn in evidence]
                    shares[name].append(sum(hits) / len(hits))
                assert found["postgres"] == found["sqlite"]
    means = {name: sum(values) / len(values) for name, values in shares.items()}
    print(f"evidence recall in 10 pages, {len(shares['sqlite'])} questions, no model: {means}")
    assert means["sqlite"] > 0.6
    assert abs(means["sqlite"] - means["postgres"]) <= 0.01


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hnsw", [False, True])
def test_evidence_recall_in_the_server_is_sqlites(
    root: Path,
    postgres_uri: str,
    sqlite_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    hnsw: bool,
) -> None:
    monkeypatch.setattr(search, "BLOCK", 32)  # so that few pages are in no full block
    if hnsw:
        # As few as leave most of a conversation's pages unasked.
        monkeypatch.setattr(search, "NEAR_FROM", 100)
        monkeypatch.setattr(served_index, "_NEAREST", 40)
        monkeypatch.setattr(served_index, "_WORDIEST", 40)
        monkeypatch.setattr(served_index, "_CHAINED", 10)
    conversations = json.loads((root.parent / "shared/data/locomo10.json").read_text())
    shares: dict[str, list[float]] = {"sqlite": [], "postgres": []}
    config = {"durability": "normal"}
    equal = 0
    with (
        Engine.open(sqlite_uri, MANUAL | config) as lite,
        Engine.open(postgres_uri, MANUAL | {"search_in_server_from": 1} | config) as post,
    ):
        for number, conversation in enumerate(conversations):
            user = f"conversation {number}"
            known = {"sqlite": (lite, {}), "postgres": (post, {})}
            for engine, page_of in known.values():
                page_of.update(fill(engine, user, conversation))
                engine.modules.consolidator.run(engine.memory(user).scope)
                updater = engine.modules.consolidator._updater
                updater.arrange(Scope(user))
            for question in conversation["qa"]:
                evidence = set(_TURN.findall(" ".join(question["evidence"])))
                if question["category"] == 5 or not evidence:
                    continue
                hits = {}
                for name, (engine, page_of) in known.items():
                    hits[name] = ranking(engine.memory(user), question["question"], page_of)
                    here = {page_of[turn] for turn, _ in hits[name]}
                    counted = [page_of.get(turn) in here for turn in evidence]
                    shares[name].append(sum(counted) / len(counted))
                equal += [t for t, _ in hits["sqlite"]] == [t for t, _ in hits["postgres"]]
    means = {name: sum(values) / len(values) for name, values in shares.items()}
    asked = len(shares["sqlite"])
    print(f"evidence recall in 10 pages: {means}; {equal} of {asked} rankings are equal")
    assert means["sqlite"] > 0.6
    assert abs(means["sqlite"] - means["postgres"]) <= 0.01
    assert hnsw or equal / asked > 0.95
