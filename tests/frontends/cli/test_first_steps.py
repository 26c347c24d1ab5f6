"""The first minutes with the commands: what is new is said, nothing ends with a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine

Run = Callable[..., Any]


def test_a_new_user_is_called_new(run: Run) -> None:
    assert "me, a new user:" in run("add", "hello").out
    assert "new" not in run("add", "hello again").out
    assert "anna, a new user (there is also me)" in run("add", "hello", "-u", "anna").out
    assert "ana, a new user (did you mean anna?)" in run("remember", "x", "-u", "ana").out
    done = run("add", "hello", "-u", "ana", "-a", "helper")
    assert "ana, with a new assistant, helper" in done.out


def test_recall_prints_the_page_ids_that_forget_takes(run: Run) -> None:
    run("add", "I moved to Seattle")
    (id_,) = re.findall(r"\[(p\w{16})\]", run("recall", "where do I live?").out)
    assert run("forget", "--page", id_, "--yes").code == 0
    assert run("pages", "--json").json == []


def test_one_of_a_thing_is_not_several(run: Run) -> None:
    run("add", "I moved to Seattle")
    assert "1 scope, 1 page, 1 fact" in run("doctor").out
    assert "1 segment," in run("segments").err


@pytest.mark.parametrize("command", [("recall", "x"), ("pages",), ("segments",), ("stats",)])
def test_an_empty_memory_teaches(run: Run, command: tuple[str, ...]) -> None:
    Engine.open("sqlite:///memoryos.db").close()
    done = run(*command)
    assert done.code == 0
    assert "memoryos add" in " ".join(done.out.split())


def test_every_command_prints_json_on_demand(run: Run) -> None:
    run("add", "I moved to Seattle")
    done = run("chat", "--json", stdin="Where do I live?\n\nThanks\n")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["user"] for answer in answers] == ["Where do I live?", "Thanks"]
    assert "Seattle" in answers[0]["agent"]
    with Engine.open("sqlite:///memoryos.db", {"promotion": "manual"}) as engine:
        engine.memory("me").add("I have a dog")
    told = run("worker", "--once", "--json").json
    assert (told["user_id"], told["filed"], told["waiting"]) == ("me", 1, 0)
    for command in (
        *("add", "backup", "bench", "chat", "correct", "demo", "doctor", "explain", "export"),
        *("forget", "import", "migrate", "pages", "profile", "rebuild", "recall", "receipts"),
        *("remember", "restore", "segments", "stats", "ui", "usage", "worker"),
    ):
        assert command == "bench" or "--json" in run(command, "--help").out


def test_help_fits_eighty_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command in ("import", "add", "recall", "ui", "worker"):
        lines = run(command, "--help").out.splitlines()
        assert max(map(len, lines)) <= 80
    # Examples and tables are not wrapped: what is too long would begin at the left edge.
    told = run("import", "--help").out.split("Formats")[1].split("What is damaged")[0]
    assert all(line.startswith("   ") for line in told.splitlines() if line.strip())


def test_help_loads_no_engine(environment: dict[str, str]) -> None:
    program = (
        "import sys; sys.argv = ['memoryos', '--help']\n"
        "from memoryos.frontends.cli import main\n"
        "try: main()\n"
        "finally: assert not {'numpy', 'memoryos.engine', 'openai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_ctrl_c_in_an_import_says_what_was_kept(
    environment: dict[str, str], tmp_path: Path
) -> None:
    lines = (json.dumps({"user": f"I like number {n}", "key": str(n)}) for n in range(100_000))
    (tmp_path / "many.jsonl").write_text("\n".join(lines))
    command = [sys.executable, "-m", "memoryos", "import", "many.jsonl", "-u", "ana"]
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a script ignores Ctrl-C, and so do its children.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # as in `chat`
    )
    wal = tmp_path / "memoryos.db-wal"
    deadline = time.monotonic() + 60
    while not (wal.exists() and wal.stat().st_size > 200_000) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    kept = re.search(r"stopped: ([\d,]+) new pages? kept", err)
    assert kept, err
    assert "nothing comes twice" in err
    with Engine.open(f"sqlite:///{tmp_path / 'memoryos.db'}", {"promotion": "manual"}) as engine:
        assert engine.memory("ana").stats().pages == int(kept[1].replace(",", "")) > 0
