"""Files with flipped bits: no verb raises anything but our errors, and what is altered is noticed.

What each verb does is compared with what it does on the file as it was. Where they differ, the verb
has raised, or a page is marked, or the doctor reports the file.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.errors import MemoryOSError
from memoryos.memory.memory import Memory
from memoryos.model import Page
from tests.conftest import ManualClock

CONFIG = {"promotion": "manual", "durability": "normal", "heat_threshold": 3.0}
USERS = ("tom", "ann")


def opened(file: Path) -> Engine:
    clock = ManualClock(datetime(2025, 6, 1, 12, tzinfo=timezone.utc))
    return Engine.open(f"sqlite:///{file}", CONFIG, clock=clock)


def fill(file: Path) -> None:
    """Write a file that is the same each time, but for the names of receipts."""
    with opened(file) as engine:
        for user in USERS:
            memory = engine.memory(user)
            for n in range(30):
                said = f"My name is {user.title()} and I like chess, tea and town {n}."
                memory.add(said, "Good.", key=f"{user} {n}")
            facts = {"place": "here", "number": 5}
            memory.add("What do I like?", "Chess.", metadata=facts, key=f"{user} asks")
            memory.flush()
            memory.forget(page_id=memory.pages()[3].id)
            memory.add("This one waits.", "Yes.", key=f"{user} waits")


def said(page: Page) -> tuple[Any, ...]:
    return page.id, page.user_input, page.agent_response, page.timestamp, dict(page.metadata)


def looks(memory: Memory) -> dict[str, Callable[[], Any]]:
    """The verbs that change nothing, with a result to compare."""
    return {
        "pages": lambda: [said(page) for page in memory.pages()],
        "recall": lambda: [said(item.page) for item in memory.recall("What does he like?").pages],
        "text": lambda: memory.recall("What does he like, and which town?").text(500),
        "segments": lambda: [(s.id, s.summary, s.keywords, s.pages) for s in memory.segments()],
        "knowledge": lambda: [(k.id, k.text, k.sources) for k in memory.knowledge(status="all")],
        "profile": lambda: memory.profile().text,
        "stats": memory.stats,
        "usage": memory.usage,
        "receipts": lambda: [(r.id, r.page_ids, dict(r.erased)) for r in memory.receipts()],
        "sessions": memory.sessions,
    }


def changes(engine: Engine, memory: Memory, folder: Path) -> dict[str, Callable[[], Any]]:
    """The other verbs, in the order in which they are tried."""
    return {
        "add": lambda: memory.add("Another turn.", "Noted."),
        "flush": memory.flush,
        "rebuild": memory.rebuild,
        "export": lambda: memory.export(folder / "export.jsonl"),
        "doctor": engine.doctor,
        "repair": lambda: engine.doctor(repair=True),
    }


class Outcomes:
    """What came of each verb over all files."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.raw: list[str] = []
        self.silent: list[str] = []
        self.kept: list[str] = []

    def of(self, number: int, verb: str, call: Callable[[], Any]) -> Any:
        try:
            result = call()
        except MemoryOSError as error:
            self.counts[verb, type(error).__name__] += 1
            return error
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            self.counts[verb, "RAW"] += 1
            self.raw.append(f"{number} {verb}: {error!r}")
            return error
        self.counts[verb, "ok"] += 1
        return result


def flipped(whole: bytes, chance: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def try_file(whole: Path, folder: Path, number: int, good: dict[str, Any], all_: Outcomes) -> None:
    file, chance = folder / "m.db", random.Random(number)
    for left in folder.glob("m.db*"):
        left.unlink()
    file.write_bytes(flipped(whole.read_bytes(), chance))
    engine = all_.of(number, "open", lambda: opened(file))
    if not isinstance(engine, Engine):
        return
    with engine:
        memory = engine.memory("tom")
        report = all_.of(number, "first doctor", engine.doctor)
        noticed = isinstance(report, Exception) or not report.healthy
        for verb, look in looks(memory).items():
            found = all_.of(number, verb, look)
            if not isinstance(found, Exception) and found != good[verb] and not noticed:
                all_.silent.append(f"{number} {verb}")
        for verb, change in changes(engine, memory, folder).items():
            all_.of(number, verb, change)
    # A copy as it was: repaired or not, everything can be forgotten.
    for left in folder.glob("m.db*"):
        left.unlink()
    file.write_bytes(flipped(whole.read_bytes(), random.Random(number)))
    with opened(file) as engine:
        memory = engine.memory("tom")
        receipt = all_.of(number, "forget everything", lambda: memory.forget(everything=True))
        left_over = all_.of(number, "pages afterwards", memory.pages)
        if isinstance(receipt, Exception) or left_over != []:
            all_.kept.append(f"{number}: {receipt!r} {left_over!r}")
    if b"Tom and I like" in file.read_bytes():
        all_.kept.append(f"{number}: words are left in the file")


def run(quick_folder: Path, numbers: range) -> Outcomes:
    whole = quick_folder / "whole.db"
    fill(whole)
    folder = quick_folder / "flipped"
    folder.mkdir()
    shutil.copy(whole, folder / "good.db")
    with opened(folder / "good.db") as engine:
        assert engine.doctor().healthy, engine.doctor().text
        good = {verb: look() for verb, look in looks(engine.memory("tom")).items()}
    outcomes = Outcomes()
    for number in numbers:
        try_file(whole, folder, number, good, outcomes)
    for (verb, outcome), count in sorted(outcomes.counts.items()):
        print(f"{verb:20} {outcome:20} {count}")
    return outcomes


@pytest.mark.parametrize("examples", [12, pytest.param(100, marks=pytest.mark.slow)], indirect=True)
@pytest.mark.timeout(600)
def test_files_with_flipped_bits(quick_folder: Path, examples: int) -> None:
    outcomes = run(quick_folder, range(examples))
    assert outcomes.raw == []
    assert outcomes.silent == []
    assert outcomes.kept == []
