"""The middleware in agents made by `create_agent`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from memoryos import Engine, Page
from memoryos.errors import EngineClosed, InvalidInput, StorageError, UnknownSetting
from memoryos_integrations.langchain import MemoryOSMiddleware, from_langchain, to_langchain_message


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


def turns(engine: Engine, user: str = "tom", session: str | None = None) -> list[tuple[str, str]]:
    return [(p.user_input, p.agent_response) for p in engine.memory(user).pages(session)]


def kinds(page: Page) -> list[str]:
    return [message.role for message in page.messages]


# ── recalled, shown, recorded ────────────────────────────────────────────────────────────────────


def test_a_turn_is_recorded_and_recalled_in_another_thread(
    engine: Engine, chat: Any, seen: Any
) -> None:
    model = chat("A fine name.", "Minka.")
    agent = create_agent(
        model, system_prompt="Be brief.", middleware=[MemoryOSMiddleware(engine, "tom")]
    )
    agent.invoke(say("My cat is called Minka."), on("one"))
    assert seen(model.prompts[0]) == "Be brief."
    found = agent.invoke(say("What is my cat called?"), on("two"))
    assert found["messages"][-1].text == "Minka."
    assert "memoryos" not in found
    system, *others = model.prompts[1]
    assert system.content[0] == {"type": "text", "text": "Be brief."}
    assert "My cat is called Minka." in system.content[1]["text"]
    assert [m.text for m in others] == ["What is my cat called?"]
    assert turns(engine, session="one") == [("My cat is called Minka.", "A fine name.")]
    assert turns(engine, session="two") == [("What is my cat called?", "Minka.")]


async def test_in_asyncio(engine: Engine, chat: Any, seen: Any) -> None:
    model = chat("A fine name.", call("weather"), "Minka.")
    middleware = MemoryOSMiddleware(engine)
    agent = create_agent(model, [weather], middleware=[middleware], context_schema=Context)
    await agent.ainvoke(say("My cat is called Minka."), on("a"), context=Context("tom"))
    await agent.ainvoke(say("What is my cat called?"), on("b"), context=Context("tom"))
    assert "Minka" in seen(model.prompts[1])
    assert "Minka" in seen(model.prompts[2])
    assert turns(engine) == [
        ("My cat is called Minka.", "A fine name."),
        ("What is my cat called?", "Minka."),
    ]


def test_without_a_system_prompt_of_its_own(engine: Engine, chat: Any, seen: Any) -> None:
    engine.memory("tom").add("My cat is called Minka.", "A fine name.")
    model = chat()
    agent = create_agent(model, middleware=[MemoryOSMiddleware(engine, "tom")])
    agent.invoke(say("cat?"), on("new"))
    assert "Minka" in seen(model.prompts[0])


def test_what_providers_put_into_system_blocks_is_kept(engine: Engine, chat: Any) -> None:
    engine.memory("tom").add("My cat is called Minka.", "A fine name.")
    blocks: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    model = chat()
    agent = create_agent(
        model,
        system_prompt=SystemMessage(blocks, id="s"),
        middleware=[MemoryOSMiddleware(engine, "tom")],
    )
    agent.invoke(say("cat?"), on("new"))
    system = model.prompts[0][0]
    assert system.content[0] == blocks[0]
    assert system.id == "s"


def test_a_turn_with_tools_is_one_page_with_everything_in_it(engine: Engine, chat: Any) -> None:
    model = chat(call(words="Let me look."), "22 degrees.")
    agent = create_agent(model, [weather], middleware=[MemoryOSMiddleware(engine, "tom")])
    found = agent.invoke(say("Weather in Lisbon?"), on("t"))
    (page,) = engine.memory("tom").pages()
    assert kinds(page) == ["user", "assistant", "tool", "assistant"]
    assert page.user_input == "Weather in Lisbon?"
    assert page.agent_response == "Let me look.\n22 degrees."
    assert [to_langchain_message(m) for m in page.messages] == found["messages"]


def test_multimodal_messages_round_trip(engine: Engine, chat: Any) -> None:
    image: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    ]
    answer = AIMessage([{"type": "text", "text": "A cat."}], response_metadata={"m": 1})
    agent = create_agent(chat(answer), middleware=[MemoryOSMiddleware(engine, "tom")])
    found = agent.invoke({"messages": [HumanMessage(image)]}, on("t"))
    (page,) = engine.memory("tom").pages()
    assert [to_langchain_message(m) for m in page.messages] == found["messages"]
    assert turns(engine) == [("What is this?", "A cat.")]
    only: Any = [{"type": "image", "base64": "aGk=", "mime_type": "image/png"}]
    agent.invoke({"messages": [HumanMessage(only)]}, on("t"))  # no words to recall by
    assert turns(engine)[-1] == ("", "A cat.")


@pytest.mark.parametrize("mode", ["values", "updates", "messages"])
def test_streaming(engine: Engine, chat: Any, mode: Any) -> None:
    engine.memory("tom").add("The code is 1234.", "Noted.")
    model = chat("one two three")
    agent = create_agent(model, middleware=[MemoryOSMiddleware(engine, "tom")])
    streamed = list(agent.stream(say("code?"), on("t"), stream_mode=mode))
    assert "1234" not in str(streamed)  # what is recalled is for the model alone
    if mode == "messages":
        assert [chunk.text for chunk, _ in streamed if chunk.text][:2] == ["one ", "two "]
    assert turns(engine, session="t") == [("code?", "one two three")]


async def test_streaming_in_asyncio(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat("one two"), middleware=[MemoryOSMiddleware(engine, "tom")])
    stream = agent.astream(say("count"), on("t"), stream_mode="messages")
    chunks = [chunk async for chunk, _ in stream]
    # Before Python 3.11 LangChain cannot pass callbacks on to asyncio tasks.
    assert len(chunks) >= (2 if sys.version_info >= (3, 11) else 1)
    assert turns(engine) == [("count", "one two")]


class Weather(BaseModel):
    """The weather."""

    degrees: int


def test_a_structured_response_is_what_is_recorded(engine: Engine, chat: Any) -> None:
    by_tool = create_agent(
        chat(call("Weather", degrees=22)),
        middleware=[MemoryOSMiddleware(engine, "tom")],
        response_format=ToolStrategy(Weather),
        checkpointer=InMemorySaver(),
    )
    found = by_tool.invoke(say("Weather?"), on("t"))
    assert found["structured_response"] == Weather(degrees=22)
    assert turns(engine) == [("Weather?", '{"degrees": 22}')]
    by_provider = create_agent(
        chat('{"degrees": 23}'),
        middleware=[MemoryOSMiddleware(engine, "tom", expose_tools=False)],
        response_format=ProviderStrategy(Weather),
    )
    by_provider.invoke(say("And now?"), on("t"))
    assert turns(engine)[-1] == ("And now?", '{"degrees": 23}')


# ── whose memory ─────────────────────────────────────────────────────────────────────────────────


def test_who_it_is_constructor_then_context_then_configurable(engine: Engine, chat: Any) -> None:
    model = chat()
    fixed = create_agent(
        model, middleware=[MemoryOSMiddleware(engine, "tom")], context_schema=Context
    )
    fixed.invoke(say("1"), on("t", user_id="eve"), context=Context("eve"))
    free = create_agent(model, middleware=[MemoryOSMiddleware(engine)], context_schema=Context)
    free.invoke(say("2"), on("t", user_id="eve"), context=Context("ann"))
    free.invoke(say("3"), on("t", user_id="eve"))
    mapped = create_agent(model, middleware=[MemoryOSMiddleware(engine)], context_schema=dict)
    mapped.invoke(say("4"), on("t"), context={"user_id": "bob"})
    said = {
        user: [text for text, _ in turns(engine, user)] for user in ("tom", "ann", "eve", "bob")
    }
    assert said == {"tom": ["1"], "ann": ["2"], "eve": ["3"], "bob": ["4"]}


def test_a_run_that_names_nobody_is_told_how_to(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine)])
    with pytest.raises(InvalidInput, match=r"user_id.*configurable"):
        agent.invoke(say("hello"))
    assert engine.scopes() == []


def test_sessions_and_assistants(engine: Engine, chat: Any) -> None:
    fixed = MemoryOSMiddleware(engine, "tom", assistant_id="cook", session_id="kitchen")
    create_agent(chat(), middleware=[fixed]).invoke(say("hello"), on("t"))
    create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")]).invoke(say("hello"))
    assert engine.memory("tom", "cook").sessions() == ["kitchen"]
    assert engine.memory("tom").sessions() == ["default"]


def test_arguments_that_cannot_be(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="user_id"):
        MemoryOSMiddleware(engine, "")
    with pytest.raises(UnknownSetting, match="on_error"):
        MemoryOSMiddleware(engine, "tom", on_error="ignore")  # type: ignore[arg-type]


# ── tools ────────────────────────────────────────────────────────────────────────────────────────


def test_the_tools_are_about_the_user_of_the_run(engine: Engine, chat: Any) -> None:
    engine.memory("tom").add("The code is 1234.", "Noted.")
    engine.memory("eve").add("The code is 9876.", "Noted.")
    model = chat(
        call("recall", query="code"), call("remember", text="Tom asks for codes."), "Done."
    )
    agent = create_agent(model, middleware=[MemoryOSMiddleware(engine)], context_schema=Context)
    found = agent.invoke(say("Look it up"), on("t"), context=Context("tom"))
    results = [m.text for m in found["messages"] if isinstance(m, ToolMessage)]
    assert "1234" in results[0]
    assert "9876" not in str(found)
    assert [k.text for k in engine.memory("tom").knowledge(kind="fact")] == ["Tom asks for codes."]
    assert engine.memory("eve").knowledge(kind="fact") == []
    assert engine.memory("eve").sessions() == ["default"]
    assert [t.name for t in model.tools] == [
        "remember",
        "recall",
        "forget",
        "correct",
        "list_known",
    ]


async def test_the_tools_in_asyncio(engine: Engine, chat: Any) -> None:
    engine.memory("tom").add("The code is 1234.", "Noted.")
    agent = create_agent(
        chat(call("recall", query="code"), "Done."),
        middleware=[MemoryOSMiddleware(engine)],
        context_schema=Context,
    )
    found = await agent.ainvoke(say("Look it up"), on("t"), context=Context("tom"))
    assert "1234" in str(found["messages"][2].content)


def test_a_copy_of_what_was_recalled_does_not_outlive_its_erasure(
    engine: Engine, chat: Any
) -> None:
    page = engine.memory("tom").add("The code is 1234.", "Noted.")
    agent = create_agent(
        chat(call("recall", query="code"), "Done."), middleware=[MemoryOSMiddleware(engine, "tom")]
    )
    agent.invoke(say("Look it up"), on("t"))
    engine.memory("tom").forget(page_id=page.id)
    assert "1234" not in str(engine.memory("tom").pages())
    assert kinds(engine.memory("tom").pages("t")[0]) == ["user", "assistant", "tool", "assistant"]


def test_no_tools_when_not_wanted(engine: Engine, chat: Any) -> None:
    model = chat()
    middleware = MemoryOSMiddleware(engine, "tom", expose_tools=False)
    create_agent(model, [weather], middleware=[middleware]).invoke(say("hi"), on("t"))
    assert [t.name for t in model.tools] == ["weather"]


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


def test_a_memory_that_is_away_costs_no_answer(
    engine: Engine, chat: Any, caplog: Any, away: Any
) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")])
    strict = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom", on_error="raise")])
    away()
    for text in ("one", "two"):
        assert agent.invoke(say(text), on("t"))["messages"][-1].text == f"You said: {text}"
    assert [r.levelname for r in caplog.records if r.name.startswith("memoryos_")] == ["WARNING"]
    with pytest.raises(StorageError):
        strict.invoke(say("three"), on("t"))


def test_a_closed_engine_is_no_outage(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")])
    engine.close()
    with pytest.raises(EngineClosed):
        agent.invoke(say("one"), on("t"))


def test_ids_as_databases_have_them(engine: Engine, chat: Any) -> None:
    agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine)])
    thread = UUID(int=5)
    agent.invoke(say("one"), on(thread, user_id=1))  # type: ignore[arg-type]
    assert turns(engine, "1", str(thread)) == [("one", "You said: one")]
    for wrong in ("", True, 1.5, b"1", ["1"]):
        with pytest.raises(InvalidInput, match="user_id"):
            agent.invoke(say("two"), on("t", user_id=wrong))
        with pytest.raises(InvalidInput, match="session_id"):
            agent.invoke(say("two"), on(wrong, user_id=1))  # type: ignore[arg-type]
    assert len(engine.scopes()) == 1


def test_a_paste_and_an_answer_too_long_for_the_journal_end_nothing(chat: Any) -> None:
    with Engine.open("sqlite:///:memory:", {"max_text_bytes": 1000}) as engine:
        agent = create_agent(
            chat("y" * 2000, "z" * 50_000, "fine \ud800"),
            middleware=[MemoryOSMiddleware(engine, "tom", on_error="raise")],
            checkpointer=InMemorySaver(),
        )
        for text in ("x" * 1200, "a\x00b", "third"):
            agent.invoke(say(text), on("t"))
        first, second, third = turns(engine)
        assert first == ("x" * 1200, "y" * 2000)
        assert (second[0], second[1][:3]) == ("a b", "zzz")
        assert third == ("third", "fine ?")


def test_a_turn_that_could_not_be_recorded_is_recorded_with_the_next(
    engine: Engine, chat: Any, caplog: Any, monkeypatch: Any
) -> None:
    agent = create_agent(
        chat(), middleware=[MemoryOSMiddleware(engine, "tom")], checkpointer=InMemorySaver()
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            engine.store, "append", lambda *a: (_ for _ in ()).throw(StorageError("disk"))
        )
        for text in ("one", "two"):
            agent.invoke(say(text), on("t"))
    assert [r.levelname for r in caplog.records if "disk" in r.getMessage()] == ["WARNING"]
    agent.invoke(say("three"), on("t"))
    assert [user for user, _ in turns(engine)] == ["one", "two", "three"]


def test_a_tools_result_too_large_for_a_page_costs_no_turn(engine: Engine, chat: Any) -> None:
    @tool
    def flood() -> str:
        """Return too much."""
        return "x" * 2_000_000

    agent = create_agent(
        chat(AIMessage("", tool_calls=[{"name": "flood", "args": {}, "id": "1"}]), "Much."),
        [flood],
        middleware=[MemoryOSMiddleware(engine, "tom", on_error="raise")],
    )
    agent.invoke(say("Flood me"), on("t"))
    assert turns(engine) == [("Flood me", "Much.")]


def test_models_that_are_down_cost_neither_answer_nor_turn(chat: Any, caplog: Any) -> None:
    class Down(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise ConnectionError

        def embed_query(self, text: str) -> list[float]:
            raise ConnectionError

    models = (from_langchain(chat(ConnectionError())), from_langchain(Down()))
    with Engine.open("sqlite:///:memory:", {"promotion": "inline"}, *models) as engine:
        agent = create_agent(chat(), middleware=[MemoryOSMiddleware(engine, "tom")])
        for number in range(20):
            agent.invoke(say(f"message {number}"), on("t"))
        assert [user for user, _ in turns(engine)] == [f"message {n}" for n in range(20)]
        assert not [r for r in caplog.records if r.name.startswith("memoryos_")]
