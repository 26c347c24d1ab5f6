"""The tools of MemoryOSToolSpec as an agent calls them."""

from __future__ import annotations

import asyncio

import pytest

from memoryos_integrations.llama_index import MemoryOSToolSpec


@pytest.fixture
def tools(engine):
    return {t.metadata.name: t for t in MemoryOSToolSpec(engine, "tom").to_tool_list()}


def test_names_and_schemas(tools):
    expected = {
        "remember": (["text"], ["text"]),
        "recall": (["query", "as_of"], ["query"]),
        "forget": (["memory_id"], ["memory_id"]),
        "correct": (["memory_id", "text"], ["memory_id", "text"]),
        "list_known": (["as_of"], []),
    }
    assert list(tools) == list(expected)
    for tool, (arguments, required) in expected.items():
        schema = tools[tool].metadata.get_parameters_dict()
        assert list(schema["properties"]) == arguments
        assert schema.get("required", []) == required
        assert "user_id" not in str(schema)
        assert len(tools[tool].metadata.description) > 40


@pytest.mark.parametrize("how", ["sync", "async"])
def test_remember_recall_correct_forget(tools, engine, how):
    def use(name, **kwargs):
        tool = tools[name]
        return str(tool(**kwargs) if how == "sync" else asyncio.run(tool.acall(**kwargs)))

    memory = engine.memory("tom")
    assert "Remembered" in use("remember", text="Tom's dog is called Biscuit")
    (fact,) = memory.knowledge()
    assert (fact.kind, fact.analyst) == ("fact", "agent")
    assert f"[{fact.id}] Tom's dog is called Biscuit (" in use("recall", query="What is my dog?")
    told = use("correct", memory_id=f"[{fact.id}].", text="Tom's dog is called Waffles")
    (new,) = memory.knowledge()
    assert told == f"Corrected: {fact.id} is now [{new.id}]."
    assert f"replaced by {new.id}" in use("correct", memory_id=fact.id, text="No dog")
    for shown in (use("recall", query="dog"), use("list_known")):
        assert f"[{new.id}] Tom's dog is called Waffles (" in shown
        assert "Biscuit" not in shown
    assert "Forgotten" in use("forget", memory_id=f" [{new.id}] ")
    # A correction that is forgotten corrects nothing: what it had replaced holds again.
    assert [k.id for k in memory.knowledge()] == [fact.id]
    assert "Forgotten" in use("forget", memory_id=fact.id)
    assert use("recall", query="dog") == "Nothing is remembered on that."
    assert use("list_known") == "Nothing is known yet."
    assert "no memory" in use("forget", memory_id=new.id)


def test_a_turn_can_be_recalled_and_forgotten(tools, engine):
    page = engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    assert f"] [{page.id}]\n" in str(tools["recall"](query="What is my dog called?"))
    assert "not corrected" in str(tools["correct"](memory_id=page.id, text="It is Waffles"))
    assert "Forgotten" in str(tools["forget"](memory_id=page.id))
    assert engine.memory("tom").pages() == []


def test_a_statement_is_listed_with_its_date_and_forgotten(tools, engine):
    memory = engine.memory("tom", session_id="old")
    memory.add("I live in Braga", "Nice", timestamp="2021-03-04")
    memory.flush()
    (statement,) = memory.knowledge()
    shown = str(tools["list_known"]())
    assert f"- [{statement.id}] User said on 2021-03-04: “I live in Braga”" in shown
    assert shown.startswith("<memory>")
    assert str(tools["list_known"](as_of="2021-01-01")) == "Nothing is known yet."
    assert "Braga" in str(tools["recall"](query="Where do I live?", as_of="2021-04-01"))
    assert "Braga" not in str(tools["recall"](query="Where do I live?", as_of="2021-01-01"))
    assert "Forgotten" in str(tools["forget"](memory_id=statement.id))
    assert memory.knowledge(status="all") == []


def test_what_cannot_be_done_is_said_to_the_model(tools):
    assert "Not remembered" in str(tools["remember"](text="  "))
    assert str(tools["recall"](query="  ")) == "Say what to look for."
    assert "Not recalled: as_of" in str(tools["recall"](query="dog", as_of="last week"))
    assert "Not listed: as_of" in str(tools["list_known"](as_of="last week"))
    assert "no fact" in str(tools["correct"](memory_id="k1", text="So"))


def test_another_users_memory_is_out_of_reach(tools, engine):
    page = engine.memory("anna").add("My cat is called Pixel")
    assert "Pixel" not in str(tools["recall"](query="cat Pixel"))
    assert "no memory" in str(tools["forget"](memory_id=page.id))
    assert len(engine.memory("anna").pages()) == 1


def test_a_choice_of_tools(engine):
    spec = MemoryOSToolSpec(engine, "tom")
    assert [t.metadata.name for t in spec.to_tool_list(["recall"])] == ["recall"]
    assert len(asyncio.run(spec.to_tool_list_async())) == 5
