"""Figures of reading: beside a writer, many scopes, a cold start, threads, the import."""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.speed.corpus import DIMENSION
from benchmarks.speed.figures import Figure, at_least, ratio
from benchmarks.speed.growing import Adding
from benchmarks.speed.own import EngineSubject
from benchmarks.speed.run import Run
from benchmarks.speed.subject import resident
from benchmarks.speed.timing import Action, in_turns, seconds_of
from memoryos import Memory

_RECALLS = 300


def beside_a_writer(run: Run, size: int) -> list[Figure]:
    """Recall while another thread adds (a hundred pages a second) and the worker follows."""
    with run.folder() as where:
        own = run.filled(where / "own", size)
        recall: dict[str, Action] = {"": lambda i: own.recall(run.corpus.questions[i])}
        still = in_turns(recall, times=_RECALLS)[""]
        with Adding(own, run.corpus.pages(2000, part=3), pause=0.01) as adding:
            mine = in_turns(recall, times=_RECALLS)[""]
        own.close()
    told = f"{mine.p95:.2f} / {mine.p50:.2f} ms with {adding.added} adds; quiet {still}"
    return [ratio(f"recall at {size:,} beside a writer: p95 / p50", 2.0, mine.p95, mine.p50, told)]


def many_scopes(run: Run, scopes: int) -> list[Figure]:
    """Fill many scopes of 100 pages; recall in cold and warm ones, few and many."""
    per_scope, cached = 100, 256
    pages = [(page.user, page.agent) for page in run.corpus.pages(per_scope * 50)]
    with run.folder() as where:
        own = EngineSubject(where / "own", run.embedder, cached_scopes=cached)
        updater = own.engine.modules.consolidator._updater  # noqa: SLF001  # as own.embed
        few, spent = 0.0, 0.0
        for number in range(scopes):
            memory = own.engine.memory(f"user {number}")
            start = per_scope * (number % 50)
            spent += seconds_of(lambda: memory.add_many(pages[start : start + per_scope]))  # noqa: B023
            updater.embed(memory.scope)
            if number == 99:
                few = spent / 100
        many = spent / scopes
        own.close()
        own = EngineSubject(where / "own", run.embedder, cached_scopes=cached)
        asked = np.random.default_rng(run.corpus.seed).permutation(scopes)[
            : min(4 * cached, scopes)
        ]
        cold, warm = [], []
        before = resident()
        for turn, number in enumerate(asked.tolist()):
            memory = own.engine.memory(f"user {number}")
            question = run.corpus.questions[turn % len(run.corpus.questions)]
            cold.append(seconds_of(lambda: memory.recall(question)))  # noqa: B023
            warm.append(seconds_of(lambda: memory.recall(question)))  # noqa: B023
        grown = (resident() - before) / 1e6
        held = sum(slot.nbytes for slot in own.engine.modules.views._views.values()) / 1e6  # noqa: SLF001
        number_held = len(own.engine.modules.views._views)  # noqa: SLF001
        own.close()
    first, second = statistics.median(cold) * 1000, statistics.median(warm) * 1000
    told = f"{grown:.0f} MB more after {len(asked)} scopes; {number_held} held, {held:.0f} MB"
    return [
        ratio(f"cold first recall of {scopes:,} scopes / warm", 5.0, first, second),
        ratio(f"add_many to a scope, mean of {scopes:,} / of the first 100", 1.3,
              many * 1e3, few * 1e3),
        Figure("scopes held in memory / cached_scopes", 1.0, number_held / cached, told),
    ]  # fmt: skip


def opening(run: Run, size: int) -> list[Figure]:
    """Open to the first recall, beside reading the vectors out of the same file."""
    with run.folder() as where:
        own = run.filled(where / "own", size)
        own.close()
        found: dict[str, tuple[float, float]] = {}
        for label, prepare in (("warm", lambda _: None), ("cold disk", _forget)):
            ours, theirs = [], []
            for _ in range(5):
                prepare(own.path)
                theirs.append(seconds_of(lambda: _vectors(own.path)))
                prepare(own.path)
                start = time.perf_counter()
                again = EngineSubject(where / "own", run.embedder)
                again.recall(run.corpus.questions[0])
                ours.append(time.perf_counter() - start)
                again.close()
                _rest()
            found[label] = statistics.median(ours), statistics.median(theirs)
    return [
        ratio(f"open {size:,} pages to the first recall / reading vectors, {label}", 1.5,
              mine * 1e3, other * 1e3)
        for label, (mine, other) in found.items()
    ]  # fmt: skip


def _vectors(path: Path) -> int:
    """Read every vector from the file into one matrix, as plainly as sqlite3 lets one."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA mmap_size = 268435456")
    rows = connection.execute("SELECT vector FROM vectors ORDER BY slot").fetchall()
    matrix = np.frombuffer(b"".join([row[0] for row in rows]), "<f4").reshape(-1, DIMENSION)
    connection.close()
    return len(matrix)


def _rest() -> None:
    """Wait for what the engine's threads do after an answer: it is no part of the next reading."""
    for thread in threading.enumerate():
        if thread.name.startswith("memoryos"):
            thread.join()


def _forget(path: Path) -> None:
    """Ask the system to drop the file from its cache, where it can be asked."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def importing() -> tuple[list[Figure], float]:
    """Import memoryos, its engine, and numpy, in fresh interpreters, in turns.

    The second is what the engine takes, in imports of numpy: it comes when it is first used.
    """
    code = {
        "nothing": "pass",
        "numpy": "import numpy",
        "memoryos": "import memoryos",
        "engine": "from memoryos import Engine",
    }
    spent: dict[str, list[float]] = {name: [] for name in code}
    for _ in range(15):
        for name, line in code.items():
            command = [sys.executable, "-c", line]
            spent[name].append(seconds_of(lambda: subprocess.run(command, check=True)))  # noqa: B023, S603
    bare = statistics.median(spent["nothing"])
    cost = {name: (statistics.median(times) - bare) * 1000 for name, times in spent.items()}
    mine = ratio("import memoryos / import numpy", 0.5, max(cost["memoryos"], 0.0), cost["numpy"])
    return [mine], cost["engine"] / cost["numpy"]


def threads(run: Run, size: int) -> list[Figure]:
    """Recall in 8 scopes with 8 threads, one for each, and with one for all, in turns."""
    with run.folder() as where:
        own = EngineSubject(where / "own", run.embedder)
        memories = []
        for number in range(8):
            memory = own.engine.memory(f"user {number}")
            turns = [(p.user, p.agent) for p in run.corpus.pages(size, part=100 + number)]
            for start in range(0, size, 1000):
                memory.add_many(turns[start : start + 1000])
            own.engine.modules.consolidator._updater.embed(memory.scope)  # noqa: SLF001
            memory.recall(run.corpus.questions[0])
            memories.append(memory)
        rates: dict[int, list[float]] = {1: [], 8: []}
        for _ in range(7):
            for workers, found in rates.items():
                found.append(_rate(memories, run.corpus.questions[:50], workers))
        own.close()
    one, eight = statistics.median(rates[1]), statistics.median(rates[8])
    told = f"{eight:,.0f} / {one:,.0f} recalls per second on {os.cpu_count()} cores"
    return [at_least(f"8 threads / 1, scopes of {size:,} pages", 1.6, eight, one, told)]


def _rate(memories: list[Memory], questions: list[str], workers: int) -> float:
    """Return recalls per second of so many threads that ask every memory every question."""

    def run(mine: list[Memory]) -> None:
        for question in questions:
            for memory in mine:
                memory.recall(question)

    parts = [memories[number::workers] for number in range(workers)]
    threads = [threading.Thread(target=run, args=(part,)) for part in parts]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(questions) * len(memories) / (time.perf_counter() - start)
