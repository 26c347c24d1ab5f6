"""The message history alone, and in `RunnableWithMessageHistory`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableFieldSpec, Runnable
from langchain_core.runnables.history import RunnableWithMessageHistory

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput, StorageError
from memoryos_integrations.langchain import MemoryOSChatMessageHistory, with_memory

PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Be brief."), MessagesPlaceholder("history"), ("human", "{question}")]
)
TWO_KEYS = [
    ConfigurableFieldSpec(id="user_id", annotation=str),
    ConfigurableFieldSpec(id="session_id", annotation=str),
]


def with_history(engine: Engine, model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    return RunnableWithMessageHistory(
        PROMPT | model,
        lambda user_id, session_id: MemoryOSChatMessageHistory(engine, user_id, session_id),
        input_messages_key="question",
        history_messages_key="history",
        history_factory_config=TWO_KEYS,
    )


def config(user: str, session: str) -> Any:
    return {"configurable": {"user_id": user, "session_id": session}}


pytestmark = pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")


def test_messages_are_kept_in_order_and_per_session(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom", "one")
    history.add_user_message("hello")
    history.add_ai_message("hi")
    history.add_messages([HumanMessage("more"), AIMessage("yes")])
    assert [m.text for m in history.messages] == ["hello", "hi", "more", "yes"]
    assert len(engine.memory("tom").pages("one")) == 2
    assert MemoryOSChatMessageHistory(engine, "tom", "two").messages == []
    assert MemoryOSChatMessageHistory(engine, "eve", "one").messages == []
    assert str(history) == "Human: hello\nAI: hi\nHuman: more\nAI: yes"


def test_a_turn_that_comes_in_pieces_is_one_page(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom")
    pieces: list[BaseMessage] = [
        SystemMessage("Be brief."),
        HumanMessage("weather?"),
        AIMessage("", tool_calls=[{"name": "w", "args": {}, "id": "1", "type": "tool_call"}]),
        ToolMessage("sun", tool_call_id="1"),
        AIMessage("Sunny."),
    ]
    for piece in pieces:
        history.add_message(piece)
    assert history.messages == pieces
    (*_, page) = engine.memory("tom").pages("default")
    assert (page.user_input, page.agent_response) == ("weather?", "Sunny.")


def test_clearing_erases_the_session_and_only_that(engine: Engine) -> None:
    one, two = (MemoryOSChatMessageHistory(engine, "tom", s) for s in ("one", "two"))
    one.add_user_message("I like chess")
    two.add_user_message("I like go")
    one.clear()
    assert one.messages == []
    assert [m.text for m in two.messages] == ["I like go"]
    assert all("chess" not in p.page.text for p in engine.memory("tom").recall("chess").pages)


async def test_the_asynchronous_verbs(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom")
    await history.aadd_messages([HumanMessage("hello"), AIMessage("hi")])
    assert [m.text for m in await history.aget_messages()] == ["hello", "hi"]
    await history.aclear()
    assert await history.aget_messages() == []


def test_ids_that_cannot_be_are_told_at_once(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="user_id"):
        MemoryOSChatMessageHistory(engine, "")
    with pytest.raises(InvalidInput, match="on_error"):
        MemoryOSChatMessageHistory(engine, "tom", on_error="explode")  # type: ignore[arg-type]


def test_a_memory_that_is_away_costs_no_answer(
    engine: Engine, chat: Any, caplog: Any, away: Any
) -> None:
    model = chat()
    chain = with_history(engine, model)
    chain.invoke({"question": "one"}, config("tom", "s"))
    away()
    assert chain.invoke({"question": "two"}, config("tom", "s")).text == "You said: two"
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    strict = MemoryOSChatMessageHistory(engine, "tom", on_error="raise")
    with pytest.raises(StorageError):
        _ = strict.messages
    with pytest.raises(StorageError):
        MemoryOSChatMessageHistory(engine, "tom").clear()


def test_what_is_no_outage_is_told(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom", "s")
    for wrong in ([object()], [{"no": "role"}], ["a", 7], "a text", {"role": "user"}, 7):
        with pytest.raises(InvalidInput, match="messages"):
            history.add_messages(wrong)  # type: ignore[arg-type]
    assert history.messages == []
    engine.close()
    with pytest.raises(EngineClosed):
        history.add_messages([HumanMessage("hello")])
    with pytest.raises(EngineClosed):
        _ = history.messages


def test_what_langchain_converts_is_converted(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, 7, "s")
    history.add_messages(
        [
            {"role": "user", "content": "I keep bees"},
            ("ai", "How many hives?"),
            {"type": "human", "content": [{"type": "text", "text": "Two"}]},
            AIMessage("Nice."),
            "And a dog",
        ]
    )
    assert [(m.type, m.text) for m in history.messages] == [
        ("human", "I keep bees"),
        ("ai", "How many hives?"),
        ("human", "Two"),
        ("ai", "Nice."),
        ("human", "And a dog"),
    ]
    assert len(engine.memory("7").pages()) == 3


def test_a_message_too_long_for_the_journal_ends_nothing() -> None:
    with Engine.open("sqlite:///:memory:", {"max_text_bytes": 1000}) as engine:
        history = MemoryOSChatMessageHistory(engine, "tom", "s", on_error="raise")
        history.add_messages([HumanMessage("x" * 1200), AIMessage("y" * 50_000, id="a")])
        history.add_messages([HumanMessage("next", additional_kwargs={"k": "\x00" * 9000})])
        history.add_messages([AIMessage("ok"), ToolMessage("z" * 99_000, tool_call_id="1")])
        asked, answered, *others = history.messages
        assert asked.text == "x" * 1200
        assert answered.text.startswith("yyy")
        assert [m.text[:4] for m in others] == ["next", "ok", "zzzz"]


# ── RunnableWithMessageHistory ───────────────────────────────────────────────────────────────────


def test_two_keys_of_the_configuration_say_whose_history_it_is(engine: Engine, chat: Any) -> None:
    model = chat()
    chain = with_history(engine, model)
    chain.invoke({"question": "I am Tom"}, config("tom", "s"))
    chain.invoke({"question": "I am Eve"}, config("eve", "s"))
    chain.invoke({"question": "who?"}, config("tom", "s"))
    assert [m.text for m in model.prompts[-1]] == [
        "Be brief.",
        "I am Tom",
        "You said: I am Tom",
        "who?",
    ]
    recorded = MemoryOSChatMessageHistory(engine, "tom", "s").messages
    assert [m.text for m in recorded] == [
        "I am Tom",
        "You said: I am Tom",
        "who?",
        "You said: who?",
    ]


def test_streaming_records_one_whole_answer(engine: Engine, chat: Any) -> None:
    chain = with_history(engine, chat("one two three"))
    pieces = [chunk.text for chunk in chain.stream({"question": "count"}, config("tom", "s"))]
    assert len(pieces) >= 3
    question, answer = MemoryOSChatMessageHistory(engine, "tom", "s").messages
    assert question.text == "count"
    assert isinstance(answer, AIMessage)
    assert answer.text == "one two three"


async def test_the_chain_in_asyncio(engine: Engine, chat: Any) -> None:
    chain = with_history(engine, chat())
    await chain.ainvoke({"question": "a"}, config("tom", "s"))
    _ = [chunk async for chunk in chain.astream({"question": "b"}, config("tom", "s"))]
    texts = [m.text for m in MemoryOSChatMessageHistory(engine, "tom", "s").messages]
    assert texts == ["a", "You said: a", "b", "You said: b"]


def test_the_plain_form_with_messages(engine: Engine, chat: Any) -> None:
    chain = RunnableWithMessageHistory(
        chat(), lambda session_id: MemoryOSChatMessageHistory(engine, "tom", session_id)
    )
    for text in ("a", "b"):
        chain.invoke([HumanMessage(text)], {"configurable": {"session_id": "s"}})
    texts = [m.text for m in MemoryOSChatMessageHistory(engine, "tom", "s").messages]
    assert texts == ["a", "You said: a", "b", "You said: b"]


def test_batch(engine: Engine, chat: Any) -> None:
    chain = with_history(engine, chat())
    users = [f"user{n}" for n in range(6)]
    chain.batch([{"question": u} for u in users], [config(u, "s") for u in users])
    for user in users:
        texts = [m.text for m in MemoryOSChatMessageHistory(engine, user, "s").messages]
        assert texts == [user, f"You said: {user}"]


def paired(messages: list[BaseMessage]) -> Callable[[str], bool]:
    """Whether a question is followed by its own answer."""
    texts = [str(m.text) for m in messages]
    return lambda q: texts.count(q) == 1 and texts[texts.index(q) + 1] == f"You said: {q}"


def test_20_threads_in_shared_sessions(file_engine: Engine, chat: Any) -> None:
    chain = with_history(file_engine, chat())
    jobs = [(f"user{n % 3}", f"question {n} of {turn}") for n in range(20) for turn in range(3)]

    def ask(job: tuple[str, str]) -> None:
        chain.invoke({"question": job[1]}, config(job[0], "shared"))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ask, jobs))
    for user in ("user0", "user1", "user2"):
        messages = MemoryOSChatMessageHistory(file_engine, user, "shared").messages
        mine = [question for who, question in jobs if who == user]
        assert len(messages) == 2 * len(mine)
        assert all(map(paired(messages), mine))


async def test_200_tasks_in_shared_sessions(file_engine: Engine, chat: Any) -> None:
    chain = with_history(file_engine, chat())
    jobs = [(f"user{n % 4}", f"question {n}") for n in range(200)]
    await asyncio.gather(
        *(chain.ainvoke({"question": text}, config(user, "shared")) for user, text in jobs)
    )
    for user in {user for user, _ in jobs}:
        messages = MemoryOSChatMessageHistory(file_engine, user, "shared").messages
        mine = [question for who, question in jobs if who == user]
        assert len(messages) == 2 * len(mine)
        assert all(map(paired(messages), mine))


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream"])
async def test_a_chain_with_its_conversation_and_the_others(
    engine: Engine, chat: Any, mode: str
) -> None:
    prompt = ChatPromptTemplate(
        [("system", "Be kind.\n{memory}"), MessagesPlaceholder("history"), ("human", "{input}")]
    )
    model = chat("one", "two", "three", "four")
    chain = with_memory(prompt | model, engine)

    async def ask(words: str, user: str, session: str) -> None:
        config: Any = {"configurable": {"user_id": user, "session_id": session}}
        if mode == "invoke":
            chain.invoke({"input": words}, config)
        elif mode == "ainvoke":
            await chain.ainvoke({"input": words}, config)
        else:
            list(chain.stream({"input": words}, config))

    await ask("My cat is called Minka", "tom", "monday")
    await ask("What is my cat called?", "tom", "monday")
    await ask("What is my cat called?", "tom", "tuesday")
    await ask("What is my cat called?", "eve", "wednesday")
    (_, second, third, fourth) = model.prompts
    assert [m.text for m in second[1:]] == [
        "My cat is called Minka",
        "one",
        "What is my cat called?",
    ]
    assert "Minka" not in second[0].text  # it stands in the conversation already
    assert "Minka" in third[0].text
    assert len(third) == 2
    assert not any("Minka" in m.text for m in fourth)
    assert [p.user_input for p in engine.memory("tom").pages("tuesday")] == [
        "What is my cat called?"
    ]
    with pytest.raises(ValueError, match="user_id"):
        chain.invoke({"input": "x"}, {"configurable": {"session_id": "s"}})
