"""A conversation of the memory as LangChain's chat message history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, MessageLikeRepresentation

from memoryos import Engine, Memory
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import Identity
from memoryos_integrations.langchain.messages import (
    converted,
    from_langchain_messages,
    messages_of,
)


class MemoryOSChatMessageHistory(BaseChatMessageHistory):
    """One session of a user, verbatim and durable, as `RunnableWithMessageHistory` takes it.

    Messages come back exactly as they were added (streamed chunks as whole messages). With
    `history_messages_key` several calls may run in one session at once; without it LangChain finds
    the new messages by the history's length, and of concurrent calls it then loses one.

    engine or storage_uri: an open engine, or where to open one.
    on_error: "log" (the default) goes on without memory while it is away and logs that once;
    "raise" raises the MemoryOSError. `clear` always raises: an erasure that failed must not look
    done. Raises InvalidInput for ids that cannot be.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        session_id: Id = "default",
        assistant_id: Id = "assistant",
        on_error: OnError = "log",
        *,
        storage_uri: str | None = None,
    ) -> None:
        super().__init__()
        engine = Engine.of(engine, storage_uri)
        self._engine = engine
        self._who = Identity(engine, user_id, assistant_id, session_id).who(None)
        self._failures = Failures(engine, on_error)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._who!r})"

    @property
    def memory(self) -> Memory:
        """The memory behind it, seen from this session. Raises EngineClosed."""
        return self._who.memory(self._engine)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # read-only, as documented
        """All messages of the session, oldest first."""
        with self._failures.tolerated("reading the history"):
            return messages_of(self.memory.pages(self._who.session_id))
        return []

    def add_messages(self, messages: Sequence[MessageLikeRepresentation]) -> None:
        """Add messages to the end; each message of the user begins a page.

        What LangChain converts to messages (texts, dicts, (role, text)) is converted; anything else
        raises InvalidInput, whatever on_error says.
        """
        new = from_langchain_messages(converted(messages))
        memory = self.memory
        with self._failures.tolerated("recording messages"):
            if new:
                memory.add_messages(new, mend=True)

    def clear(self) -> None:
        """Erase the session, with all that was learned from it. Raises MemoryOSError."""
        self.memory.forget(session=self._who.session_id)

    async def aget_messages(self) -> list[BaseMessage]:
        """Return `messages` without blocking the event loop."""
        return await asyncio.to_thread(lambda: self.messages)

    async def aadd_messages(self, messages: Sequence[MessageLikeRepresentation]) -> None:
        """`add_messages` without blocking the event loop."""
        await asyncio.to_thread(self.add_messages, messages)

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        await asyncio.to_thread(self.clear)
