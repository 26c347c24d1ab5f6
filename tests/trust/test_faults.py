"""A failure at any statement of any step leaves the state of before or of after, never between.

Each operation is done again and again, failing one statement later each time, until it comes
through untouched: so every point was reached.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, MemoryConfig
from memoryos.embedders import HashingEmbedder
from memoryos.errors import StorageError
from memoryos.memory.memory import Memory
from memoryos.model import Message
from memoryos.storage.codec import ALL_KINDS
from memoryos.storage.port import PageQuery, Store
from memoryos.storage.sqlite import SQLiteStore
from memoryos.testing.store_samples import plain
from tests.failures.sqlite_faults import Faults, PowerCut, failing_sqlite

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
CONFIG = MemoryConfig(
    promotion="manual", short_term_capacity=2, page_out_batch=2, heat_threshold=2.0
)
DIALOGUE = (
    ("My name is Ana and I live in Lisbon.", "Nice to meet you, Ana!"),
    ("I love chess.", "A fine game."),
    ("I moved to Porto last month.", "How is it there?"),
    ("I work as a nurse at the Santa Maria hospital.", "That must be demanding."),
    ("My sister Eva plays the violin.", "Lovely!"),
    ("I hate coffee.", "Tea, then?"),
    ("We played chess on Sunday.", "Who won?"),
)


@dataclass
class Case:
    """A database before an operation, and the operation."""

    act: Callable[[Memory, Path], Any]
    flushed: bool = True
    """Whether the pages of before have been paged out and promoted."""
    steps: bool = False
    """Done in several transactions: it may stop between them."""
    opens: bool = False
    """The operation is the opening itself."""
    least: int = 3
    """Statements that it surely takes."""
    states: list[Any] = field(default_factory=list)


def _forget_fact(memory: Memory, folder: Path) -> None:
    memory.forget(knowledge_id=memory.knowledge()[0].id)


def _forget_page(memory: Memory, folder: Path) -> None:
    memory.forget(page_id=memory.page(key="key-0").id)


CASES = {
    "append": Case(lambda m, _: m.add("I sing.", "Nice.", NOON, key="new")),
    "append many": Case(
        lambda m, _: m.add_many([("a", "b", NOON), ("c", "d", NOON)], keys=["a", "c"])
    ),
    "replace": Case(
        lambda m, _: m.add_messages([Message("user", "Not Ana, Eva!")], NOON, key="key-0")
    ),
    "continue": Case(
        lambda m, _: m.add_messages(
            [Message("tool", "42"), Message("user", "And?"), Message("assistant", "So.")], NOON
        )
    ),
    "page out and promote": Case(lambda m, _: m.flush(), flushed=False, steps=True, least=30),
    "visit": Case(lambda m, _: (m.recall("chess and Lisbon"), m.flush()), steps=True, least=5),
    "forget a page": Case(_forget_page, least=10),
    "forget a fact": Case(_forget_fact, least=5),
    "forget a session": Case(lambda m, _: m.forget(session="default"), least=10),
    "forget before": Case(lambda m, _: m.forget(before=NOON + timedelta(minutes=3)), least=10),
    "forget everything": Case(lambda m, _: m.forget(everything=True), least=10),
    "rebuild": Case(lambda m, _: m.rebuild(), least=10),
    "import": Case(
        lambda m, folder: _engine_memory(m, "ann").import_(folder / "export.jsonl"), least=10
    ),
    "import beside": Case(lambda m, folder: m.import_(folder / "other.jsonl"), least=3),
    "migrate": Case(lambda m, _: None, opens=True, least=10),
}


def _engine_memory(memory: Memory, user: str) -> Memory:
    return Memory(memory._modules, replace(memory.scope, user_id=user), "default")


@contextmanager
def opened(file: Path) -> Iterator[Memory]:
    store = SQLiteStore(file, durability="normal")
    with Engine(store, CONFIG, None, HashingEmbedder(32), lambda: NOON) as engine:
        yield engine.memory("tom")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with databases and exports to begin with."""
    folder = tmp_path_factory.mktemp("prepared")
    turns = [(u, a, NOON + timedelta(minutes=n)) for n, (u, a) in enumerate(DIALOGUE)]
    with opened(folder / "waiting.db") as memory:
        memory.add_many(turns, keys=[f"key-{n}" for n in range(len(turns))])
    shutil.copy(folder / "waiting.db", folder / "flushed.db")
    with opened(folder / "flushed.db") as memory:
        memory.flush()
        assert memory.stats().segments
        assert memory.knowledge()
        memory.export(folder / "export.jsonl")
        other = _engine_memory(memory, "other")
        other.add_many([("I sing in a choir.", "Nice.", NOON)], keys=["sing"])
        other.export(folder / "other.jsonl")
    return folder


@pytest.mark.parametrize(
    ("power_cut", "late"),
    [
        pytest.param(False, False, id="error"),
        pytest.param(True, False, id="power cut", marks=pytest.mark.slow),
        pytest.param(False, True, id="error after", marks=pytest.mark.slow),
        pytest.param(True, True, id="power cut after", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", CASES)
def test_a_failure_at_every_statement(
    name: str, power_cut: bool, late: bool, prepared: Path, quick_folder: Path
) -> None:
    case = CASES[name]
    begin = None if case.opens else prepared / ("flushed.db" if case.flushed else "waiting.db")
    file = quick_folder / "memories.db"
    states = undisturbed(case, begin, file, prepared)
    allowed = states if case.steps else [states[0], states[-1]]
    with failing_sqlite() as faults:
        for at in range(1, 10_000):
            fresh(begin, file)
            untouched = attempt(case, file, prepared, faults, at, power_cut=power_cut, late=late)
            with opened(file) as memory:
                here = state(memory)
                if untouched:
                    assert here == states[-1]
                    break
                assert here in allowed, f"between, after statement {at}"
                memory._modules.store._db._writer.execute("DELETE FROM leases")  # they have run out
                if here == states[0]:
                    case.act(memory, prepared)
                elif here != states[-1]:
                    memory.flush()
                assert state(memory) == states[-1], f"not completed after statement {at}"
        else:
            pytest.fail("it never came through")
    assert at > case.least


def undisturbed(case: Case, begin: Path | None, file: Path, folder: Path) -> list[Any]:
    """Return the states that the operation goes through, the first and the last included."""
    fresh(begin, file)
    with opened(file) as memory:
        states = [state(memory)]
        store: Any = memory._modules.store

        def watched(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                found = method(*arguments)
                states.append(state(memory))
                return found

            return call

        store.commit, store.put_vectors = watched(store.commit), watched(store.put_vectors)
        case.act(memory, folder)
        states.append(state(memory))
    return states


def attempt(
    case: Case,
    file: Path,
    folder: Path,
    faults: Faults,
    at: int,
    *,
    power_cut: bool,
    late: bool,
) -> bool:
    """Do the operation with a failure at a statement; return whether none came."""
    if case.opens:
        faults.arm(at, power_cut=power_cut, late=late)
    try:
        with suppress(PowerCut, StorageError), opened(file) as memory:
            faults.arm(at, power_cut=power_cut, late=late)
            try:
                case.act(memory, folder)
            finally:
                if not faults.fired:
                    faults.disarm()
    finally:
        faults.disarm()
    fired = faults.fired
    if power_cut:
        faults.restart()
    return not fired


def fresh(begin: Path | None, file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    if begin is not None:
        shutil.copy(begin, file)


def state(memory: Memory) -> Any:
    """All that is stored of the users; random ids aside."""
    return [_scope_state(memory._modules.store, _engine_memory(memory, u).scope) for u in USERS]


USERS = ("tom", "ann", "other")


def _scope_state(store: Store, scope: Any) -> Any:
    records = sorted(store.records(scope, ALL_KINDS), key=lambda record: (record.kind, record.id))
    head = store.head(scope)
    seqs, _, _, terms, first = plain(store.index_columns(scope, 0))
    pages = store.pages(scope, PageQuery())
    return (
        [replace(page, id="") if page.user_input == "And?" else page for page in pages],
        records,
        store.counts(scope),
        (seqs, terms, first),
        store.vectors(scope, 0, head.last_seq),
        (head.last_seq, head.embedded_seq, head.embedder),
        [replace(receipt, id="") for receipt in store.receipts(scope)],
    )
