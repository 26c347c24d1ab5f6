"""The session, as upstream's own session tests ask it, and what they do not ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.openai_agents import MemoryOSSession

TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Lisbon?"},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {
        "type": "function_call",
        "call_id": "c1",
        "name": "weather",
        "arguments": '{"city": "Lisbon"}',
        "id": "fc_1",
    },
    {"type": "function_call_output", "call_id": "c1", "output": "Sunny"},
    {
        "type": "message",
        "role": "assistant",
        "id": "msg_1",
        "status": "completed",
        "content": [{"type": "output_text", "text": "It is sunny.", "annotations": []}],
    },
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        yield engine


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def test_items_come_back_exactly_and_the_turn_is_one_page(engine: Engine) -> None:
    session = MemoryOSSession("s", "tom", engine)
    await session.add_items(TURN[:3])
    await session.add_items(TURN[3:])
    assert await session.get_items() == TURN
    assert await MemoryOSSession("s", "tom", engine).get_items() == TURN
    (page,) = engine.memory("tom").pages()
    assert page.user_input == "What is the weather in Lisbon?"
    assert page.agent_response == "It is sunny."
    assert await MemoryOSSession("s", "eve", engine).get_items() == []
    assert await MemoryOSSession("other", "tom", engine).get_items() == []


async def test_the_newest_items_in_order(engine: Engine) -> None:
    session = MemoryOSSession("s", "tom", engine)
    items = [user(f"number {n}") for n in range(40)]
    await session.add_items(items)
    for limit, wanted in ((0, []), (1, items[-1:]), (35, items[-35:]), (99, items), (None, items)):
        assert await session.get_items(limit) == wanted
    assert await session.get_items(-1) == items
    session.session_settings = SimpleNamespace(limit=2)
    assert await session.get_items() == items[-2:]
    assert await session.get_items(3) == items[-3:]


async def test_items_are_popped_from_the_end_and_gone(engine: Engine) -> None:
    session = MemoryOSSession("s", "tom", engine)
    assert await session.pop_item() is None
    await session.add_items([user("first"), *TURN])
    for item in reversed(TURN):
        assert await session.pop_item() == item
    assert await session.get_items() == [user("first")]
    assert "sunny" not in engine.memory("tom").recall("Is it sunny?").text()
    assert await session.pop_item() == user("first")
    assert await session.pop_item() is None
    await session.add_items(TURN)
    assert await session.get_items() == TURN


async def test_clear_erases_this_session_only(engine: Engine) -> None:
    one, two = MemoryOSSession("one", "tom", engine), MemoryOSSession("two", "tom", engine)
    await one.add_items(TURN)
    await two.add_items([user("stays")])
    await one.clear_session()
    await one.clear_session()
    assert await one.get_items() == []
    assert await two.get_items() == [user("stays")]
    await one.add_items([])
    assert await one.get_items() == []


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "a\x00b \ud800 \u202e"},
        {"role": "user", "content": ""},
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}],
        },
        {"role": "developer", "content": "Be kind."},
        {"type": "compaction", "encrypted_content": "…"},
        {"type": "something_new", "deep": {"er": [1, None, 2.5]}},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"type": "shell_call_output", "call_id": 5, "output": [{"stdout": "x"}]},
    ],
)
async def test_whatever_the_sdk_stores(engine: Engine, item: dict[str, Any]) -> None:
    session = MemoryOSSession("s", "tom", engine)
    await session.add_items([user("before"), item, user("after")])
    assert await session.get_items() == [user("before"), item, user("after")]


async def test_what_is_no_item_is_refused(engine: Engine) -> None:
    session = MemoryOSSession("s", "tom", engine)
    for wrong in ("words", None, {"role": "user", "content": object()}):
        with pytest.raises(InvalidInput, match="item"):
            await session.add_items([user("kept?"), wrong])
    assert await session.get_items() == []
    for ids in (("", "tom"), ("s", ""), ("s", None)):
        with pytest.raises(InvalidInput):
            MemoryOSSession(*ids, engine)
    with pytest.raises(InvalidInput, match="storage_uri"):
        MemoryOSSession("s", "tom")


async def test_a_long_message_does_not_stand_in_the_way() -> None:
    with Engine.open("sqlite:///:memory:", {"max_text_bytes": 1000}) as engine:
        session = MemoryOSSession("s", "tom", engine)
        await session.add_items([user("word " * 50_000), user("next")])
        first, second = await session.get_items()
        assert first["content"].startswith("word ")
        assert second == user("next")


async def test_many_at_once_lose_nothing(engine: Engine) -> None:
    sessions = [MemoryOSSession("s", "tom", engine) for _ in range(20)]
    await asyncio.gather(*(one.add_items([user(f"n{n}")]) for n, one in enumerate(sessions)))
    found = await sessions[0].get_items()
    assert sorted(item["content"] for item in found) == sorted(f"n{n}" for n in range(20))


async def test_instructions_bring_back_other_sessions(engine: Engine) -> None:
    await MemoryOSSession("old", "tom", engine).add_items([user("My cat is called Minka")])
    session = MemoryOSSession("new", "tom", engine)
    instructions = session.instructions("Be kind.")
    told = await instructions(SimpleNamespace(turn_input=[user("What is my cat called?")]), None)
    assert told.startswith("Be kind.\n\n<memory>")
    assert "Minka" in told
    await session.add_items([user("What is my cat called?")])
    assert "Minka" in await instructions(SimpleNamespace(), None)
    eve = MemoryOSSession("new", "eve", engine).instructions("Be kind.")
    asked = SimpleNamespace(turn_input=[user("What is my cat called?")])
    assert await eve(asked, None) == "Be kind."
    other = SimpleNamespace(turn_input=[user("asdf qwer zxcv")])
    assert await session.instructions(min_relevance=0.9)(other, None) == ""
    with pytest.raises(InvalidInput, match="min_relevance"):
        session.instructions(min_relevance=2)
