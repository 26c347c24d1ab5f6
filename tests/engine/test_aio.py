"""The asynchronous surface: the verbs of the synchronous one, and what only tasks can do to it."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from memoryos import AsyncEngine, AsyncMemory, Engine, Memory
from memoryos.errors import EngineClosed, InvalidInput, ModelUnavailable
from memoryos.ports import Completion

GIVEN_AS_THEY_ARE = {"session", "memory", "open", "of"}
"""No coroutines: they wait for nothing, or (`open`) return what is to be awaited."""
"""Verbs that only make a handle: no coroutines."""


class SlowModel:
    """Answers in pieces, each when it is told to."""

    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.asked = threading.Event()
        self.closed = threading.Event()

    def complete(self, messages: Any, *, schema: Any = None, max_tokens: Any = None) -> Completion:
        if schema is not None:
            raise ModelUnavailable("only talks")
        return Completion("".join(self.stream(messages)))

    def stream(self, messages: Any, *, max_tokens: Any = None) -> Iterator[str]:
        try:
            for piece in ("one ", "two ", "three"):
                self.asked.set()
                assert self.go.acquire(timeout=20)
                yield piece
        finally:
            self.closed.set()


@pytest.fixture
async def engine(sqlite_uri: str) -> AsyncIterator[AsyncEngine]:
    async with AsyncEngine.open(sqlite_uri) as engine:
        yield engine


def public(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in dir(thing) if not name.startswith("_")}


@pytest.mark.parametrize(("ours", "theirs"), [(Memory, AsyncMemory), (Engine, AsyncEngine)])
def test_the_two_surfaces_match(ours: type, theirs: type) -> None:
    assert set(public(ours)) == set(public(theirs))
    for name, verb in public(ours).items():
        twin = public(theirs)[name]
        if isinstance(verb, property):
            assert isinstance(twin, property), name
            continue
        assert inspect.signature(twin).parameters == inspect.signature(verb).parameters, name
        if name in GIVEN_AS_THEY_ARE:
            continue
        if name == "respond_stream":
            assert inspect.isasyncgenfunction(twin)
        else:
            assert inspect.iscoroutinefunction(twin), name


async def test_it_opens_by_await_and_by_async_with(sqlite_uri: str) -> None:
    engine = await AsyncEngine.open(sqlite_uri)
    await engine.memory("tom").add("I live in Lisbon", "Nice")
    await engine.close()
    await engine.close()
    async with AsyncEngine.open(sqlite_uri) as again:
        assert [page.user_input for page in await again.memory("tom").pages()] == [
            "I live in Lisbon"
        ]
        assert [scope.user_id for scope in await again.scopes()] == ["tom"]
    with pytest.raises(EngineClosed):
        again.memory("tom")


async def test_an_open_engine_can_be_put_behind_coroutines(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri) as engine:
        memory = AsyncEngine(engine).memory("tom", session_id="first")
        await memory.add("hello", "hi")
        assert engine.memory("tom").stats().pages == 1
        assert (memory.scope.user_id, memory.session_id) == ("tom", "first")
        assert memory.session("second").session_id == "second"
        assert "tom" in repr(memory)


async def test_errors_come_through(engine: AsyncEngine) -> None:
    with pytest.raises(InvalidInput, match="query"):
        await engine.memory("tom").recall("")
    with pytest.raises(InvalidInput, match="user_id"):
        engine.memory("")
    with pytest.raises(InvalidInput, match="uri"):
        await AsyncEngine.open("nonsense")


async def test_many_tasks_at_once(engine: AsyncEngine) -> None:
    memory = engine.memory("tom")
    await asyncio.gather(*(memory.add(f"turn {n} about topic{n}", "ok") for n in range(50)))
    found = await asyncio.gather(*(memory.recall(f"topic{n}", k=1) for n in range(50)))
    assert [r.pages[0].page.user_input for r in found] == [
        f"turn {n} about topic{n}" for n in range(50)
    ]
    assert (await memory.stats()).pages == 50


async def test_the_callers_context_is_kept(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = contextvars.ContextVar("request", default="")
    seen = []
    request.set("mine")

    def spy(_parts: Any, scope: Any) -> None:
        seen.append(request.get())

    monkeypatch.setattr(type(engine.memory("tom")._memory._modules), "run", spy)
    await engine.memory("tom").flush()
    assert seen == ["mine"]


async def test_a_stream_is_read_piece_by_piece_and_journalled(sqlite_uri: str) -> None:
    model = SlowModel()
    async with AsyncEngine.open(sqlite_uri, {"promotion": "manual"}, model) as engine:
        memory = engine.memory("tom")
        pieces = []
        model.go.release()
        async for piece in memory.respond_stream("count"):
            pieces.append(piece)
            model.go.release()
        assert pieces == ["one ", "two ", "three"]
        (page,) = await memory.pages()
        assert (page.user_input, page.agent_response) == ("count", "one two three")


async def test_leaving_a_stream_closes_it(sqlite_uri: str) -> None:
    model = SlowModel()
    async with AsyncEngine.open(sqlite_uri, {"promotion": "manual"}, model) as engine:
        memory = engine.memory("tom")
        model.go.release()
        stream = memory.respond_stream("count")
        assert await anext(aiter(stream)) == "one "
        await stream.aclose()  # type: ignore[attr-defined]
        (page,) = await memory.pages()
        assert page.agent_response == "one "
        assert page.metadata["incomplete"] is True
        assert model.closed.is_set()


async def test_cancelling_a_stream_waits_for_its_thread(sqlite_uri: str) -> None:
    model = SlowModel()
    async with AsyncEngine.open(sqlite_uri, {"promotion": "manual"}, model) as engine:
        memory = engine.memory("tom")

        async def read() -> None:
            async for _ in memory.respond_stream("count"):
                pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(model.asked.wait, 20)
        task.cancel()
        model.go.release()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert model.closed.is_set()
        (page,) = await memory.pages()
        assert page.metadata["incomplete"] is True


async def test_adding_never_queues_behind_a_model(sqlite_uri: str) -> None:
    model = SlowModel()
    async with AsyncEngine.open(sqlite_uri, {"promotion": "manual"}, model) as engine:
        memory = engine.memory("tom")
        waiting = [asyncio.create_task(memory.respond(f"question {n}")) for n in range(20)]
        await asyncio.to_thread(model.asked.wait, 20)
        await asyncio.wait_for(memory.add("quick", "one"), timeout=5)
        assert (await memory.stats()).pages == 1
        model.go.release(60)
        await asyncio.gather(*waiting)
        assert (await memory.stats()).pages == 21
