"""MemoryOSMemoryBlock in LlamaIndex's own Memory, beside its own blocks."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest
from llama_index.core import MockEmbedding
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import Memory as LlamaMemory
from llama_index.core.memory import StaticMemoryBlock, VectorMemoryBlock
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index_doubles import WAYS, ScriptedLLM, ask, assistant, run, texts, user

from memoryos.errors import InvalidInput
from memoryos_integrations.llama_index import MemoryOSMemoryBlock


class Vectors(SimpleVectorStore):
    stores_text: bool = True


def beside(engine, limit: int = 300, **kwargs: object) -> LlamaMemory:
    return LlamaMemory.from_defaults(
        session_id="chat",
        token_limit=limit,
        chat_history_token_ratio=0.5,
        token_flush_size=20,
        memory_blocks=[
            StaticMemoryBlock(name="rules", static_content="Be kind.", priority=0),
            MemoryOSMemoryBlock(engine=engine, user_id="tom", **kwargs),
        ],
    )


@pytest.mark.parametrize("way", WAYS)
def test_what_overflows_memory_is_remembered(way, llm, engine):
    memory = beside(engine)
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
    ask(chat, way, "My dog is called Biscuit and likes the sea")
    for number in range(14):
        ask(chat, way, f"Let us talk about number {number}, which is a fine number to talk about")
    ask(chat, way, "What is my dog called?")
    shown = texts(llm.last_chat_messages)
    assert "Be kind." in shown
    assert "Biscuit" in shown
    assert "Biscuit" not in texts([m for m in llm.last_chat_messages if m.role != "system"])
    pages = engine.memory("tom").pages("chat")
    assert pages[0].user_input == "My dog is called Biscuit and likes the sea"
    assert pages[0].agent_response == "text text text"


def test_the_block_remembers_other_sessions(llm, engine):
    engine.memory("tom", session_id="last week").add("My dog is called Biscuit", "Sweet")
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=beside(engine))
    ask(chat, "achat", "What is my dog called?")
    shown = texts(llm.last_chat_messages)
    assert "<memoryos>" in shown
    assert "Biscuit" in shown


def test_an_agent_with_memory_and_block(engine):
    engine.memory("tom", session_id="last week").add("My dog is called Biscuit", "Sweet")
    llm = ScriptedLLM.saying("Biscuit")
    run(FunctionAgent(llm=llm, tools=[]), "What is my dog called?", memory=beside(engine))
    assert "Biscuit" in texts(llm.seen[0])


def test_messages_are_shared_with_other_blocks_and_left_alone(engine):
    block = MemoryOSMemoryBlock(engine, "tom")
    messages = [user("Hello"), assistant("Hi")]
    asyncio.run(block.aput(messages, from_short_term_memory=True, session_id="s"))
    assert [m.additional_kwargs for m in messages] == [{}, {}]
    messages = [user("More"), assistant("Yes")]
    asyncio.run(StaticMemoryBlock(static_content="x").aput(messages, session_id="s"))
    asyncio.run(block.aput(messages, session_id="s"))
    assert [m.additional_kwargs for m in messages] == [{"session_id": "s"}] * 2
    asyncio.run(block._aput([user("Directly")]))
    assert [p.user_input for p in engine.memory("tom").pages("default")] == ["Directly"]
    first, second = engine.memory("tom").pages("s")
    assert (first.user_input, first.agent_response) == ("Hello", "Hi")
    assert (second.user_input, second.agent_response) == ("More", "Yes")
    assert "session_id" not in f"{first.messages} {second.messages}"


def test_with_a_vector_block_beside_it(engine, llm):
    memory = LlamaMemory.from_defaults(
        session_id="chat",
        token_limit=200,
        chat_history_token_ratio=0.5,
        token_flush_size=20,
        memory_blocks=[
            MemoryOSMemoryBlock(engine=engine, user_id="tom"),
            VectorMemoryBlock(name="v", vector_store=Vectors(), embed_model=MockEmbedding(4)),
        ],
    )
    for number in range(20):
        memory.put(user(f"Question {number} about the number {number}"))
        memory.put(assistant("Indeed"))
    assert len(engine.memory("tom").pages("chat")) > 5
    assert "Question 0" in texts(memory.get("Question 0 about the number 0"))


def test_tool_calls_overflow_whole(engine):
    block = MemoryOSMemoryBlock(engine, "tom")
    asked = ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs={})]
    )
    result = ChatMessage(role="tool", content="42", additional_kwargs={"tool_call_id": "1"})
    asyncio.run(block.aput([user("Go"), asked], session_id="s"))
    asyncio.run(block.aput([result, assistant("It is 42")], session_id="s"))
    (page,) = engine.memory("tom").pages("s")
    assert [m.role for m in page.messages] == ["user", "assistant", "tool", "assistant"]
    assert page.agent_response == "It is 42"


def test_it_may_be_told_not_to_take_what_overflows(engine):
    memory = beside(engine, limit=60, accept_short_term_memory=False)
    for number in range(10):
        memory.put(user(f"Question {number} about the number {number}"))
    assert engine.memory("tom").pages() == []


def test_priority_and_truncation(engine):
    other = engine.memory("tom", session_id="old")
    for number in range(8):
        other.add(f"My dog Biscuit likes toy number {number}", "Sweet")
    first = MemoryOSMemoryBlock(engine, "tom")
    whole = asyncio.run(first.aget([user("dog Biscuit toy")]))
    count = engine.count_tokens
    for tokens in range(0, count(whole) + 20, 7):
        left = asyncio.run(first.atruncate(whole, tokens))
        if left is None:
            assert tokens > 0
            continue
        assert count(left) <= count(whole) - tokens
        assert whole.startswith(left)
        assert left.endswith(("Sweet", "Biscuit")) or left == whole
    assert asyncio.run(first.atruncate(whole, 10_000)) is None
    never = beside(engine, limit=40, priority=0)
    assert "Biscuit" in texts(never.get("dog Biscuit toy"))
    gone = beside(engine, limit=20, priority=2)
    assert "Biscuit" not in texts(gone.get("dog Biscuit toy"))


def test_its_own_limit(engine):
    for number in range(30):
        engine.memory("tom").add(f"My dog Biscuit likes toy number {number}", "Sweet")
    block = MemoryOSMemoryBlock(engine, "tom", 100)
    shown = asyncio.run(block.aget([user("dog Biscuit toy")]))
    assert 50 < engine.count_tokens(shown) <= 100
    with pytest.raises(InvalidInput, match="token_limit"):
        MemoryOSMemoryBlock(engine, "tom", 0)


def test_nothing_asked_nothing_remembered(engine):
    block = MemoryOSMemoryBlock(engine, "tom")
    for messages in (None, [], [assistant("Hi")], [user("  ")]):
        assert asyncio.run(block.aget(messages)) == ""
    asyncio.run(block.aput([]))
    assert engine.memory("tom").pages() == []


def test_pickle_and_deepcopy(engine):
    block = MemoryOSMemoryBlock(engine, "tom", 123, name="mine", priority=2)
    back = pickle.loads(pickle.dumps(block))
    assert (back.name, back.priority, back.token_limit, back.user_id) == ("mine", 2, 123, "tom")
    assert back.engine is engine
    assert copy.deepcopy(block) is block


def test_in_several_event_loops_one_after_another(engine):
    memory = beside(engine)
    for number in range(3):
        asyncio.run(memory.aput(user(f"Number {number} " * 40)))
    assert texts(asyncio.run(memory.aget("Number 0")))


async def test_the_budget_is_in_tokens_of_llama_index(engine):
    for n in range(40):
        engine.memory("tom", session_id="old").add(f"Biscuit chased cat number {n}", f"Cat {n} ran")
    question = [ChatMessage(role="user", content="Which cats did my dog Biscuit chase?")]
    for limit in (200, 400):
        letters = MemoryOSMemoryBlock(engine, "tom", limit, tokenizer_fn=list)
        shown = await letters.aget(question)
        assert "Biscuit" in shown
        assert len(shown) <= limit
        shorter = await letters.atruncate(shown, 60)
        assert shorter is None or len(shorter) <= len(shown) - 60
    assert len(await MemoryOSMemoryBlock(engine, "tom", 400).aget(question)) > 400
