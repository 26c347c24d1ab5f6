"""What LangGraph's tests of its SQLite and PostgreSQL stores look at, on each of our stores."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp

from memoryos import Engine
from memoryos_integrations.langgraph import MemoryOSStore
from tests.storage.postgres.server import empty_database

TEST = ("test", "documents")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[MemoryOSStore]:
    uri = {
        "memory": lambda: "sqlite:///:memory:",
        "sqlite": lambda: f"sqlite:///{tmp_path / 'm.db'}",
        "postgres": empty_database,
    }[request.param]()
    with Engine.open(uri) as engine:
        yield MemoryOSStore(engine)


def keys(found: list[Any]) -> list[str]:
    return [item.key for item in found]


def test_operations_in_the_order_of_a_batch(store: MemoryOSStore) -> None:
    store.put(TEST, "one", {"data": "value"})
    store.put((*TEST, "deep"), "two", {"data": "other"})
    results: Any = store.batch(
        [
            GetOp(TEST, "one"),
            PutOp(("test",), "three", {"data": "third"}),
            SearchOp(TEST, filter={"data": "value"}, limit=10, offset=0),
            ListNamespacesOp(match_conditions=None, max_depth=None, limit=10, offset=0),
            GetOp(("test",), "none"),
            PutOp((*TEST, "deep"), "two", None),
            GetOp((*TEST, "deep"), "two"),
        ]
    )
    assert results[0].value == {"data": "value"}
    assert keys(results[2]) == ["one"]
    assert results[3] == [TEST, (*TEST, "deep")]
    assert [results[n] for n in (1, 4, 5)] == [None] * 3
    assert results[6].value == {"data": "other"}
    assert store.get((*TEST, "deep"), "two") is None


def test_the_last_put_of_a_key_wins_and_the_newest_stands_first(store: MemoryOSStore) -> None:
    store.batch([PutOp(TEST, "k", {"n": n}) for n in range(5)] + [PutOp(TEST, "l", {"n": 9})])
    assert store.get(TEST, "k").value == {"n": 4}  # type: ignore[union-attr]
    store.put(TEST, "k", {"n": 5})
    assert keys(store.search(TEST)) == ["k", "l"]


def test_many_conditions_on_namespaces(store: MemoryOSStore) -> None:
    prefix = "team7"
    spaces = [
        (prefix, "a", "b", "c"),
        (prefix, "a", "b", "d", "e"),
        (prefix, "a", "b", "d", "i"),
        (prefix, "a", "b", "f"),
        (prefix, "a", "c", "f"),
        (prefix, "b", "a", "f"),
        (prefix, "users", "123"),
        (prefix, "users", "456", "settings"),
        ("admin", "users", "789"),
    ]
    for space in spaces:
        store.put(space, "k", {"n": 1})

    def listed(*conditions: MatchCondition, **more: Any) -> Any:
        return store.batch([ListNamespacesOp(match_conditions=conditions, **more)])[0]

    assert listed(MatchCondition("prefix", (prefix, "a", "b"))) == spaces[:4]
    assert listed(MatchCondition("suffix", ("f",))) == spaces[3:6]
    assert (
        listed(MatchCondition("prefix", (prefix, "a")), MatchCondition("suffix", ("f",)))
        == (spaces[3:5])
    )
    assert listed(MatchCondition("prefix", ("*", "users"))) == [spaces[8], *spaces[6:8]]
    assert listed(MatchCondition("suffix", ("*", "settings"))) == [spaces[7]]
    assert listed(MatchCondition("prefix", (prefix,)), max_depth=2) == [
        (prefix, "a"),
        (prefix, "b"),
        (prefix, "users"),
    ]
    assert listed(MatchCondition("prefix", (prefix,)), limit=2, offset=1) == spaces[1:3]
    assert listed(MatchCondition("prefix", ())) == sorted(spaces)
    assert listed(MatchCondition("suffix", (prefix, "users", "123", "x"))) == []


def test_a_large_batch(store: MemoryOSStore) -> None:
    """PostgreSQL takes 65,535 parameters in a statement, SQLite 32,766."""
    store.batch([PutOp(TEST, f"key{n}", {"foo": f"bar{n}"}) for n in range(1200)])
    found: Any = store.batch([GetOp(TEST, f"key{n}") for n in range(0, 1200, 7)])
    assert [item.value for item in found] == [{"foo": f"bar{n}"} for n in range(0, 1200, 7)]
    assert len(store.search(TEST, limit=2000)) == 1200
    store.batch([PutOp(TEST, f"key{n}", None) for n in range(1199)])
    assert keys(store.search(TEST)) == ["key1199"]


async def test_many_operations_at_once(store: MemoryOSStore) -> None:
    """What upstream calls large batches: thousands of operations of all kinds, not awaited."""
    spaces = [("test", "foo", "bar", "baz", str(n % 2)) for n in range(4)]
    work: list[Any] = []
    for space in spaces:
        for number in range(40):
            key = f"key{number}"
            work += [
                store.aput(space, key, {"foo": f"bar{number}"}),
                store.adelete(space, key) if number % 4 == 3 else store.aget(space, key),
                store.asearch(("test", "foo"), query="bar", limit=3, offset=number % 5),
                store.asearch(("test",), filter={"foo": "bar1"}, limit=3),
                store.alist_namespaces(prefix=("test",), max_depth=random.randint(1, 5)),
            ]
    results = await asyncio.gather(*work)
    assert len(results) == 800
    await asyncio.gather(*(store.aput(space, "key3", {"foo": "last"}) for space in spaces))
    for space in spaces[:2]:
        item = await store.aget(space, "key3")
        assert item is not None
        assert item.value == {"foo": "last"}


def test_threads_put_search_and_delete(store: MemoryOSStore) -> None:
    """Ten threads, each with a namespace of its own."""

    def work(number: int) -> int:
        space = ("users", "tom", f"t{number}")
        for n in range(10):
            store.put(space, f"k{n}", {"text": f"chess {n}", "n": n})
        assert len(store.search(space, query="chess", limit=20)) == 10
        for n in range(0, 10, 2):
            store.delete(space, f"k{n}")
        return len(store.search(space, filter={"n": {"$gte": 0}}))

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(work, range(10))) == [5] * 10
    assert len(store.search(("users", "tom"), limit=100)) == 50


def test_values_come_back_as_json(store: MemoryOSStore) -> None:
    value = {
        "text": "quotes ' \" and \\ slash, ü 日本 🎲",
        "deep": {"list": [1, 2.5, None, True, {"x": []}]},
        "big": 2**53,
        "empty": "",
        "line\nbreak": "key",
    }
    store.put(TEST, "k", value)
    assert store.get(TEST, "k").value == value  # type: ignore[union-attr]
    assert store.search(TEST)[0].value == value


def test_sql_in_filters_is_only_text(store: MemoryOSStore) -> None:
    store.put(TEST, "k", {"a": "x"})
    for name in ("a') OR 1=1 --", "a'; DROP TABLE pages; --", "$.a", "a OR"):
        assert store.search(TEST, filter={name: "x"}) == []
    assert store.search(TEST, filter={"a": "x' OR '1'='1"}) == []
    assert keys(store.search(TEST)) == ["k"]
