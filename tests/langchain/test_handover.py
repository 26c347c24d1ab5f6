"""Several agents, one conversation: one page a turn, with what each of them said, in any mode."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from memoryos import Engine, Page
from memoryos_integrations.langchain import MemoryOSMiddleware

MODES = ["invoke", "ainvoke", "stream", "astream"]


async def run(app: Any, asked: Any, config: Any, mode: str = "invoke") -> None:
    if mode == "invoke":
        app.invoke(asked, config)
    elif mode == "ainvoke":
        await app.ainvoke(asked, config)
    elif mode == "stream":
        list(app.stream(asked, config, subgraphs=True))
    else:
        [_ async for _ in app.astream(asked, config, stream_mode="messages")]


def say(*said: Any, **more: Any) -> Any:
    return {"messages": [HumanMessage(s, **more) if isinstance(s, str) else s for s in said]}


def on(thread: Any = "t", **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, "user_id": "tom", **more}}


def call(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": uuid4().hex}])


def pages(engine: Engine) -> list[Page]:
    return engine.memory("tom").pages()


def turns(engine: Engine) -> list[tuple[str, str]]:
    return [(page.user_input, page.agent_response) for page in pages(engine)]


@pytest.fixture
def agent(engine: Engine, chat: Any) -> Any:
    """agent("a", "b"): an agent that answers "a", then "b", with a middleware of its own."""

    def make(*answers: Any, tools: Any = (), model: Any = None, more: Any = (), **rest: Any) -> Any:
        own = MemoryOSMiddleware(engine, expose_tools=False, on_error="raise")
        model = model or chat(*answers)
        return create_agent(model, [*tools], middleware=[*more, own], **rest)

    return make


def graph(*edges: tuple[str, str], **nodes: Any) -> StateGraph[Any, Any, Any, Any]:
    built: Any = StateGraph(MessagesState)
    for name, node in nodes.items():
        built.add_node(name, node)
    for begin, end in edges:
        built.add_edge(begin, end)
    return built


@pytest.mark.parametrize("mode", MODES)
async def test_a_swarm_without_a_checkpointer(
    engine: Engine, agent: Any, handover: Any, mode: str
) -> None:
    built = StateGraph(MessagesState)
    front = agent(call("to_billing"), tools=[handover("billing")])
    built.add_node("front", front, destinations=("billing",))
    built.add_node("billing", agent("It is 5 euros."))
    built.add_edge(START, "front")
    await run(built.compile(), say("What is my balance?"), on(), mode)
    assert turns(engine) == [("What is my balance?", "It is 5 euros.")]


def test_a_supervisor_and_its_worker_are_one_turn(
    engine: Engine, agent: Any, handover: Any
) -> None:
    @tool
    def look() -> str:
        """Look it up."""
        return "778"

    worker = agent(call("look"), "The number is 778.", tools=[look])

    def last_only(state: Any) -> Any:  # as langgraph-supervisor's output_mode="last_message"
        return {"messages": [worker.invoke(state)["messages"][-1]]}

    built = StateGraph(MessagesState)
    supervisor = agent(call("to_worker"), "It is 778.", tools=[handover("worker")])
    built.add_node("supervisor", supervisor, destinations=("worker",))
    built.add_node("worker", last_only)
    built.add_edge(START, "supervisor")
    built.add_edge("worker", "supervisor")
    built.compile(checkpointer=InMemorySaver()).invoke(say("My number?"), on())
    (page,) = pages(engine)
    assert (page.user_input, page.agent_response) == (
        "My number?",
        "The number is 778.\nIt is 778.",
    )
    # What only the worker saw is there too: the supervisor's telling does not take its place.
    assert [m.role for m in page.messages] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("thread", ["t", 7, None])
async def test_agents_side_by_side_both_speak(
    engine: Engine, agent: Any, mode: str, thread: Any
) -> None:
    built = graph((START, "a"), (START, "b"), a=agent("A says"), b=agent("B says"))
    config = on(thread) if thread else {"configurable": {"user_id": "tom"}}
    await run(built.compile(), say("hi"), config, mode)
    ((asked, answered),) = turns(engine)
    assert asked == "hi"
    assert sorted(answered.split("\n")) == ["A says", "B says"]


async def test_agents_who_do_not_see_one_another_lose_nothing(engine: Engine, agent: Any) -> None:
    first, second = agent("one"), agent("two")

    def alone(worker: Any) -> Any:
        def node(state: Any) -> Any:
            worker.invoke({"messages": state["messages"][:1]})
            return {}

        return node

    built = graph((START, "a"), ("a", "b"), a=alone(first), b=alone(second))
    built.compile(checkpointer=InMemorySaver()).invoke(say("hi"), on())
    assert turns(engine) == [("hi", "one\ntwo")]


async def test_a_graph_within_a_graph(engine: Engine, agent: Any) -> None:
    inner = graph((START, "a"), ("a", "b"), a=agent("one", "three"), b=agent("two", "four"))
    outer = graph((START, "inner"), ("inner", "c"), inner=inner.compile(), c=agent("end"))
    app = outer.compile(checkpointer=InMemorySaver())
    for text in ("first", "second"):
        await run(app, say(text), on(), "ainvoke")
    assert turns(engine) == [("first", "one\ntwo\nend"), ("second", "three\nfour\nend")]


def test_an_agent_given_a_conversation_halfway_through(
    engine: Engine, agent: Any, chat: Any, seen: Any
) -> None:
    engine.memory("tom", session_id="old").add("My account is 778.", "Noted.")
    model = chat("It is 778.")
    asked, told = call("transfer"), ToolMessage("ok", tool_call_id="1")
    before = [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage("My account?"), asked, told]
    agent(model=model).invoke({"messages": before}, on())
    assert "778" in seen(model.prompts[-1])
    assert turns(engine)[1:] == [("My account?", "It is 778.")]


# ── edited, replayed, forked ─────────────────────────────────────────────────────────────────────


def test_an_edited_message_takes_its_answer_along(engine: Engine, agent: Any) -> None:
    bot = agent("Hi Bob", "Rob it is", "Noted", checkpointer=InMemorySaver())
    bot.invoke(say("I am Bob", id="m1"), on())
    bot.invoke(say("I am Rob", id="m1"), on())
    assert turns(engine) == [("I am Rob", "Rob it is")]
    bot.invoke(say("I like tea", id="m2"), on())
    assert turns(engine) == [("I am Rob", "Rob it is"), ("I like tea", "Noted")]
    found = engine.memory("tom", session_id="new").recall("Bob").text()
    assert "Bob" not in found


def test_an_edit_in_a_pipeline_leaves_nothing_of_the_old_answers(
    engine: Engine, agent: Any
) -> None:
    built = graph((START, "a"), ("a", "b"), a=agent("a1", "a2"), b=agent("b1", "b2"))
    app = built.compile(checkpointer=InMemorySaver())
    app.invoke(say("I am Bob", id="m1"), on())
    app.invoke(say("I am Rob", id="m1"), on())
    assert turns(engine) == [("I am Rob", "a2\nb2")]


def test_the_same_id_in_another_thread_is_another_message(engine: Engine, agent: Any) -> None:
    bot = agent("ok", checkpointer=InMemorySaver())
    for thread in ("one", "two"):
        bot.invoke(say(f"hello from {thread}", id="1"), on(thread))
    assert len(turns(engine)) == 2


def test_replays_and_forks_keep_one_page_a_turn(engine: Engine, agent: Any) -> None:
    answers = [f"answer {number}" for number in range(9)]
    bot = agent(*answers, checkpointer=InMemorySaver())
    for text in ("one", "two"):
        bot.invoke(say(text, id=text), on())
    before = [s for s in bot.get_state_history(on()) if s.next and s.next[0] != "__start__"]
    second = next(s for s in before if s.values["messages"][-1].text == "two")
    bot.invoke(None, second.config)
    assert turns(engine) == [("one", "answer 0"), ("two", "answer 2")]
    fork = bot.update_state(second.config, say("two, but edited", id="two"))
    bot.invoke(None, fork)
    assert [asked for asked, _ in turns(engine)] == ["one", "two, but edited"]
    first = next(s for s in before if s.values["messages"][-1].text == "one")
    bot.invoke(None, first.config)
    bot.invoke(say("another two", id="2b"), on())
    assert [asked for asked, _ in turns(engine)] == ["two, but edited", "one", "another two"]


# ── a model that fails ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("config", [on(), {"configurable": {"user_id": "tom"}}])
def test_a_retry_and_a_fallback_end_as_one_turn(
    engine: Engine, agent: Any, chat: Any, config: Any
) -> None:
    down = RuntimeError("down")
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0)
    agent(down, down, "third time", more=[retry]).invoke(say("one"), config)
    fallback = ModelFallbackMiddleware(chat("instead"))
    agent(down, more=[fallback]).invoke(say("two"), config)
    assert turns(engine) == [("one", "third time"), ("two", "instead")]
    assert [page.metadata for page in pages(engine)] == [{}, {}]


def test_a_conversation_nobody_began(engine: Engine, agent: Any) -> None:
    messages: list[BaseMessage] = [AIMessage("Welcome!")]
    agent("What can I do for you?").invoke({"messages": messages}, on())
    assert turns(engine) == [("", "Welcome!\nWhat can I do for you?")]
