"""Items that expire, as LangGraph's SQLite and PostgreSQL stores have them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from langgraph.store.base import GetOp, PutOp, SearchOp

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.langgraph import MemoryOSStore, items
from memoryos_integrations.langgraph import expiry as expiry_module
from memoryos_integrations.langgraph import store as store_module

TOM = ("users", "tom")
Move = Callable[[float], None]


@pytest.fixture
def minutes_pass(monkeypatch: pytest.MonkeyPatch) -> Move:
    """Moves the clock of all stores forward."""
    ahead = [timedelta(0)]

    def now() -> datetime:
        return datetime.now(timezone.utc) + ahead[0]

    for module in (items, store_module, expiry_module):
        monkeypatch.setattr(module, "utc_now", now)

    def move(minutes: float) -> None:
        ahead[0] += timedelta(minutes=minutes)

    return move


def keys(found: list[Any]) -> list[str]:
    return sorted(item.key for item in found)


def test_a_ttl_of_its_own_the_default_and_none(engine: Engine, minutes_pass: Move) -> None:
    store = MemoryOSStore(engine, ttl={"default_ttl": 10, "refresh_on_read": False})
    store.put(TOM, "own", {"text": "tea"}, ttl=1)
    store.put(TOM, "default", {"text": "tea"})
    store.put(TOM, "ever", {"text": "tea"}, ttl=None)
    minutes_pass(2)
    assert keys(store.search(TOM)) == keys(store.search(TOM, query="tea")) == ["default", "ever"]
    assert store.get(TOM, "own") is None
    minutes_pass(9)
    assert keys(store.search(TOM)) == ["ever"]
    assert store.list_namespaces() == [TOM]
    plain = MemoryOSStore(engine)
    plain.put(TOM, "plain", {"text": "tea"})
    minutes_pass(1e6)
    assert keys(plain.search(TOM)) == ["ever", "plain"]


def test_what_has_expired_is_in_no_listing(engine: Engine, minutes_pass: Move) -> None:
    store = MemoryOSStore(engine)
    store.put((*TOM, "a"), "k", {"text": "tea"}, ttl=1)
    store.put((*TOM, "b"), "k", {"text": "tea"})
    assert store.list_namespaces(prefix=TOM) == [(*TOM, "a"), (*TOM, "b")]
    minutes_pass(1.5)
    assert store.list_namespaces(prefix=TOM) == [(*TOM, "b")]
    assert store.batch([GetOp((*TOM, "a"), "k"), SearchOp((*TOM, "a"))]) == [None, []]


@pytest.mark.parametrize("read", ["get", "search", "query"])
def test_reading_begins_the_time_anew(engine: Engine, minutes_pass: Move, read: str) -> None:
    def look(store: MemoryOSStore, **more: Any) -> bool:
        if read == "get":
            return store.get(TOM, "k", **more) is not None
        query = "tea" if read == "query" else None
        return bool(store.search(TOM, query=query, **more))

    store = MemoryOSStore(engine, ttl={"default_ttl": 10})
    store.put(TOM, "k", {"text": "tea"})
    updated = store.get(TOM, "k").updated_at  # type: ignore[union-attr]
    for _ in range(3):
        minutes_pass(7)
        assert look(store)
    assert store.get(TOM, "k", refresh_ttl=False).updated_at == updated  # type: ignore[union-attr]
    minutes_pass(7)
    assert look(store, refresh_ttl=False)
    minutes_pass(7)
    assert not look(store)

    still = MemoryOSStore(engine, ttl={"default_ttl": 10, "refresh_on_read": False})
    still.put(TOM, "k", {"text": "tea"})
    minutes_pass(7)
    assert look(still)
    minutes_pass(2)
    assert look(still, refresh_ttl=True)
    minutes_pass(7)
    assert look(still)
    minutes_pass(7)
    assert not look(still)


def test_a_put_begins_the_time_anew_or_ends_it(engine: Engine, minutes_pass: Move) -> None:
    store = MemoryOSStore(engine)
    store.put(TOM, "a", {"n": 1}, ttl=10)
    store.put(TOM, "b", {"n": 1}, ttl=10)
    minutes_pass(7)
    store.put(TOM, "a", {"n": 2}, ttl=10)
    store.put(TOM, "b", {"n": 2})
    minutes_pass(7)
    assert keys(store.search(TOM, refresh_ttl=False)) == ["a", "b"]
    minutes_pass(70)
    assert keys(store.search(TOM)) == ["b"]


def test_sweeping_erases(engine: Engine, minutes_pass: Move) -> None:
    store = MemoryOSStore(engine)
    ops = [PutOp(TOM, f"k{n}", {"text": f"secret {n}"}, ttl=1) for n in range(130)]
    store.batch([*ops, PutOp(TOM, "kept", {"text": "open"}, ttl=5)])
    store.put(("users", "eve"), "k", {"text": "secret"}, ttl=1)
    assert store.sweep_ttl() == 0
    minutes_pass(2)
    assert store.sweep_ttl() == 131
    assert [page.text for page in engine.memory("tom").pages()] == ["open"]
    assert "secret" not in engine.memory("tom").recall("secret").text()
    assert sum(r.erased["pages"] for r in engine.memory("tom").receipts()) == 130
    assert store.sweep_ttl() == 0
    bound = MemoryOSStore(engine, "tom")
    minutes_pass(5)
    assert bound.sweep_ttl() == 1


def test_what_another_process_refreshed_stays(sqlite_uri: str, minutes_pass: Move) -> None:
    with Engine.open(sqlite_uri) as here, Engine.open(sqlite_uri) as there:
        one, two = MemoryOSStore(here), MemoryOSStore(there)
        one.put(TOM, "k", {"text": "tea"}, ttl=10)
        assert keys(two.search(TOM, refresh_ttl=False)) == ["k"]
        minutes_pass(7)
        assert one.get(TOM, "k") is not None
        minutes_pass(7)
        assert keys(two.search(TOM, refresh_ttl=False)) == ["k"]
        assert two.sweep_ttl() == 0
        minutes_pass(7)
        assert two.sweep_ttl() == 1
        assert one.search(TOM) == []


def test_the_sweeper(engine: Engine) -> None:
    with MemoryOSStore(engine, ttl={"sweep_interval_minutes": 0.001}) as store:  # type: ignore[typeddict-item]
        store.put(TOM, "k", {"text": "tea"}, ttl=0.001)
        deadline = time.monotonic() + 20
        while engine.memory("tom").pages() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.memory("tom").pages() == []
        assert store.stop_ttl_sweeper(timeout=20)
        future = store.start_ttl_sweeper(0.001)
        future.cancel()
        assert store.stop_ttl_sweeper(timeout=20)
    none = MemoryOSStore(engine)
    assert none.start_ttl_sweeper().done()
    assert none.stop_ttl_sweeper()


async def test_sweeping_asynchronously(engine: Engine) -> None:
    async with MemoryOSStore(engine, ttl={"default_ttl": 0.0}) as store:
        await store.aput(TOM, "k", {"text": "tea"})
        assert await store.aget(TOM, "k") is None
        assert await store.asweep_ttl() == 1


@pytest.mark.parametrize("ttl", [-1, "5", True, float("nan"), float("inf")])
def test_times_that_cannot_be(engine: Engine, ttl: Any) -> None:
    with pytest.raises(InvalidInput, match="minutes"):
        MemoryOSStore(engine).put(TOM, "k", {"n": 1}, ttl=ttl)
    for config in ({"default": 5}, 5, ["default_ttl"]):
        with pytest.raises(InvalidInput, match="default_ttl"):
            MemoryOSStore(engine, ttl=config)  # type: ignore[arg-type]


def test_a_sweep_reads_only_what_has_expired(
    sqlite_uri: str, minutes_pass: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine.open(sqlite_uri) as engine:
        store = MemoryOSStore(engine)
        store.batch(
            [PutOp(TOM, f"k{n}", {"text": f"tea {n}"}, ttl=9 * (n % 50)) for n in range(300)]
        )
    with Engine.open(sqlite_uri) as engine:
        store = MemoryOSStore(engine)
        shelf = store._shelf(TOM)
        read: list[int] = []
        document = shelf._mine
        monkeypatch.setattr(shelf, "_mine", lambda page: [read.append(page.seq), document(page)][1])
        minutes_pass(5)
        assert store.sweep_ttl() == 6 == len(read)
        assert len(store.search(TOM, limit=400, refresh_ttl=False)) == 294
