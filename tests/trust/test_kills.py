"""kill -9: every acknowledged turn is there once, and the rest is as if it had never been cut."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
CONFIG = {"heat_threshold": 4.0, "durability": "normal"}
"""A killed process loses nothing that SQLite has written, whatever it waited for."""

# Imports turns in many small transactions, and says so once each is acknowledged.
IMPORTER = textwrap.dedent(
    """
    import json, sys
    from memoryos import Engine
    uri, turns, config = sys.argv[1], json.load(open(sys.argv[2])), json.loads(sys.argv[3])
    with Engine.open(uri, config) as engine:
        print("open", flush=True)
        at = 0
        while at < len(turns):
            some = turns[at : at + 1 + at % 3]
            memory = engine.memory("tom", session_id=some[0][3])
            some = [turn for turn in some if turn[3] == some[0][3]]
            keys = [f"turn-{at + n}" for n in range(len(some))]
            if len(some) == 1:
                memory.add(*some[0][:3], key=keys[0])
            else:
                memory.add_many([turn[:3] for turn in some], keys=keys)
            print(*keys, flush=True)
            at += len(some)
        engine.memory("tom").flush()
    print("done", flush=True)
    """
)


def dialogues(turns: int, seed: int = 7) -> list[list[str]]:
    """Return turns of several sessions on a few topics, as LoCoMo's are: not its text."""
    chance = random.Random(seed)
    topics = (
        ("the pottery class", "glazing", "bowls", "the kiln"),
        ("my sister Eva", "her wedding", "Porto", "the dress"),
        ("the marathon", "training", "my knee", "new shoes"),
        ("the job interview", "the hospital", "night shifts", "my boss"),
    )
    openings = ("I was thinking about", "Guess what happened with", "I love", "I am worried about")
    found = []
    for number in range(turns):
        topic = topics[number // 6 % len(topics)]
        said = f"{chance.choice(openings)} {chance.choice(topic)} and {chance.choice(topic)}."
        if number % 9 == 0:
            said = f"I live in {chance.choice(('Lisbon', 'Porto', 'Faro'))} now. {said}"
        answer = f"Tell me more about {chance.choice(topic)}!"
        at = START + timedelta(minutes=number)
        found.append([said, answer, at.isoformat(), f"session-{number // 40}"])
    return found


def conversations(file: Path) -> list[list[str]]:
    """Return the turns of a file in LoCoMo's form, paired."""
    found: list[list[str]] = []
    for talk in json.loads(file.read_text("utf-8")):
        for name, session in talk["conversation"].items():
            if not isinstance(session, list):
                continue
            said = [turn["text"] for turn in session]
            for at in range(0, len(said) - 1, 2):
                when = START + timedelta(hours=len(found))
                session_id = f"{talk['sample_id']}-{name}"
                found.append([said[at], said[at + 1], when.isoformat(), session_id])
    return found


def import_until_done(file: Path, turns: Path, kills: int, chance: random.Random) -> set[str]:
    """Import, killed at random moments and begun again; return the keys acknowledged."""
    acknowledged: set[str] = set()
    killed = 0
    longest = 1.0
    while True:
        command = [sys.executable, "-c", IMPORTER, f"sqlite:///{file}", str(turns)]
        with subprocess.Popen(
            [*command, json.dumps(CONFIG)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "open\n", process.stderr.read()
            began = time.monotonic()
            if killed < kills:
                time.sleep(chance.random() * longest)
                process.send_signal(signal.SIGKILL)
                killed += 1
            output = process.stdout.read()
            errors = process.stderr.read()
        for line in output.splitlines(keepends=True):
            if line.endswith("\n") and line != "done\n":
                acknowledged.update(line.split())
        check_journal(file, acknowledged)
        if process.returncode == 0:
            assert not errors
            longest = max(0.05, time.monotonic() - began)
            if killed >= kills:
                return acknowledged
            remove(file)  # all of it came through: begin anew, to be killed again
            acknowledged.clear()


def check_journal(file: Path, acknowledged: set[str]) -> None:
    """Every acknowledged turn is there, and none twice."""
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        said = [row[0] for row in db.execute("SELECT timestamp FROM pages")]
    db.close()
    assert len(said) == len(set(said)), "a turn is there twice"
    assert len(said) >= len(acknowledged), "an acknowledged turn is lost"


def remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def derived(file: Path, folder: Path) -> Any:
    """Return the whole export, the moments of deriving aside."""
    with Engine.open(f"sqlite:///{file}", {**CONFIG, "promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        memory.flush()
        memory.export(folder / "export.jsonl")
        stats = memory.stats()
        assert stats.unembedded == 0
        lines = [json.loads(line) for line in (folder / "export.jsonl").read_text().splitlines()]
    for line in lines:
        for body in line.values():
            if isinstance(body, dict):
                body.pop("derived", None)
    return lines


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", ["generated", "written"])
def test_killed_at_random_moments(source: str, dialogue: Path, quick_folder: Path) -> None:
    kills = 25
    turns = dialogues(150) if source == "generated" else conversations(dialogue)
    (quick_folder / "turns.json").write_text(json.dumps(turns))
    chance = random.Random(source)
    file = quick_folder / "killed.db"
    acknowledged = import_until_done(file, quick_folder / "turns.json", kills, chance)
    assert len(acknowledged) == len(turns)
    whole = quick_folder / "whole.db"
    import_until_done(whole, quick_folder / "turns.json", 0, chance)
    assert derived(file, quick_folder) == derived(whole, quick_folder)
