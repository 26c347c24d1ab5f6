"""The verbs of one memory: what is added is there at once, whole, and for everybody."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from uuid import UUID

import pytest

from memoryos import Engine, MemoryConfig, Message
from memoryos.errors import EngineClosed, InvalidInput, NotFound


def test_a_turn_can_be_recalled_as_soon_as_add_has_returned(engine: Engine) -> None:
    page = engine.memory("tom", session_id="a").add("My dog is called Rex", "A fine name!")
    found = engine.memory("tom", session_id="b").recall("What is the dog called?")
    assert [item.page.id for item in found.pages] == [page.id]
    assert found.pages[0].reasons
    assert "Rex" in found.text()
    assert found.short_term == ()  # another session's turn is not this one's conversation


def test_two_engines_on_one_file_see_each_others_writes(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri) as one, Engine.open(uri) as other:
        for number in range(20):
            writer, reader = (one, other) if number % 2 else (other, one)
            writer.memory("tom").add(f"The code of door {number} is {number * 37}")
            found = reader.memory("tom").recall(f"code of door {number}", k=1)
            assert f"is {number * 37}" in found.pages[0].page.user_input


def test_what_is_known_is_told_without_reading_the_journal(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'memories.db'}"
    # The other's worker does not run: it would read the journal as well.
    manual = {"promotion": "manual"}
    with Engine.open(uri) as first, Engine.open(uri, manual) as second:
        mine, other = first.memory("tom"), second.memory("tom")
        mine.add("I live in Porto and keep bees.", "Honey!")
        mine.flush()
        fact = mine.remember("Tom is allergic to peanuts")
        counted = other.stats()
        assert (counted.pages, counted.segments, counted.chains) == (1, 1, 1)
        assert (counted.user_knowledge, counted.superseded_knowledge) == (2, 0)
        assert fact.id in {item.id for item in other.knowledge()}
        assert len(other.segments()) == 1
        assert other._modules.views.cached(other.scope) is None
        new = mine.correct(fact.id, "Tom may eat peanuts")
        assert new.id in {item.id for item in other.knowledge()}
        assert fact.id not in {item.id for item in other.knowledge()}
        assert {fact.id, new.id} <= {item.id for item in other.knowledge(status="all")}
        counted = other.stats()
        assert (counted.user_knowledge, counted.superseded_knowledge) == (2, 1)
        mine.forget(everything=True)
        assert other.knowledge(status="all") == other.segments() == []


def test_scopes_never_meet(engine: Engine) -> None:
    ids = [
        "tom",
        "Tom",
        "ｔｏｍ",
        "../tom",
        "tom\x00",
        "tom\x00x",
        "👩‍🚀",
        "👩",
        "t" * 500,
        "t" * 501,
    ]
    for id_ in ids:
        engine.memory(id_).add(f"The secret of {len(id_)} {id_.encode().hex()}")
    for id_ in ids:
        pages = engine.memory(id_).recall("secret", k=100).pages
        assert [item.page.user_input for item in pages] == [
            f"The secret of {len(id_)} {id_.encode().hex()}"
        ]
        assert engine.memory(id_, assistant_id="other").pages() == []
    assert {scope.user_id for scope in engine.scopes()} == set(ids)


def test_a_page_keeps_its_messages_exactly(engine: Engine) -> None:
    memory = engine.memory("tom")
    messages = [
        Message("user", [{"type": "text", "text": "Look"}, {"type": "image", "url": "x"}], id="1"),
        Message("assistant", "", id="2", tool_calls=[{"name": "see", "args": {"deep": [1, None]}}]),
        Message("tool", "a cat", tool_call_id="c1", metadata={"status": "success"}),
        Message("assistant", "It is a cat", name="Ada"),
    ]
    (page,) = memory.add_messages(messages)
    stored = memory.page(page.id)
    assert stored == page
    assert [m.role for m in stored.messages] == ["user", "assistant", "tool", "assistant"]
    assert stored.messages[0].content == messages[0].content
    assert stored.messages[1].tool_calls == ({"name": "see", "args": {"deep": [1, None]}},)
    assert stored.messages[2].metadata == {"status": "success"}
    assert (stored.user_input, stored.agent_response) == ("Look", "It is a cat")


def test_messages_that_follow_go_on_with_the_newest_page(engine: Engine) -> None:
    memory = engine.memory("tom")
    (opened,) = memory.add_messages([Message("user", "What is two plus two?")])
    (closed,) = memory.add_messages([Message("assistant", "Four.")])
    assert closed.id == opened.id
    assert [(p.user_input, p.agent_response) for p in memory.pages()] == [
        ("What is two plus two?", "Four.")
    ]
    assert [hit.page.id for hit in memory.recall("two plus two four").pages] == [closed.id]


def test_a_page_may_lack_either_side(engine: Engine) -> None:
    memory = engine.memory("tom")
    assert memory.add("only me").agent_response == ""
    assert memory.add("", "only the agent").user_input == ""
    assert memory.add_messages([Message("tool", "42", tool_call_id="x")])[0].user_input == ""


def test_a_key_is_stored_once(engine: Engine) -> None:
    memory = engine.memory("tom")
    first = memory.add("hello", key="k1")
    assert memory.add("something else", key="k1") == first
    assert memory.add_many([("a", "b"), ("c", "d")], keys=["k1", "k2"])[0] == first
    assert len(memory.pages()) == 2
    assert memory.page(key="k1") == first
    (replaced,) = memory.add_messages([Message("user", "newer")], key="k1")
    assert replaced.id == first.id
    assert {page.user_input for page in memory.pages()} == {"newer", "c"}


def test_add_many_is_all_or_nothing(engine: Engine) -> None:
    memory = engine.memory("tom")
    with pytest.raises(InvalidInput, match=r"turns\[1\]"):
        memory.add_many([("a", "b"), ("", "")])
    with pytest.raises(InvalidInput, match="keys"):
        memory.add_many([("a", "b")], keys=[])
    assert memory.pages() == []
    times = ["2024-01-01", "2024-01-02T10:00:00Z", None]
    memory.add_many([("a", "b", time) for time in times])
    days = [page.timestamp.isoformat()[:10] for page in memory.pages()]
    assert days[:2] == ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize(
    ("given", "micros"),
    [
        ("2025-06-01T12:00:00.1", 100_000),
        ("2025-06-01T12:00:00.12Z", 120_000),
        ("2025-06-01T14:00:00.123456789+02:00", 123_456),
        ("2025-06-01 12:00:00.000001", 1),
    ],
)
def test_a_time_may_have_any_part_of_a_second(engine: Engine, given: str, micros: int) -> None:
    page = engine.memory("tom").add("a", "b", timestamp=given)
    assert page.timestamp == datetime(2025, 6, 1, 12, 0, 0, micros, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"user_input": "", "agent_response": " "}, "both empty"),
        ({"user_input": 7}, "user_input"),
        ({"user_input": "a\ud800"}, "lone surrogate"),
        ({"user_input": "a\x00"}, "NUL"),
        ({"user_input": "x" * 10_000_000}, "max_text_bytes"),
        ({"user_input": "a", "timestamp": "yesterday"}, "timestamp"),
        ({"user_input": "a", "timestamp": [5]}, "timestamp"),
        ({"user_input": "a", "metadata": {"x": object()}}, "metadata"),
        ({"user_input": "a", "metadata": {"x": float("nan")}}, "metadata"),
        ({"user_input": "a", "metadata": [1]}, "metadata"),
        ({"user_input": "a", "key": ""}, "key"),
    ],
)
def test_bad_turns_are_named_and_nothing_is_stored(
    engine: Engine, arguments: dict[str, object], named: str
) -> None:
    memory = engine.memory("tom")
    memory.add("before")
    with pytest.raises(InvalidInput, match=named):
        memory.add(**arguments)  # type: ignore[arg-type]
    assert [page.user_input for page in memory.pages()] == ["before"]


def test_bad_questions_are_named(engine: Engine) -> None:
    memory = engine.memory("tom")
    for arguments, named in (
        ({"query": "a", "k": 0}, "k must"),
        ({"query": "a", "k": True}, "k must"),
        ({"query": "a", "max_tokens": -1}, "max_tokens"),
        ({"query": ""}, "query"),
        ({"query": "a", "where": "b"}, "where"),
        ({"query": "a", "where": {"since": "soon"}}, "since"),
    ):
        with pytest.raises(InvalidInput, match=named):
            memory.recall(**arguments)  # type: ignore[arg-type]
    for bad in ("", None, True, 1.5, b"tom", "x" * 2000, 10**2000, "\udcff"):
        with pytest.raises(InvalidInput, match="user_id"):
            engine.memory(bad)  # type: ignore[arg-type]


def test_the_keys_of_databases_are_ids_as_their_text(engine: Engine) -> None:
    key = UUID("12345678-1234-5678-1234-567812345678")
    engine.memory(7, session_id=key).add("hello")
    memory = engine.memory("7", session_id=str(key))
    assert [page.user_input for page in memory.pages(key)] == ["hello"]
    assert memory.recall("hello", where={"session_id": key}, min_relevance=0).pages
    assert memory.forget(session=key).erased["pages"] == 1


def test_unknown_settings_are_named() -> None:
    with pytest.raises(InvalidInput, match="short_term_size"):
        Engine.open("sqlite:///:memory:", config={"short_term_size": 3})
    with pytest.raises(InvalidInput, match="top_pages"):
        MemoryConfig(top_pages=0)
    with pytest.raises(InvalidInput, match="retrieval"):
        MemoryConfig(retrieval="magic")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="uri"):
        Engine.open("mysql://x")


def test_where_narrows_to_session_time_and_metadata(engine: Engine) -> None:
    memory = engine.memory("tom", session_id="a")
    memory.add("tea in Lima", timestamp="2024-01-01", metadata={"place": "Lima"})
    memory.session("b").add("tea in Quito", timestamp="2025-01-01", metadata={"place": "Quito"})

    def texts(where: dict[str, object]) -> list[str]:
        return [item.page.user_input for item in memory.recall("tea", where=where).pages]

    assert texts({"session_id": "b"}) == ["tea in Quito"]
    assert texts({"since": "2024-06-01"}) == ["tea in Quito"]
    assert texts({"before": "2024-06-01"}) == ["tea in Lima"]
    assert texts({"place": "Lima"}) == ["tea in Lima"]
    assert sorted(texts({"place": ["Lima", "Quito"]})) == ["tea in Lima", "tea in Quito"]
    assert texts({"place": "Rome"}) == []


def test_the_context_block_keeps_its_budget_and_never_cuts_a_turn(engine: Engine) -> None:
    memory = engine.memory("tom")
    turns = [(f"Trip {n}: " + "we walked on and on " * n, f"Well done, {n}.") for n in range(1, 30)]
    memory.add_many(turns)
    found = engine.memory("tom", session_id="new").recall("trip", k=30)
    whole = {f"User: {user.strip()}" for user, _ in turns} | {f"Assistant: {a}" for _, a in turns}
    for budget in (0, 10, 50, 200, 1000, 5000):
        block = found.text(budget)
        assert engine.count_tokens(block) <= budget
        said = [line for line in block.splitlines() if line.startswith(("User:", "Assistant:"))]
        assert {line.strip() for line in said} <= whole
    assert len(found.text(5000)) > len(found.text(200)) > 0


def test_ids_that_are_not_there(engine: Engine) -> None:
    memory = engine.memory("tom")
    for call in (
        lambda: memory.page("nope"),
        lambda: memory.explain("nope"),
        lambda: memory.forget(page_id="nope"),
        lambda: memory.forget(knowledge_id="nope"),
    ):
        with pytest.raises(NotFound, match="nope"):
            call()
    with pytest.raises(InvalidInput, match="exactly one"):
        memory.forget()
    with pytest.raises(InvalidInput, match="page_id and session"):
        memory.forget(page_id="a", session="b")


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    engine = Engine.open(f"sqlite:///{tmp_path}/m.db")
    memory = engine.memory("tom")
    memory.add("hello")
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        memory.add("too late")
    with pytest.raises(EngineClosed):
        engine.memory("tom")


def test_what_a_caller_changes_in_a_page_stays_with_the_caller(engine: Engine) -> None:
    memory = engine.memory("tom")
    memory.add("hello", metadata={"tags": ["a"]})
    memory.pages()[0].metadata["tags"].append("b")
    assert memory.pages()[0].metadata == {"tags": ["a"]}


@pytest.mark.parametrize("count", [2**63, 10**30])
def test_a_number_that_no_database_holds_is_refused(engine: Engine, count: int) -> None:
    memory = engine.memory("tom")
    memory.add("hello", "hi")
    with pytest.raises(InvalidInput, match="limit"):
        memory.pages(limit=count)
    with pytest.raises(InvalidInput, match="k must"):
        memory.recall("hello", k=count)
