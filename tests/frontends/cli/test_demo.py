"""`memoryos demo`: the first thing that anybody sees."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memoryos.frontends.cli.console import out as console

Run = Callable[..., Any]


def after(text: str, mark: str) -> str:
    """What is printed between a mark and the next title."""
    return text.split(mark, 1)[1].split("──", maxsplit=1)[0]


def test_it_shows_what_this_memory_does(run: Run) -> None:
    done = run("demo")
    assert done.code == 0
    assert done.err == ""
    first = done.out.split("Tom ", 2)[1]  # known before the second turn
    assert "known      “Hi! I'm Tom, I work as a data scientist" in first
    hot = done.out.split("gets hot, and is promoted")[1].split("Found by meaning")[0]
    assert "≥ τ = 5" in hot
    assert "now part of long-term memory" in hot
    meaning = after(done.out, "Where do I live?")
    assert meaning.split("→")[1].split("meaning")[0].count("I moved to Seattle") == 1
    newest = after(done.out, "Where do I work?")
    assert newest.index("turbine maker in Seattle") < newest.index("San Francisco")
    assert "Nothing I remember bears on that" in after(done.out, "president of France?")
    assert "instead of: Tom is allergic to peanuts" in done.out
    spanish = done.out.split("¿Cómo se llama mi perro?")
    assert "“Mi perro se llama Rex" in spanish[1].split("Forgotten")[0]
    assert "Nothing I remember bears on that" in spanish[2]
    assert "nothing of it is left anywhere" in spanish[2]
    assert "0 model calls" in done.out


def test_it_ends_with_three_commands_that_work(run: Run) -> None:
    told = run("demo", "--db", "kept.db").out.split("three commands")[1]
    commands = [line.strip() for line in told.splitlines() if line.startswith("memoryos ")]
    assert [line.split()[1] for line in commands] == ["add", "recall", "ui"]
    assert all("--db kept.db" in line for line in commands)
    assert run("add", "--db", "kept.db", "I moved to Lisbon").code == 0
    assert "Lisbon" in run("recall", "--db", "kept.db", "Where do I live?").out


def test_as_json(run: Run) -> None:
    told = run("demo", "--json").json
    by_question = {answer["question"]: answer for answer in told["answers"]}
    assert by_question["Where do I live?"]["pages"][0]["user_input"].startswith("I moved to")
    assert by_question["Who is the president of France?"]["pages"] == []
    assert by_question["¿Cómo se llama mi perro?"]["pages"] == []  # asked last after it was erased
    assert told["receipt"]["erased"]["pages"] == 1
    assert told["corrected"]["fact"]["text"] == "Tom is allergic to walnuts, not to peanuts"


@pytest.mark.parametrize("width", [30, 60, 80, 132])
def test_lines_wrap_under_their_text(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(console, "_width", width)
    lines = run("demo").out.splitlines()
    assert max(map(len, lines)) <= width
    if width < 50:
        return
    labels = ("Tom", "known", "filed", "heated", "promoted", "→", "receipt", "checked")
    starts = (*labels, "history", "statement", "fact", "memoryos", " " * 10)
    told = [line for line in lines if line and "──" not in line]
    assert [line for line in told if not line.startswith(starts)] == []


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])  # utf-8 in the next test but one
def test_it_can_be_read_in_any_encoding(outside: Run, encoding: str) -> None:
    done = outside("demo", PYTHONIOENCODING=encoding)
    assert done.code == 0, done.err
    assert "Where do I live?" in done.out


def test_as_json_in_the_poorest_encoding(outside: Run) -> None:
    assert outside("demo", "--json", PYTHONIOENCODING="ascii").json["answers"]


def test_it_is_quick_offline_and_leaves_nothing_behind(outside: Run, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    began = os.times()
    done = outside("demo", TMPDIR=str(folder), PYTHONIOENCODING="utf-8")
    assert done.code == 0, done.err
    assert "Where do I live?" in done.out
    ended = os.times()
    assert ended.children_user - began.children_user < 6  # of a processor; it takes under 1 s
    assert list(folder.iterdir()) == []
    assert tempfile.gettempdir()


def test_a_kept_database_can_be_used(run: Run) -> None:
    assert run("demo", "--db", "kept.db").code == 0
    assert "chess" in run("recall", "chess", "--db", "kept.db").out
