"""Four application processes and three workers for a minute in which everything fails in turn."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from memoryos import Engine
from memoryos.model import Chain, Segment
from memoryos.storage.codec import decode
from memoryos.storage.port import PageQuery
from tests.storage.postgres.server import Server

PROCESS = Path(__file__).with_name("chaos_process.py")
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))


@pytest.fixture
def durable_server() -> Iterator[Server]:
    server = Server(durable=True)
    yield server
    server.close()


class Chaos:
    """The processes, and what is done to them."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.uri = server.uri()
        self.folder = folder
        self.random = random.Random(1)
        self.apps = [self.start("app", str(SECONDS), str(n), out=f"app-{n}") for n in range(4)]
        self.workers = [self.start("worker") for _ in range(3)]
        self.killed = self.cuts = self.cut = 0

    def start(self, role: str, *arguments: str, out: str = "worker") -> subprocess.Popen[bytes]:
        with (
            (self.folder / f"{out}.out").open("ab") as output,
            (self.folder / f"{out}.err").open("ab") as errors,
        ):
            return subprocess.Popen(
                [sys.executable, str(PROCESS), role, self.uri, *arguments],
                stdout=output,
                stderr=errors,
            )

    def run(self) -> None:
        begin = time.monotonic()
        restarted = False
        while any(app.poll() is None for app in self.apps):
            assert time.monotonic() < begin + 2 * SECONDS + 60, "an application process hangs"
            time.sleep(self.random.uniform(1.0, 3.0))
            self.supervise()
            if time.monotonic() > begin + SECONDS:
                continue
            if not restarted and time.monotonic() > begin + SECONDS / 2:
                self.server.stop("immediate")
                time.sleep(1.0)
                self.server.start()
                restarted = True
            elif self.killed < self.cuts:
                self.kill_a_worker()
            else:
                self.cut_connections()
        assert restarted
        for worker in self.workers:
            worker.send_signal(signal.SIGKILL)
            worker.wait()

    def supervise(self) -> None:
        """Start again a worker that has given up, because the server was away as it came."""
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[number] = self.start("worker")

    def kill_a_worker(self) -> None:
        number = self.random.randrange(len(self.workers))
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()
        self.workers[number] = self.start("worker")
        self.killed += 1

    def cut_connections(self) -> None:
        self.cuts += 1
        with suppress(psycopg.Error), psycopg.connect(self.uri, autocommit=True) as db:
            cut = db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE random() < 0.5 "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
            self.cut += len(cut)

    def finish(self) -> None:
        """Let one worker do what is left, as soon as the dead ones are seen to be dead."""
        with psycopg.connect(self.uri, autocommit=True) as db:
            db.execute(
                "UPDATE memoryos.procrastinate_workers "
                "SET last_heartbeat = last_heartbeat - interval '1 hour'"
            )
            db.execute("UPDATE memoryos.procrastinate_jobs SET scheduled_at = NULL")
            # A lease of a killed worker runs out by itself; tests have no two minutes for it.
            db.execute("DELETE FROM memoryos.leases")
        assert self.start("finish").wait(timeout=90) == 0

    def told(self) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for number in range(4)
            for line in (self.folder / f"app-{number}.out").read_text().splitlines()
        ]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_and_nothing_done_twice(durable_server: Server, tmp_path: Path) -> None:
    chaos = Chaos(durable_server, tmp_path)
    chaos.run()
    told = chaos.told()
    errors = [line for line in told if line["what"] == "error"]
    added = {line["id"]: line for line in told if line["what"] == "added"}
    print(f"{len(added)} turns, {chaos.killed} workers killed, {chaos.cut} connections cut,")
    print(f"{len(errors)} errors seen by callers: {Counter(e['error'][-60:] for e in errors)}")
    assert [app.returncode for app in chaos.apps] == [0] * 4, (tmp_path / "app-0.err").read_text()
    assert len(added) > 5 * SECONDS
    assert chaos.killed > 1
    assert chaos.cut > 10
    assert [error for error in errors if error["attempt"] > 1] == []
    assert [line for line in told if line["what"] == "unread"] == []
    with Engine.open(chaos.uri, {"promotion": "manual"}) as engine:
        stats = [engine.memory(scope.user_id).stats() for scope in engine.scopes()]
        pages, waiting = sum(s.pages for s in stats), sum(s.waiting for s in stats)
        print(f"{pages - waiting} of {pages} pages consolidated in the midst of it")
        assert pages - waiting > pages / 4
    chaos.finish()
    with Engine.open(chaos.uri, {"promotion": "manual"}) as engine:
        pages = {}
        for scope in engine.scopes():
            memory = engine.memory(scope.user_id)
            here = engine.store.pages(scope, PageQuery())
            pages.update({page.id: page for page in here})
            values = [decode(r) for r in engine.store.records(scope, ["segment", "chain"])]
            segments = {v.id: v.pages for v in values if isinstance(v, Segment)}
            chained = [id_ for v in values if isinstance(v, Chain) for id_ in v.page_ids]
            placed = [page for page in here if page.segment_id is not None]
            assert len(placed) > len(here) / 2
            assert Counter(page.segment_id for page in placed) == segments
            assert sorted(chained) == sorted(page.id for page in placed)
            assert memory.stats().unembedded == 0
        assert added.keys() == pages.keys() & added.keys()
        for id_, line in added.items():
            assert pages[id_].user_input == line["text"]
        print(f"{len(pages)} pages in the journal, {len(pages) - len(added)} unacknowledged")
