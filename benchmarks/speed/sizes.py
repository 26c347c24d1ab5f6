"""Everyone at every size: add, recall, disk and memory."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.speed.bounds import BareCommit, Flat, FullText
from benchmarks.speed.corpus import PrecomputedEmbedder, Turn
from benchmarks.speed.run import Run
from benchmarks.speed.subject import Subject, disk_of, resident
from benchmarks.speed.timing import Action, Times, in_turns

_log = logging.getLogger("benchmarks.speed")
PEERS = ("langgraph-sqlite", "langgraph-memory", "llama-index", "mem0-faiss", "mem0-qdrant")
COMMIT, FTS, FAISS, PRODUCT = "one WAL commit", "FTS5, best 20", "FAISS flat, best 20", "numpy"
"""Names of the lower bounds in the report."""


@dataclass(frozen=True, slots=True)
class Row:
    """One subject, or one lower bound, at one size."""

    size: int
    name: str
    add: Times | None
    recall: Times | None
    disk: int = 0
    memory: int = 0
    alone: Times | None = None
    """Recalls one after the other, with nobody else's between them."""


def peer(name: str, embedder: PrecomputedEmbedder, where: Path) -> Subject:
    """Return a peer. Raises ImportError where it is not installed."""
    from benchmarks.speed import mem0_peer, peers  # noqa: PLC0415  # of the bench extra

    if name == "langgraph-sqlite":
        return peers.LangGraphStore(embedder, where / name)
    if name == "langgraph-memory":
        return peers.LangGraphStore(embedder, None)
    if name == "llama-index":
        return peers.LlamaIndexBlock(embedder)
    return mem0_peer.Mem0(embedder, where / name, name.removeprefix("mem0-"))


def measure(run: Run, sizes: Sequence[int], names: Sequence[str], times: int) -> list[Row]:
    """Return a row for each subject and bound at each size."""
    rows = []
    for size in sizes:
        _log.info("size %d", size)
        with run.folder() as where:
            rows += _measure_size(run, size, names, times, where)
        gc.collect()
    return rows


def _measure_size(
    run: Run,
    size: int,
    names: Sequence[str],
    times: int,
    where: Path,
) -> list[Row]:
    corpus, embedder = run.corpus, run.embedder
    pages = corpus.pages(size)
    subjects: list[Subject] = []
    commit, text, flat = BareCommit(where / "bare.db"), FullText(where / "fts.db"), Flat(embedder)
    memory: dict[str, int] = {}
    own = run.filled(where / "memoryos", size)
    makers: list[Callable[[], Subject]] = [partial(peer, n, embedder, where) for n in names]
    for make in [lambda: own, *makers]:
        before, start = resident(), time.perf_counter()
        subject = make()
        subjects.append(subject)
        if subject is not own:
            subject.fill(pages)
        subject.recall(corpus.questions[0])
        gc.collect()
        memory[subject.name] = max(resident() - before, 0)
        _log.info("  %s filled in %.1f s", subject.name, time.perf_counter() - start)
    text.fill(pages)
    flat.fill(pages)
    questions, more = corpus.questions, corpus.pages(times + 1, part=1)
    # Recalls first: what is added afterwards would make the subjects differ in size.
    asking: dict[str, Action] = {s.name: partial(_ask, s.recall, questions) for s in subjects}
    asking[FTS] = partial(_ask, text.recall, questions)
    asking[FAISS] = partial(_ask, flat.recall, questions)
    asking[PRODUCT] = partial(_ask, flat.product, questions)
    recalls = in_turns(asking, times=times)
    alone = in_turns({own.name: asking[own.name]}, times=times)
    adding: dict[str, Action] = {s.name: partial(_add, s.add, more) for s in subjects}
    adding[COMMIT] = partial(_add, commit.add, more)
    adds = in_turns(adding, times=times)
    own.embed()
    rows = []
    for subject in subjects:
        with suppress(Exception):  # a peer that cannot close cleanly has been measured all the same
            subject.close()
    for name in asking | adding:
        here = where / {own.name: "memoryos"}.get(name, _folder_of(name))
        disk = disk_of(here) if here.is_dir() else 0
        rows.append(
            Row(size, name, adds.get(name), recalls.get(name), disk, memory.get(name, 0),
                alone.get(name))
        )  # fmt: skip
    commit.close()
    text.close()
    return rows


def _folder_of(name: str) -> str:
    return {
        "LangGraph SqliteStore": "langgraph-sqlite",
        "mem0 with FAISS": "mem0-faiss",
    }.get(name, "-")


def _ask(recall: Callable[[str], int], questions: Sequence[str], number: int) -> None:
    recall(questions[number % len(questions)])


def _add(add: Callable[[Turn], None], pages: Sequence[Turn], number: int) -> None:
    add(pages[number % len(pages)])
