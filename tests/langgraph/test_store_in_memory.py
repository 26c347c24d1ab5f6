"""What is in the store is a part of the memory; graphs get it injected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import (
    BaseStore,
)

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput
from memoryos_integrations.langgraph import NOBODY, MemoryOSStore, user_of_namespace

TOM = ("memories", "tom")


@pytest.fixture
def store(engine: Engine) -> MemoryOSStore:
    return MemoryOSStore(engine)


def keys(items: list[Any]) -> list[str]:
    return [item.key for item in items]


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
    bound.put(("memories", "eve"), "b", {"text": "Eve is thirty-one"})
    assert "thirty-one" not in engine.memory("eve").recall("Eve").text()
    assert "thirty-one" in engine.memory("tom").recall("Eve").text()
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
