"""Many threads, many tasks, one event loop after another."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index_doubles import ScriptedLLM, assistant, system, user

from memoryos_integrations.llama_index import MemoryOSMemory


def test_many_threads_on_one_session_lose_nothing(engine):
    handles = [MemoryOSMemory(engine, "tom", "shared") for _ in range(4)]

    def work(number: int) -> None:
        memory = handles[number % 4]
        memory.put(user(f"question {number}"))
        assert any(m.role == "user" for m in memory.get())
        memory.put(assistant(f"answer {number}"))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    said = [m.content for m in handles[0].get_all()]
    assert sorted(said) == sorted(
        [f"question {n}" for n in range(60)] + [f"answer {n}" for n in range(60)]
    )
    assert all(m.get_all() == handles[0].get_all() for m in handles)


def test_many_threads_each_with_a_session(engine):
    def chat(number: int) -> list[str]:
        memory = MemoryOSMemory(engine, "tom", f"session {number}", token_limit=200)
        for turn in range(8):
            memory.put(user(f"{number}: question {turn}"))
            memory.get()
            memory.put(assistant(f"{number}: answer {turn}"))
        return [m.content for m in memory.get_all()]

    with ThreadPoolExecutor(8) as pool:
        for number, said in enumerate(pool.map(chat, range(8))):
            assert said == [
                f"{number}: {side} {turn}" for turn in range(8) for side in ("question", "answer")
            ]


def test_threads_resetting_and_setting_leave_a_history_that_somebody_wrote(engine):
    memory = MemoryOSMemory(engine, "tom", "busy")
    histories = [[user(f"q{n}"), assistant(f"a{n}")] for n in range(6)]

    def work(number: int) -> None:
        if number % 3 == 0:
            memory.reset()
        memory.set(histories[number % 6])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(60)))
    assert memory.get_all() in histories
    assert len(memory.memory_of("busy").pages("busy")) <= 60


def test_one_event_loop_after_another(memory, llm):
    chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
    agent = FunctionAgent(llm=ScriptedLLM.saying("a", "b", "c"), tools=[])

    async def talk() -> None:
        await chat.achat("Hello")
        await agent.run(user_msg="Hello", memory=memory)

    for _ in range(3):
        asyncio.run(talk())
    assert len(memory.get_all()) == 12


def test_many_chats_in_one_event_loop(engine, llm):
    async def talk(number: int) -> int:
        memory = MemoryOSMemory(engine, "tom", f"session {number}")
        chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
        for turn in range(3):
            await chat.achat(f"{number}: {turn}")
        return len(await memory.aget_all())

    async def go() -> list[int]:
        return await asyncio.gather(*(talk(number) for number in range(12)))

    assert asyncio.run(go()) == [6] * 12


def test_the_event_loop_is_not_blocked(memory):
    memory.put(user("Hello"))

    async def go() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(tick())
        for _ in range(20):  # each gives way to the other task at least once
            await memory.aget()
            await memory.aget_all()
        await memory.aput(system("x"))
        task.cancel()
        return ticks

    assert asyncio.run(go()) > 20
