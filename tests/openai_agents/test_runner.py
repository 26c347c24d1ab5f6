"""The session under the SDK's own Runner, with a model over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from memoryos import Engine
from memoryos.testing.openai_server import OpenAIServer, Reply
from memoryos_integrations.openai_agents import MemoryOSSession

CALL = {"name": "weather", "arguments": {"city": "Lisbon"}}


@function_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"22 degrees in {city}"


@pytest.fixture
async def model(server: OpenAIServer) -> AsyncIterator[Any]:
    set_tracing_disabled(True)
    async with AsyncOpenAI(api_key="none", base_url=server.url) as client:
        yield OpenAIChatCompletionsModel("gpt-4o-mini", openai_client=client)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_with_tools_is_kept_and_recalled_in_another(
    server: OpenAIServer, model: Any, streamed: bool
) -> None:
    server.chat = [Reply(tool_calls=[CALL]), "It is warm.", "Take a hat.", "Lisbon."]

    async def say(words: str, day: str) -> str:
        session = MemoryOSSession(day, "tom", engine)
        told = session.instructions("Be kind.")
        agent = Agent("Friend", instructions=told, tools=[weather], model=model)
        if not streamed:
            return str((await Runner.run(agent, words, session=session)).final_output)
        run = Runner.run_streamed(agent, words, session=session)
        _ = [event async for event in run.stream_events()]
        return str(run.final_output)

    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        assert await say("How is the weather in Lisbon, where I live?", "monday") == "It is warm."
        assert await say("What should I wear?", "monday") == "Take a hat."
        shown = server.requests[-1].prompt
        assert "22 degrees in Lisbon" in shown  # the session's own items, tool results included
        assert await say("Where do I live, and how is the weather?", "tuesday") == "Lisbon."
        shown = server.requests[-1].prompt
        assert "Be kind." in shown
        assert "in Lisbon, where I live?" in shown
        pages = engine.memory("tom").pages()
        assert [(page.session_id, page.agent_response) for page in pages] == [
            ("monday", "It is warm."),
            ("monday", "Take a hat."),
            ("tuesday", "Lisbon."),
        ]
        assert [message.role for message in pages[0].messages] == [
            "user",
            "assistant",
            "tool",
            "assistant",
        ]


async def test_it_is_a_session_to_the_sdk() -> None:
    from agents.memory.session import Session  # noqa: PLC0415

    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        assert isinstance(MemoryOSSession("monday", "tom", engine), Session)
