"""What is derived is a function of the journal: on any schedule it is what a rebuild gives."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryos import Engine, Memory, MemoryConfig
from memoryos.embedders import HashingEmbedder
from memoryos.model import Message
from memoryos.storage.codec import DERIVED_KINDS
from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.port import PageQuery

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
SAID = (
    "My name is Ana and I live in Lisbon.",
    "I moved to Porto last month.",
    "I love chess and long walks by the river.",
    "I'm allergic to peanuts.",
    "I'm not allergic to peanuts any more.",
    "What did I tell you about chess?",
    "My sister Eva plays the violin in an orchestra.",
    "Soy enfermera y vivo en Bogotá.",
    "我喜欢下棋。",
    "ok thanks",
    "Translate this: I am a doctor.",
)
CONFIG = MemoryConfig(
    promotion="manual",
    short_term_capacity=2,
    heat_threshold=3.0,
    mid_term_capacity=2,
    long_term_capacity=3,
)
Schedule = list[tuple[Any, ...]]
number = st.integers(0, len(SAID) - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), number, st.sampled_from(("morning", "evening"))),
        st.tuples(st.just("add"), number, st.sampled_from(("morning", "evening"))),
        st.tuples(st.just("go on"), number),
        st.tuples(st.just("recall"), number),
        st.tuples(st.just("flush")),
        st.tuples(st.just("work")),
        st.tuples(st.just("reopen")),
        st.tuples(st.just("kill")),
        st.tuples(st.just("remember"), number),
        st.tuples(st.just("correct"), number, number),
        st.tuples(st.just("restore"), number),
    ),
    min_size=1,
    max_size=25,
)


class Shared:
    """A store in memory that outlives the engines opened on it."""

    def __init__(self) -> None:
        self._store = InMemoryStore()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def close(self) -> None:
        """Leave it open."""


class Life:
    """A memory under a schedule. A kill drops what the process had not written down."""

    def __init__(self, open_store: Callable[[], Any], user: str) -> None:
        self._open_store = open_store
        self._user = user
        self._keys = itertools.count()
        self.now = NOON
        self._engine = self._open()

    def _open(self) -> Engine:
        clock = lambda: self.now  # noqa: E731  # reads the time of the moment
        return Engine(self._open_store(), CONFIG, None, HashingEmbedder(64), clock)

    @property
    def memory(self) -> Memory:
        return self._engine.memory(self._user)

    def do(self, step: tuple[Any, ...]) -> None:
        self.now += timedelta(minutes=40)
        verb, *given = step
        if verb == "add":
            key = str(next(self._keys))
            self.memory.session(given[1]).add(SAID[given[0]], "Noted.", key=key)
        elif verb == "go on":
            newest = self.memory.pages(newest_first=True, limit=1)
            if newest and not self._put_right(newest[0].id):  # the last page, said anew with more
                memory = self.memory.session(newest[0].session_id)
                memory.add_messages([Message("assistant", SAID[given[0]])])
        elif verb == "recall":
            self.memory.recall(SAID[given[0]])
        elif verb == "flush":
            self.memory.flush()
        elif verb == "work":
            self._engine.modules.consolidator.run(self.memory.scope)
        elif verb == "reopen":
            self._engine.close()
            self._engine = self._open()
        elif verb == "kill":
            self._engine.modules.store.close()
            self._engine = self._open()
        elif verb == "remember":
            self.memory.remember(SAID[given[0]], attribute="mood" if given[0] % 2 else None)
        elif verb == "correct" and (known := self.memory.knowledge(status="all")):
            self.memory.correct(known[given[0] % len(known)].id, SAID[given[1]])
        elif verb == "restore" and (old := self.memory.knowledge(status="superseded")):
            self.memory.restore(old[given[0] % len(old)].id)

    def _put_right(self, page_id: str) -> bool:
        """Whether something that a page states was corrected or restored by hand.

        If such a page is then edited, a rebuild may see the notes in another order.
        """
        known = {item.id: item for item in self.memory.knowledge(status="all")}
        of_page = {i for i, item in known.items() if page_id in {s.page_id for s in item.sources}}
        linked = set(of_page)
        for item in known.values():
            ids = {item.id, item.superseded_by, *item.supersedes}
            if ids & of_page:
                linked |= ids
        notes = self.memory._modules.store.records(self.memory.scope, ["note"])
        named = {record.body[name] for record in notes for name in ("corrects", "restores")}
        return bool(linked & named)

    def state(self) -> str:
        """Return all that is derived, and where pages stand; the time of deriving aside."""
        memory = self.memory
        store = memory._modules.store
        records = [
            (r.kind, r.id, r.live, {k: v for k, v in r.body.items() if k != "derived"})
            for r in store.records(memory.scope, DERIVED_KINDS)
        ]
        pages = store.pages(memory.scope, PageQuery())
        places = [(page.id, page.segment_id, page.chain_id) for page in pages]
        return json.dumps([sorted(records, key=str), places], indent=1)

    def close(self) -> None:
        self._engine.close()


def same_as_rebuilt(life: Life) -> None:
    life.memory.flush()
    lived = life.state()
    life.memory.rebuild()
    assert lived == life.state()


@pytest.mark.parametrize("examples", [30, pytest.param(200, marks=pytest.mark.slow)], indirect=True)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_any_interleaving_gives_what_a_rebuild_gives(
    where: str, examples: int, tmp_path: Path
) -> None:
    users = itertools.count()
    shared = Shared()

    def open_store() -> Any:
        if where == "memory":
            return shared
        from memoryos.storage.sqlite import SQLiteStore  # noqa: PLC0415  # one per store

        return SQLiteStore(tmp_path / "m.db", durability="normal")

    @settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(steps)
    def live(schedule: Schedule) -> None:
        life = Life(open_store, f"tom-{next(users)}")
        try:
            for step in schedule:
                life.do(step)
            same_as_rebuilt(life)
        finally:
            life.close()

    live()


SCHEDULES = {
    "flush each turn": ["flush"],
    "engine reopened each turn": ["reopen"],
    "a worker after each turn": ["work"],
    "killed after each turn": ["kill"],
    "once, at the end": [],
}


@pytest.mark.parametrize("after_each", SCHEDULES.values(), ids=SCHEDULES)
def test_every_schedule_derives_the_same_and_what_a_rebuild_gives(after_each: list[str]) -> None:
    states = []
    for verbs in (after_each, []):
        store = Shared()
        life = Life(lambda store=store: store, "tom")  # type: ignore[misc]
        for turn in range(60):
            life.now = NOON + timedelta(hours=turn)
            life.memory.add(SAID[turn % len(SAID)], "Noted.", key=str(turn))
            for verb in verbs:
                life.do((verb,))
        same_as_rebuilt(life)
        states.append(life.state())
        assert life.memory.knowledge()
        life.close()
    assert states[0] == states[1]


EDITED = {
    "put right after the edit": [("go on", 0), ("correct", 0, 1), ("restore", 0)],
    "put right before the edit": [("correct", 0, 1), ("restore", 0), ("go on", 0)],
    "edited between": [("correct", 0, 1), ("go on", 0), ("restore", 0)],
    "put right twice": [("correct", 0, 1), ("correct", 1, 5), ("go on", 0), ("restore", 0)],
}


@pytest.mark.parametrize("steps", EDITED.values(), ids=EDITED)
def test_what_was_restored_stands_for_its_correction_when_its_page_is_edited(
    steps: Schedule, tmp_path: Path
) -> None:
    store = Shared()
    life = Life(lambda: store, "tom")
    for step in [("add", 0, "morning"), ("flush",)]:
        life.do(step)
    (said,) = life.memory.knowledge()
    for step in steps:
        if step[0] == "go on":
            (page,) = life.memory.pages()
            life.memory.session(page.session_id).add_messages([Message("assistant", "Yes.")])
        else:
            life.do(step)
    for again in (life.memory.flush, life.memory.rebuild):
        again()
        assert [item.text for item in life.memory.knowledge()] == [said.text]
    life.close()
