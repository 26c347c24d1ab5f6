"""Figures of many at once: adds of twenty threads, recalls of several processes over one file."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.speed.corpus import Turn
from benchmarks.speed.figures import Figure, at_least, ratio
from benchmarks.speed.own import EngineSubject
from benchmarks.speed.run import Run
from benchmarks.speed.timing import Times
from memoryos import Engine, Memory

_THREADS = 20
_ADDS = 50
"""Of each thread."""
_ROUNDS = 3


def adding(run: Run) -> list[Figure]:
    """Add to twenty memories with twenty threads, and to as many with one, in turns."""
    pages = run.corpus.pages(_ADDS, part=4)
    alone: list[float] = []
    together: list[float] = []
    faster: list[float] = []
    with run.folder() as where:
        own = EngineSubject(where / "own", run.embedder)
        memories = [own.engine.memory(f"user {number}") for number in range(_THREADS)]
        _added(memories[0], pages)
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            alone += [t for memory in memories[:4] for t in _added(memory, pages)]
            one = 4 * _ADDS / (time.perf_counter() - start)
            start = time.perf_counter()
            with ThreadPoolExecutor(_THREADS) as pool:
                found = pool.map(lambda memory: _added(memory, pages), memories)
                together += [t for times in found for t in times]
            faster.append(_THREADS * _ADDS / (time.perf_counter() - start) / one)
        own.close()
    single, crowd = Times(tuple(alone)), Times(tuple(together))
    told = f"{crowd} each, for {single} alone"
    return [
        at_least(f"{_THREADS} threads adding / one, adds per second", 4.0,
                 statistics.median(faster), 1.0, told),
        ratio(f"{_THREADS} threads adding: p95 / one thread's p50", 6.0, crowd.p95, single.p50),
    ]  # fmt: skip


def _added(memory: Memory, pages: Sequence[Turn]) -> list[float]:
    """Add pages; return the seconds of each."""
    taken = []
    for page in pages:
        start = time.perf_counter()
        memory.add(page.user, page.agent)
        taken.append(time.perf_counter() - start)
    return taken


def processes(run: Run, size: int) -> list[Figure]:
    """Recall with one, two and four processes over one file, a user each; the default embedder."""
    questions = run.corpus.questions[:200]
    with run.folder() as where:
        path = where / "memories.db"
        with Engine.open(path, {"promotion": "manual"}) as engine:
            for number in range(4):
                memory = engine.memory(f"user {number}")
                turns = [(p.user, p.agent) for p in run.corpus.pages(size, part=200 + number)]
                memory.add_many(turns)
                engine.modules.consolidator._updater.embed(memory.scope)  # noqa: SLF001
        rates = {
            count: statistics.median(_rate(path, count, questions) for _ in range(_ROUNDS))
            for count in (1, 2, 4)
        }
    told = ", ".join(f"{count}: {rate:,.0f}" for count, rate in rates.items())
    return [
        at_least(f"{count} processes / one, recalls per second, {size:,} pages each", goal,
                 rates[count], rates[1], f"by processes {told}, on {os.cpu_count()} cores")
        for count, goal in ((2, 1.8), (4, 1.8))
    ]  # fmt: skip


def _rate(path: Path, count: int, questions: Sequence[str]) -> float:
    """Return the recalls per second of so many processes together."""
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Barrier(count + 1), spawn.Barrier(count + 1)
    workers = [
        spawn.Process(target=_ask, args=(path, f"user {number}", questions, ready, done))
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    ready.wait(120)
    start = time.perf_counter()
    done.wait(600)
    seconds = time.perf_counter() - start
    for worker in workers:
        worker.join()
    return count * len(questions) / seconds


def _ask(path: Path, user: str, questions: Sequence[str], ready: Barrier, done: Barrier) -> None:
    """Be one of the processes."""
    with Engine.open(path, {"promotion": "manual"}) as engine:
        memory = engine.memory(user)
        for question in questions[:20]:
            memory.recall(question)
        for thread in threading.enumerate():
            if thread.name.startswith("memoryos"):
                thread.join(5)
        ready.wait(120)
        for question in questions:
            memory.recall(question)
        done.wait(600)
