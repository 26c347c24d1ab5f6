"""FunctionAgent, ReActAgent and AgentWorkflow, with a script for a model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.workflow import Context, JsonSerializer
from llama_index_doubles import ScriptedLLM, call, roles, run, said, texts

from memoryos_integrations.llama_index import MemoryOSMemory, MemoryOSToolSpec

DOG = "My dog is called Biscuit"


def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"


@pytest.fixture
def past(engine):
    engine.memory("tom", session_id="last week").add(DOG, "A lovely name")


@pytest.mark.parametrize("streaming", [True, False])
def test_function_agent_keeps_tool_calls_and_records_the_answer(memory, journal, past, streaming):
    llm = ScriptedLLM.saying(call("weather", city="Braga"), "It is sunny", "Biscuit, of course")
    agent = FunctionAgent(llm=llm, tools=[weather], system_prompt="Be kind.", streaming=streaming)
    assert str(run(agent, "What about the weather, for my dog?", memory=memory)) == "It is sunny"
    assert "Biscuit" in texts(llm.seen[0])
    assert llm.seen[0][0].content == "Be kind."
    assert roles(memory.get_all()) == ["user", "assistant", "tool", "assistant"]
    assert memory.get_all()[1].blocks[-1].tool_name == "weather"
    assert memory.get_all()[2].content == "Sunny in Braga"
    (page,) = journal.pages("chat")
    assert page.user_input == "What about the weather, for my dog?"
    assert page.agent_response == "It is sunny"
    run(agent, "And what is my dog called?", memory=memory)
    shown = llm.seen[-1]
    assert "It is sunny" in texts(shown)
    calls = [m for m in shown if m.role == "assistant" and m.blocks and not m.content]
    assert (
        calls[0].blocks[0].tool_call_id
        == shown[shown.index(calls[0]) + 1].additional_kwargs["tool_call_id"]
    )


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("prompt", [None, "Be kind."])
def test_react_agent_is_shown_the_memory_and_records_the_bare_answer(
    memory, journal, past, streaming, prompt
):
    act = 'Thought: I look.\nAction: weather\nAction Input: {"city": "Braga"}'
    llm = ScriptedLLM.saying(act, "Thought: I know.\nAnswer: Sunny for Biscuit")
    agent = ReActAgent(llm=llm, tools=[weather], system_prompt=prompt, streaming=streaming)
    assert str(run(agent, "What about the weather, for my dog?", memory=memory)) == (
        "Sunny for Biscuit"
    )
    assert all("Biscuit" in texts(shown) for shown in llm.seen)
    (page,) = journal.pages("chat")
    assert page.agent_response == "Sunny for Biscuit"
    assert "Thought" not in page.text
    assert "Action: weather" in memory.get_all()[-1].content


def two_agents(memory_llm: ScriptedLLM) -> AgentWorkflow:
    writer = FunctionAgent(
        name="writer", description="writes", llm=memory_llm, tools=[], system_prompt="Write."
    )
    finder = FunctionAgent(
        name="finder",
        description="finds",
        llm=memory_llm,
        tools=[weather],
        system_prompt="Find.",
        can_handoff_to=["writer"],
    )
    return AgentWorkflow(
        agents=[finder, writer], root_agent="finder", initial_state={"topic": "dogs"}
    )


def test_agents_of_a_workflow_share_a_memory(memory, journal, past):
    llm = ScriptedLLM.saying(
        call("weather", city="Braga"),
        call("handoff", "call-2", to_agent="writer", reason="write it"),
        "Biscuit enjoys the sun",
        "Again",
    )
    flow = two_agents(llm)
    assert str(run(flow, "Write about the weather for my dog", memory=memory)) == (
        "Biscuit enjoys the sun"
    )
    assert "Biscuit" in texts(llm.seen[0])
    finder, writer = llm.seen[0], llm.seen[2]
    assert (finder[0].content, writer[0].content) == ("Find.", "Write.")
    assert "Sunny in Braga" in texts(writer)
    (page,) = journal.pages("chat")
    assert page.user_input == "Write about the weather for my dog"  # not the state put around it
    assert page.agent_response.endswith("Biscuit enjoys the sun")
    tools = [m for m in memory.get_all() if m.role == "tool"]
    assert len(tools) == 2
    run(flow, "And again", memory=memory)
    assert len(journal.pages("chat")) == 2
    assert "Biscuit enjoys the sun" in texts(llm.seen[-1])


def test_a_workflow_of_react_and_function_agent(memory, journal, past):
    llm = ScriptedLLM.saying(
        'Thought: x\nAction: handoff\nAction Input: {"to_agent": "b", "reason": "r"}', "Done by b"
    )
    flow = AgentWorkflow(
        agents=[
            ReActAgent(name="a", description="a", llm=llm, can_handoff_to=["b"]),
            FunctionAgent(name="b", description="b", llm=llm),
        ],
        root_agent="a",
    )
    assert str(run(flow, "What is my dog called?", memory=memory)) == "Done by b"
    assert all("Biscuit" in texts(shown) for shown in llm.seen)
    assert journal.pages("chat")[0].agent_response.endswith("Done by b")


def test_a_context_keeps_the_memory_and_never_replaces_an_empty_one(memory, past):
    llm = ScriptedLLM.saying("one", "two")
    agent = FunctionAgent(llm=llm, tools=[])

    async def go() -> None:
        ctx = Context(agent)
        await agent.run(user_msg="first", memory=memory, ctx=ctx)
        assert await ctx.store.get("memory") is memory
        await agent.run(user_msg="second", ctx=ctx)

    asyncio.run(go())
    assert said(memory.get_all()) == [
        ("user", "first"),
        ("assistant", "one"),
        ("user", "second"),
        ("assistant", "two"),
    ]


RESUME = """
import asyncio, json, sys
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import Context, JsonSerializer

seen = []
def answer(messages, **_):
    seen.extend(m.content or "" for m in messages)
    return ChatMessage(role="assistant", content="From the other process")

async def main():
    agent = FunctionAgent(llm=MockFunctionCallingLLM(response_generator=answer, is_chat_model=True))
    ctx = Context.from_dict(agent, json.load(open(sys.argv[1])), serializer=JsonSerializer())
    print(await agent.run(user_msg="What is my dog called?", ctx=ctx))
    memory = await ctx.store.get("memory")
    print(json.dumps([type(memory).__name__, len(memory.get_all()), seen]))
    memory.engine.close()

asyncio.run(main())
"""


def test_a_context_saved_to_json_is_resumed_in_another_process(engine, past, tmp_path, root):
    memory = MemoryOSMemory(engine, "tom", "workflow", 700)
    llm = ScriptedLLM.saying("Nice to meet you")
    agent = FunctionAgent(llm=llm, tools=[])

    async def go() -> dict[str, object]:
        ctx = Context(agent)
        await agent.run(user_msg="I am Tom", memory=memory, ctx=ctx)
        return ctx.to_dict(serializer=JsonSerializer())

    saved = tmp_path / "context.json"
    saved.write_text(json.dumps(asyncio.run(go())))
    assert "Nice to meet you" not in saved.read_text()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = Path(elsewhere, "resume.py")
    script.write_text(RESUME)
    done = subprocess.run(
        [sys.executable, str(script), str(saved)],
        cwd=elsewhere,
        env={"PYTHONPATH": str(root / ".ci" / "offline"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    answer, report = done.stdout.strip().splitlines()[-2:]
    kind, count, seen = json.loads(report)
    assert answer == "From the other process"
    assert (kind, count) == ("MemoryOSMemory", 4)
    assert "Nice to meet you" in seen
    assert "Biscuit" in " ".join(seen)
    assert said(memory.get_all())[-1] == ("assistant", "From the other process")


def test_an_agent_with_the_tools_of_the_memory(engine, memory):
    tools = MemoryOSToolSpec(engine, "tom").to_tool_list()
    llm = ScriptedLLM.saying(
        call("remember", text=DOG), call("recall", "c2", query="dog"), "Noted", "Biscuit"
    )
    run(FunctionAgent(llm=llm, tools=tools), "Remember my dog", memory=memory)
    results = [m.content for m in memory.get_all() if m.role == "tool"]
    assert results[0].startswith("Remembered as [k")
    assert DOG in results[1]


def test_structured_output_sees_the_answer(memory):
    llm = ScriptedLLM.saying("Forty-two")
    shown = []

    def structured(messages):
        shown.extend(said(messages))
        return {"ok": True}

    agent = FunctionAgent(llm=llm, tools=[], structured_output_fn=structured)
    assert run(agent, "Well?", memory=memory).structured_response == {"ok": True}
    assert shown == [("user", "Well?"), ("assistant", "Forty-two")]
