"""Agents that hand over to one another: every turn is in the journal, once, with all of it."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.workflow import Context
from llama_index_doubles import ScriptedLLM, assistant, call, run, texts


def team(llm):
    return AgentWorkflow(
        agents=[
            FunctionAgent(name=name, description=name, llm=llm, can_handoff_to=[other])
            for name, other in (("desk", "bank"), ("bank", "desk"))
        ],
        root_agent="desk",
    )


def to(agent, id_):
    return call("handoff", id_, to_agent=agent, reason="theirs")


def turns(journal):
    return [(page.user_input, page.agent_response) for page in journal.pages("chat")]


def test_there_and_back_in_one_turn(memory, journal):
    llm = ScriptedLLM.saying(to("bank", "1"), to("desk", "2"), "You have 5 euros.")
    assert str(run(team(llm), "My balance?", memory=memory)) == "You have 5 euros."
    assert turns(journal) == [("My balance?", "You have 5 euros.")]
    assert [message.role.value for message in memory.get_all()].count("tool") == 2


def test_words_said_while_handing_over_are_kept(memory, journal):
    handing = to("bank", "1")
    handing.blocks = [*assistant("One moment.").blocks, *handing.blocks]
    llm = ScriptedLLM.saying(handing, "You have 5 euros.")
    run(team(llm), "My balance?", memory=memory)
    ((asked, answered),) = turns(journal)
    assert asked == "My balance?"
    assert answered.endswith("You have 5 euros.")
    assert "One moment." in texts(memory.get_all())


def test_many_turns_in_one_context(memory, journal):
    llm = ScriptedLLM.saying(to("bank", "1"), "5 euros.", "Still 5.", to("desk", "2"), "Goodbye.")

    async def go():
        flow = team(llm)
        ctx = Context(flow)
        for words in ("My balance?", "And now?", "Thanks"):
            await flow.run(user_msg=words, memory=memory, ctx=ctx)

    asyncio.run(go())
    assert turns(journal) == [
        ("My balance?", "5 euros."),
        ("And now?", "Still 5."),
        ("Thanks", "Goodbye."),
    ]


def test_a_model_that_fails_after_a_handoff_loses_nothing_that_was_said(memory, journal):
    llm = ScriptedLLM.saying(to("bank", "1"))
    answer = llm.response_generator

    def failing(messages, **more):
        if llm.seen:
            raise RuntimeError("down")
        return answer(messages, **more)

    llm.response_generator = failing
    with pytest.raises(Exception, match="down"):
        run(team(llm), "My balance?", memory=memory)
    assert [asked for asked, _ in turns(journal)] == ["My balance?"]
    llm.response_generator = lambda messages, **_: assistant("Here again.")
    run(team(llm), "Hello?", memory=memory)
    assert [asked for asked, _ in turns(journal)][-1] == "Hello?"
    assert "My balance?" in texts(memory.get_all())
