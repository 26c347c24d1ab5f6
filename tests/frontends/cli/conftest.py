"""The commands, run as a person runs them: in this process where that is the same, else outside."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memoryos.frontends.cli import main


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands keep their database in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in this process; it must never end with a traceback."""
    log = logging.getLogger("memoryos")
    before = (log.handlers[:], log.level, log.propagate)

    def run_it(*arguments: object, stdin: str | None = None) -> Done:
        monkeypatch.setattr(sys, "argv", ["memoryos", *map(str, arguments)])
        if stdin is not None:
            import io  # noqa: PLC0415

            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, printed.out, printed.err)

    yield run_it
    log.handlers, log.level, log.propagate = before[0], before[1], before[2]


@pytest.fixture
def environment(root: Path, tmp_path: Path) -> dict[str, str]:
    """What a command outside this process gets to see: no network, no keys."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(root / ".ci" / "offline"),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "100",
        "TERM": "xterm",
    }


@pytest.fixture
def outside(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command as a process of its own."""

    def run_it(*arguments: object, stdin: str | None = None, **more: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "memoryos", *map(str, arguments)],
            cwd=tmp_path,
            env={**environment, **more},
            input=stdin,
            capture_output=True,
            encoding=more.get("PYTHONIOENCODING", "utf-8"),
            timeout=100,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run_it


@pytest.fixture
def tom(run: Run) -> str:
    """A memory of Tom, some of it paged out."""
    lines = [
        {
            "user": "Hi! I'm Tom, I work as a data scientist in San Francisco.",
            "agent": "Hello Tom!",
            "session": "intro",
            "timestamp": "2025-05-01T09:00:00",
        },
        *(
            {
                "user": f"My work as a data scientist in San Francisco, day {day}.",
                "agent": "A data scientist's work.",
                "session": "intro",
                "timestamp": f"2025-05-{day:02}T10:00:00",
            }
            for day in range(2, 20)
        ),
    ]
    Path("tom.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert run("import", "tom.jsonl", "--user", "tom").code == 0
    return "tom"
