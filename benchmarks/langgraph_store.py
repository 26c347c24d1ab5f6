"""MemoryOSStore beside LangGraph's InMemoryStore and SqliteStore, with the same vectors.

    python benchmarks/langgraph_store.py [--items 20000] [--namespaces 200 2000] [--expiring 100000]

Needs langgraph-checkpoint-sqlite and a Python whose sqlite3 loads extensions, or pysqlite3-binary.
Prints the median of each operation in milliseconds, and how long a put waits during a TTL sweep.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.store.base import BaseStore, PutOp
from langgraph.store.memory import InMemoryStore

from memoryos import Engine
from memoryos.embedders import StaticEmbedder
from memoryos_integrations.langgraph import MemoryOSStore

_NAMES = "Ann Bob Cid Dora Eve Finn Gus Hana Ida Jon Kim Lea".split()
_VERBS = "likes hates cooks plays paints collects sells repairs studies grows".split()
_THINGS = "ramen chess violins orchids maps bicycles stamps kites pottery novels jazz bread".split()
_PLACES = "Oslo Lisbon Kyoto Quito Turin Cork Lima Perth Ghent Fez".split()
_BATCH = 500
EMBEDDER = StaticEmbedder()


def sentence(number: int) -> str:
    """Return the words of an item; some say nearly the same, as memories do."""
    dice = random.Random(number)
    pick = dice.choice
    return f"{pick(_NAMES)} {pick(_VERBS)} {pick(_THINGS)} in {pick(_PLACES)}, note {number}"


def namespace(number: int, namespaces: int) -> tuple[str, ...]:
    """Return the namespace of an item: all are one user's."""
    return ("users", "tom", f"topic{number % namespaces}")


def embed(texts: list[str]) -> list[list[float]]:
    """Give the other stores the vectors that the engine has."""
    return [row.tolist() for row in EMBEDDER.embed_documents(texts)]


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, BaseStore]]:
    """Open the three stores."""
    if not hasattr(importlib.import_module("sqlite3").Connection, "enable_load_extension"):
        sys.modules["sqlite3"] = importlib.import_module("pysqlite3")
    sqlite = importlib.import_module("langgraph.store.sqlite").SqliteStore
    index: Any = {"dims": EMBEDDER.dimension, "embed": embed, "fields": ["text"]}
    with (
        Engine.open(f"sqlite:///{folder / 'memoryos.db'}", embedder=EMBEDDER) as engine,
        sqlite.from_conn_string(str(folder / "langgraph.db"), index=index) as other,
    ):
        other.setup()
        # What users of SqliteStore have after `from_conn_string`, and durable as ours is.
        other.conn.execute("PRAGMA journal_mode = WAL")
        yield {
            "MemoryOSStore": MemoryOSStore(engine, index={"fields": ["text"]}),
            "SqliteStore": other,
            "InMemoryStore": InMemoryStore(index=index),
        }


Taken = tuple[float, float]
"""Milliseconds by the clock, and of the calling thread on the processor: the latter does not tell
of waiting for the disk, and is right on a busy machine too."""


def timed(call: Callable[[int], Any], times: int = 9) -> Taken:
    """Return the medians of some calls; the first, which warms up, is not counted."""
    call(0)
    clock, processor = [], []
    for number in range(1, times + 1):
        before, worked = time.perf_counter(), time.thread_time()
        call(number)
        clock.append((time.perf_counter() - before) * 1000)
        processor.append((time.thread_time() - worked) * 1000)
    return statistics.median(clock), statistics.median(processor)


def fill(store: BaseStore, items: int, namespaces: int, ttl: float | None = None) -> None:
    """Put all items, in batches."""
    for start in range(0, items, _BATCH):
        store.batch(
            [
                PutOp(
                    namespace(n, namespaces), f"k{n}", {"text": sentence(n), "n": n % 100}, ttl=ttl
                )
                for n in range(start, min(start + _BATCH, items))
            ]
        )


def measured(store: BaseStore, namespaces: int) -> dict[str, Taken]:
    """Return what each operation takes, in milliseconds."""
    whole = ("users", "tom")
    return {
        "put": timed(
            lambda n: store.put(namespace(n, namespaces), f"new{n}", {"text": sentence(-n), "n": n})
        ),
        "put again": timed(
            lambda n: store.put(namespace(n, namespaces), f"k{n}", {"text": sentence(-n), "n": n})
        ),
        "get": timed(lambda n: store.get(namespace(n, namespaces), f"k{n}")),
        "list (10)": timed(lambda _: store.search(whole, limit=10)),
        "list, filtered": timed(lambda n: store.search(whole, filter={"n": n}, limit=10)),
        "search": timed(lambda n: store.search(whole, query=sentence(n), limit=10)),
        "search, filtered": timed(
            lambda n: store.search(whole, query=sentence(n), filter={"n": {"$lt": 50}}, limit=10)
        ),
        "search, one namespace": timed(
            lambda n: store.search(namespace(n, namespaces), query=sentence(n), limit=10)
        ),
        "search after a put": timed(
            lambda n: (
                store.put(whole, f"fresh{n}", {"text": sentence(n)}),
                store.search(whole, query=sentence(n), limit=10),
            )
        ),
        "namespaces": timed(lambda _: store.list_namespaces(prefix=whole, limit=100)),
        "delete": timed(lambda n: store.delete(namespace(n, namespaces), f"new{n}")),
        "search after a delete": timed(
            lambda n: (
                store.delete(whole, f"fresh{n}"),
                store.search(whole, query=sentence(n), limit=10),
            )
        ),
    }


def compare(items: int, namespaces: int) -> dict[str, dict[str, Taken]]:
    """Return what each store takes for each operation."""
    found: dict[str, dict[str, Taken]] = {}
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder)) as opened:
        for name, store in opened.items():
            before, worked = time.perf_counter(), time.thread_time()
            fill(store, items, namespaces)
            filled = (time.perf_counter() - before, time.thread_time() - worked)
            if isinstance(store, MemoryOSStore):
                settle(store)
            found[name] = {"fill, per item": (filled[0] / items * 1000, filled[1] / items * 1000)}
            found[name] |= measured(store, namespaces)
    return found


def settle(store: MemoryOSStore) -> None:
    """Wait until the worker has made all vectors: the other stores make them in the put."""
    memory = store.memory(("users", "tom"))
    while memory.stats().unembedded:
        time.sleep(0.1)


def sweep(expiring: int) -> dict[str, float]:
    """Sweep `expiring` items while puts go on; return what was swept and what a put waited."""
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{Path(folder) / 'memoryos.db'}"
        with Engine.open(uri, {"promotion": "manual"}, embedder=EMBEDDER) as engine:
            store = MemoryOSStore(engine, ttl={"default_ttl": None})
            fill(store, expiring, 200, ttl=0.0)
            waits: list[float] = []
            done = threading.Event()

            def put() -> None:
                number = 0
                while not done.is_set():
                    number += 1
                    before = time.perf_counter()
                    store.put(("users", "eve"), f"k{number}", {"text": "still here"}, ttl=None)
                    waits.append((time.perf_counter() - before) * 1000)
                    time.sleep(0.005)

            writer = threading.Thread(target=put)
            writer.start()
            time.sleep(5.0)
            alone, waits = waits, []
            before = time.perf_counter()
            swept = store.sweep_ttl()
            seconds = time.perf_counter() - before
            done.set()
            writer.join()
    found: dict[str, float] = {"swept": swept, "seconds": seconds}
    for name, of in (("put", waits), ("put without a sweep", alone)):
        of.sort()
        found[f"{name}: how many"] = len(of)
        found[f"{name}: median ms"] = statistics.median(of)
        found[f"{name}: 99th percentile ms"] = of[int(len(of) * 0.99)]
        found[f"{name}: longest ms"] = of[-1]
        found[f"{name}: above 50 ms, %"] = sum(wait > 50 for wait in of) / len(of) * 100
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--namespaces", type=int, nargs="*", default=[200, 2000])
    parser.add_argument("--expiring", type=int, default=100_000)
    parser.add_argument("--json", help="also write the figures there")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for namespaces in options.namespaces:
        found = compare(options.items, namespaces)
        results[f"{options.items} items in {namespaces} namespaces, ms"] = found
        print(
            f"\n{options.items:,} items in {namespaces:,} namespaces of one user: median ms by the "
            "clock (of it on the processor)\n"
        )
        print("| | " + " | ".join(found) + " |\n|---|" + "---:|" * len(found))
        for operation in next(iter(found.values())):
            print(
                f"| {operation} | "
                + " | ".join(
                    f"{of[operation][0]:.2f} ({of[operation][1]:.2f})" for of in found.values()
                )
                + " |"
            )
    if options.expiring:
        results["sweep"] = sweep(options.expiring)
        print(f"\nTTL sweep of {options.expiring:,} items\n")
        for name, figure in results["sweep"].items():
            print(f"- {name}: {figure:,.1f}")
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
