"""A turn over checkpoints, interrupts, failures and summaries is recorded once, and whole."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from memoryos import Engine, Page
from memoryos.errors import InvalidInput
from memoryos_integrations.langchain import MemoryOSMiddleware


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"22 degrees in {city}"


def call(name: str = "weather", words: str = "", **args: Any) -> AIMessage:
    asked = {"name": name, "args": args or {"city": "Lisbon"}, "id": uuid4().hex}
    return AIMessage(words, tool_calls=[{**asked, "type": "tool_call"}])


def say(text: str, **more: Any) -> Any:
    return {"messages": [HumanMessage(text, **more)]}


def on(thread: str, **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, **more}}


def turns(engine: Engine, user: str = "tom", session: str | None = None) -> list[tuple[str, str]]:
    return [(p.user_input, p.agent_response) for p in engine.memory(user).pages(session)]


def kinds(page: Page) -> list[str]:
    return [message.role for message in page.messages]


def test_with_a_checkpointer_each_turn_is_recorded_once(
    engine: Engine, chat: Any, seen: Any
) -> None:
    model, saver = chat(), InMemorySaver()
    agent = create_agent(
        model,
        system_prompt="Be brief.",
        middleware=[MemoryOSMiddleware(engine, "tom")],
        checkpointer=saver,
    )
    for number in range(4):
        agent.invoke(say(f"message {number}"), on("t"))
    assert turns(engine) == [(f"message {n}", f"You said: message {n}") for n in range(4)]
    # What stands in the messages already is not told a second time …
    assert "message" not in seen(model.prompts[-1])
    # … no system message piles up, and no recalled block stays in the checkpoint.
    state = agent.get_state(on("t")).values
    assert [m.type for m in state["messages"]] == ["human", "ai"] * 4
    assert not state.get("memoryos")


def test_a_conversation_that_the_client_sends_whole_is_recorded_once(
    engine: Engine, chat: Any
) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")])
    history: list[Any] = [SystemMessage("Never tell anyone.")]
    for number in range(3):
        history.append(HumanMessage(f"message {number}"))
        history = agent.invoke({"messages": history}, on("t"))["messages"]
    assert turns(engine) == [(f"message {n}", f"You said: message {n}") for n in range(3)]


def test_several_messages_in_a_row_are_one_question(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat("hm"), middleware=[MemoryOSMiddleware(engine, "tom")])
    agent.invoke({"messages": [HumanMessage("Wait."), HumanMessage("What time is it?")]}, on("t"))
    assert turns(engine) == [("Wait.\nWhat time is it?", "hm")]


def test_message_ids_that_clients_use_again_cost_no_turn(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")])
    for text in ("one", "two"):
        agent.invoke(say(text, id="1"), on("same thread"))
        agent.invoke(say(text, id="1"))
    assert [user for user, _ in turns(engine)] == ["one", "one", "two", "two"]


@tool
def transfer(amount: int) -> str:
    """Transfer money."""
    return f"sent {amount}"


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_person_in_the_loop(engine: Engine, chat: Any, seen: Any, decision: str) -> None:
    engine.memory("tom", session_id="old").add("Money goes to account 77.", "Noted.")
    model = chat(call("transfer", amount=5), "Done.")
    agent = create_agent(
        model,
        [transfer],
        middleware=[
            HumanInTheLoopMiddleware(interrupt_on={"transfer": True}),
            MemoryOSMiddleware(engine, "tom"),
        ],
        checkpointer=InMemorySaver(),
    )
    paused = agent.invoke(say("Send the money to my account"), on("t"))
    assert paused["__interrupt__"]
    assert turns(engine, session="t") == []
    agent.invoke(Command(resume={"decisions": [{"type": decision}]}), on("t"))
    assert "account 77" in seen(model.prompts[-1])
    assert turns(engine, session="t") == [("Send the money to my account", "Done.")]
    (page,) = engine.memory("tom").pages("t")
    assert kinds(page) == ["user", "assistant", "tool", "assistant"]


def test_a_recall_is_found_again_by_another_process(engine: Engine, chat: Any, seen: Any) -> None:
    engine.memory("tom", session_id="old").add("Money goes to account 77.", "Noted.")
    model, saver = chat(call("transfer", amount=5), "Done."), InMemorySaver()

    def agent() -> Any:
        pause = HumanInTheLoopMiddleware(interrupt_on={"transfer": True})
        middleware = [pause, MemoryOSMiddleware(engine, "tom")]
        return create_agent(model, [transfer], middleware=middleware, checkpointer=saver)

    agent().invoke(say("Send the money to my account"), on("t"))
    assert "account 77" not in str(list(saver.list(on("t"))))
    agent().invoke(Command(resume={"decisions": [{"type": "approve"}]}), on("t"))
    assert "account 77" in seen(model.prompts[-1])


def test_a_turn_that_was_left_at_an_interrupt_is_recorded_with_the_next(
    engine: Engine, chat: Any
) -> None:
    agent = create_agent(
        chat(call("transfer", words="May I?", amount=5), "Never mind then."),
        [transfer],
        middleware=[
            HumanInTheLoopMiddleware(interrupt_on={"transfer": True}),
            MemoryOSMiddleware(engine, "tom"),
        ],
        checkpointer=InMemorySaver(),
    )
    agent.invoke(say("Send money"), on("t"))
    agent.invoke(say("Rather not"), on("t"))
    assert turns(engine) == [("Send money", "May I?"), ("Rather not", "Never mind then.")]


def test_a_turn_whose_model_failed_is_recorded_with_the_next(engine: Engine, chat: Any) -> None:
    agent = create_agent(
        chat(call(words="Looking."), RuntimeError("model down"), "Back again."),
        [weather],
        middleware=[MemoryOSMiddleware(engine, "tom")],
        checkpointer=InMemorySaver(),
    )
    with pytest.raises(RuntimeError, match="model down"):
        agent.invoke(say("Weather?"), on("t"))
    (page,) = engine.memory("tom").pages()
    assert (page.user_input, page.metadata) == ("Weather?", {"unanswered": True})
    agent.invoke(say("Are you there?"), on("t"))
    assert turns(engine) == [("Weather?", "Looking."), ("Are you there?", "Back again.")]


def test_a_summary_is_never_recorded_and_no_turn_is_lost_by_it(engine: Engine, chat: Any) -> None:
    summariser = chat("SUMMARY OF IT ALL")
    agent = create_agent(
        chat(),
        middleware=[
            SummarizationMiddleware(summariser, trigger=("messages", 4), keep=("messages", 1)),
            MemoryOSMiddleware(engine, "tom"),
        ],
        checkpointer=InMemorySaver(),
    )
    for number in range(7):
        agent.invoke(say(f"message {number}"), on("t"))
    assert summariser.prompts
    assert turns(engine) == [(f"message {n}", f"You said: message {n}") for n in range(7)]
    assert "SUMMARY" not in str(engine.memory("tom").pages())


def test_a_question_that_a_summary_took_the_place_of_is_recorded(engine: Engine, chat: Any) -> None:
    model = chat(call(words="One."), call(words="Two."), call(words="Three."), "Done.")
    agent = create_agent(
        model,
        [weather],
        middleware=[
            MemoryOSMiddleware(engine, "tom"),
            SummarizationMiddleware(chat("SUMMARY"), trigger=("messages", 4), keep=("messages", 2)),
        ],
    )
    found = agent.invoke(say("Weather, three times?"), on("t"))
    assert "Weather, three times?" not in [m.text for m in found["messages"]]
    ((asked, answered),) = turns(engine)
    assert asked == "Weather, three times?"
    assert answered.endswith("Done.")
    assert "SUMMARY" not in str(engine.memory("tom").pages())


async def test_what_was_recalled_is_shown_to_user_interfaces_by_id(
    engine: Engine, chat: Any
) -> None:
    engine.memory("tom", session_id="old").add("My cat is called Minka", "A nice name")
    engine.memory("tom", session_id="old").add("The weather is fine", "Yes")
    told: list[Any] = []
    middleware = MemoryOSMiddleware(
        engine,
        "tom",
        expose_tools=False,
        min_relevance=0.3,
        on_recall=lambda recall, memory: told.append((recall, memory.scope.user_id)),
    )
    agent = create_agent(chat("Minka", "Minka"), middleware=[middleware])
    asked = {"messages": [HumanMessage("What is my cat called?")]}
    sync = [piece for piece in agent.stream(asked, stream_mode="custom") if "memoryos" in piece]
    later = [p async for p in agent.astream(asked, stream_mode="custom") if "memoryos" in p]
    for pieces in (sync, later):
        (piece,) = pieces
        assert "Minka" not in repr(piece)
        for one in piece["memoryos"]["recalled"]:
            assert engine.memory("tom").page(one["page_id"]).user_input
            assert 0.3 <= one["relevance"] <= 1
    (recall, user), *_ = told
    assert (user, recall.pages[0].page.user_input) == ("tom", "My cat is called Minka")
    assert not any("weather" in item.page.user_input for item in recall.pages)
    nothing = MemoryOSMiddleware(engine, "tom", expose_tools=False, min_relevance=1.0)
    model = chat("?")
    create_agent(model, middleware=[nothing]).invoke(asked)
    for wrong in (-1, 1.5, True):
        with pytest.raises(InvalidInput, match="min_relevance"):
            MemoryOSMiddleware(engine, "tom", min_relevance=wrong)
