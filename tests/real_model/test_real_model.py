"""Against a real llama.cpp server with a real small model: the protocol, the bounds, the repair.

Nothing asserts that the model is clever; everything that it said nothing is lost and all calls end.
`pytest -m realmodel`, some minutes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memoryos
from memoryos.frontends.cli.model_check import check_model
from memoryos.llm import OpenAIChat
from memoryos.memory.memory import Memory

pytestmark = [pytest.mark.realmodel, pytest.mark.timeout(900)]

TURNS = 21
CONFIG = {"promotion": "manual", "short_term_capacity": 1, "heat_threshold": 1e9}
"""Filing alone: a promotion asks the same client in the same way, for as long."""
KEY = "none"


def turns(path: Path) -> list[tuple[str, str]]:
    """Return the first turns of the test dialogue, two messages each."""
    said = [
        turn["text"]
        for sample in json.loads(path.read_text("utf-8"))
        for name, session in sorted(sample["conversation"].items())
        if name.startswith("session_") and not name.endswith("date_time")
        for turn in session
    ]
    return list(zip(said[::2], said[1::2], strict=False))[:TURNS]


def small(model: OpenAIChat, tokens: int = 160) -> OpenAIChat:
    """Return the model with short answers, which it can be waited for."""
    whole = model.complete

    def complete(messages: Any, *, schema: Any = None, max_tokens: int | None = None) -> Any:
        return whole(messages, schema=schema, max_tokens=min(tokens, max_tokens or tokens))

    model.complete = complete  # type: ignore[method-assign]
    return model


def remembered(memory: Memory) -> None:
    memory.add("My boat is called Skarven.", "What a name!")


def test_a_dialogue_is_filed_within_the_bounds(model: OpenAIChat, dialogue: Path) -> None:
    told = turns(dialogue)
    assert len(told) == TURNS
    with Engine.open("sqlite:///:memory:", CONFIG, small(model)) as engine:
        memory = engine.memory("ilse")
        for user, agent in told:
            memory.add(user, agent)
        memory.flush()
        stats, usage = memory.stats(), memory.usage()
        assert stats.pages == TURNS
        assert stats.waiting <= 1
        assert sum(segment.pages for segment in memory.segments()) == TURNS - stats.waiting
        assert usage.calls <= TURNS  # a call a page is the worst that halving may come to
        assert usage.prompt_tokens <= 2_048 * usage.calls
        calls = usage.calls
        memory.flush()
        assert memory.usage().calls == calls  # nothing is asked for again
        ids = {page.id for page in memory.pages()}
        for fact in memory.knowledge():
            assert {source.page_id for source in fact.sources} <= ids
        assert memory.recall("the wooden sloop").pages


def test_it_answers_whole_and_in_pieces(model: OpenAIChat) -> None:
    with Engine.open("sqlite:///:memory:", CONFIG, small(model, 24)) as engine:
        memory = engine.memory("ilse")
        remembered(memory)
        assert memory.respond("What is my boat called?").strip()
        stream = model.stream([{"role": "user", "content": "Say hello."}], max_tokens=16)
        assert "".join(stream)
        assert len(memory.pages()) == 2


def test_the_doctor_knows_what_it_can_do(model: OpenAIChat) -> None:
    report = check_model(small(model, 120))
    assert report.window == 2_048
    assert report.streams
    assert report.usage
    assert report.answers_in == "a JSON schema, with its bounds"
    assert report.calls
    assert not report.error


def test_langchain_agent(real_url: str, tmp_path: Path) -> None:
    from langchain.agents import create_agent  # noqa: PLC0415
    from langchain_openai import ChatOpenAI  # noqa: PLC0415

    from memoryos_integrations.langchain import MemoryOSMiddleware  # noqa: PLC0415

    with Engine.open(f"sqlite:///{tmp_path / 'm.db'}", CONFIG) as engine:
        remembered(engine.memory("ilse"))
        chat = ChatOpenAI(model="smollm2", base_url=real_url, api_key=KEY, max_tokens=24)
        agent = create_agent(chat, middleware=[MemoryOSMiddleware(engine, "ilse")])
        answer = agent.invoke({"messages": [("user", "What is my boat called?")]})
        assert answer["messages"][-1].content
        assert len(engine.memory("ilse").pages()) == 2


def test_llama_index_chat_engine(real_url: str, tmp_path: Path) -> None:
    from llama_index.core.chat_engine import SimpleChatEngine  # noqa: PLC0415
    from llama_index.llms.openai_like import OpenAILike  # noqa: PLC0415

    from memoryos_integrations.llama_index import MemoryOSMemory  # noqa: PLC0415

    with Engine.open(f"sqlite:///{tmp_path / 'm.db'}", CONFIG) as engine:
        remembered(engine.memory("ilse"))
        llm = OpenAILike(
            model="smollm2", api_base=real_url, api_key=KEY, is_chat_model=True, max_tokens=24,
            context_window=2_048,
        )  # fmt: skip
        memory = MemoryOSMemory(engine, "ilse", "default", 1_000)
        chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
        assert str(chat.chat("What is my boat called?"))
        assert len(engine.memory("ilse").pages()) == 2


def test_the_published_class_in_spanish(
    real_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = OpenAIChat.complete

    def complete(self: OpenAIChat, messages: Any, **options: Any) -> Any:
        return whole(self, messages, **{**options, "max_tokens": 32})

    monkeypatch.setattr(OpenAIChat, "complete", complete)
    memory = Memoryos(
        user_id="ilse",
        openai_api_key=KEY,
        openai_base_url=real_url,
        data_storage_path=str(tmp_path),
        llm_model="smollm2",
        assistant_id="marinero",
    )
    memory.add_memory("Mi barco se llama Skarven.", "¡Qué nombre!")
    assert memory.get_response("¿Cómo se llama mi barco?").strip()
    assert "Skarven" in str(memory.retriever.retrieve_context("¿Cómo se llama mi barco?", "ilse"))


async def test_mcp(real_url: str, tmp_path: Path) -> None:
    from mcp import Client  # noqa: PLC0415
    from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415

    config = tmp_path / "config.json"
    settings = {"user_id": "ilse", "llm_model": "smollm2", "openai_base_url": real_url}
    storage = {"data_storage_path": str(tmp_path / "data"), "openai_api_key": KEY}
    config.write_text(json.dumps({**settings, **storage}))
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "memoryos_integrations.mcp", "--config", str(config)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=str(tmp_path),
    )
    said = {"user_input": "My boat is called Skarven.", "agent_response": "Nice."}
    async with Client(server) as client:
        assert not (await client.call_tool("add_memory", said)).is_error
        found = await client.call_tool("retrieve_memory", {"query": "my boat's name"})
        assert "Skarven" in json.dumps(found.structured_content)
