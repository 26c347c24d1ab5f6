"""What a search gives: relevance as score, filters, what is indexed; one recall for a prefix."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import PutOp

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.retrieval.retriever import Retriever
from memoryos_integrations.langgraph import MemoryOSStore, open_store

TOM = ("users", "tom")


@pytest.fixture
def store(engine: Engine) -> MemoryOSStore:
    return MemoryOSStore(engine)


def scores(found: list[Any]) -> dict[str, float]:
    return {item.key: item.score for item in found}


def test_a_lone_item_that_says_it_exactly(store: MemoryOSStore) -> None:
    store.put(TOM, "a", {"text": "Ramen closed today"})
    assert scores(store.search(TOM, query="Ramen closed today"))["a"] == pytest.approx(1, abs=0.01)
    assert scores(store.search(TOM, query="asdf qwer"))["a"] < 0.15


def test_scores_of_users_and_namespaces_compare(engine: Engine, store: MemoryOSStore) -> None:
    for number in range(80):
        store.put(("users", "eve"), f"x{number}", {"text": f"Note {number} about the harbour"})
    store.put(("users", "eve"), "near", {"text": "Ramen closed today"})
    store.put(TOM, "exact", {"text": "Which ramen shop is open on Mondays"})
    store.put((*TOM, "food"), "far", {"text": "The dentist moved"})
    found = store.search(("users",), query="which ramen shop is open on mondays", limit=100)
    assert found[0].key == "exact"
    got = [item.score for item in found]
    assert got == sorted(got, reverse=True)  # type: ignore[type-var]
    assert all(score is not None and 0 <= score <= 1 for score in got)
    alone = store.search((*TOM, "food"), query="which ramen shop is open on mondays")
    assert alone[0].score == pytest.approx(scores(found)["far"])


def test_a_prefix_is_one_recall(store: MemoryOSStore, monkeypatch: pytest.MonkeyPatch) -> None:
    recalls: list[str] = []
    nearest = Retriever.nearest

    def counted(self: Retriever, scope: Any, query: str, *rest: Any) -> Any:
        recalls.append(query)
        return nearest(self, scope, query, *rest)

    monkeypatch.setattr(Retriever, "nearest", counted)
    monkeypatch.setattr(Retriever, "recall", None)
    store.batch(
        [PutOp((*TOM, f"topic{n}"), "k", {"text": f"a game of chess, {n}"}) for n in range(300)]
    )
    assert len(store.search(TOM, query="chess", limit=20)) == 20
    assert recalls == ["chess"]


def test_the_parts_of_a_result_agree(store: MemoryOSStore) -> None:
    store.batch(
        [
            PutOp((*TOM, f"t{n % 7}"), f"k{n}", {"text": f"chess game {n} {'x' * (n % 5)}"})
            for n in range(300)
        ]
    )
    whole = [item.key for item in store.search(TOM, query="a chess game", limit=60)]
    parts = [
        item.key
        for at in range(0, 60, 20)
        for item in store.search(TOM, query="a chess game", limit=20, offset=at)
    ]
    assert parts == whole


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"at.city": "Oslo"}, "a"),
        ({"at.city": {"$ne": "Oslo"}}, "b c d"),
        ({"at.street.number": {"$gte": 5}}, "b"),
        ({"a.b": 1}, "c"),
        ({"on": True}, "a"),
        ({"on": 1}, "b"),
        ({"on": {"$ne": True}}, "b c d"),
        ({"at": {"city": "Rome", "street": {"number": 7}}}, "b"),
        ({"gone": None}, "a b c d"),
        ({"tags": ["x", {"$gt": "y"}]}, "d"),
        ({"at.nowhere.at.all": 1}, ""),
    ],
)
def test_filters_of_parts(store: MemoryOSStore, wanted: Any, found: str) -> None:
    values: dict[str, Any] = {
        "a": {"at": {"city": "Oslo"}, "on": True},
        "b": {"at": {"city": "Rome", "street": {"number": 7}}, "on": 1},
        "c": {"a.b": 1, "at": "Oslo"},
        "d": {"tags": ["x", "z"]},
    }
    for key, value in values.items():
        store.put(TOM, key, value)
    assert sorted(item.key for item in store.search(TOM, filter=wanted)) == found.split()


@pytest.mark.parametrize(
    "wanted",
    [
        {"": 1},
        {"a..b": 1},
        {"a.": 1},
        {"a": {"$near": 1}},
        {"a": {"$gt": [1]}},
        {"a": {"$gt": None}},
        {"a": {"$gt": 1, "b": 2}},
        ["a"],
        {1: 2},
    ],
)
def test_filters_that_cannot_be_answered_are_refused(store: MemoryOSStore, wanted: Any) -> None:
    with pytest.raises(ValueError, match=r"filter|compares"):
        store.search(TOM, filter=wanted)


def test_a_filter_is_no_afterthought(store: MemoryOSStore) -> None:
    """What a filter picks is found however far down it would rank."""
    ops = [PutOp(TOM, f"k{n}", {"text": "a chess game", "n": n}) for n in range(400)]
    store.batch([*ops, PutOp(TOM, "far", {"text": "gardening", "n": 1000})])
    found = store.search(TOM, query="chess", filter={"n": {"$gt": 390}}, limit=20)
    assert len(found) == 10
    assert found[-1].key == "far"


# ── what is indexed ──────────────────────────────────────────────────────────────────────────────

UUID = "0b5a1c1e-7d1f-4d5f-9d3f-0a1b2c3d4e5f"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"content": "likes tea", "encoding": "utf-8", "created_at": "2026-01-01"}, "likes tea"),
        ({"content": "iVBORw0KGgo=", "encoding": "base64", "name": "cat"}, "name: cat"),
        ({"file": {"data": "AAEC", "encoding": "base64"}, "note": "a scan"}, "note: a scan"),
        ({"image": "data:image/png;base64,iVBORw0KGgo="}, ""),
        ({"blob": "QUJD" * 60}, ""),
        ({"user_id": "tom", "ref": UUID, "at": "2026-01-01T10:00:00Z", "say": "hi"}, "say: hi"),
        ({"n": 1, "on": True, "none": None}, ""),
        ({"age": 30, "city": "Oslo"}, "age: 30\ncity: Oslo"),
        ({"kind": "Memory", "content": {"food": "figs"}}, "food: figs"),
        ({"text": "見積もりは明日です" * 40}, "見積もりは明日です" * 40),
    ],
)
def test_only_words_are_indexed(engine: Engine, value: Any, words: str) -> None:
    store = MemoryOSStore(engine)
    store.put(TOM, "k", value)
    (page,) = engine.memory("tom").pages()
    assert page.text == words
    assert store.get(TOM, "k").value == value  # type: ignore[union-attr]


def test_items_are_nobodys_words_and_never_filed(engine: Engine, store: MemoryOSStore) -> None:
    store.batch([PutOp(TOM, f"k{n}", {"text": f"I love chess, {n}"}) for n in range(30)])
    memory = engine.memory("tom")
    memory.flush()
    assert memory.segments() == []
    assert memory.knowledge() == []
    assert memory.stats().waiting == 0
    text = memory.recall("chess").text()
    assert "Document: I love chess" in text
    assert "Assistant" not in text
    assert "User" not in text


def test_what_an_index_may_say(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match=r"'dims', 'embed'.*embedder"):
        MemoryOSStore(engine, index={"dims": 8, "embed": lambda t: t})  # type: ignore[arg-type]
    for wrong in ({"fields": "a"}, {"fields": [1]}, ["a"]):
        with pytest.raises(InvalidInput):
            MemoryOSStore(engine, index=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="index"):
        MemoryOSStore(engine).put(TOM, "k", {"a": "b"}, index="a")  # type: ignore[arg-type]


# ── opening ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_store_for_langgraph_json(sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(sqlite_uri, ttl={"default_ttl": 5}) as store:
        await store.aput(TOM, "k", {"text": "tea"})
    monkeypatch.setenv("MEMORYOS_STORAGE_URI", sqlite_uri)
    async with open_store() as store:
        assert (await store.aget(TOM, "k")).value == {"text": "tea"}  # type: ignore[union-attr]


def test_what_an_engine_is(engine: Engine, sqlite_uri: str) -> None:
    for wrong in ("sqlite:///x.db", 5, Engine):
        with pytest.raises(InvalidInput, match=r"Engine\.open"):
            MemoryOSStore(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="storage_uri"):
        MemoryOSStore()
    with pytest.raises(InvalidInput, match="not both"):
        MemoryOSStore(engine, storage_uri=sqlite_uri)
    with MemoryOSStore(engine):
        pass
    assert engine.memory("tom").pages() == []  # a given engine stays open
