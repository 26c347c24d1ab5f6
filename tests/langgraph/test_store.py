"""MemoryOSStore does what LangGraph's own tests ask of its stores, and is a part of the memory."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Any

import pytest
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.langgraph import MemoryOSStore

TOM = ("memories", "tom")


@pytest.fixture
def store(engine: Engine) -> MemoryOSStore:
    return MemoryOSStore(engine)


def keys(items: list[Any]) -> list[str]:
    return [item.key for item in items]


# ── put, get, delete ─────────────────────────────────────────────────────────────────────────────


def test_put_get_delete(store: MemoryOSStore) -> None:
    value = {"text": "likes chess", "deep": {"list": [1, 2.5, None, True, "ü"]}, "empty": {}}
    assert store.get(TOM, "a") is None
    store.put(TOM, "a", value)
    item = store.get(TOM, "a")
    assert isinstance(item, Item)
    assert (item.namespace, item.key, item.value) == (TOM, "a", value)
    store.delete(TOM, "a")
    assert store.get(TOM, "a") is None
    store.delete(TOM, "a")


def test_the_times_are_those_of_the_first_and_the_last_put(store: MemoryOSStore) -> None:
    before = datetime.now(timezone.utc)
    store.put(TOM, "a", {"n": 1})
    first = store.get(TOM, "a")
    store.put(TOM, "a", {"n": 2})
    second = store.get(TOM, "a")
    assert first is not None
    assert second is not None
    assert second.value == {"n": 2}
    assert before <= first.created_at == second.created_at
    assert first.created_at <= first.updated_at < second.updated_at <= datetime.now(timezone.utc)


def test_what_is_got_is_a_copy(store: MemoryOSStore) -> None:
    value = {"list": [1]}
    store.put(TOM, "a", value)
    value["list"].append(2)
    store.get(TOM, "a").value["list"].append(3)  # type: ignore[union-attr]
    assert store.get(TOM, "a").value == {"list": [1]}  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["a.b/c", "../etc/passwd", "*", "%", "ключ", "a" * 900, "[1]"])
def test_keys_of_any_kind(store: MemoryOSStore, key: str) -> None:
    store.put(TOM, key, {"n": 1})
    assert store.get(TOM, key).key == key  # type: ignore[union-attr]
    assert keys(store.search(TOM)) == [key]


def test_keys_and_labels_do_not_run_into_each_other(store: MemoryOSStore) -> None:
    store.put(("users", "tom", "a"), "b", {"n": 1})
    store.put(("users", "tom"), "a", {"n": 2})
    assert store.get(("users", "tom"), "a.b") is None
    assert store.get(("users", "tom", "a"), "b").value == {"n": 1}  # type: ignore[union-attr]


def test_namespaces_that_cannot_be(store: MemoryOSStore) -> None:
    for namespace in ((), ("a.b",), ("",), ("langgraph", "x")):
        with pytest.raises(InvalidNamespaceError):
            store.put(namespace, "a", {"n": 1})
    for op in (
        GetOp(("a.b",), "a"),
        PutOp(("a.b",), "a", {"n": 1}),
        SearchOp(("a.b",)),
        ListNamespacesOp((MatchCondition("prefix", ("a.b",)),)),
    ):
        with pytest.raises(InvalidNamespaceError):
            store.batch([op])


# ── batches ──────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_reads_the_state_before_its_puts_and_the_last_put_wins(
    store: MemoryOSStore,
) -> None:
    store.put(TOM, "a", {"n": 1})
    results = store.batch(
        [
            PutOp(TOM, "a", {"n": 2}),
            GetOp(TOM, "a"),
            PutOp(TOM, "b", {"n": 3}),
            SearchOp(TOM),
            PutOp(TOM, "a", {"n": 4}),
            ListNamespacesOp(),
            PutOp(TOM, "b", None),
            GetOp(TOM, "b"),
        ]
    )
    assert results[1].value == {"n": 1}  # type: ignore[union-attr]
    assert keys(results[3]) == ["a"]  # type: ignore[arg-type]
    assert results[5] == [TOM]
    assert [results[i] for i in (0, 2, 4, 6, 7)] == [None] * 5
    assert store.get(TOM, "a").value == {"n": 4}  # type: ignore[union-attr]
    assert store.get(TOM, "b") is None
    assert store.batch([]) == []
    with pytest.raises(InvalidInput):
        store.batch(["get"])  # type: ignore[list-item]


async def test_the_asynchronous_verbs(store: MemoryOSStore) -> None:
    await store.aput(TOM, "a", {"text": "likes chess"})
    assert (await store.aget(TOM, "a")).value == {"text": "likes chess"}  # type: ignore[union-attr]
    assert keys(await store.asearch(TOM, query="chess")) == ["a"]
    assert await store.alist_namespaces() == [TOM]
    await store.adelete(TOM, "a")
    assert await store.abatch([GetOp(TOM, "a"), SearchOp(TOM)]) == [None, []]


def test_it_is_bound_to_no_event_loop(store: MemoryOSStore) -> None:
    async def use(n: int) -> Any:
        await store.aput(TOM, str(n), {"n": n})
        return await store.aget(TOM, str(n))

    assert [asyncio.run(use(n)).value["n"] for n in range(3)] == [0, 1, 2]


# ── search ───────────────────────────────────────────────────────────────────────────────────────

PEOPLE = {
    "ann": {"age": 30, "city": "Oslo", "tags": ["a", "b"], "at": {"work": "shop"}},
    "bob": {"age": 40, "city": "Rome", "tags": ["a"], "at": {"work": "bank"}},
    "cid": {"age": 50.5, "city": "Oslo"},
    "dan": {"city": None, "age": "old"},
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "ann bob cid dan"),
        ({"city": "Oslo"}, "ann cid"),
        ({"city": "Oslo", "age": 30}, "ann"),
        ({"age": {"$eq": 40}}, "bob"),
        ({"city": {"$ne": "Oslo"}}, "bob dan"),
        ({"age": {"$gt": 30}}, "bob cid"),
        ({"age": {"$gte": 30, "$lt": 50}}, "ann bob"),
        ({"age": {"$lte": 40}}, "ann bob"),
        ({"city": {"$gt": "P"}}, "bob"),
        ({"at": {"work": "bank"}}, "bob"),
        ({"at": {"work": {"$ne": "bank"}}}, "ann"),
        ({"tags": ["a", "b"]}, "ann"),
        ({"tags": ["a"]}, "bob"),
        ({"nothing": 1}, ""),
        ({"city": None}, "dan"),
    ],
)
def test_filters(store: MemoryOSStore, wanted: Any, found: str) -> None:
    for key, value in PEOPLE.items():
        store.put(("docs", "people"), key, value)
    items = store.search(("docs",), filter=wanted)
    assert sorted(keys(items)) == found.split()
    assert all(isinstance(item, SearchItem) for item in items)


def test_a_filter_operator_that_does_not_exist(store: MemoryOSStore) -> None:
    store.put(TOM, "a", {"n": 1})
    with pytest.raises(ValueError, match=r"\$near"):
        store.search(TOM, filter={"n": {"$near": 1}})


def test_pages_of_results(store: MemoryOSStore) -> None:
    for number in range(25):
        store.put(TOM, f"k{number:02}", {"text": f"game of chess number {number}"})
    assert len(store.search(TOM)) == 10
    assert keys(store.search(TOM, limit=3)) == ["k24", "k23", "k22"]  # the newest first
    for query in (None, "chess"):
        parts = [store.search(TOM, query=query, limit=10, offset=at) for at in (0, 10, 20, 30)]
        assert [len(part) for part in parts] == [10, 10, 5, 0]
        assert len({key for part in parts for key in keys(part)}) == 25


def test_the_prefix_ends_at_a_label(store: MemoryOSStore) -> None:
    for namespace in (("a", "b"), ("a", "bc"), ("a", "b", "c"), ("ab",), ("a",)):
        store.put(namespace, "k", {"n": 1})
    assert {item.namespace for item in store.search(("a", "b"))} == {("a", "b"), ("a", "b", "c")}
    assert {item.namespace for item in store.search(("a",))} == {
        ("a",),
        ("a", "b"),
        ("a", "bc"),
        ("a", "b", "c"),
    }
    assert len(store.search(())) == 5


@pytest.mark.parametrize("label", ["*", "%", "_", "a%", "a_c", "\\", "'", "a b"])
def test_wildcards_in_labels_are_literal(store: MemoryOSStore, label: str) -> None:
    store.put(("x", label), "k", {"n": 1})
    store.put(("x", "abc"), "k", {"n": 2})
    assert [item.value["n"] for item in store.search(("x", label))] == [1]
    assert store.get(("x", label), "k").value == {"n": 1}  # type: ignore[union-attr]
    assert store.search((label,)) == []


def test_search_by_meaning_of_words(store: MemoryOSStore) -> None:
    store.put(TOM, "food", {"likes": "pizza with mushrooms"})
    store.put(TOM, "game", {"likes": "chess in the evening"})
    store.put(TOM, "job", {"works_as": "a nurse in Lisbon"})
    items = store.search(TOM, query="Which games does he play? chess?")
    assert items[0].key == "game"
    scores = [item.score for item in items]
    assert scores == sorted(scores, key=lambda s: -(s or 0))
    assert all(isinstance(score, float) for score in scores)
    assert [item.score for item in store.search(TOM)] == [None] * 3
    for filtered in ({"works_as": {"$ne": None}}, {"works_as": "a nurse in Lisbon"}):
        (found,) = store.search(TOM, query="pizza", filter=filtered)
        assert found.key == "job"
        assert isinstance(found.score, float)


def test_what_is_indexed(engine: Engine) -> None:
    store = MemoryOSStore(engine, index={"fields": ["title", "notes[*].text"]})
    value = {"title": "Travel", "secret": "pizza", "notes": [{"text": "to Oslo"}, {"text": "ski"}]}
    store.put(TOM, "a", value)
    store.put(TOM, "b", value, index=["secret"])
    store.put(TOM, "c", value, index=False)
    texts = {page.metadata["langgraph"]["key"]: page.text for page in engine.memory("tom").pages()}
    assert texts == {"a": "Travel\nto Oslo\nski", "b": "pizza", "c": ""}
    assert keys(store.search(TOM, query="pizza"))[0] == "b"
    assert keys(store.search(TOM, query="pizza"))[-1] == "c"
    assert store.get(TOM, "c").value == value  # type: ignore[union-attr]
    with pytest.raises(InvalidInput, match="fields"):
        MemoryOSStore(engine, index={"fields": "title"})


# ── namespaces ───────────────────────────────────────────────────────────────────────────────────

SPACES = [
    tuple(path.split("/")) for path in "a/b/c a/b/d/e a/b/d/i a/b/f a/c/f b/a/f users/tom/f".split()
]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"prefix": ("a", "b")},
        {"prefix": ("a", "b"), "max_depth": 3},
        {"suffix": ("f",)},
        {"prefix": ("a",), "suffix": ("f",)},
        {"prefix": ("a", "*", "f")},
        {"prefix": ("*", "b")},
        {"suffix": ("*", "f")},
        {"max_depth": 1},
        {"limit": 2},
        {"limit": 2, "offset": 3},
        {"prefix": ("nowhere",)},
        {"prefix": ("a", "b", "c", "d")},
    ],
)
def test_listing_namespaces_is_as_in_langgraphs_own_store(store: MemoryOSStore, query: Any) -> None:
    other = InMemoryStore()
    for namespace in SPACES:
        store.put(namespace, "k", {"n": 1})
        other.put(namespace, "k", {"n": 1})
    assert store.list_namespaces(**query) == other.list_namespaces(**query)


def test_a_namespace_is_gone_with_its_last_item(store: MemoryOSStore) -> None:
    store.put(TOM, "a", {"n": 1})
    store.delete(TOM, "a")
    assert store.list_namespaces() == []
