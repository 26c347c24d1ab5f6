"""Figures of writing: single adds, many at once, imports, disk, consolidation."""

from __future__ import annotations

import statistics
import threading
import time
from functools import partial

from benchmarks.speed.bounds import BareCommit
from benchmarks.speed.corpus import Turn
from benchmarks.speed.figures import Figure, at_least, of_adds
from benchmarks.speed.own import EngineSubject
from benchmarks.speed.run import Run
from benchmarks.speed.sizes import COMMIT
from benchmarks.speed.subject import disk_of
from benchmarks.speed.timing import in_turns, seconds_of
from memoryos import Engine, Memory

_ADDS = 400
_BATCH = 1000
_LAST = 8
"""Batches of which as many new scopes get theirs beside."""


def single_adds(run: Run, size: int) -> tuple[list[Figure], str]:
    """Add to a small and a large memory and commit bare rows, in turns.

    The second is how adds fare while the worker has a thousand pages to do.
    """
    more = run.corpus.pages(4 * _ADDS, part=2)
    with run.folder() as where:
        small = run.filled(where / "small", 100)
        large = run.filled(where / "large", size)
        commit = BareCommit(where / "bare.db")
        found = in_turns(
            {
                "small": lambda i: small.add(more[i]),
                "large": lambda i: large.add(more[i]),
                COMMIT: lambda i: commit.add(more[i]),
            },
            times=_ADDS,
        )
        small.close()
        large.close()
        figures = of_adds(found["small"], found["large"], found[COMMIT], size)
        # A thousand pages wait for the worker: it has something to do all the time.
        busy = run.filled(where / "busy", 1000, promotion="background")
        times = in_turns(
            {"add": lambda i: busy.add(more[i]), COMMIT: lambda i: commit.add(more[i])}, times=_ADDS
        )
        busy.close()
        commit.close()
    one = times[COMMIT]
    quiet = found["large"]
    told = f"p95 {quiet.p95:.3f} ms, that of one commit {found[COMMIT].p95:.3f} ms"
    figures.append(Figure("add: p95 in ms", 1.0, quiet.p95, told))
    return figures, f"{times['add']}, and one WAL commit {one}"


def many_at_once(run: Run) -> list[Figure]:
    """Compare single adds with add_many and import, in turns on memories that grow alike."""
    with run.folder() as where:
        one = EngineSubject(where / "one", run.embedder)
        many = EngineSubject(where / "many", run.embedder)
        taken = EngineSubject(where / "taken", run.embedder)
        seconds = {"one": 0.0, "many": 0.0, "import": 0.0}
        rounds = 12
        for number in range(rounds):
            pages = run.corpus.pages(_BATCH, part=10 + number)
            turns = [(page.user, page.agent) for page in pages]
            seconds["many"] += seconds_of(partial(many.memory.add_many, turns))
            file = where / "pages.jsonl"
            source = EngineSubject(where / f"source{number}", run.embedder)
            source.fill(pages)
            source.memory.export(file)
            source.close()
            target = taken.engine.memory(f"user {number}")
            seconds["import"] += seconds_of(partial(target.import_, file))
            seconds["one"] += seconds_of(partial(_add_all, one, pages[: _BATCH // 5])) * 5
        for subject in (one, many, taken):
            subject.close()
    total = rounds * _BATCH
    rate = {name: total / spent for name, spent in seconds.items()}
    return [
        at_least(f"{label} / add, pages per second", 10.0, rate[name], rate["one"],
                 f"{rate[name]:,.0f} / {rate['one']:,.0f} pages per second")
        for name, label in (("many", "add_many"), ("import", "import (with vectors)"))
    ]  # fmt: skip


def _add_all(subject: EngineSubject, pages: list[Turn]) -> None:
    for page in pages:
        subject.add(page)


def disk(run: Run) -> Figure:
    """Return bytes per page of LoCoMo's conversations, a user each, all consolidated."""
    with run.folder() as where:
        own = EngineSubject(where / "own", run.embedder)
        pages = text = 0
        for number, conversation in enumerate(run.corpus.conversations):
            memory = own.engine.memory(f"user {number}")
            for name, session in enumerate(conversation):
                memory.session(str(name)).add_many([(turn.user, turn.agent) for turn in session])
                pages += len(session)
                text += sum(len(turn.text.encode()) for turn in session)
            memory.flush()
        own.close()
        taken = disk_of(where / "own") / pages
    told = f"{taken:,.0f} bytes in {pages:,} pages, of which 1,536 vector, {text / pages:.0f} text"
    return Figure("disk per page, consolidated, in KB", 3.0, taken / 1000, told)


def consolidation(run: Run, size: int) -> tuple[list[Figure], str]:
    """Consolidate without a model, in an engine with the built-in embedder; tell the rates.

    The last thousands are taken in turns with those of new scopes: in the minutes since the first
    the machine may have become another. No pages come twice: their words would be known.
    """
    with run.folder() as where:
        config = {"promotion": "manual", "mid_term_capacity": 2000}
        rates: list[tuple[int, float]] = []
        young: list[float] = []
        with Engine.open(f"sqlite:///{where / 'memories.db'}", config=config) as engine:
            for number in range(size // _BATCH):
                rates.append(_flushed(engine.memory("tom"), _turns(run, 50 + number)))
                if number >= size // _BATCH - _LAST:
                    new = engine.memory(f"young {number}")
                    young.append(_flushed(new, _turns(run, 150 + number))[1])
    slowest, first = min(rate for _, rate in rates), statistics.median(young)
    old = rates[-_LAST:]
    last = statistics.median(rate for _, rate in old)
    what = f"consolidation at {old[0][0]} to {old[-1][0]} segments / of new scopes"
    told = ", ".join(f"{rate:,.0f}/s at {segments}" for segments, rate in rates)
    return [
        Figure("consolidation, slowest thousand pages, pages per second", 1000.0, slowest,
               f"{slowest:,.0f} pages per second", at_least=True),
        at_least(what, 0.8, last, first, f"{last:,.0f} / {first:,.0f} pages per second"),
    ], told  # fmt: skip


def _turns(run: Run, part: int) -> list[tuple[str, str]]:
    return [(page.user, page.agent) for page in run.corpus.pages(_BATCH, part=part)]


def _flushed(memory: Memory, turns: list[tuple[str, str]]) -> tuple[int, float]:
    """Return (segments afterwards, pages consolidated per second)."""
    memory.add_many(turns)
    spent = seconds_of(memory.flush)
    return len(memory.segments()), len(turns) / spent


class Adding:
    """Another thread that adds all the time while something is measured."""

    def __init__(self, subject: EngineSubject, pages: list[Turn], pause: float) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._subject, self._pages, self._pause = subject, pages, pause
        self._over = threading.Event()
        self.added = 0

    def _run(self) -> None:
        while not self._over.is_set():
            self._subject.add(self._pages[self.added % len(self._pages)])
            self.added += 1
            time.sleep(self._pause)

    def __enter__(self) -> Adding:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
