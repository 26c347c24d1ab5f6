"""Stopwatch from an empty environment: to the first remembered answer, and the first page.

    python -m benchmarks.first_minutes [door …]

For each front door: a new virtual environment, `pip install '.[its extra]'` of this checkout, and
the program of its page in the documentation, until it has printed what it was to remember. `demo`
is README's first command, `page` its second: the demo, `memoryos ui`, and the first page answered.
pip may take packages from its cache; `--no-cache` has it download all. Prints a table.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks import machine

ROOT = Path(__file__).parent.parent
_PROGRAM = re.compile(r"<!-- remembers: (\w+) -->\s*```python\n(.*?)```", re.DOTALL)

_RETRIEVER = """
from memoryos import Engine
from memoryos_integrations.langchain import MemoryOSChatMessageHistory, MemoryOSRetriever

engine = Engine.open("memories.db")
monday = MemoryOSChatMessageHistory(engine, user_id="tom", session_id="monday")
monday.add_user_message("My cat is called Minka.")
monday.add_ai_message("A fine name.")
for document in MemoryOSRetriever(engine, user_id="tom").invoke("What is my cat called?"):
    print(document.page_content)
engine.close()
"""


@dataclass(frozen=True)
class Place:
    """An environment, and an empty folder that its programs run in."""

    bin: Path
    folder: Path

    def run(self, *command: str | Path) -> str:
        """Run a command of the environment; return what it printed. Raises SystemExit."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(  # noqa: S603  # our own commands
            [str(self.bin / command[0]), *map(str, command[1:])],
            cwd=self.folder,
            env={**_environment(), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout


def _environment() -> dict[str, str]:
    """Return what a user's shell has: Python may keep the byte code that it compiles."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def program_of(page: str) -> Callable[[Place], None]:
    """Run the program of a page of the documentation; it prints what it was to remember."""

    def run(place: Place) -> None:
        found = _PROGRAM.search((ROOT / "docs" / page).read_text("utf-8"))
        if found is None:
            raise SystemExit(f"{page} has no program that remembers")
        (place.folder / "program.py").write_text(found[2], "utf-8")
        if found[1] not in place.run("python", "program.py"):
            raise SystemExit(f"the program of {page} does not print {found[1]}")

    return run


def retriever(place: Place) -> None:
    """Run LangChain's retriever: an agent would need somebody's model and key."""
    (place.folder / "program.py").write_text(_RETRIEVER, "utf-8")
    if "Minka" not in place.run("python", "program.py"):
        raise SystemExit("LangChain's retriever does not find what was said")


def demo(place: Place) -> None:
    """Run README's first command."""
    place.run("memoryos", "demo")


def page(place: Place) -> None:
    """Run README's second commands, until the page shows the demo's memory."""
    place.run("memoryos", "demo", "--fast", "--db", "demo.db")
    command = [place.bin / "memoryos", "ui", "--db", "demo.db", "--port", "0", "--no-open"]
    with subprocess.Popen(  # noqa: S603
        command, cwd=place.folder, stdout=subprocess.PIPE, text=True, env=_environment()
    ) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        address = re.search(r"http://\S+", said)
        if address is None or b"tom" not in urlopen(address[0]).read():  # noqa: S310  # loopback
            raise SystemExit(f"the page does not show the demo: {said}")
        server.terminate()


DOORS: dict[str, tuple[str, Callable[[Place], None]]] = {
    "demo": ("", demo),
    "page": ("ui", page),
    "engine": ("", program_of("index.md")),
    "LangChain": ("langchain", retriever),
    "LlamaIndex": ("llama-index", program_of("guides/llamaindex.md")),
    "MCP": ("mcp", program_of("guides/mcp.md")),
    "REST": ("ui", program_of("guides/rest.md")),
}
"""Each with its extra, and what is run."""


def stopwatch(door: str, *, cached: bool) -> tuple[float, float, float]:
    """Return the seconds of an environment, of the installation, and to the answer."""
    extra, work = DOORS[door]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        venv.create(Path(folder, "venv"), with_pip=True)
        scripts = Path(folder, "venv", "Scripts" if sys.platform == "win32" else "bin")
        place = Place(scripts, Path(folder))
        made = time.perf_counter()
        wanted = f"{ROOT}[{extra}]" if extra else str(ROOT)
        pip = ["python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        place.run(*pip, *(() if cached else ("--no-cache-dir",)), wanted)
        installed = time.perf_counter()
        work(place)
        return made - began, installed - made, time.perf_counter() - installed


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("doors", nargs="*", choices=[[], *DOORS], metavar="door")
    parser.add_argument("--no-cache", action="store_true", help="pip downloads everything")
    options = parser.parse_args()
    print(machine.description() + "\n")
    print("| from an empty environment | venv, s | pip install, s | to the answer, s | in all |")
    print("|---|---:|---:|---:|---:|")
    for door in options.doors or DOORS:
        taken = stopwatch(door, cached=not options.no_cache)
        cells = " | ".join(f"{seconds:.1f}" for seconds in (*taken, sum(taken)))
        print(f"| {door} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
