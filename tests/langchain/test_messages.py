"""Messages come back exactly as they went in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from memoryos import Engine, Message
from memoryos_integrations.langchain import (
    MemoryOSChatMessageHistory,
    from_langchain_message,
    to_langchain_message,
)

CALL = {"name": "weather", "args": {"city": "Lisbon", "days": [1, 2]}, "id": "call_1"}
IMAGE = [
    {"type": "text", "text": "What is this?"},
    {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
]
THINKING = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "text", "text": "A cat", "annotations": [{"type": "citation", "url": "x"}]},
]

MESSAGES: list[BaseMessage] = [
    HumanMessage("hello"),
    HumanMessage("héllo 你好 🎈", id="h1", name="Tom"),
    HumanMessage(IMAGE, id="h2", additional_kwargs={"files": ["a.pdf"]}),
    HumanMessage(["plain", {"type": "text", "text": "mixed"}]),
    AIMessage("hi", id="a1"),
    AIMessage("", tool_calls=[{**CALL, "type": "tool_call"}], id="a2"),
    AIMessage(
        THINKING,
        id="a3",
        usage_metadata={"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        response_metadata={"model_name": "m", "logprobs": None, "finish_reason": "stop"},
        additional_kwargs={"refusal": None},
    ),
    AIMessage(
        "",
        invalid_tool_calls=[
            {"name": "x", "args": "{", "id": "c", "error": "bad", "type": "invalid_tool_call"}
        ],
    ),
    ToolMessage("22 degrees", tool_call_id="call_1", name="weather", id="t1"),
    ToolMessage(
        [{"type": "text", "text": "chart"}],
        tool_call_id="call_1",
        status="error",
        artifact={"rows": [1, 2, {"deep": None}]},
    ),
    ToolMessage("", tool_call_id="call_2"),
    SystemMessage("Be kind.", id="s1", additional_kwargs={"cache": True}),
    ChatMessage("as the moderator", role="moderator"),
    ChatMessage("as the user", role="user"),
    FunctionMessage("4", name="add"),
    AIMessage("  spaces \n kept\t"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: f"{m.type}-{m.id}")
def test_a_message_survives_exactly(message: BaseMessage) -> None:
    there = from_langchain_message(message)
    json.dumps([there.content, there.tool_calls, there.metadata])
    back = to_langchain_message(there)
    assert type(back) is type(message)
    assert back == message


def test_a_plain_message_takes_no_more_room_than_its_words() -> None:
    assert from_langchain_message(HumanMessage("hi", id="1")) == Message("user", "hi", id="1")
    call = from_langchain_message(AIMessage("hi", tool_calls=[CALL]))
    assert call.metadata == {}


def test_a_history_gives_back_what_it_took_from_the_database(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri) as engine:
        MemoryOSChatMessageHistory(engine, "tom", "s").add_messages(MESSAGES)
    with Engine.open(sqlite_uri) as engine:
        assert MemoryOSChatMessageHistory(engine, "tom", "s").messages == MESSAGES


def test_chunks_become_whole_messages() -> None:
    chunk = AIMessageChunk("Hel", id="1") + AIMessageChunk("lo", id="1")
    back = to_langchain_message(from_langchain_message(chunk))
    assert type(back) is AIMessage
    assert back.text == "Hello"
    assert back.id == "1"


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d of a pair", "\x00"])
def test_what_no_database_holds_as_text_survives_too(engine: Engine, text: str) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom", on_error="raise")
    messages = [HumanMessage(text), ToolMessage(text, tool_call_id="1", artifact={text: [text]})]
    history.add_messages(messages)
    assert history.messages == messages


def test_what_is_no_json_is_kept_as_text() -> None:
    message = ToolMessage(
        "x", tool_call_id="1", artifact={"raw": b"\xff", "nan": float("nan"), "object": object}
    )
    back = to_langchain_message(from_langchain_message(message))
    assert isinstance(back, ToolMessage)
    assert back.artifact["raw"] == "_w=="
    assert back.artifact["nan"] == "nan"


def test_messages_of_other_frameworks_can_be_read() -> None:
    function = {"name": "f", "arguments": '{"a": 1}'}
    openai = {"id": "c", "type": "function", "function": function}
    back = to_langchain_message(Message("assistant", "", tool_calls=[openai]))
    assert isinstance(back, AIMessage)
    assert back.tool_calls == [{"name": "f", "args": {"a": 1}, "id": "c", "type": "tool_call"}]
    broken = {"id": "c", "function": {"name": "f", "arguments": "{oops"}}
    back = to_langchain_message(Message("assistant", "", tool_calls=[broken]))
    assert isinstance(back, AIMessage)
    assert back.tool_calls[0]["args"] == {"arguments": "{oops"}
    assert to_langchain_message(Message("tool", "4")).type == "tool"
    assert to_langchain_message(Message("developer", "x")) == ChatMessage("x", role="developer")


def test_an_instruction_to_remove_is_no_message(engine: Engine) -> None:
    history = MemoryOSChatMessageHistory(engine, "tom", on_error="raise")
    history.add_messages([RemoveMessage(id="1")])
    assert history.messages == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    text=st.text(),
    args=st.dictionaries(st.text(), json_values, max_size=3),
    extra=st.dictionaries(st.text(), json_values, max_size=3),
    id_=st.none() | st.text(),
)
def test_any_message_survives(text: str, args: Any, extra: Any, id_: str | None) -> None:
    calls = [{"name": "f", "args": args, "id": "1", "type": "tool_call"}]
    for message in (
        HumanMessage(text, id=id_, response_metadata=extra),
        AIMessage(text, id=id_, tool_calls=calls),
        ToolMessage(text, id=id_, tool_call_id="1", artifact=extra),
    ):
        assert to_langchain_message(from_langchain_message(message)) == message
