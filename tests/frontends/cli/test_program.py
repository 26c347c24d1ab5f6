"""The program itself: its help, version, completion and log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
COMMANDS = (
    "add",
    "bench",
    "backup",
    "chat",
    "demo",
    "doctor",
    "explain",
    "export",
    "forget",
    "import",
    "pages",
    "profile",
    "rebuild",
    "recall",
    "receipts",
    "restore",
    "segments",
    "stats",
    "usage",
    "worker",
)


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f" {name} " in done.out
    assert run().code == 2  # nothing to do: the help is shown


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "bench"])
def test_every_command_has_help_worth_reading(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert len(done.out) > 500
    assert "[bold]" not in done.out


def test_version(run: Run) -> None:
    import memoryos  # noqa: PLC0415

    assert memoryos.__version__ in run("--version").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(environment: dict[str, str], shell: str) -> None:
    # Typer asks the parent processes which shell it is; here there may be none.
    told = {**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [Path(sys.executable).with_name("memoryos"), "--show-completion", shell]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    assert "_MEMORYOS_COMPLETE" in done.stdout
    assert f"complete_{shell}" in done.stdout


def test_it_is_a_module_and_a_console_script(outside: Run, environment: dict[str, str]) -> None:
    assert "memoryos-integrations" in outside("--version").out
    script = Path(sys.executable).with_name("memoryos")
    done = subprocess.run([script, "--version"], env=environment, capture_output=True, check=True)
    assert b"memoryos-integrations" in done.stdout


def test_a_reader_that_goes_away_is_no_crash(
    outside: Run, run: Run, tom: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        f"{sys.executable} -m memoryos pages --json | head -n 1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("[")


def test_only_the_command_loads_rich_and_typer(environment: dict[str, str]) -> None:
    program = (
        "import sys, memoryos\n"
        "with memoryos.Engine.open('sqlite:///:memory:') as engine:\n"
        "    memory = engine.memory('tom'); memory.add('a', 'b'); memory.recall('a')\n"
        "assert not {'rich', 'typer', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_the_log_is_shown_on_demand(run: Run, tom: str) -> None:
    assert run("--verbose", "recall", "work").code == 0
