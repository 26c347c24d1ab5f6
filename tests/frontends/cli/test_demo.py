"""`memoryos demo`: the first thing that anybody sees."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_it_fills_heats_promotes_and_answers_with_sources(run: Run) -> None:
    done = run("demo")
    assert done.code == 0
    assert done.err == ""
    for word in ("short term", "filed", "heated", "promoted", "known"):
        assert word in done.out
    for question in ("What do you remember about my job?", "¿Qué recuerdas sobre mi trabajo?"):
        asked = done.out.index(question)
        answer = done.out[asked:].split("Answer, with its sources")[1].split("╰")[0]
        assert "San Francisco" in answer
        assert "↳" in answer
    assert "El 20" in done.out  # the Spanish question is answered in Spanish
    assert "What is known, and where it comes from" in done.out
    assert "7 statements, 1 fact, 0 model calls" in " ".join(done.out.split())


def test_as_json(run: Run) -> None:
    told = run("demo", "--json").json
    assert len(told["answers"]) == 4
    assert all(answer["sources"] for answer in told["answers"])
    assert "San Francisco" in told["answers"][0]["answer"]
    assert "científico de datos" in told["answers"][2]["answer"]
    assert told["profile"] == {"allergy": "Tom is allergic to peanuts"}  # what is stated
    *statements, fact = told["knowledge"]
    assert {item["kind"] for item in statements} == {"statement"}
    assert all(item["sources"] for item in statements)
    assert (fact["kind"], fact["analyst"]) == ("fact", "user")


def test_it_is_quick_offline_and_leaves_nothing_behind(outside: Run, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    began = time.perf_counter()
    done = outside("demo", TMPDIR=str(folder))
    assert done.code == 0, done.err
    assert time.perf_counter() - began < 15  # under 1 s on an idle machine
    assert list(folder.iterdir()) == []
    assert tempfile.gettempdir()


def test_a_kept_database_can_be_used_and_played_again(run: Run) -> None:
    assert run("demo", "--db", "kept.db").code == 0
    told = run("pages", "--db", "kept.db", "--session", "english", "--json").json
    assert run("demo", "--db", "kept.db").code == 0
    assert run("pages", "--db", "kept.db", "--session", "english", "--json").json == told
    assert "chess" in run("recall", "chess", "--db", "kept.db").out
