"""Model output and framework messages enter the journal whatever they hold; callers are told."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Message
from memoryos.errors import InvalidInput
from memoryos.llm import OpenAIChat
from memoryos.testing.openai_server import OpenAIServer

MOST = 1000
SETTINGS: dict[str, Any] = {"promotion": "manual", "max_text_bytes": MOST}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", SETTINGS) as opened:
        yield opened


def test_what_no_database_holds_is_mended(engine: Engine) -> None:
    page = engine.memory("tom").add("a\x00b", "\ud83d\ude00 \ud800 end", mend=True)
    assert (page.user_input, page.agent_response) == ("a\ufffdb", "\U0001f600 \ufffd end")
    assert page.metadata == {}


def test_a_long_text_is_kept_whole_and_one_beyond_all_bounds_loses_its_middle(
    engine: Engine,
) -> None:
    memory = engine.memory("tom")
    long, longer = "ä" * MOST, "begin " + "é" * 16 * MOST + " end"
    page = memory.add(long, longer, metadata={"mine": 1}, mend=True)
    assert page.user_input == long
    assert page.agent_response.startswith("begin éé")
    assert page.agent_response.endswith("é end")
    assert len(page.agent_response.encode()) <= 16 * MOST
    whole = longer.encode()
    note = {"bytes": len(whole), "sha256": sha256(whole).hexdigest()}
    assert page.metadata == {"mine": 1, "cut": {"agent_response": note}}


@pytest.mark.parametrize(
    "message",
    [
        Message("assistant", "x" * 30 * MOST, id="a"),
        Message("assistant", [{"type": "image", "base64": "x" * 30 * MOST}], id="a"),
        Message("tool", "ok", metadata={"artifact": {"rows": ["y" * 40] * 2 * MOST}}, id="a"),
        Message("assistant", ["z"] * 20 * MOST, id="a"),
    ],
)
def test_a_message_beyond_all_bounds_costs_no_turn(engine: Engine, message: Message) -> None:
    memory = engine.memory("tom")
    memory.add_messages([Message("user", "hi"), message, Message("assistant", "bye")], mend=True)
    memory.add_messages([Message("user", "next"), Message("assistant", "ok")], mend=True)
    first, second = memory.pages()
    assert first.messages[1].metadata["cut"]["bytes"] > 16 * MOST
    assert first.agent_response.endswith("bye")
    assert second.user_input == "next"


def test_what_was_mended_can_go_on_be_rebuilt_and_be_moved(engine: Engine, tmp_path: Path) -> None:
    memory = engine.memory("tom")
    memory.add_messages([Message("user", "x" * 2 * MOST)], mend=True)
    memory.add_messages([Message("assistant", "an answer")])
    memory.rebuild()
    memory.export(tmp_path / "all.jsonl")
    with Engine.open("sqlite:///:memory:", SETTINGS) as other:
        assert other.memory("tom").import_(tmp_path / "all.jsonl") == 1
        (page,) = other.memory("tom").pages()
    assert (len(page.user_input), page.agent_response) == (2 * MOST, "an answer")


def test_a_caller_who_can_be_asked_is_told(engine: Engine) -> None:
    memory = engine.memory("tom")
    for add in (
        lambda: memory.add("x" * (MOST + 1)),
        lambda: memory.add("a\x00b"),
        lambda: memory.add_messages([Message("user", "x" * (MOST + 1))]),
        lambda: memory.add_messages([Message("user", object())], mend=True),
        lambda: memory.add(7, "x", mend=True),  # type: ignore[arg-type]
        lambda: memory.add(" ", "", mend=True),
    ):
        with pytest.raises(InvalidInput):
            add()
    assert memory.pages() == []


@pytest.mark.parametrize("answer", ["x" * 5 * MOST, "a\x00b", "\ud800", "y" * 40 * MOST])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_was_paid_for_is_journalled(answer: str, streamed: bool) -> None:
    with OpenAIServer() as server:
        server.chat = answer
        model = OpenAIChat("test", api_key="sk-test", base_url=server.url)
        with Engine.open("sqlite:///:memory:", SETTINGS, model) as engine:
            memory = engine.memory("tom")
            ask = memory.respond_stream if streamed else memory.respond
            assert "".join(ask("What is it?"))
            (page,) = memory.pages()
            assert page.user_input == "What is it?"
            assert page.agent_response


def test_metadata_that_cannot_be_kept_is_told_before_a_model_is_paid() -> None:
    with OpenAIServer() as server:
        model = OpenAIChat("test", api_key="sk-test", base_url=server.url)
        with Engine.open("sqlite:///:memory:", SETTINGS, model) as engine:
            for ask in (engine.memory("tom").respond, engine.memory("tom").respond_stream):
                with pytest.raises(InvalidInput, match="metadata"):
                    ask("hello", metadata={"a": object()})
        assert server.chats == []
