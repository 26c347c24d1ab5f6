"""Whatever a message holds comes back exactly, and the journal shows its words, and only them."""

from __future__ import annotations

import io
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index_doubles import assistant, user

from memoryos import Engine, Message
from memoryos_integrations.llama_index import MemoryOSMemory
from memoryos_integrations.llama_index.messages import from_message, to_message

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WAV = b"RIFF$\x00\x00\x00WAVEfmt " + bytes(64)
CALL = ToolCallBlock(tool_call_id="c1", tool_name="search", tool_kwargs={"q": "x", "n": [1, None]})

MESSAGES = {
    "text": user("Hello"),
    "empty text": user(""),
    "no content": ChatMessage(role="assistant"),
    "two texts": ChatMessage(role="user", blocks=[TextBlock(text="a"), TextBlock(text="b")]),
    "empty beside text": ChatMessage(role="user", blocks=[TextBlock(text=""), TextBlock(text="b")]),
    "image bytes": ChatMessage(role="user", blocks=[TextBlock(text="Look"), ImageBlock(image=PNG)]),
    "image alone": ChatMessage(role="user", blocks=[ImageBlock(image=PNG, detail="high")]),
    "image of few bytes": ChatMessage(role="user", blocks=[ImageBlock(image=b"abcd")]),
    "image at a URL": ChatMessage(role="user", blocks=[ImageBlock(url="https://a.example/b.png")]),
    "audio": ChatMessage(role="user", blocks=[AudioBlock(audio=WAV, format="wav")]),
    "video": ChatMessage(role="user", blocks=[VideoBlock(url="https://a.example/v.mp4", fps=3)]),
    "document": ChatMessage(role="user", blocks=[DocumentBlock(data=b"%PDF-1.7 x", title="t")]),
    "cache point": ChatMessage(
        role="user",
        blocks=[TextBlock(text="long"), CachePoint(cache_control=CacheControl(type="ephemeral"))],
    ),
    "citable": ChatMessage(
        role="tool",
        blocks=[CitableBlock(title="t", source="s", content=[TextBlock(text="quoted")])],
    ),
    "citation": ChatMessage(
        role="assistant",
        blocks=[
            TextBlock(text="As it says"),
            CitationBlock(
                cited_content=TextBlock(text="x"),
                source="s",
                title="t",
                additional_location_info={"page": 1},
            ),
        ],
    ),
    "thinking": ChatMessage(
        role="assistant",
        blocks=[
            ThinkingBlock(content="hm", num_tokens=3, additional_information={"signature": "z"}),
            TextBlock(text="Yes"),
        ],
    ),
    "tool call": ChatMessage(role="assistant", blocks=[CALL]),
    "tool call after words": ChatMessage(
        role="assistant", blocks=[TextBlock(text="Let me see"), CALL, CALL]
    ),
    "tool call between words": ChatMessage(
        role="assistant", blocks=[TextBlock(text="a"), CALL, TextBlock(text="b"), CALL]
    ),
    "tool call with no arguments": ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_name="f", tool_kwargs="")]
    ),
    "tool call with broken arguments": ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_name="f", tool_kwargs='{"q": ')]
    ),
    "tool call of the older kind": assistant(
        "Let me see", additional_kwargs={"tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    ),
    "tool result": ChatMessage(
        role="tool", content="42", additional_kwargs={"tool_call_id": "c1", "name": "search"}
    ),
    "odd tool call id": ChatMessage(
        role="tool", content="42", additional_kwargs={"tool_call_id": None, "name": 3}
    ),
    "named": user("Hi", additional_kwargs={"name": "Tom", "nested": {"a": [1, 2.5, None]}}),
    "ReAct": assistant("Thought: I know.\nAnswer: Forty-two."),
    "function": ChatMessage(role="function", content="42"),
    "developer": ChatMessage(role="developer", content="Be kind."),
    "chatbot": ChatMessage(role="chatbot", content="Yes"),
    "model": ChatMessage(role="model", content="Yes"),
    "system": ChatMessage(role="system", content="Be kind."),
    "NUL": user("a\x00b", additional_kwargs={"k": "\x00"}),
    "NUL in a tool's result": ChatMessage(role="tool", content="\x00" * 5),
    "lone surrogate": assistant("a\ud800b"),
    "long": user("word " * 300_000),
    "backslashes": user("\\u0000 \\x00"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_kind_of_message_round_trips(name, memory):
    message = MESSAGES[name]
    before = message.model_copy(deep=True)
    memory.put(message)
    assert message == before
    (back,) = memory.get_all()
    assert back == before
    assert [type(block) for block in back.blocks] == [type(block) for block in before.blocks]
    assert back.model_dump() == before.model_dump()
    memory.reset()
    memory.set([message])
    assert memory.get_all() == [before]


def test_all_kinds_together_in_their_order(memory):
    messages = [*MESSAGES.values()]
    memory.put_messages(messages)
    assert memory.get_all() == messages
    memory.set(messages[5:])
    assert memory.get_all() == messages[5:]


@pytest.mark.parametrize(
    ("name", "user_said", "agent_said"),
    [
        ("text", "Hello", ""),
        ("image bytes", "Look", ""),
        ("thinking", "", "Yes"),
        ("tool call after words", "", ""),
        ("tool call of the older kind", "", ""),
        ("tool result", "", ""),
        ("ReAct", "", "Forty-two."),
        ("system", "", ""),
        ("developer", "", ""),
        ("chatbot", "", "Yes"),
        ("NUL", "a\ufffdb", ""),
    ],
)
def test_the_page_holds_what_was_said_alone(name, user_said, agent_said, memory, journal):
    memory.put(MESSAGES[name])
    (page,) = journal.pages()
    assert (page.user_input, page.agent_response) == (user_said, agent_said)


def test_plain_messages_need_no_metadata():
    for name in ("text", "system", "tool result", "tool call"):
        assert to_message(MESSAGES[name]).metadata == {}
    assert to_message(MESSAGES["tool result"]).tool_call_id == "c1"
    assert to_message(MESSAGES["tool call"]).tool_calls[0]["name"] == "search"
    assert to_message(MESSAGES["named"]).name == "Tom"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Thought: a\nAnswer: b", "b"),
        ("Thought: a\nAction: f\nObservation: \nAnswer: no\nThought: c\nAnswer: d\ne", "d\ne"),
        ("Thought: a\nAnswer: b\nThought: of the day", "b\nThought: of the day"),
        ("Thought: only", "Thought: only"),
        ("Well.\nThought: a\nAnswer: b", "Well.\nThought: a\nAnswer: b"),
        ("Answer: b", "Answer: b"),
    ],
)
def test_the_answer_of_a_react_agent(text, answer):
    assert to_message(assistant(text)).text == answer
    assert from_message(to_message(assistant(text))) == assistant(text)


def test_open_files_come_back_as_their_contents(memory):
    picture = io.BytesIO(PNG)
    picture.seek(3)
    memory.put(ChatMessage(role="user", blocks=[ImageBlock(image=picture)]))
    assert picture.tell() == 3
    (back,) = memory.get_all()
    assert back.blocks[0].resolve_image().read() == PNG


def test_a_picture_whose_file_has_gone_does_not_take_the_chat_with_it(memory, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    message = ChatMessage(role="user", blocks=[TextBlock(text="Look"), ImageBlock(path=path)])
    memory.put(message)
    assert memory.get_all() == [message]
    path.unlink()
    (back,) = memory.get()
    assert (back.content, str(back.blocks[1].path)) == ("Look", str(path))


def test_objects_in_additional_kwargs_are_told_as_llama_index_tells_them(memory):
    class Usage(BaseModel):
        tokens: int = 3

    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    memory.put(assistant("x", additional_kwargs={"usage": Usage(), "raw": b"ab", "at": at}))
    (back,) = memory.get_all()
    assert back.additional_kwargs == {"usage": {"tokens": 3}, "raw": "YWI=", "at": str(at)}


def test_images_in_additional_kwargs_do_not_break_reading(memory):
    message = user("Look")
    message.additional_kwargs["images"] = [{"any": "thing"}]
    memory.put(message)
    assert memory.get_all() == [message]


def test_what_other_programs_journalled_can_be_read(journal, memory):
    journal.add("Hello", "Hi")
    journal.add_messages(
        [
            Message("user", [{"type": "text", "text": "Look"}, {"type": "image_url", "x": 1}, "z"]),
            Message("assistant", "", tool_calls=[{"id": "1", "name": "f", "args": {"a": 1}}]),
            Message("narrator", "Meanwhile"),
        ]
    )
    shown = memory.get_all()
    assert [m.content for m in shown] == ["Hello", "Hi", "Look\nz", "", "Meanwhile"]
    assert shown[3].blocks[1].tool_kwargs == {"a": 1}
    assert shown[4].role == MessageRole.ASSISTANT


def test_a_message_past_all_bounds_loses_its_middle_and_the_chat_goes_on():
    with Engine.open("sqlite:///:memory:", {"max_text_bytes": 1000}) as engine:
        memory = MemoryOSMemory(engine, 7, "s")
        image = ImageBlock(image=b"\x89PNG" + bytes(20_000))
        memory.put(ChatMessage(role="user", blocks=[TextBlock(text="Look"), image]))
        memory.put(ChatMessage(role="assistant", content="y" * 1200))
        memory.put(ChatMessage(role="user", content="x" * 40_000))
        memory.put(ChatMessage(role="assistant", content="ok"))
        first, second, third, last = memory.get_all()
        assert first.content == "Look"
        assert second.content == "y" * 1200
        assert third.content.startswith("xxx")
        assert last.content == "ok"
        assert [len(page.messages) for page in engine.memory("7").pages()] == [2, 2]
        assert memory.get("x" * 40_000)


def test_what_is_handed_out_is_the_callers_own(memory):
    """AgentWorkflow writes its state into the last message it got."""
    memory.put(user("Hello"))
    memory.get()[0].blocks[0].text = "changed"
    memory.get_all()[0].additional_kwargs["x"] = 1
    assert memory.get() == [user("Hello")]


block = st.one_of(
    st.builds(TextBlock, text=st.text()),
    st.builds(ThinkingBlock, content=st.none() | st.text()),
    st.builds(ImageBlock, image=st.binary(min_size=1, max_size=50)),
    st.builds(
        ToolCallBlock,
        tool_call_id=st.none() | st.text(),
        tool_name=st.text(),
        tool_kwargs=st.text() | st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
    ),
)
message = st.builds(
    ChatMessage,
    role=st.sampled_from(MessageRole),
    blocks=st.lists(block, max_size=4),
    additional_kwargs=st.dictionaries(
        st.sampled_from(["name", "tool_call_id", "other"]), st.none() | st.text() | st.booleans()
    ),
)


@given(st.lists(message, min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_round_trips(memory, messages):
    memory.reset()
    memory.put_messages(messages)
    assert memory.get_all() == messages
    memory.set(messages[1:])
    assert memory.get_all() == messages[1:]
