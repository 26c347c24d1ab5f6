"""Many users, threads and tasks through one agent."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from memoryos import Engine, Page
from memoryos_integrations.langchain import MemoryOSMiddleware


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"22 degrees in {city}"


@dataclass
class Context:
    user_id: str


def call(name: str = "weather", words: str = "", **args: Any) -> AIMessage:
    asked = {"name": name, "args": args or {"city": "Lisbon"}, "id": uuid4().hex}
    return AIMessage(words, tool_calls=[{**asked, "type": "tool_call"}])


def say(text: str, **more: Any) -> Any:
    return {"messages": [HumanMessage(text, **more)]}


def on(thread: str, **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, **more}}


def kinds(page: Page) -> list[str]:
    return [message.role for message in page.messages]


def answering(messages: Any) -> Any:
    """Looks the weather up first, then answers with the user's own words."""
    last = messages[-1]
    if isinstance(last, ToolMessage):
        asked = next(m.text for m in reversed(messages) if isinstance(m, HumanMessage))
        return f"Re: {asked}"
    return call(words="Looking.")


def busy_agent(engine: Engine, chat: Any) -> Any:
    return create_agent(
        chat(answering),
        [weather],
        middleware=[MemoryOSMiddleware(engine)],
        context_schema=Context,
        checkpointer=InMemorySaver(),
    )


def assert_each_once(engine: Engine, jobs: list[tuple[str, str, str]]) -> None:
    """No turn lost, doubled or crossed: neither its user, nor its thread, nor its answer."""
    for user in {user for user, _, _ in jobs}:
        pages = engine.memory(user).pages()
        recorded = sorted((p.session_id, p.user_input, p.agent_response) for p in pages)
        wanted = sorted((t, text, f"Looking.\nRe: {text}") for u, t, text in jobs if u == user)
        assert recorded == wanted
        assert all(kinds(p) == ["user", "assistant", "tool", "assistant"] for p in pages)


def test_20_threads_through_one_agent(file_engine: Engine, chat: Any) -> None:
    agent = busy_agent(file_engine, chat)
    jobs = [(f"user{n % 5}", f"thread{n}", f"{n}, turn {t}") for n in range(20) for t in range(3)]

    def converse(number: int) -> None:
        for user, thread, text in jobs[3 * number : 3 * number + 3]:
            agent.invoke(say(text), on(thread), context=Context(user))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(converse, range(20)))
    assert_each_once(file_engine, jobs)


async def test_200_tasks_through_one_agent(file_engine: Engine, chat: Any) -> None:
    agent = busy_agent(file_engine, chat)
    jobs = [(f"user{n % 7}", f"thread{n}", f"task {n}") for n in range(200)]
    await asyncio.gather(
        *(agent.ainvoke(say(text), on(t), context=Context(user)) for user, t, text in jobs)
    )
    assert_each_once(file_engine, jobs)


def test_many_calls_in_one_thread_without_a_checkpointer(file_engine: Engine, chat: Any) -> None:
    agent = create_agent(
        chat(answering),
        [weather],
        middleware=[MemoryOSMiddleware(file_engine)],
        context_schema=Context,
    )
    jobs = [(f"user{n % 2}", "shared", f"call {n}") for n in range(40)]

    def ask(job: tuple[str, str, str]) -> None:
        agent.invoke(say(job[2]), on(job[1]), context=Context(job[0]))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, jobs))
    assert_each_once(file_engine, jobs)


def test_batch(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat(answering), [weather], middleware=[MemoryOSMiddleware(engine)])
    jobs = [(f"user{n % 3}", f"thread{n}", f"job {n}") for n in range(9)]
    agent.batch(
        [say(text) for _, _, text in jobs], [on(thread, user_id=user) for user, thread, _ in jobs]
    )
    assert_each_once(engine, jobs)
