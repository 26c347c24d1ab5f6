"""The engine for asynchronous programs: the same verbs as coroutines, on a bounded thread pool.

    async with AsyncEngine.open("sqlite:///memories.db") as engine:
        memory = engine.memory("tom")
        await memory.add("I moved to Lisbon last week", "How do you like it?")
        async for piece in memory.respond_stream("Where do I live?"):
            ...

Each verb is one line here: it is `Memory`'s own, run in a thread. A call that is cancelled is
finished in its thread; what it stored stays stored.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import functools
import os
import threading
import weakref
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
)
from concurrent.futures import Future, wait
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from memoryos.config import MemoryConfig
from memoryos.engine import CLOSE_SECONDS, Engine
from memoryos.errors import EngineClosed
from memoryos.memory.memory import Memory
from memoryos.model import Id, Scope
from memoryos.ports import ChatModel, Clock, Embedder, utc_now
from memoryos.upkeep.report import Report

P = ParamSpec("P")
R = TypeVar("R")

_THREADS = 8
"""Calls at once, for each of the two pools."""


class _Threads:
    """Daemon threads that run calls in their order.

    Unlike in those of `concurrent.futures`, a call that waits for a model does not keep the
    interpreter from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.under_way: set[Future[Any]] = set()

    def submit(self, call: Callable[[], R]) -> Future[R]:
        """Run `call` in a thread. Raises EngineClosed."""
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise EngineClosed
            self.under_way.add(future)
            future.add_done_callback(self.under_way.discard)
            self._calls.put(functools.partial(_run, call, future))
            if self._idle:
                self._idle -= 1
            elif len(self._threads) < _THREADS:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self) -> None:
        """Take no more calls; those under way finish, if the process lives so long."""
        with self._lock:
            self._closed = True
            self.under_way.clear()
            for _ in self._threads:
                self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call
            with self._lock:
                if self._calls.empty():
                    self._idle += 1


def _run(call: Callable[[], R], future: Future[R]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001  # it is the caller's
        future.set_exception(error)
    else:
        future.set_result(result)


class _Pools:
    """The thread pools of one engine.

    Calls that may wait for a model have a pool of their own, so that an `add` never queues behind
    one.
    """

    def __init__(self) -> None:
        self._brief = _Threads("memoryos-brief")
        self._long = _Threads("memoryos-long")
        _open.add(self)

    def submit(self, call: Callable[[], R], *, brief: bool) -> Future[R]:
        """Run `call` in a thread, in the caller's context (tracing, logging)."""
        pool = self._brief if brief else self._long
        return pool.submit(functools.partial(contextvars.copy_context().run, call))

    async def run(self, call: Callable[[], R], *, brief: bool) -> R:
        """Run `call` in a thread; return its result."""
        return await asyncio.wrap_future(self.submit(call, brief=brief))

    @property
    def under_way(self) -> list[Future[Any]]:
        """The calls that have not ended."""
        return [*self._brief.under_way, *self._long.under_way]

    def shutdown(self) -> None:
        """Take no more calls; nobody waits for those under way."""
        self._brief.shutdown()
        self._long.shutdown()


_open: weakref.WeakSet[_Pools] = weakref.WeakSet()


@atexit.register
def _wait_for_calls() -> None:
    """Wait a little for what is under way as the interpreter ends: an `add`, say."""
    wait([call for pools in list(_open) for call in pools.under_way], CLOSE_SECONDS)


def _brief(
    verb: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, R]]:
    """Return a verb of Memory as a coroutine on the pool of short calls (database only)."""
    return _threaded(verb, brief=True)


def _long(
    verb: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, R]]:
    """Return a verb of Memory as a coroutine on the pool of long calls (models, whole scopes)."""
    return _threaded(verb, brief=False)


def _threaded(
    verb: Callable[Concatenate[Memory, P], R], *, brief: bool
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, R]]:
    @functools.wraps(verb)
    async def call(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> R:
        bound = functools.partial(verb, self._memory, *args, **kwargs)
        return await self._pools.run(bound, brief=brief)

    return call


def _streamed(
    verb: Callable[Concatenate[Memory, P], Iterator[str]],
) -> Callable[Concatenate[AsyncMemory, P], AsyncIterator[str]]:
    """Return a memory's streaming verb as an asynchronous iterator.

    Leaving the iteration closes the stream in its thread, so the turn is journalled as incomplete.
    """

    @functools.wraps(verb)
    async def stream(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[str]:
        begin = functools.partial(verb, self._memory, *args, **kwargs)
        pieces = await self._pools.run(begin, brief=False)
        pending: Future[str | None] | None = None
        try:
            while True:
                pending = self._pools.submit(functools.partial(next, pieces, None), brief=False)
                # Shielded: a stream cannot be closed while a thread is inside it.
                piece = await asyncio.shield(asyncio.wrap_future(pending))
                if piece is None:
                    return
                yield piece
        finally:
            end = functools.partial(_close, pieces, pending)
            await asyncio.shield(self._pools.run(end, brief=False))

    return stream


def _close(pieces: Iterator[str], pending: Future[str | None] | None) -> None:
    if pending is not None:
        wait([pending])
    if isinstance(pieces, Generator):
        pieces.close()


class AsyncMemory:
    """The memory of one user with one assistant, seen from one session, for asynchronous programs.

    Every verb of `Memory`, with the same arguments, results and errors. Made by
    `AsyncEngine.memory`; cheap, and safe to use from many tasks at once.
    """

    def __init__(self, memory: Memory, pools: _Pools) -> None:
        self._memory = memory
        self._pools = pools
        self.scope = memory.scope
        self.config = memory.config
        self.session_id = memory.session_id

    def __repr__(self) -> str:
        return f"Async{self._memory!r}"

    def session(self, session_id: Id) -> AsyncMemory:
        """Return the same memory seen from another session. Costs nothing: not a coroutine.

        Args:
            session_id: the conversation thread; any text.
        """
        return AsyncMemory(self._memory.session(session_id), self._pools)

    add = _brief(Memory.add)
    add_many = _brief(Memory.add_many)
    add_messages = _brief(Memory.add_messages)
    recall = _long(Memory.recall)
    respond = _long(Memory.respond)
    respond_stream = _streamed(Memory.respond_stream)
    remember = _brief(Memory.remember)
    correct = _brief(Memory.correct)
    page = _brief(Memory.page)
    pages = _brief(Memory.pages)
    sessions = _brief(Memory.sessions)
    short_term = _brief(Memory.short_term)
    segments = _brief(Memory.segments)
    heat_history = _long(Memory.heat_history)
    knowledge = _brief(Memory.knowledge)
    traits = _brief(Memory.traits)
    profile = _brief(Memory.profile)
    explain = _brief(Memory.explain)
    check = _brief(Memory.check)
    restore = _brief(Memory.restore)
    stats = _brief(Memory.stats)
    usage = _brief(Memory.usage)
    calls = _brief(Memory.calls)
    receipts = _brief(Memory.receipts)
    plot_heat = _long(Memory.plot_heat)
    plot_segments = _long(Memory.plot_segments)
    plot_timeline = _long(Memory.plot_timeline)
    flush = _long(Memory.flush)
    rebuild = _long(Memory.rebuild)
    export = _long(Memory.export)
    import_ = _long(Memory.import_)
    forget = _long(Memory.forget)


class AsyncEngine:
    """An `Engine` for asynchronous programs. Safe to use from many tasks at once.

    `AsyncEngine.open` is awaited or entered with `async with`; `AsyncEngine(engine)` puts an engine
    that is open already behind coroutines, and closes it with itself.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pools = _Pools()
        self.config = engine.config
        self.chat_model = engine.chat_model
        self.embedder = engine.embedder

    @classmethod
    def open(
        cls,
        uri: str | Path = "sqlite:///memoryos.db",
        config: MemoryConfig | Mapping[str, Any] | None = None,
        chat_model: str | ChatModel | None = None,
        embedder: str | Embedder | None = None,
        *,
        clock: Clock = utc_now,
        new_embedder: bool = False,
    ) -> Opening:
        """Open (or create) the memory store at `uri`; await the result or enter it.

        Args:
            uri: as for `Engine.open`, like all others.
            config: settings.
            chat_model: the language model.
            embedder: the embedding model.
            clock: returns now; for tests.
            new_embedder: open although the store holds another embedder's vectors.

        Raises:
            MemoryOSError: when awaited; the kinds that `Engine.open` raises.
        """
        opener = functools.partial(Engine.open, uri, config, chat_model, embedder)
        return Opening(cls, functools.partial(opener, clock=clock, new_embedder=new_embedder))

    @classmethod
    def of(cls, engine: object = None, storage_uri: str | None = None) -> AsyncEngine:
        """Return `Engine.of` behind coroutines."""
        return cls(Engine.of(engine, storage_uri))

    @property
    def closed(self) -> bool:
        """Whether the engine was closed."""
        return self._engine.closed

    def memory(
        self, user_id: Id, assistant_id: Id = "assistant", session_id: Id = "default"
    ) -> AsyncMemory:
        """Return the memory of one user with one assistant. Costs nothing: not a coroutine.

        Args:
            user_id: whose memory; any text, compared byte by byte.
            assistant_id: with which assistant; likewise.
            session_id: the conversation thread, which has a short-term memory of its own.

        Raises:
            InvalidInput: one of them cannot be an id.
            EngineClosed: the engine is closed.
        """
        return AsyncMemory(self._engine.memory(user_id, assistant_id, session_id), self._pools)

    async def scopes(self) -> list[Scope]:
        """Return the scopes (user, assistant) that the store holds pages of."""
        return await self._pools.run(self._engine.scopes, brief=True)

    async def doctor(self, *, repair: bool = False) -> Report:
        """Check that the store is consistent (see `Engine.doctor`).

        Args:
            repair: put right what can be; pages are never changed.

        Returns:
            The findings, and which of them were repaired.
        """
        examine = functools.partial(self._engine.doctor, repair=repair)
        return await self._pools.run(examine, brief=False)

    async def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the store to a new file, while others read and write (see `Engine.backup`).

        Args:
            path: the new file; one that exists is not touched.
        """
        await self._pools.run(functools.partial(self._engine.backup, path), brief=False)

    async def close(self, timeout: float | None = CLOSE_SECONDS) -> None:
        """Finish what is pending, then close the store. Idempotent (see `Engine.close`).

        Args:
            timeout: seconds to spend on what is pending. None: as long as it takes.
        """
        # A thread of its own: the pools may be full of calls that the closing ends.
        try:
            await asyncio.to_thread(self._engine.close, timeout)
        finally:
            self._pools.shutdown()

    async def __aenter__(self) -> AsyncEngine:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.close())

    def __repr__(self) -> str:
        return f"Async{self._engine!r}"


class Opening(Awaitable[AsyncEngine]):
    """Result of `AsyncEngine.open`: opens when awaited, or for an `async with` block."""

    def __init__(self, cls: type[AsyncEngine], opener: Callable[[], Engine]) -> None:
        self._cls = cls
        self._opener = opener
        self._engine: AsyncEngine | None = None

    def __await__(self) -> Generator[Any, None, AsyncEngine]:
        return self._open().__await__()

    async def _open(self) -> AsyncEngine:
        return self._cls(await asyncio.to_thread(self._opener))

    async def __aenter__(self) -> AsyncEngine:
        self._engine = await self._open()
        return self._engine

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._engine is not None
        await self._engine.__aexit__(kind, error, traceback)
