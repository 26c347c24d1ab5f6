"""What tracers see of a recall: LangSmith shows retrievers' runs, and a middleware's not."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.tracers.schemas import Run

from memoryos import Engine
from memoryos.errors import StorageError
from memoryos_integrations.langchain import MemoryOSMiddleware, with_memory

CAT = "My cat is called Minka."
ASKED = "What is my cat called?"


@pytest.fixture
def config() -> Any:
    collector = RunCollectorCallbackHandler()
    return {"callbacks": [collector], "configurable": {"user_id": "tom", "session_id": "new"}}


def retrievers(config: Any) -> list[tuple[Run, Run]]:
    """The runs of retrievers, each with the run that it is part of."""

    def within(run: Run) -> list[tuple[Run, Run]]:
        own = [(child, run) for child in run.child_runs if child.run_type == "retriever"]
        return own + [found for child in run.child_runs for found in within(child)]

    (root,) = config["callbacks"][0].traced_runs
    return within(root)


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
async def test_the_middlewares_recall_is_a_run_of_a_retriever(
    engine: Engine, chat: Any, config: Any, mode: str
) -> None:
    page = engine.memory("tom", session_id="old").add(CAT, "A fine name.")
    agent = create_agent(chat("Minka."), middleware=[MemoryOSMiddleware(engine)])
    asked = {"messages": [HumanMessage(ASKED)]}
    if mode == "invoke":
        agent.invoke(asked, config)
    else:
        await agent.ainvoke(asked, config)
    ((run, parent),) = retrievers(config)
    assert (run.name, run.inputs, run.error) == ("MemoryOS", {"query": ASKED}, None)
    assert parent.name == "MemoryOSMiddleware.before_agent"
    (document,) = run.outputs["documents"]
    assert (document.id, CAT in document.page_content) == (page.id, True)
    assert 0 < document.metadata["relevance"] <= 1


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
def test_the_recall_beside_a_message_history_is_one_too(
    engine: Engine, chat: Any, config: Any
) -> None:
    engine.memory("tom", session_id="old").add(CAT, "A fine name.")
    prompt = ChatPromptTemplate(
        [("system", "{memory}"), MessagesPlaceholder("history"), ("human", "{input}")]
    )
    with_memory(prompt | chat("Minka."), engine).invoke({"input": ASKED}, config)
    ((run, _),) = retrievers(config)
    assert CAT in run.outputs["documents"][0].page_content


def test_a_recall_that_fails_is_a_run_that_failed(
    engine: Engine, chat: Any, config: Any, away: Any
) -> None:
    agent = create_agent(chat("Hi."), middleware=[MemoryOSMiddleware(engine)])
    away()
    assert agent.invoke({"messages": [HumanMessage(ASKED)]}, config)["messages"][-1].text == "Hi."
    ((run, _),) = retrievers(config)
    assert StorageError.__name__ in run.error
