"""A conversation of the memory as a session of the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from memoryos import Engine, Memory, Message
from memoryos.errors import InvalidInput
from memoryos.model import Id
from memoryos_integrations.openai_agents.items import from_message, is_shown, to_message

_AT_ONCE = 8
"""Pages read at first where only the newest items are wanted."""


class MemoryOSSession:
    """One session of a user, verbatim and durable: `Runner.run(agent, words, session=…)`.

    session_id, user_id, assistant_id: which conversation, of whom, with which assistant.
    engine or storage_uri: an open engine, or where to open one.

    Items come back exactly as they were added. Any number of handles, tasks and processes may share
    a session. The session only stores; `instructions` brings back what the user's other sessions
    hold. Raises InvalidInput for ids that cannot be, StorageError.
    """

    def __init__(
        self,
        session_id: Id,
        user_id: Id,
        engine: Engine | None = None,
        *,
        storage_uri: str | None = None,
        assistant_id: Id = "assistant",
        session_settings: Any = None,
    ) -> None:
        self._engine = Engine.of(engine, storage_uri)
        self._memory = self._engine.memory(user_id, assistant_id, session_id)
        self.session_id = self._memory.session_id
        self.session_settings = session_settings
        """The SDK's SessionSettings, of which `limit` is heeded."""
        self._writing = threading.Lock()

    def __repr__(self) -> str:
        return f"MemoryOSSession({self.session_id!r}, {self._memory.scope.user_id!r})"

    @property
    def memory(self) -> Memory:
        """The memory behind it, seen from this session."""
        return self._memory

    async def get_items(self, limit: int | None = None) -> list[Any]:
        """Return the newest `limit` items (None: those of session_settings, else all), in order."""
        if limit is None:
            limit = getattr(self.session_settings, "limit", None)
        return [from_message(one) for one in await asyncio.to_thread(self._newest, limit)]

    async def add_items(self, items: Sequence[Any]) -> None:
        """Add items at the end; each message of the user begins a page."""
        messages = [to_message(item) for item in items]
        if messages:
            await asyncio.to_thread(self._add, messages)

    async def pop_item(self) -> Any:
        """Erase the newest item and return it; None when there is none."""
        popped = await asyncio.to_thread(self._pop)
        return None if popped is None else from_message(popped)

    async def clear_session(self) -> None:
        """Erase the session, with all that was learned from it."""
        await asyncio.to_thread(self._memory.forget, session=self.session_id)

    def instructions(
        self, text: str = "", *, min_relevance: float | None = None, max_tokens: int = 1000
    ) -> Callable[[Any, Any], Awaitable[str]]:
        """Return `instructions=` for an Agent: a text, and what other sessions hold on the input.

        Args:
            text: The agent's own instructions.
            min_relevance: From 0 to 1: pages that bear less on the input are left out. Default: the
                memory's, which the best must reach.
            max_tokens: Tokens of what is remembered, at most.
        """
        if min_relevance is not None and (
            isinstance(min_relevance, bool) or not 0 <= min_relevance <= 1
        ):
            raise InvalidInput(f"min_relevance must be from 0 to 1, not {min_relevance!r}")

        async def recalled(context: Any, agent: Any) -> str:  # noqa: ARG001  # the SDK's signature
            asked = getattr(context, "turn_input", None) or []
            query = _question([to_message(item) for item in asked if isinstance(item, Mapping)])
            block = await asyncio.to_thread(self._recall, query, min_relevance, max_tokens)
            return "\n\n".join(part for part in (text, block) if part)

        return recalled

    def _recall(self, query: str, min_relevance: float | None, max_tokens: int) -> str:
        if not query:
            query = _question(self._newest(None))
        if not query:
            return ""
        found = self._memory.recall(query, max_tokens=max_tokens, min_relevance=min_relevance)
        others = tuple(item for item in found.pages if item.page.session_id != self.session_id)
        return replace(found, pages=others, short_term=()).prompt(max_tokens)

    def _newest(self, limit: int | None) -> list[Message]:
        """Return the newest `limit` messages that are items, oldest first; None or less: all."""
        if limit is None or limit < 0:
            pages = self._memory.pages(self.session_id)
            return [one for page in pages for one in page.messages if is_shown(one)]
        read = _AT_ONCE
        while limit:
            pages = self._memory.pages(self.session_id, newest_first=True, limit=read)
            found = [one for page in reversed(pages) for one in page.messages if is_shown(one)]
            if len(found) >= limit or len(pages) < read:
                return found[-limit:]
            read *= 4
        return []

    def _add(self, messages: list[Message]) -> None:
        with self._writing:
            self._memory.add_messages(messages, mend=True)

    def _pop(self) -> Message | None:
        with self._writing:
            for page in self._memory.pages(self.session_id, newest_first=True, limit=1):
                *rest, last = page.messages
                self._memory.forget(page_id=page.id)
                if rest:
                    self._memory.add_messages(
                        rest, timestamp=page.timestamp, metadata=page.metadata, mend=True
                    )
                return last
        return None


def _question(messages: Sequence[Message]) -> str:
    return next((m.text for m in reversed(messages) if m.role == "user" and m.text.strip()), "")
