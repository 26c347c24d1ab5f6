"""MemoryOSMemoryBlock: MemoryOS as one of the blocks of LlamaIndex's own Memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import Field
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer

from memoryos.errors import in_our_words
from memoryos_integrations.llama_index.connection import Connected, checked_count
from memoryos_integrations.llama_index.history import History
from memoryos_integrations.llama_index.messages import to_message
from memoryos_integrations.llama_index.query import last_question

DEFAULT_SESSION = "default"
_ENTRY = re.compile(r"^(?=\[\d{4}-\d\d-\d\d \d\d:\d\d\]$|- )", re.MULTILINE)
"""Where an entry of a context block begins: a turn with its time, or a line of what is known."""
_FENCE = re.compile(r"\A(<memory>\n[^\n]*\n\n)(.*)(\n</memory>)\Z", re.DOTALL)
"""What `Recall.prompt` puts around a context block."""


class MemoryOSMemoryBlock(Connected, BaseMemoryBlock[str]):
    """Remembers what overflows LlamaIndex's Memory, and gives back what bears on the question.

    engine or storage_uri, user_id, assistant_id: as for MemoryOSMemory.  token_limit: tokens of
    what it gives back at most, as tokenizer_fn (default: LlamaIndex's) counts them.
    name: the tag it stands in.  priority: 0 is never truncated; with
    any other, whole entries go when Memory asks.  Turns are journalled in the session that Memory
    names; what is remembered comes from every session of the user.
    """

    name: str = Field(default="memoryos", description="The name of the block.")
    description: str | None = Field(
        default="What is remembered of earlier turns and conversations with this user.",
        description="A description of the block.",
    )
    token_limit: int = Field(default=1000, description="Most tokens of what it gives back.")
    tokenizer_fn: Callable[[str], Sequence[Any]] = Field(
        default_factory=get_tokenizer, exclude=True, repr=False, description="Counts tokens."
    )

    def __init__(
        self, engine: Any = None, user_id: Any = None, token_limit: int = 1000, **data: Any
    ) -> None:
        checked_count("token_limit", token_limit)
        with in_our_words(type(self).model_fields):
            super().__init__(engine=engine, user_id=user_id, token_limit=token_limit, **data)

    async def _aget(
        self,
        messages: list[ChatMessage] | None = None,
        session_id: str | None = None,
        **block_kwargs: Any,  # noqa: ARG002  # what callers give to other blocks
    ) -> str:
        query = last_question(messages)
        return await asyncio.to_thread(self._recalled, query, session_id) if query else ""

    async def aput(
        self,
        messages: list[ChatMessage],
        from_short_term_memory: bool = False,
        session_id: str | None = None,
    ) -> None:
        """Journal `messages` in the session. They are left as they are."""
        if messages and (self.accept_short_term_memory or not from_short_term_memory):
            # At once: the messages are shared with other blocks, which write the session into
            # them (as the base class does) and take it out again while this one waits.
            converted = [to_message(_without_session(message, session_id)) for message in messages]
            history = History(self.memory_of(session_id or DEFAULT_SESSION))
            await asyncio.to_thread(history.append, converted)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        await self.aput(messages)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Return `content` without its last entries, as many as hold that many tokens."""
        return await asyncio.to_thread(self._shortened, content, tokens_to_truncate)

    def _recalled(self, query: str, session_id: str | None) -> str:
        memory = self.memory_of(session_id or DEFAULT_SESSION)
        found = memory.recall(query, max_tokens=self.token_limit)
        return replace(found, count_tokens=self._count).prompt(self.token_limit)

    def _count(self, text: str) -> int:
        return len(self.tokenizer_fn(text))

    def _shortened(self, content: str, tokens: int) -> str | None:
        wanted = self._count(content) - tokens
        # The fence, its first line and the last, is around whatever is left.
        fenced = _FENCE.match(content)
        begins, inside, ends = fenced.groups() if fenced else ("", content, "")
        entries = _ENTRY.split(inside)
        while entries and self._count(f"{begins}{''.join(entries)}{ends}") > wanted:
            entries.pop()
            if entries:  # a heading that nothing follows any more goes as well
                entries[-1] = re.sub(r"\n*^## [^\n]*\n?\Z", "", entries[-1], flags=re.MULTILINE)
        text = "".join(entries).rstrip()
        return f"{begins}{text}{ends}" if text.strip() else None


def _without_session(message: ChatMessage, session_id: str | None) -> ChatMessage:
    if session_id is None or message.additional_kwargs.get("session_id") != session_id:
        return message
    kwargs = {n: value for n, value in message.additional_kwargs.items() if n != "session_id"}
    return message.model_copy(update={"additional_kwargs": kwargs})
