"""MemoryOSStore does what LangGraph's own tests ask of its stores, and is a part of the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import (
    BaseStore,
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
from memoryos.errors import EngineClosed, InvalidInput
from memoryos_integrations.langgraph import NOBODY, MemoryOSStore, user_of_namespace

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
    with pytest.raises(NotImplementedError, match="TTL"):
        store.put(TOM, "a", {"n": 1}, ttl=5)


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
    found = store.search(TOM, query="pizza", filter={"works_as": {"$ne": None}})
    assert keys(found) == ["job"]


def test_what_is_indexed(engine: Engine) -> None:
    store = MemoryOSStore(engine, fields=["title", "notes[*].text"])
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
        MemoryOSStore(engine, fields="title")


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


# ── a part of the memory ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("namespace", "user"),
    [
        (("memories", "tom"), "tom"),
        (("users", "tom", "food"), "tom"),
        (("tom", "memories"), "tom"),
        (("tom", "memories", "food"), "tom"),
        (("users",), None),
        (("tom",), None),
        (("docs", "api"), None),
        (("org", "users", "tom"), None),
    ],
)
def test_whose_a_namespace_is(namespace: tuple[str, ...], user: str | None) -> None:
    assert user_of_namespace(namespace) == user


def test_what_is_put_is_recalled_and_erased(engine: Engine, store: MemoryOSStore) -> None:
    store.put(TOM, "game", {"likes": "chess in the evening"})
    store.put(TOM, "job", {"works_as": "a nurse"})
    memory = engine.memory("tom")
    found = memory.recall("Who likes chess?")
    assert found.pages[0].page.text == "likes: chess in the evening"
    assert "likes: chess in the evening" in found.text()
    assert found.short_term == ()
    memory.forget(page_id=found.pages[0].page.id)
    assert store.get(TOM, "game") is None
    assert keys(store.search(TOM)) == ["job"]
    memory.forget(everything=True)
    assert store.search(()) == []


def test_deleting_and_replacing_erase_the_words(engine: Engine, store: MemoryOSStore) -> None:
    store.put(TOM, "a", {"text": "the old secret"})
    store.put(TOM, "a", {"text": "something else"})
    store.put(TOM, "b", {"text": "another secret"})
    store.delete(TOM, "b")
    assert "secret" not in engine.memory("tom").recall("secret").text()
    assert "secret" not in str(engine.memory("tom").pages())
    assert engine.memory("tom").receipts()


def test_no_user_sees_another_users_items(engine: Engine, store: MemoryOSStore) -> None:
    store.put(("memories", "tom"), "a", {"text": "Tom's code is 1234"})
    store.put(("memories", "eve"), "a", {"text": "Eve's code is 9876"})
    store.put(("docs", "api"), "a", {"text": "The code of the API is public"})
    assert "9876" not in engine.memory("tom").recall("code").text()
    assert [item.value["text"] for item in store.search(TOM, query="code")] == [
        "Tom's code is 1234"
    ]
    # What is nobody's is in nobody's memory: not even in that of a user who is called like it.
    for name in ("docs", "memories", "shared"):
        assert engine.memory(name).pages() == []
    assert len(engine.memory(*NOBODY).pages()) == 1
    # A store of one user knows of nothing else, whatever is asked.
    bound = MemoryOSStore(engine, "tom")
    assert keys(bound.search(())) == ["a"]
    assert bound.get(("memories", "eve"), "a") is None
    bound.put(("memories", "eve"), "b", {"text": "Eve is 30"})
    assert "30" not in engine.memory("eve").recall("Eve").text()
    assert "30" in engine.memory("tom").recall("Eve").text()
    assert bound.list_namespaces() == [("memories", "eve"), ("memories", "tom")]


def test_users_by_a_function_of_ones_own(engine: Engine) -> None:
    store = MemoryOSStore(
        engine, user_of=lambda n: n[2] if len(n) > 2 and n[:2] == ("org", "acme") else None
    )
    store.put(("org", "acme", "tom", "food"), "a", {"likes": "pizza"})
    assert "pizza" in engine.memory("tom").recall("pizza").text()
    assert keys(store.search(("org",))) == keys(store.search(("org", "acme", "tom"))) == ["a"]
    assert store.memory(("org", "acme", "tom", "food")).scope.user_id == "tom"


def test_a_conversation_is_no_item(engine: Engine, store: MemoryOSStore) -> None:
    engine.memory("tom").add("hello", "hi")
    engine.memory("tom", session_id="langgraph:memories.tom").add("odd name", "indeed")
    store.put(TOM, "a", {"n": 1})
    assert keys(store.search(())) == ["a"]


def test_items_outlive_the_process(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri) as engine:
        MemoryOSStore(engine).put(TOM, "a", {"text": "likes chess"})
    with Engine.open(sqlite_uri) as engine:
        assert MemoryOSStore(engine).get(TOM, "a").value == {"text": "likes chess"}  # type: ignore[union-attr]


def test_a_store_that_cannot_says_so(engine: Engine, store: MemoryOSStore) -> None:
    engine.close()
    with pytest.raises(EngineClosed):
        store.put(TOM, "a", {"n": 1})
    with pytest.raises(EngineClosed):
        store.get(TOM, "a")


@pytest.mark.parametrize("text", ["nul \x00 inside", "half \ud83d of a pair"])
def test_odd_text_is_searched_all_the_same(store: MemoryOSStore, text: str) -> None:
    if "\ud83d" in text:
        with pytest.raises(InvalidInput, match="surrogate"):
            store.put(TOM, "a", {"text": text})
        return
    store.put(TOM, "a", {"text": text})
    assert store.get(TOM, "a").value == {"text": text}  # type: ignore[union-attr]


# ── in graphs ────────────────────────────────────────────────────────────────────────────────────


class State(TypedDict):
    user: str
    text: str


def graph(store: BaseStore) -> Any:
    def remember(state: State, store: BaseStore) -> State:
        namespace = ("memories", state["user"])
        store.put(namespace, state["text"], {"text": state["text"]})
        found = store.search(namespace, query=state["text"])
        return {"user": state["user"], "text": found[0].value["text"].upper()}

    builder = StateGraph(State)
    builder.add_node("remember", remember)
    builder.add_edge(START, "remember")
    builder.add_edge("remember", END)
    return builder.compile(store=store)


def test_injected_into_nodes(engine: Engine, store: MemoryOSStore) -> None:
    assert graph(store).invoke({"user": "tom", "text": "chess"})["text"] == "CHESS"
    assert "chess" in engine.memory("tom").recall("chess").text()


async def test_injected_into_asynchronous_nodes(engine: Engine, store: MemoryOSStore) -> None:
    async def remember(state: State, store: BaseStore) -> State:
        await store.aput(("memories", state["user"]), "k", {"text": state["text"]})
        return state

    builder = StateGraph(State)
    builder.add_node("remember", remember)
    builder.add_edge(START, "remember")
    await builder.compile(store=store).ainvoke({"user": "tom", "text": "go"})
    assert "go" in engine.memory("tom").recall("go").text()


def in_threads(work: Callable[[int], Any], count: int) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(count)))


def test_20_threads_and_200_tasks(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri, {"durability": "normal"}) as engine:
        store = MemoryOSStore(engine)
        app = graph(store)
        in_threads(lambda n: app.invoke({"user": f"user{n % 5}", "text": f"thread {n}"}), 40)
        in_threads(lambda n: store.put(TOM, "same", {"n": n}), 40)

        async def tasks() -> None:
            await asyncio.gather(
                *(store.aput(("users", f"user{n % 5}"), f"{n}", {"n": n}) for n in range(200))
            )

        asyncio.run(tasks())
        assert len(store.search(TOM)) == 1
        for number in range(5):
            user = f"user{number}"
            assert len(store.search(("users", user), limit=100)) == 40
            said = {item.value["text"] for item in store.search(("memories", user), limit=100)}
            assert said == {f"thread {n}" for n in range(40) if n % 5 == number}
