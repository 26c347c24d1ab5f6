"""The tools, by LangChain's own suites and by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput, StorageError
from memoryos_integrations.langchain import create_memory_tools
from memoryos_integrations.langchain.tools import (
    CorrectTool,
    ForgetTool,
    ListKnownTool,
    RecallTool,
    RememberTool,
)


class _Tool:
    kind: type[BaseTool]
    example: dict[str, Any]

    @pytest.fixture(autouse=True)
    def _with_engine(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def tool_constructor(self) -> type[BaseTool]:
        return self.kind

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"engine": self.engine, "user_id": "tom"}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return self.example


class _Remember(_Tool):
    kind, example = RememberTool, {"text": "Tom likes chess."}


class _Recall(_Tool):
    kind, example = RecallTool, {"query": "chess"}


class _Forget(_Tool):
    kind, example = ForgetTool, {"memory_id": "p123"}


class _Correct(_Tool):
    kind, example = CorrectTool, {"memory_id": "k123", "text": "Tom likes go."}


class _ListKnown(_Tool):
    kind, example = ListKnownTool, {}


class TestRememberUnit(_Remember, ToolsUnitTests): ...


class TestRecallUnit(_Recall, ToolsUnitTests): ...


class TestForgetUnit(_Forget, ToolsUnitTests): ...


class TestRememberIntegration(_Remember, ToolsIntegrationTests): ...


class TestRecallIntegration(_Recall, ToolsIntegrationTests): ...


class TestForgetIntegration(_Forget, ToolsIntegrationTests): ...


class TestCorrectUnit(_Correct, ToolsUnitTests): ...


class TestListKnownUnit(_ListKnown, ToolsUnitTests): ...


class TestCorrectIntegration(_Correct, ToolsIntegrationTests): ...


class TestListKnownIntegration(_ListKnown, ToolsIntegrationTests): ...


def test_the_model_sees_the_tools_and_never_chooses_the_user(engine: Engine) -> None:
    tools = create_memory_tools(engine)
    assert [tool.name for tool in tools] == [
        "remember",
        "recall",
        "forget",
        "correct",
        "list_known",
    ]
    assert [list(tool.args) for tool in tools] == [
        ["text"],
        ["query", "as_of"],
        ["memory_id"],
        ["memory_id", "text"],
        ["as_of"],
    ]
    assert all(tool.description for tool in tools)


def test_remember_recall_forget(engine: Engine) -> None:
    remember, recall, forget, *_ = create_memory_tools(engine, "tom")
    told = remember.invoke({"text": "Tom likes chess."})
    assert re.fullmatch(r"Remembered as \[k\w+\]\.", told)
    assert remember.invoke({"text": "Tom likes chess."})
    assert [k.text for k in engine.memory("tom").knowledge()] == ["Tom likes chess."]
    engine.memory("tom").add("I live in Lisbon.", "Nice.")
    told = recall.invoke({"query": "Where does he live?"})
    lisbon = re.search(r"\[(p\w+)\][^\[]*Lisbon", told)
    assert lisbon
    assert "User: I live in Lisbon.\nAssistant: Nice." in told
    assert "Forgot" in forget.invoke({"memory_id": f"[{lisbon[1]}]"})
    assert "Lisbon" not in recall.invoke({"query": "Where does he live?"})
    assert "no memory" in forget.invoke({"memory_id": lisbon[1]})
    assert len(engine.memory("tom").receipts()) == 1


def test_what_an_agent_states_is_a_fact_of_the_agents_and_outlives_rebuild(engine: Engine) -> None:
    create_memory_tools(engine, "tom")[0].invoke({"text": "Tom likes chess."})
    memory = engine.memory("tom")
    assert memory.pages() == []
    memory.rebuild()
    (fact,) = memory.knowledge()
    assert (fact.text, fact.kind, fact.analyst, fact.owner) == (
        "Tom likes chess.",
        "fact",
        "agent",
        "user",
    )


def test_knowledge_can_be_recalled_listed_and_forgotten(engine: Engine) -> None:
    memory = engine.memory("tom")
    memory.add("I live in Lisbon and I work as a nurse.", "How nice.")
    memory.flush()
    remember, recall, forget, _, list_known = create_memory_tools(engine, "tom")
    remember.invoke({"text": "Tom moves to Porto in May."})
    fact, statement = (memory.knowledge(kind=kind)[0] for kind in ("fact", "statement"))
    assert f"[{fact.id}] Tom moves to Porto in May. (" in recall.invoke({"query": "Porto"})
    told = list_known.invoke({})
    assert told.startswith("<memory>")
    assert f"[{fact.id}] Tom moves to Porto in May. (" in told
    # What nobody but the user said is quoted, with its date.
    assert f"[{statement.id}] User said on {statement.updated:%Y-%m-%d}: “I live in Lisbon" in told
    for item in (fact, statement):
        assert "Forgot" in forget.invoke({"memory_id": item.id})
        assert item.id not in [k.id for k in memory.knowledge(status="all")]
    assert "Porto" not in list_known.invoke({})


def test_correcting(engine: Engine) -> None:
    memory = engine.memory("tom")
    remember, recall, _, correct, list_known = create_memory_tools(engine, "tom")
    remember.invoke({"text": "Tom is allergic to peanuts."})
    page = memory.add("Peanuts are on the table.", "Careful.")
    (old,) = memory.knowledge(kind="fact")
    told = correct.invoke({"memory_id": f"[{old.id}]", "text": "Tom may eat peanuts."})
    (new,) = memory.knowledge(kind="fact")
    assert told == f"Corrected [{old.id}]; now [{new.id}]."
    assert (new.text, new.analyst, old.id in new.supersedes) == (
        "Tom may eat peanuts.",
        "agent",
        True,
    )
    for shown in (recall.invoke({"query": "peanuts"}), list_known.invoke({})):
        assert "may eat" in shown
        assert "allergic" not in shown
    again = correct.invoke({"memory_id": old.id, "text": "Tom is fine."})
    assert f"replaced by [{new.id}]" in again
    assert "A turn is not corrected" in correct.invoke({"memory_id": page.id, "text": "x"})
    assert "text is empty" in correct.invoke({"memory_id": new.id, "text": " "})
    assert [k.text for k in memory.knowledge(kind="fact")] == ["Tom may eat peanuts."]


def test_what_was_known_by_a_day(engine: Engine) -> None:
    memory = engine.memory("tom")
    memory.add("I live in Lisbon.", "Nice.", timestamp="2020-01-01")
    memory.add("I live in Porto.", "Nice.", timestamp="2021-01-01")
    memory.flush()
    _, recall, _, _, list_known = create_memory_tools(engine, "tom", on_error="raise")
    for told in (
        recall.invoke({"query": "Where do I live?", "as_of": "2020-06-01"}),
        list_known.invoke({"as_of": "2020-06-01"}),
    ):
        assert "Lisbon" in told
        assert "Porto" not in told
    assert list_known.invoke({"as_of": "2019-01-01"}) == "Nothing is known yet."
    assert "cannot be done: as_of" in list_known.invoke({"as_of": "last week"})


def test_a_long_list_of_what_is_known_stays_within_its_budget(engine: Engine) -> None:
    memory = engine.memory("tom")
    for number in range(60):
        memory.remember(f"Tom owns the book number {number} of the encyclopaedia of chess.")
    told = ListKnownTool(engine, "tom", max_tokens=300).invoke({})
    assert 250 < engine.count_tokens(told) <= 300
    assert "number 59" in told  # the newest first


def test_what_is_recalled_stays_within_its_budget(engine: Engine) -> None:
    for number in range(40):
        engine.memory("tom").add(f"Chess game {number} was won. " * 10, "Well done.")
    recall = RecallTool(engine, "tom", max_tokens=300)
    assert 0 < engine.count_tokens(recall.invoke({"query": "chess"})) <= 300


async def test_the_user_of_each_call(engine: Engine) -> None:
    remember, recall, forget, *_ = create_memory_tools(engine)
    for user in ("tom", "eve"):
        config: Any = {"configurable": {"user_id": user}}
        await remember.ainvoke({"text": f"{user} likes chess."}, config)
        told = await recall.ainvoke({"query": "chess"}, config)
        assert f"{user} likes" in told
    (toms,) = engine.memory("tom").knowledge()
    assert "no memory" in await forget.ainvoke({"memory_id": toms.id}, config)
    with pytest.raises(InvalidInput, match="whose memory"):
        recall.invoke({"query": "chess"})
    # What a constructor says cannot be talked out of by a call.
    bound = create_memory_tools(engine, "tom")[1]
    assert "eve likes" not in bound.invoke({"query": "chess"}, config)


def test_empty_requests_are_answered(engine: Engine) -> None:
    remember, recall, *_ = create_memory_tools(engine, "tom")
    assert "nothing to remember" in remember.invoke({"text": " "})
    assert "empty" in recall.invoke({"query": ""})
    assert "Nothing is remembered" in recall.invoke({"query": "chess"})


def test_a_memory_that_is_away(engine: Engine, caplog: Any, away: Any) -> None:
    tools = create_memory_tools(engine, "tom")
    strict = create_memory_tools(engine, "tom", on_error="raise")[1]
    away()
    asked = (
        {"text": "x"},
        {"query": "x"},
        {"memory_id": "x"},
        {"memory_id": "x", "text": "x"},
        {},
    )
    for tool, args in zip(tools, asked, strict=True):
        assert "cannot be reached" in tool.invoke(args)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    with pytest.raises(StorageError):
        strict.invoke({"query": "x"})
    engine.close()
    with pytest.raises(EngineClosed):
        tools[1].invoke({"query": "x"})


def test_whatever_a_model_gives_as_an_argument_is_answered(engine: Engine) -> None:
    remember, recall, forget, correct, list_known = create_memory_tools(
        engine, "tom", on_error="raise"
    )
    known = engine.memory("tom").remember("Tom likes chess.")
    for said in ("\x00", "\ud800 lone", "x" * 1_200_000, "[" * 50, "\u202e", " "):
        for tool, name in ((remember, "text"), (recall, "query"), (forget, "memory_id")):
            assert tool.invoke({name: said})
        assert correct.invoke({"memory_id": said, "text": said})
        assert correct.invoke({"memory_id": known.id, "text": said})
        assert recall.invoke({"query": "x", "as_of": said})
        assert list_known.invoke({"as_of": said})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"on_error": "ignore"}, "on_error must be 'log' or 'raise'"),
        ({"usr_id": "tom"}, "there is no argument usr_id: did you mean user_id?"),
        ({"max_tokens": "many"}, "max_tokens must be a whole number, not a str"),
    ],
)
def test_wrong_settings_are_told_in_our_words(
    engine: Engine, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        RecallTool(engine, **wrong)
    assert str(raised.value) == told


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"txt": "Tom likes chess."}, "That cannot be done: text is missing"),
        ({"text": ["Tom"]}, "That cannot be done: text must be a text, not a list"),
    ],
)
async def test_a_model_is_told_of_wrong_arguments_in_our_words(
    engine: Engine, args: dict[str, Any], told: str
) -> None:
    tool = RememberTool(engine, "tom")
    assert tool.invoke(args) == told
    call = {"name": "remember", "args": args, "id": "1", "type": "tool_call"}
    answer = await tool.ainvoke(call)
    assert (answer.content, answer.status) == (told, "error")
    assert engine.memory("tom").knowledge() == []
