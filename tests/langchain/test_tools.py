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
from memoryos_integrations.langchain.tools import ForgetTool, RecallTool, RememberTool


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


class TestRememberUnit(_Remember, ToolsUnitTests): ...


class TestRecallUnit(_Recall, ToolsUnitTests): ...


class TestForgetUnit(_Forget, ToolsUnitTests): ...


class TestRememberIntegration(_Remember, ToolsIntegrationTests): ...


class TestRecallIntegration(_Recall, ToolsIntegrationTests): ...


class TestForgetIntegration(_Forget, ToolsIntegrationTests): ...


def test_the_model_sees_three_tools_and_never_chooses_the_user(engine: Engine) -> None:
    tools = create_memory_tools(engine)
    assert [tool.name for tool in tools] == ["remember", "recall", "forget"]
    assert [list(tool.args) for tool in tools] == [["text"], ["query"], ["memory_id"]]
    assert all(tool.description for tool in tools)


def test_remember_recall_forget(engine: Engine) -> None:
    remember, recall, forget = create_memory_tools(engine, "tom")
    assert re.fullmatch(r"Remembered as \[p\w+\]\.", remember.invoke({"text": "Tom likes chess."}))
    assert remember.invoke({"text": "Tom likes chess."})
    assert len(engine.memory("tom").pages()) == 1
    engine.memory("tom").add("I live in Lisbon.", "Nice.")
    told = recall.invoke({"query": "Where does he live?"})
    lisbon = re.search(r"\[(p\w+)\][^\[]*Lisbon", told)
    assert lisbon
    assert "User: I live in Lisbon.\nAssistant: Nice." in told
    assert "Forgot" in forget.invoke({"memory_id": f"[{lisbon[1]}]"})
    assert "Lisbon" not in recall.invoke({"query": "Where does he live?"})
    assert "no memory" in forget.invoke({"memory_id": lisbon[1]})
    assert len(engine.memory("tom").receipts()) == 1


def test_a_note_is_nothing_the_user_said_and_no_turn_of_a_conversation(engine: Engine) -> None:
    create_memory_tools(engine, "tom")[0].invoke({"text": "Tom likes chess."})
    (page,) = engine.memory("tom").pages()
    assert page.user_input == ""
    assert engine.memory("tom").short_term() == ()


def test_knowledge_can_be_recalled_and_forgotten(engine: Engine) -> None:
    memory = engine.memory("tom")
    for number in range(12):
        memory.add(f"I live in Lisbon and I work as a nurse, day {number}.", "How nice.")
    memory.flush()
    _, recall, forget = create_memory_tools(engine, "tom")
    fact = memory.knowledge()[0]
    assert f"[{fact.id}] {fact.text}" in recall.invoke({"query": "Lisbon"})
    forget.invoke({"memory_id": fact.id})
    assert fact.id not in [item.id for item in memory.knowledge(status="all")]


def test_what_is_recalled_stays_within_its_budget(engine: Engine) -> None:
    for number in range(40):
        engine.memory("tom").add(f"Chess game {number} was won. " * 10, "Well done.")
    recall = RecallTool(engine, "tom", max_tokens=300)
    assert 0 < engine.count_tokens(recall.invoke({"query": "chess"})) <= 300


async def test_the_user_of_each_call(engine: Engine) -> None:
    remember, recall, forget = create_memory_tools(engine)
    for user in ("tom", "eve"):
        config: Any = {"configurable": {"user_id": user}}
        await remember.ainvoke({"text": f"{user} likes chess."}, config)
        told = await recall.ainvoke({"query": "chess"}, config)
        assert f"{user} likes" in told
    (toms,) = engine.memory("tom").pages()
    assert "no memory" in await forget.ainvoke({"memory_id": toms.id}, config)
    with pytest.raises(InvalidInput, match="whose memory"):
        recall.invoke({"query": "chess"})
    # What a constructor says cannot be talked out of by a call.
    bound = create_memory_tools(engine, "tom")[1]
    assert "eve likes" not in bound.invoke({"query": "chess"}, config)


def test_empty_requests_are_answered(engine: Engine) -> None:
    remember, recall, _ = create_memory_tools(engine, "tom")
    assert "nothing to remember" in remember.invoke({"text": " "})
    assert "empty" in recall.invoke({"query": ""})
    assert "Nothing is remembered" in recall.invoke({"query": "chess"})


def test_a_memory_that_is_away(engine: Engine, caplog: Any, away: Any) -> None:
    tools = create_memory_tools(engine, "tom")
    strict = create_memory_tools(engine, "tom", on_error="raise")[1]
    away()
    for tool, args in zip(tools, ({"text": "x"}, {"query": "x"}, {"memory_id": "x"}), strict=True):
        assert "cannot be reached" in tool.invoke(args)
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    with pytest.raises(StorageError):
        strict.invoke({"query": "x"})
    engine.close()
    with pytest.raises(EngineClosed):
        tools[1].invoke({"query": "x"})


def test_whatever_a_model_gives_as_an_argument_is_answered(engine: Engine) -> None:
    remember, recall, forget = create_memory_tools(engine, "tom", on_error="raise")
    for said in ("\x00", "\ud800 lone", "x" * 1_200_000, "[" * 50, "\u202e", " "):
        for tool, name in ((remember, "text"), (recall, "query"), (forget, "memory_id")):
            assert tool.invoke({name: said})
