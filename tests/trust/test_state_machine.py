"""Any sequence of verbs does on a real store, through two handles, what it does on the model.

The model is the same engine on the in-memory store. Both get the same ids and the same time, so
that journals, records, receipts, exports and what is recalled must be equal, byte for byte.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from memoryos import Engine, MemoryConfig
from memoryos.embedders import HashingEmbedder
from memoryos.errors import MemoryOSError
from memoryos.memory.memory import Memory
from memoryos.model import Message
from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.port import PageQuery, Store
from memoryos.storage.sqlite import SQLiteStore
from tests.failures.snapshots import exported, snapshot, timeless_receipt
from tests.failures.sqlite_faults import Faults, PowerCut, failing_sqlite

EXAMPLES = pytest.mark.parametrize(
    "examples", [15, pytest.param(150, marks=pytest.mark.slow)], indirect=True
)
CONFIG = MemoryConfig(
    promotion="manual",
    short_term_capacity=2,
    page_out_batch=2,
    heat_threshold=3.0,
    mid_term_capacity=3,
    long_term_capacity=3,
)
SAID = (
    "My name is Ana and I live in Lisbon.",
    "I moved to Porto last month.",
    "I love chess and long walks.",
    "I hate coffee in the morning.",
    "I work as a nurse at the Santa Maria hospital.",
    "What did I tell you about chess?",
    "My sister Eva plays the violin.",
    "Me llamo Tomás y soy ingeniero.",
    "我喜欢下棋。",
)
texts = st.sampled_from(SAID)
answers = st.sampled_from(("", "Noted!", "I am your assistant Max.", "Chess is a fine game."))
handles = st.integers(0, 1)
sessions = st.sampled_from(("morning", "evening"))
keys = st.none() | st.sampled_from(("k1", "k2", "k3"))
roles = st.sampled_from(("user", "assistant", "tool"))


class _Shared:
    """A store that engines share: none of them closes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def close(self) -> None:
        """Leave it open."""


class World:
    """What all examples of a run share, so that an example costs no new database."""

    def __init__(self, open_store: Callable[[], Store], faults: Faults | None = None) -> None:
        self.open_store = open_store
        self.faults = faults
        self.model_store = InMemoryStore()
        self.numbers = itertools.count()
        self.now = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
        self.embedder = HashingEmbedder(32)
        self.real: list[Engine] = [self.open_real(), self.open_real()]
        self.crashes = 0
        self.between = 0

    def open_real(self) -> Engine:
        return self.open(self.open_store())

    def open_model(self) -> Engine:
        return self.open(_Shared(self.model_store))

    def open(self, store: Any) -> Engine:
        engine = Engine(store, CONFIG, None, self.embedder, lambda: self.now)
        engine.modules.generator._said_no_model = True  # it says so once an engine: not compared
        return engine

    def close(self) -> None:
        for engine in self.real:
            engine.close()


class Machine(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        number = next(self.world.numbers)
        self.users = [f"tom-{number}", f"ann-{number}"]
        self.model = [self.world.open_model(), self.world.open_model()]
        self.steps = 0
        self.heads = {}
        self.armed: tuple[int, bool] | None = None

    # ── both at once ─────────────────────────────────────────────────────────────────────────

    def both(
        self,
        handle: int,
        user: int,
        session: str,
        verb: Callable[[Memory], Any],
        *,
        many_steps: bool = False,
    ) -> Any:
        """Do the same on the model and on the store; what comes of it must be equal."""
        self.steps += 1
        name = self.users[user]
        before = snapshot(self.world.model_store, self.memory(self.model, handle, name).scope)
        wanted = self.outcome(self.model, handle, name, session, verb)
        if self.armed is None:
            found = self.outcome(self.world.real, handle, name, session, verb)
        else:
            found = self.crashing(handle, name, session, verb, before, many_steps=many_steps)
        assert found == wanted
        self.compare(handle, name)
        return wanted

    def crashing(
        self,
        handle: int,
        name: str,
        session: str,
        verb: Callable[[Memory], Any],
        before: Any,
        *,
        many_steps: bool,
    ) -> Any:
        """Cut the power during the verb, come back, and see that it had happened or had not."""
        assert self.world.faults is not None
        assert self.armed is not None
        at, late = self.armed
        self.armed = None
        self.world.faults.arm(at, power_cut=True, late=late)
        try:
            found = self.outcome(self.world.real, handle, name, session, verb)
            self.world.faults.disarm()
            return found
        except PowerCut:
            self.world.crashes += 1
        self.world.faults.restart()
        self.world.real[:] = [self.world.open_real(), self.world.open_real()]
        scope = self.memory(self.world.real, handle, name).scope
        store = self.world.real[handle].store
        store._db._writer.execute("DELETE FROM leases")  # or wait until they have run out
        after = snapshot(self.world.model_store, scope)
        here = snapshot(store, scope)
        if here == after != before:  # what it had recalled is lost, and not recalled again
            self.model = [self.world.open_model(), self.world.open_model()]
            return self.last_outcome
        if here != before:
            assert many_steps, "neither before nor after"
            self.world.between += 1
        return self.outcome(self.world.real, handle, name, session, verb)

    def outcome(
        self,
        engines: list[Engine],
        handle: int,
        name: str,
        session: str,
        verb: Callable[[Memory], Any],
    ) -> Any:
        numbers = itertools.count()

        def urandom(length: int) -> bytes:
            mark = f"{name} {self.steps} {next(numbers)}".encode()
            return mark.rjust(length, b".")[-length:]

        memory = self.memory(engines, handle, name, session)
        with mock.patch("memoryos.storage.journal.os", SimpleNamespace(urandom=urandom)):
            try:
                result = verb(memory)
            except MemoryOSError as error:
                result = type(error).__name__
        if engines is self.model:
            self.last_outcome = result
        return result

    @staticmethod
    def memory(engines: list[Engine], handle: int, name: str, session: str = "x") -> Memory:
        return engines[handle].memory(name, session_id=session)

    def compare(self, handle: int, name: str) -> None:
        scope = self.memory(self.model, handle, name).scope
        store = self.world.real[handle].store
        assert snapshot(store, scope) == snapshot(self.world.model_store, scope)
        head, old = store.head(scope), self.heads.get(name)
        self.heads[name] = head
        if old is not None:
            assert head.last_seq >= old.last_seq
            assert head.version >= old.version
            assert head.epoch >= old.epoch
            assert head.epoch > old.epoch or head.embedded_seq >= old.embedded_seq

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    @rule(handle=handles, user=handles, session=sessions, text=texts, answer=answers, key=keys)
    def add(self, handle, user, session, text, answer, key):
        self.world.now += timedelta(minutes=7)
        metadata = {"n": self.steps % 2} if answer else None
        self.both(handle, user, session, lambda m: m.add(text, answer, metadata=metadata, key=key))

    @rule(handle=handles, session=sessions, said=st.lists(texts, min_size=1, max_size=8), key=keys)
    def add_many(self, handle, session, said, key):
        start = self.world.now
        self.world.now += timedelta(hours=1)
        turns = [(text, "Noted!", start + timedelta(minutes=n)) for n, text in enumerate(said)]
        named = [f"{key}-{n}" for n in range(len(said))] if key else None
        self.both(handle, 0, session, lambda m: m.add_many(turns, keys=named))

    @rule(
        handle=handles,
        session=sessions,
        said=st.lists(st.tuples(roles, texts), min_size=1, max_size=4),
        key=keys,
    )
    def add_messages(self, handle, session, said, key):
        self.world.now += timedelta(minutes=7)
        messages = [Message(role, text) for role, text in said]
        self.both(handle, 0, session, lambda m: m.add_messages(messages, key=key))

    @rule(handle=handles, session=sessions, text=texts)
    def respond(self, handle, session, text):
        self.world.now += timedelta(minutes=7)
        self.both(handle, 0, session, lambda m: m.respond(text))

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    @rule(handle=handles, user=handles, session=sessions, text=texts, k=st.integers(1, 5))
    def recall(self, handle, user, session, text, k):
        def verb(m: Memory) -> Any:
            found = m.recall(text, k=k)
            return (
                [(item.page.id, round(item.score, 4), item.reasons) for item in found.pages],
                [page.id for page in found.short_term],
                [segment.id for segment in found.segments],
                [item.id for item in found.user_knowledge],
                found.text(max_tokens=300),
            )

        self.both(handle, user, session, verb)

    @rule(handle=handles, session=sessions)
    def look(self, handle, session):
        def verb(m: Memory) -> Any:
            return (
                m.stats(),
                m.segments(),
                [replace(k, derived=self.world.now) for k in m.knowledge(status="all")],
                m.profile().user,
                m.short_term(),
                m.sessions(),
                m.pages(session, newest_first=True, limit=3),
            )

        self.both(handle, 0, session, verb)

    # ── updating ─────────────────────────────────────────────────────────────────────────────

    @rule(handle=handles, user=handles)
    def flush(self, handle, user):
        self.both(handle, user, "x", lambda m: m.flush(), many_steps=True)

    @rule(handle=handles)
    def rebuild(self, handle):
        self.both(handle, 0, "x", lambda m: m.rebuild())

    @rule(handle=handles)
    def rebuild_dry(self, handle):
        self.both(handle, 0, "x", lambda m: m.rebuild(dry_run=True))

    # ── forgetting ───────────────────────────────────────────────────────────────────────────

    @rule(handle=handles, number=st.integers(0, 5))
    def forget_page(self, handle, number):
        pages = self.world.model_store.pages(self.model[0].memory(self.users[0]).scope, PageQuery())
        id_ = pages[number % len(pages)].id if pages else "none"
        self.both(handle, 0, "x", lambda m: timeless_receipt(m.forget(page_id=id_)))

    @rule(handle=handles, number=st.integers(0, 5))
    def forget_knowledge(self, handle, number):
        known = self.model[0].memory(self.users[0]).knowledge(status="all")
        id_ = known[number % len(known)].id if known else "none"
        self.both(handle, 0, "x", lambda m: timeless_receipt(m.forget(knowledge_id=id_)))

    @rule(handle=handles, session=sessions)
    def forget_session(self, handle, session):
        self.both(handle, 0, "x", lambda m: timeless_receipt(m.forget(session=session)))

    @rule(handle=handles, minutes=st.integers(0, 60))
    def forget_before(self, handle, minutes):
        before = self.world.now - timedelta(minutes=minutes)
        self.both(handle, 0, "x", lambda m: timeless_receipt(m.forget(before=before)))

    @rule(handle=handles, user=handles)
    def forget_everything(self, handle, user):
        self.both(handle, user, "x", lambda m: timeless_receipt(m.forget(everything=True)))
        scope = self.model[0].memory(self.users[user]).scope
        assert scope not in self.world.real[handle].scopes()

    # ── moving ───────────────────────────────────────────────────────────────────────────────

    @rule(handle=handles, user=handles)
    def export_and_import(self, handle, user):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "export.jsonl"
            wanted = self.both(handle, 0, "x", lambda m: (m.export(file), exported(file)))
            number = next(self.world.numbers)
            self.users[1] = f"copy-{number}" if user else self.users[1]
            target = self.model[handle].memory(self.users[1])
            was_empty = not target.stats().pages and not target.receipts()
            self.both(handle, 1, "x", lambda m: m.import_(file))
            if was_empty:
                copy = self.both(handle, 1, "x", lambda m: (m.export(file), exported(file)))
                assert copy == wanted

    # ── handles ──────────────────────────────────────────────────────────────────────────────

    @rule(handle=handles)
    def reopen(self, handle):
        self.world.real[handle].close()
        self.world.real[handle] = self.world.open_real()
        self.model[handle] = self.world.open_model()

    @precondition(lambda self: self.world.faults is not None)
    @rule(at=st.integers(1, 25), late=st.booleans())
    def cut_the_power_next_time(self, at, late):
        self.settle()
        self.armed = (at, late)

    @precondition(lambda self: self.world.faults is not None)
    @rule(at=st.integers(1, 6), late=st.booleans())
    def cut_the_power_soon(self, at, late):
        self.settle()
        self.armed = (at, late)

    def settle(self) -> None:
        """Write down the recalls that are counted: a power cut takes those that are not yet."""
        for engine in (*self.model, *self.world.real):
            for name in self.users:
                engine.modules.consolidator.save_visits(engine.memory(name).scope)


@contextmanager
def world(open_store: Callable[[], Store], faults: Faults | None = None) -> Iterator[World]:
    made = World(open_store, faults)
    try:
        yield made
    finally:
        made.close()


def run(shared: World, examples: int) -> None:
    class Here(Machine):
        world = shared

    limits = settings(max_examples=examples, deadline=None, stateful_step_count=15)
    run_state_machine_as_test(Here, settings=settings(limits, suppress_health_check=HealthCheck))


# A pool of connections draws the time to renew each at random, in a thread of its own.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@EXAMPLES
@pytest.mark.timeout(900)
def test_a_store_does_what_the_model_does(open_store, examples):
    with world(open_store) as shared:
        run(shared, max(examples // 5, 25))  # the whole number has the test below


@EXAMPLES
@pytest.mark.timeout(900)
def test_sqlite_does_what_the_model_does_through_power_cuts(quick_folder, examples):
    with (
        failing_sqlite() as faults,
        world(
            lambda: SQLiteStore(quick_folder / "memories.db", durability="normal"), faults
        ) as shared,
    ):
        run(shared, examples)
        if examples >= 300:  # by chance a few examples may have none
            assert shared.crashes >= examples // 25
