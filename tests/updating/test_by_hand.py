"""`remember` and `correct`: facts stated by hand outlive everything but their erasure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from memoryos import Engine, Memory
from memoryos.errors import InvalidInput, NotFound
from tests.conftest import ManualClock


@pytest.fixture
def memory(clock: ManualClock) -> Memory:
    return Engine.open("sqlite:///:memory:", {"promotion": "manual"}, clock=clock).memory("tom")


def test_what_is_remembered_is_a_fact_and_a_row_of_the_profile(memory: Memory) -> None:
    fact = memory.remember("Lisbon", attribute="home")
    agent = memory.remember("The agent is called Max", "agent", by="agent")
    assert (fact.kind, fact.analyst, fact.owner, fact.value) == ("fact", "user", "user", "Lisbon")
    assert (agent.owner, agent.analyst) == ("agent", "agent")
    assert memory.profile().text.startswith("home: Lisbon (20")
    assert memory.knowledge("user", "fact") == [fact]
    assert "home: Lisbon" in memory.recall("Where does Tom live?").text()


def test_a_row_of_the_profile_is_what_was_stated_last(memory: Memory, clock: ManualClock) -> None:
    old = memory.remember("Lisbon", attribute="home")
    moved = clock()
    clock.advance(seconds=86_400)
    new = memory.remember("Porto", attribute="home")
    assert memory.profile().user == {"home": "Porto"}
    assert new.supersedes == (old.id,)
    assert memory.profile(as_of=moved).user == {"home": "Lisbon"}
    assert [item.value for item in memory.knowledge(as_of=moved)] == ["Lisbon"]


def test_a_correction_supersedes_visibly_and_does_not_rewrite_the_past(
    memory: Memory, clock: ManualClock
) -> None:
    memory.add("I'm allergic to peanuts.", "Noted.")
    memory.flush()
    (said,) = memory.knowledge()
    then = clock()
    clock.advance(seconds=86_400)
    fact = memory.correct(said.id, "Tom is not allergic to peanuts")
    assert memory.knowledge() == [fact]
    assert memory.explain(fact.id).superseded[0].text == "I'm allergic to peanuts."
    past = memory.recall("peanuts", as_of=then + timedelta(seconds=1))
    assert [item.text for item in past.user_knowledge] == ["I'm allergic to peanuts."]
    assert memory.recall("peanuts", as_of=then - timedelta(days=1)).pages == ()
    memory.rebuild()
    assert memory.knowledge() == [fact]


def test_correcting_what_was_replaced_corrects_what_stands_in_its_place(memory: Memory) -> None:
    first = memory.remember("Lisbon", attribute="home")
    second = memory.remember("Porto", attribute="home")
    third = memory.correct(first.id, "Faro")
    assert memory.profile().user == {"home": "Faro"}
    assert memory.knowledge() == [third]
    assert third.supersedes == (second.id,)
    memory.add("I'm allergic to peanuts.", "Noted.")
    memory.flush()
    (said,) = memory.knowledge(kind="statement")
    wrong = memory.correct(said.id, "Tom is allergic to walnuts")
    right = memory.correct(said.id, "Tom is allergic to nothing")
    assert {item.id for item in memory.knowledge()} == {third.id, right.id}
    assert [item.id for item in memory.explain(right.id).superseded] == [wrong.id]
    memory.rebuild()
    assert {item.id for item in memory.knowledge()} == {third.id, right.id}


def test_what_is_restored_outlives_a_rebuild_an_export_and_what_is_said_later(
    memory: Memory, tmp_path: Path
) -> None:
    memory.add("I'm allergic to peanuts.", "Noted.", key="p")
    memory.flush()
    (said,) = memory.knowledge()
    wrong = memory.correct(said.id, "Tom is not allergic to peanuts")
    assert memory.restore(said.id).status == "active"
    assert memory.restore(said.id).status == "active"  # once more changes nothing
    memory.add("I keep bees.", "Nice.")
    memory.flush()
    for _ in range(2):
        assert {item.text for item in memory.knowledge()} == {said.text, "I keep bees."}
        assert [item.id for item in memory.knowledge(status="superseded")] == [wrong.id]
        memory.rebuild()
    memory.export(tmp_path / "tom.jsonl")
    other = Engine.open("sqlite:///:memory:", {"promotion": "manual"}).memory("ann")
    other.import_(tmp_path / "tom.jsonl")
    other.rebuild()
    assert {item.text for item in other.knowledge()} == {said.text, "I keep bees."}
    memory.forget(knowledge_id=said.id)
    store = memory._modules.store
    assert not [r for r in store.records(memory.scope, ["note"]) if r.body.get("restores")]
    memory.rebuild()
    assert said.id not in {item.id for item in memory.knowledge(status="all")}


def test_notes_outlive_export_and_import(memory: Memory, tmp_path: Path) -> None:
    memory.add("I'm allergic to peanuts.", "Noted.")
    memory.flush()
    memory.correct(memory.knowledge()[0].id, "Tom may eat peanuts")
    memory.remember("Lisbon", attribute="home")
    memory.recall("peanuts")
    memory.export(tmp_path / "tom.jsonl")
    for pages in (0, 1):
        other = Engine.open("sqlite:///:memory:", {"promotion": "manual"}).memory("ann")
        if pages:
            other.add("I keep bees.", "Nice.")
        other.import_(tmp_path / "tom.jsonl")
        other.import_(tmp_path / "tom.jsonl")
        other.flush()
        assert {item.text for item in other.knowledge()} >= {"Tom may eat peanuts", "Lisbon"}
        assert "I'm allergic to peanuts." not in {item.text for item in other.knowledge()}
        other.rebuild()
        assert other.profile().user == {"home": "Lisbon"}


def test_erasure_takes_notes_with_their_page_session_and_scope(memory: Memory) -> None:
    page = memory.add("I live in Lisbon.", "ok")
    memory.remember("Lisbon", attribute="home", source=page.id)
    memory.session("other").remember("Tom plays chess")
    kept = memory.remember("Tom keeps bees")
    memory.forget(page_id=page.id)
    assert memory.profile().user == {}
    memory.forget(session="other")
    assert memory.knowledge() == [kept]
    memory.rebuild()
    assert memory.knowledge() == [kept]
    receipt = memory.forget(everything=True)
    assert memory.check(receipt).nothing
    memory.rebuild()
    assert memory.knowledge(status="all") == []


def test_forgetting_a_fact_forgets_its_note(memory: Memory) -> None:
    memory.forget(knowledge_id=memory.remember("Tom keeps bees").id)
    memory.rebuild()
    assert memory.knowledge(status="all") == []


def test_what_cannot_be_meant_is_told(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="text"):
        memory.remember("  ")
    with pytest.raises(InvalidInput, match="owner"):
        memory.remember("x", "nobody")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        memory.remember("x", source="p404")
    with pytest.raises(NotFound):
        memory.correct("k404", "x")
    with pytest.raises(InvalidInput, match="as_of"):
        memory.knowledge(as_of="some day")
    with pytest.raises(InvalidInput, match="kind"):
        memory.knowledge(kind="rumour")  # type: ignore[arg-type]
