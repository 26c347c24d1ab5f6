"""`add` and `recall` on PostgreSQL beside SQLite, in one run: `python -m benchmarks.postgres URI`.

Many users with few pages each and one user with many, the same in both stores (made in SQLite and
moved by `memoryos migrate`), measured in turns. Prints a table of times with their ratios, the
search of the one in the server beside the search in this process, what the tables weigh, and the
plans of the statements that a user's request comes to.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psycopg

from memoryos import Engine, Memory
from memoryos.engine import open_store
from memoryos.model import Scope
from memoryos.storage.codec import to_blob
from memoryos.storage.port import PageQuery, Store, StoredEmbedder
from memoryos.storage.postgres import search
from memoryos.storage.postgres.rows import scope_key, select_pages
from memoryos.upkeep.migrate import migrate

_WORDS = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "alto bric cane dome elix fang".split()]
_CONFIG = {"promotion": "manual", "cached_scopes": 4096}
_HERE = _CONFIG | {"search_in_server_from": 1 << 62}
_SERVED = _CONFIG | {"search_in_server_from": 1}
_PROCESSES = 3
"""Fresh processes that each way of searching the one user's pages is measured in."""
_FEW = 10
"""Users in the tables when the cost of a user is measured first."""
_EMBEDDER = StoredEmbedder("hashing-384", 384)


@dataclass(frozen=True)
class Times:
    """Seconds of one kind of call."""

    quick: float
    """The tenth percentile: what a call takes that nothing else on the machine holds up."""
    median: float
    slow: float
    """The ninety-fifth."""

    @property
    def shown(self) -> str:
        """All three, in milliseconds."""
        return " / ".join(
            f"{1e3 * seconds:.1f}" for seconds in (self.quick, self.median, self.slow)
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    options = _parser().parse_args(argv)
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{Path(folder) / 'memories.db'}"
        began = time.perf_counter()
        users = [f"user-{number}" for number in range(options.users)]
        with Engine.open(uri, _CONFIG | {"durability": "normal"}) as engine:
            for user in users[:_FEW]:
                _fill(engine, user, options.pages, chance)
        _move(uri, options.uri)
        _analyze(options.uri)
        print(f"\n{_FEW} users of {options.pages} pages")
        with Engine.open(uri, _CONFIG) as lite, Engine.open(options.uri, _CONFIG) as post:
            _compare_one(lite, post, users[:_FEW], options, chance)
        with Engine.open(uri, _CONFIG | {"durability": "normal"}) as engine:
            for user in users[_FEW:]:
                _fill(engine, user, options.pages, chance)
            _fill(engine, "heavy", options.heavy, chance)
        print(f"made in SQLite in {time.perf_counter() - began:.0f} s")
        _move(uri, options.uri)  # but for the few, which have their own new pages on both sides
        _analyze(options.uri)
        with Engine.open(uri, _CONFIG) as lite, Engine.open(options.uri, _HERE) as post:
            _compare(lite, post, options, chance)
            _search(options)
            _weigh(options.uri, options)
            _plans(post.store, options.uri)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.postgres", description=__doc__)
    parser.add_argument("uri", help="an empty PostgreSQL database")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=100, help="of each user")
    parser.add_argument("--heavy", type=int, default=100_000, help="pages of the one user")
    parser.add_argument("--calls", type=int, default=100, help="of each kind")
    return parser


def _turn(chance: random.Random) -> tuple[str, str]:
    return " ".join(chance.choices(_WORDS, k=20)), " ".join(chance.choices(_WORDS, k=20))


def _fill(engine: Engine, user: str, pages: int, chance: random.Random) -> None:
    """Journal pages, with vectors of any kind: making real ones is not what is measured."""
    memory = engine.memory(user)
    for start in range(0, pages, 5000):
        memory.add_many([_turn(chance) for _ in range(min(5000, pages - start))])
    store, scope = engine.store, Scope(user)
    head = store.head(scope)
    rows = np.random.default_rng(0).standard_normal((pages, _EMBEDDER.dimension), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = {seq: to_blob(row) for seq, row in enumerate(rows, 1)}
    store.put_vectors(scope, head, _EMBEDDER, vectors, head.last_seq)


def _move(source: str, target: str) -> None:
    config = Engine.open("sqlite:///:memory:").config
    origin, goal = open_store(source, config), open_store(target, config)
    began = time.perf_counter()
    done = migrate(origin, goal)
    seconds = time.perf_counter() - began
    origin.close()
    goal.close()
    print(f"{done.pages} pages moved and checked in {seconds:.0f} s")


def _analyze(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


def _compare(
    lite: Engine, post: Engine, options: argparse.Namespace, chance: random.Random
) -> None:
    users = [f"user-{n}" for n in range(_FEW, options.users)]
    print(f"\n{options.users} users of {options.pages} pages, and one of {options.heavy}")
    _compare_one(lite, post, users, options, chance)
    print("the one")
    _compare_one(lite, post, ["heavy"], options, chance)


def _compare_one(
    lite: Engine,
    post: Engine,
    users: Sequence[str],
    options: argparse.Namespace,
    chance: random.Random,
) -> None:
    print(f"{'ms: 10 / 50 / 95 %':28}{'SQLite':>24}{'PostgreSQL':>24}{'ratio':>14}")
    some = chance.sample(users, min(len(users), options.calls))
    again = (some * options.calls)[: options.calls]
    _row("first recall of a process", lite, post, some, _recall(chance))
    _row("recall", lite, post, again, _recall(chance))
    _row("add", lite, post, again, _add(chance))
    _row("add, then recall", lite, post, again, _both(chance))


def _recall(chance: random.Random) -> Callable[[Memory], object]:
    return lambda memory: memory.recall(" ".join(chance.choices(_WORDS, k=6)))


def _add(chance: random.Random) -> Callable[[Memory], object]:
    return lambda memory: memory.add(*_turn(chance))


def _both(chance: random.Random) -> Callable[[Memory], object]:
    def both(memory: Memory) -> None:
        _add(chance)(memory)
        _recall(chance)(memory)

    return both


def _row(
    name: str,
    lite: Engine,
    post: Engine,
    users: Sequence[str],
    call: Callable[[Memory], object],
) -> None:
    """Measure in turns, so that both meet the same machine."""
    times: dict[str, list[float]] = {"lite": [], "post": []}
    for user in users:
        for which, engine in (("lite", lite), ("post", post)):
            memory = engine.memory(user)
            began = time.perf_counter()
            call(memory)
            times[which].append(time.perf_counter() - began)
    ours, theirs = _times(times["lite"]), _times(times["post"])
    shown = "".join(f"{t.shown:>24}" for t in (ours, theirs))
    ratios = f"{theirs.quick / ours.quick:.1f} / {theirs.median / ours.median:.1f}"
    print(f"{name:28}{shown}{ratios:>14}")


def _search(options: argparse.Namespace) -> None:
    """Measure the one user's recall in fresh processes: searched there, and in the server."""
    print(f"\none user of {options.heavy} pages: search in the process and in the server")
    print(f"{'':28}{'first, s':>10}{'then, ms: 10 / 50 / 95 %':>28}{'MB':>8}")
    _measure("in the process", options, _HERE)
    with _near_from(1 << 62):
        _arrange(options.uri, "words sealed")
        _measure("in the server, exact", options, _SERVED)
    with _near_from(1):
        _arrange(options.uri, "HNSW index made")
        _measure("in the server, HNSW", options, _SERVED)


@contextmanager
def _near_from(pages: int) -> Iterator[None]:
    usual, search.NEAR_FROM = search.NEAR_FROM, pages
    try:
        yield
    finally:
        search.NEAR_FROM = usual


def _arrange(uri: str, done: str) -> None:
    began = time.perf_counter()
    with Engine.open(uri, _SERVED) as engine:
        store, scope = engine.store, Scope("heavy")
        store.search.arrange(scope, store.head(scope))  # type: ignore[attr-defined]
    _analyze(uri)
    print(f"{done} in {time.perf_counter() - began:.0f} s")


def _measure(name: str, options: argparse.Namespace, config: dict[str, object]) -> None:
    """Print the median of several processes' first recalls, all others, and memory grown by."""
    context = get_context("spawn")
    firsts, others, grown = [], [], []
    for seed in range(_PROCESSES):
        ours, theirs = context.Pipe()
        given = (theirs, options.uri, config, options.calls // _PROCESSES + 1, seed)
        process = context.Process(target=_recalls, args=given)
        process.start()
        first, times, megabytes = ours.recv()
        process.join()
        firsts.append(first)
        others += times
        grown.append(megabytes)
    shown = f"{np.median(firsts):>10.2f}{_times(others).shown:>28}{np.median(grown):>8.0f}"
    print(f"{name:28}{shown}")


def _recalls(
    answer: Connection, uri: str, config: dict[str, object], calls: int, seed: int
) -> None:
    chance = random.Random(seed)
    with Engine.open(uri, config) as engine:
        engine.memory("user-1").recall("what takes its time once")
        before, times = _resident(), []
        for _ in range(calls):
            began = time.perf_counter()
            _recall(chance)(engine.memory("heavy"))
            times.append(time.perf_counter() - began)
        answer.send((times[0], times[1:], _resident() - before))


def _resident() -> float:
    """Megabytes of this process in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def _times(seconds: Sequence[float]) -> Times:
    return Times(*(float(np.percentile(seconds, share)) for share in (10, 50, 95)))


def _weigh(uri: str, options: argparse.Namespace) -> None:
    pages = options.users * options.pages + options.heavy
    with psycopg.connect(uri) as db:
        rows = db.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class "
            "WHERE relnamespace = 'memoryos'::regnamespace AND relkind = 'r' "
            "AND relname NOT LIKE 'procrastinate%' AND pg_total_relation_size(oid) > 100000 "
            "ORDER BY pg_total_relation_size(oid) DESC"
        ).fetchall()
    print(f"\n{'bytes per page':16}{'table':>10}{'indexes':>10}")
    for name, table, indexes in rows:
        print(f"{name:16}{table / pages:>10.0f}{indexes / pages:>10.0f}")
    table, indexes = (sum(row[column] for row in rows) / pages for column in (1, 2))
    print(f"{'all':16}{table:>10.0f}{indexes:>10.0f}")


def _plans(store: Store, uri: str) -> None:
    """Print how the statements of a request are done; a sequential scan would be a mistake."""
    key = scope_key(Scope("user-7"))
    pages = store.pages(Scope("user-7"), PageQuery(limit=10))
    print()
    for name, query in (
        ("short-term memory", PageQuery(session_id="default", newest_first=True, limit=7)),
        ("pages by position", PageQuery(seqs=[page.seq for page in pages])),
        ("pages by id", PageQuery(ids=[page.id for page in pages])),
        ("pages waiting", PageQuery(waiting=True)),
    ):
        statement, arguments = select_pages(key, query)
        with psycopg.connect(uri) as db:
            plan = db.execute(b"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + statement, arguments)
            print(name, *(line for (line,) in plan), sep="\n    ")


if __name__ == "__main__":
    raise SystemExit(main())
