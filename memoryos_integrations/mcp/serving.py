"""The engine behind a server, opened while that listens already; and whose memory is served."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError

from memoryos import AsyncEngine, AsyncMemory, Engine
from memoryos.errors import MemoryOSError

EngineFactory = Callable[[], Engine | AsyncEngine | AbstractAsyncContextManager[AsyncEngine]]
"""Gives the server its engine. `AsyncEngine.open(…)` is opened and closed by the server; an engine
that is open already stays its maker's to close."""

AT_ONCE = 1.0
"""Seconds in which an engine usually opens. What fails in them ends the server, with its error."""
PATIENCE = 20.0
"""Seconds that a call waits for an engine that is still being opened."""
FAREWELL = 5.0
"""Seconds that a server which ends waits for an engine that is still being opened."""

USER_KEY = "memoryos.user"
"""Where the ASGI scope of an HTTP request holds the user that its token or header names."""

_caller: contextvars.ContextVar[str | None] = contextvars.ContextVar("memoryos_user", default=None)


@dataclass(frozen=True)
class Identity:
    """Whose memory a server serves."""

    user_id: str
    assistant_id: str
    session_id: str
    allow_user_id: bool
    """Whether a call may name another user."""

    def memory(self, engine: AsyncEngine, user_id: str | None = None) -> AsyncMemory:
        """Return the memory that a call means: the request's own user before the configured one."""
        own = _caller.get()
        if own is None:
            own = self.user_id if user_id is None else user_id
        return engine.memory(own, self.assistant_id, self.session_id)


async def with_caller(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Serve a request as the user that came with it (a middleware of the MCP server)."""
    scope = getattr(ctx.request, "scope", None) or {}
    token = _caller.set(scope.get(USER_KEY))
    try:
        return await call_next(ctx)
    finally:
        _caller.reset(token)


class Serving:
    """The engine of a server while it runs."""

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._given: AsyncEngine | None = None
        self._opening: asyncio.Future[AsyncEngine] | None = None

    async def engine(self) -> AsyncEngine:
        """Return the engine. Raises ToolError while it is not open, or why it cannot be opened."""
        assert self._opening is not None, "the server is not running"
        await asyncio.wait({self._opening}, timeout=PATIENCE)
        if not self._opening.done():
            raise ToolError("the memory is still being opened (its models are loading): try again")
        try:
            return self._opening.result()
        except MemoryOSError as error:
            raise ToolError(f"the memory cannot be opened: {error}") from error

    @asynccontextmanager
    async def lifespan(self, _server: object) -> AsyncIterator[Serving]:
        """Hold the engine for as long as the server runs, which does not wait for it to be open."""
        self._opening = asyncio.get_running_loop().create_future()
        over = asyncio.Event()
        holder = asyncio.create_task(self._hold(self._opening, over))
        await asyncio.wait({self._opening}, timeout=AT_ONCE)
        if self._opening.done():
            self._opening.result()
        try:
            yield self
        finally:
            over.set()
            await asyncio.wait({self._opening}, timeout=FAREWELL)
            if self._opening.done():
                await holder
            else:  # loading a model cannot be stopped, and nobody waits for it any more
                holder.cancel()
                with suppress(asyncio.CancelledError):
                    await holder
                self._opening.cancel()

    async def _hold(self, opening: asyncio.Future[AsyncEngine], over: asyncio.Event) -> None:
        """Open the engine, keep it until the end, close it: in one task, as cancel scopes want."""
        try:
            made = self._given or self._factory()
            if isinstance(made, Engine):
                made = AsyncEngine(made)
            if isinstance(made, AsyncEngine):
                # Its maker closes it; a server that runs again goes on with the same one.
                self._given = made
                opening.set_result(made)
                return
            async with made as engine:
                opening.set_result(engine)
                await over.wait()
        except Exception as error:
            if opening.done():
                raise
            opening.set_exception(error)
            opening.exception()  # it is told to whoever calls: not "never retrieved"
