"""Processes and threads on one database: no error reaches a caller, no turn is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.model import Scope
from memoryos.storage.sqlite import SQLiteStore
from tests.trust.conftest import STORES, OpenStore

ADDERS = textwrap.dedent(
    """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from memoryos import Engine
    uri, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with Engine.open(uri, {"durability": "normal", "heat_threshold": 4.0}) as engine:
        def add(thread):
            memory = engine.memory("tom", session_id=f"{name}-{thread}")
            for number in range(count):
                said = f"turn{name}{thread}n{number}: I like chess and tea."
                page = memory.add(said, "Good.")
                assert page.id in [p.id for p in memory.short_term()]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))
        engine.memory("tom").flush()
    """
)

# Reads, writes, forgets and flushes until the time is over; reports what must be there.
MIXED = textwrap.dedent(
    """
    import json, random, re, sys, time
    from memoryos import Engine
    def peak():  # in megabytes; getrusage would begin with the peak of the process that started us
        return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024
    uri, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    chance, mine, done, peaks = random.Random(name), [], 0, []
    end = time.monotonic() + seconds
    with Engine.open(uri, {"durability": "normal", "heat_threshold": 4.0}) as engine:
        while time.monotonic() < end:
            own = engine.memory("tom", session_id=name)
            what = chance.random()
            if what < 0.55:
                said = f"{name.replace('-', '')}n{done}: I like chess and Lisbon."
                mine.append(own.add(said, "Good.").id)
            elif what < 0.85:
                found = own.recall(f"what does {name} like {done % 50}", k=5)
                assert len({item.page.id for item in found.pages}) == len(found.pages)
            elif what < 0.90 and mine:
                gone = mine.pop(chance.randrange(len(mine)))
                assert own.forget(page_id=gone).erased["pages"] == 1
                assert gone not in {page.id for page in own.pages(name)}
            elif what < 0.93:
                own.flush()
            elif what < 0.96:
                own.stats(), own.segments(), own.knowledge(status="all"), own.profile()
            else:
                other = engine.memory(f"guest-{chance.randrange(3)}", session_id=name)
                other.add("My name is Guest and I live in Faro.")
                other.forget(everything=True)
            done += 1
            if done % 20 == 0:
                peaks.append(peak())
    print(json.dumps({"mine": mine, "done": done, "peaks": peaks}))
    """
)


def run(program: str, *arguments: list[str]) -> list[str]:
    """Run a program several times at once; return what each prints, which must end well."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *given],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    results = [(*process.communicate(), process.returncode) for process in processes]
    for _, errors, code in results:
        assert code == 0, errors
        assert not errors, errors
    return [output for output, _, _ in results]


def check(uri: str) -> Any:
    """Return the ids in the journal; each page must be in one segment at most, counted once."""
    with Engine.open(uri, {"promotion": "manual", "durability": "normal"}) as engine:
        memory = engine.memory("tom")
        memory.flush()
        pages = memory.pages()
        ids = [page.id for page in pages]
        assert len(ids) == len(set(ids))
        store = engine.store
        held = {r.body["id"]: r.body["pages"] for r in store.records(memory.scope, ["segment"])}
        counted = dict.fromkeys(held, 0)
        for page in pages:
            if page.segment_id is not None:
                counted[page.segment_id] += 1
        assert counted == held
        in_topics = [
            id_
            for record in store.records(memory.scope, ["topic"])
            for id_ in record.body["page_ids"]
        ]
        assert sorted(in_topics) == sorted(page.id for page in pages if page.segment_id)
        assert memory.stats().unembedded == 0
        for page in pages[:: max(1, len(pages) // 5)]:
            assert page.id in {item.page.id for item in memory.recall(page.user_input).pages}
        return set(ids), pages


def test_two_processes_of_four_threads_add_to_one_scope(quick_folder: Path) -> None:
    uri = f"sqlite:///{quick_folder / 'memories.db'}"
    run(ADDERS, [uri, "one", "15"], [uri, "two", "15"])
    ids, pages = check(uri)
    assert len(ids) == 2 * 4 * 15
    for name in ("one", "two"):
        for thread in range(4):
            said = [p.user_input for p in pages if p.session_id == f"{name}-{thread}"]
            assert said == [f"turn{name}{thread}n{n}: I like chess and tea." for n in range(15)]


@pytest.mark.parametrize(("kind", "rounds"), [("sqlite", 50), ("postgres", 3)])
def test_a_new_store_opened_eight_times_at_once(kind: str, rounds: int, quick_folder: Path) -> None:
    for number in range(rounds):
        folder = quick_folder / str(number)
        folder.mkdir()
        open_store, together = STORES[kind](folder), threading.Barrier(8)

        def open_and_look(
            _: int, open_store: OpenStore = open_store, together: threading.Barrier = together
        ) -> list[Scope]:
            together.wait()
            store = open_store()
            try:
                return store.scopes()
            finally:
                store.close()

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(open_and_look, range(8))) == [[]] * 8


@pytest.mark.parametrize("seconds", [0, 2.5, 1e9, float("inf")])
def test_however_long_a_lock_may_be_waited_for(seconds: float, quick_folder: Path) -> None:
    store = SQLiteStore(quick_folder / "m.db", lock_seconds=seconds)
    with store._db.reading() as db:
        waits = db.execute("PRAGMA busy_timeout").fetchone()[0]
    assert waits == min(seconds * 1000, 2**31 - 1)
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("examples", [20], indirect=True)
def test_eight_processes_for_many_seconds(quick_folder: Path, examples: int) -> None:
    uri = f"sqlite:///{quick_folder / 'memories.db'}"
    outputs = run(MIXED, *[[uri, f"process-{n}", str(examples)] for n in range(8)])
    reports = [json.loads(output) for output in outputs]
    wanted = {id_ for report in reports for id_ in report["mine"]}
    ids, _ = check(uri)
    assert ids == wanted
    print(sum(report["done"] for report in reports), "operations,", len(ids), "pages")
    for report in reports:
        early, late = report["peaks"][len(report["peaks"]) // 3], report["peaks"][-1]
        assert late < 500, "megabytes"
        assert late < early + 150, report["peaks"]
