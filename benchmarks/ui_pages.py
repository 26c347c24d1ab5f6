"""Time to first byte and bytes of every page of `memoryos ui`, by the size of the memory.

    python -m benchmarks.ui_pages [--sizes 100 10000 100000] [--data locomo10.json] [--keep FOLDER]

A memory of one user whose turns are LoCoMo's, paired anew; filed, with its vectors. The server runs
in this process, uvicorn on loopback. Each page is asked for on a fresh connection; "first" is the
first time that anything of the kind is asked for after the store was opened, "then" the median of
four more. "processor" is what this process computed for one of these, which a busy machine does not
change.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from benchmarks import machine
from benchmarks.speed.corpus import DATA, Corpus
from memoryos import Engine
from memoryos.frontends.web import web_app

USER = "tom"
_BATCH = 2000
_AGAIN = 4


def build(path: Path, turns: int, data: Path) -> None:
    """Make a memory of so many turns: 200 a session, one in fifty with a mood, all filed."""
    corpus = Corpus(data, seed=1)
    begun = datetime(2023, 1, 1, tzinfo=timezone.utc)
    with Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as engine:
        for start in range(0, turns, _BATCH):
            pages = corpus.pages(min(_BATCH, turns - start), part=start)
            for first in range(0, len(pages), 200):
                session = engine.memory(USER, session_id=f"session {(start + first) // 200}")
                session.add_many(
                    [
                        (turn.user, turn.agent, begun + timedelta(minutes=5 * (start + first + n)))
                        for n, turn in enumerate(pages[first : first + 200])
                    ]
                )
            engine.memory(USER).flush()
        memory = engine.memory(USER)
        memory.add("I felt well.", "Good!", metadata={"mood": "good"})
        memory.flush()
        while memory.stats().unembedded:
            time.sleep(0.2)


@contextmanager
def served(engine: Engine) -> Iterator[int]:
    """Serve the store on a port of loopback."""
    server = uvicorn.Server(uvicorn.Config(web_app(engine), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def addresses(engine: Engine) -> dict[str, str]:
    """Return what every page is called, and its address."""
    memory = engine.memory(USER)
    newest = memory.pages(newest_first=True, limit=1)[0]
    oldest = memory.pages(limit=1)[0]
    segments, known = memory.segments(), memory.knowledge(status="all")
    asked = "What did you say about the camping trip?"
    pages: list[tuple[str, str, dict[str, str]]] = [
        ("Memories", "/", {}),
        ("Tiers", "/memory", {}),
        ("Timeline", "/timeline", {}),
        ("Timeline, its middle", "/timeline", {"up_to": str(newest.seq // 2 + 1)}),
        ("Timeline, two days", "/timeline", {"since": "2023-01-02", "before": "2023-01-04"}),
        ("Timeline, metadata", "/timeline", {"name": "mood", "value": "good"}),
        ("Timeline, searched", "/timeline", {"q": "camping trip"}),
        ("a turn", "/page", {"id": oldest.id}),
        ("a segment", "/segment", {"id": segments[0].id}),
        ("Knowledge", "/knowledge", {}),
        ("Knowledge, searched", "/knowledge", {"q": "camping"}),
        ("a statement", "/entry", {"id": known[0].id}),
        ("Recall", "/recall", {"q": asked}),
        ("Recall, why not", "/recall", {"q": asked, "why": oldest.id}),
        ("Model calls", "/calls", {}),
        ("Files", "/files", {}),
        ("Receipts", "/receipts", {}),
        ("Doctor", "/doctor", {}),
    ]
    return {
        name: path + ("?" + urlencode({"user": USER, **query}) if path != "/" else "")
        for name, path, query in pages
    }


@dataclass(frozen=True)
class Answer:
    """What one request took."""

    ms: float
    processor: float
    size: int


def ask(port: int, address: str) -> Answer:
    """Ask for a page; its time is that to the answer's first byte."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    begun, computed = time.perf_counter(), time.process_time()
    connection.request("GET", address)
    response = connection.getresponse()
    first = time.perf_counter() - begun
    worked = time.process_time() - computed
    body = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{address}: {response.status}")
    return Answer(first * 1000, worked * 1000, len(body))


def measured(path: Path) -> dict[str, tuple[float, float, float, int]]:
    """Return of each page: first and then, in ms; processor, in ms; bytes."""
    found = {}
    with Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as engine:
        pages = addresses(engine)
    with (
        Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as engine,
        served(engine) as port,
    ):
        for name, address in pages.items():
            first, *then = (ask(port, address) for _ in range(1 + _AGAIN))
            found[name] = (
                first.ms,
                statistics.median(answer.ms for answer in then),
                statistics.median(answer.processor for answer in then),
                first.size,
            )
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 10_000, 100_000])
    parser.add_argument("--data", type=Path, default=DATA, help="LoCoMo's file")
    parser.add_argument("--keep", type=Path, help="a folder whose stores are made once")
    options = parser.parse_args()
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = (options.keep or Path(folder)) / f"ui-{size}.db"
            if not path.exists():
                build(path, size, options.data)
            tables[size] = measured(path)
    print(machine.description() + "\n")
    heads = " | ".join(f"{size:,}: first / then (processor), ms | kB" for size in tables)
    print(f"| page | {heads} |\n|---|" + "---:|---:|" * len(tables))
    for name in next(iter(tables.values())):
        cells = (
            f"{first:,.0f} / {then:,.0f} ({worked:,.0f}) | {size / 1000:.1f}"
            for first, then, worked, size in (table[name] for table in tables.values())
        )
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
