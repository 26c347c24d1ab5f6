"""The tools of MemoryOSToolSpec as an agent calls them."""

from __future__ import annotations

import asyncio

import pytest

from memoryos_integrations.llama_index import MemoryOSToolSpec


@pytest.fixture
def tools(engine):
    return {t.metadata.name: t for t in MemoryOSToolSpec(engine, "tom").to_tool_list()}


def test_names_and_schemas(tools):
    assert list(tools) == ["remember", "recall", "forget"]
    for tool, argument in (("remember", "text"), ("recall", "query"), ("forget", "memory_id")):
        schema = tools[tool].metadata.get_parameters_dict()
        assert list(schema["properties"]) == [argument]
        assert schema["required"] == [argument]
        assert "user_id" not in str(schema)
        assert len(tools[tool].metadata.description) > 40


@pytest.mark.parametrize("how", ["sync", "async"])
def test_remember_recall_forget(tools, engine, how):
    def use(name, **kwargs):
        tool = tools[name]
        return str(tool(**kwargs) if how == "sync" else asyncio.run(tool.acall(**kwargs)))

    assert "Remembered" in use("remember", text="My dog is called Biscuit")
    (page,) = engine.memory("tom").pages()
    assert page.metadata == {"kind": "note"}
    shown = use("recall", query="What is my dog called?")
    assert f"] [{page.id}]\n" in shown
    assert "Biscuit" in shown
    assert "Forgotten" in use("forget", memory_id=f" [{page.id}] ")
    assert use("recall", query="dog") == "Nothing is remembered on that."
    assert engine.memory("tom").pages() == []
    assert "no memory" in use("forget", memory_id=page.id)


def test_a_fact_can_be_recalled_and_forgotten(tools, engine):
    memory = engine.memory("tom", session_id="old")
    for number in range(14):
        memory.add(f"I live in Braga, day {number}", "Nice")
    memory.flush()
    fact = next(k for k in memory.knowledge() if "Braga" in k.text)
    assert f"- [{fact.id}] " in str(tools["recall"](query="Where do I live?"))
    assert "Forgotten" in str(tools["forget"](memory_id=fact.id))
    assert fact.id not in [k.id for k in memory.knowledge()]


def test_what_cannot_be_done_is_said_to_the_model(tools):
    assert "Not remembered" in str(tools["remember"](text="  "))
    assert str(tools["recall"](query="  ")) == "Say what to look for."


def test_another_users_memory_is_out_of_reach(tools, engine):
    page = engine.memory("anna").add("My cat is called Pixel")
    assert "Pixel" not in str(tools["recall"](query="cat Pixel"))
    assert "no memory" in str(tools["forget"](memory_id=page.id))
    assert len(engine.memory("anna").pages()) == 1


def test_a_choice_of_tools(engine):
    spec = MemoryOSToolSpec(engine, "tom")
    assert [t.metadata.name for t in spec.to_tool_list(["recall"])] == ["recall"]
    assert len(asyncio.run(spec.to_tool_list_async())) == 3
