"""MemoryOS as the `memory=` of langchain-classic's chains and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from langchain_classic.memory.chat_memory import BaseChatMemory
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, SystemMessage
from pydantic import ConfigDict, Field, PrivateAttr

from memoryos import Engine, Memory, Message, Page, Recall
from memoryos.errors import InvalidInput, in_our_words
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import text_id
from memoryos_integrations.langchain.message_history import MemoryOSChatMessageHistory
from memoryos_integrations.langchain.messages import (
    as_answer,
    as_question,
    from_langchain_messages,
    messages_of,
    query_of,
)

_ANY_WORDS = "…"
"""What to recall when the input has no words (an image alone): it matches nothing."""
_RECENT_SHARE = 0.5
"""At most this part of `max_context_tokens` goes to recent messages in message form."""


class MemoryOSChatMemory(BaseChatMemory):
    """What the memory holds on the input, and the recent turns; saves every turn.

    engine or storage_uri: an open engine, or where to open one.
    memory_key: the variable that prompts have for it. return_messages: False gives one text, True
    gives messages: a system message of what is recalled, then the session's recent messages.
    input_key, output_key: which input and output are the turn; None takes the only one, or the one
    called "input" or "output". human_prefix, ai_prefix: who speaks in the text form, where the
    messages do not name their speakers ("Human" and "AI" are LangChain's own). k: pages recalled.
    max_context_tokens: budget of the whole; None is the engine's `context_tokens` for what is
    recalled and no limit for recent messages.
    on_error: "log" (the default) goes on without memory while it is away and logs that once;
    "raise" raises the MemoryOSError; `clear` always raises it.

    Raises InvalidInput for ids that cannot be, and when input or output is ambiguous.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    engine: Any = Field(exclude=True, repr=False)
    user_id: str
    assistant_id: str = "assistant"
    session_id: str = "default"
    memory_key: str = "history"
    human_prefix: str = "User"
    ai_prefix: str = "Assistant"
    k: int = 10
    max_context_tokens: int | None = None
    on_error: OnError = "log"
    # Overridden because the inherited default is deprecated and says so.
    chat_memory: BaseChatMessageHistory = Field(default=cast("Any", None), exclude=True, repr=False)

    _failures: Failures = PrivateAttr()

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        assistant_id: Id = "assistant",
        session_id: Id = "default",
        *,
        storage_uri: str | None = None,
        **more: Any,
    ) -> None:
        engine = Engine.of(engine, storage_uri)
        if "chat_memory" in more:
            raise InvalidInput("chat_memory is the engine's own here; leave the argument out")
        # Says what ids cannot be before pydantic does, in words of its own.
        history = MemoryOSChatMessageHistory(
            engine, user_id, session_id, assistant_id, on_error="raise"
        )
        with in_our_words(type(self).model_fields):
            super().__init__(
                engine=engine,
                user_id=text_id(user_id),
                assistant_id=text_id(assistant_id),
                session_id=text_id(session_id),
                **more,
            )
        self.chat_memory = history
        # After super().__init__, which sets private attributes back.
        self._failures = Failures(engine, self.on_error)

    @property
    def memory_variables(self) -> list[str]:
        """The one variable that this memory fills."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return {memory_key: text or messages} on the input."""
        query = query_of(inputs[self._input_key(inputs)]) if inputs else ""
        found: Any = [] if self.return_messages else ""
        with self._failures.tolerated("recalling"):
            found = self._messages(query) if self.return_messages else self._text(query)
        return {self.memory_key: found}

    def save_context(self, inputs: dict[str, Any], outputs: Mapping[str, Any]) -> None:
        """Record one turn, durably."""
        question = as_question(inputs[self._input_key(inputs)])
        answer = as_answer(outputs[self._output_key(outputs)])
        turn = from_langchain_messages([*question, *answer])
        with self._failures.tolerated("recording a turn"):
            self._memory().add_messages(turn, mend=True)

    def clear(self) -> None:
        """Erase this session, with all that was learned from it. Raises MemoryOSError."""
        self.chat_memory.clear()

    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """`load_memory_variables` without blocking the event loop."""
        return await asyncio.to_thread(self.load_memory_variables, inputs)

    async def asave_context(self, inputs: dict[str, Any], outputs: Mapping[str, Any]) -> None:
        """`save_context` without blocking the event loop."""
        await asyncio.to_thread(self.save_context, inputs, outputs)

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        await asyncio.to_thread(self.clear)

    def _memory(self) -> Memory:
        engine: Engine = self.engine
        return engine.memory(self.user_id, self.assistant_id, self.session_id)

    def _recall(self, query: str) -> Recall:
        found = self._memory().recall(
            query if query.strip() else _ANY_WORDS, k=self.k, max_tokens=self._budget()
        )
        # The conversation stands in the block, whether or not anything else bears on the question.
        found = replace(found, refused=False)
        return found if query.strip() else replace(found, pages=())

    def _text(self, query: str) -> str:
        found = self._recall(query)
        named = partial(_named, {"user": self.human_prefix, "assistant": self.ai_prefix})
        return replace(
            found,
            pages=tuple(replace(item, page=named(item.page)) for item in found.pages),
            short_term=tuple(map(named, found.short_term)),
        ).prompt()

    def _budget(self) -> int:
        engine: Engine = self.engine
        given = self.max_context_tokens
        return engine.config.context_tokens if given is None else given

    def _messages(self, query: str) -> list[BaseMessage]:
        found = self._recall(query)
        recent = list(found.short_term)
        left = self._budget()
        if self.max_context_tokens is not None:
            recent, cost = self._fitting(recent, int(left * _RECENT_SHARE))
            left -= cost
        shown = {page.id for page in recent}
        others = tuple(item for item in found.pages if item.page.id not in shown)
        block = replace(found, pages=others, short_term=()).prompt(left)
        messages = messages_of(recent)
        return [SystemMessage(content=block), *messages] if block else messages

    def _fitting(self, recent: list[Page], budget: int) -> tuple[list[Page], int]:
        """Return the newest pages that fit whole, without a gap, and what they cost in tokens."""
        engine: Engine = self.engine
        spent, kept = 0, 0
        for page in reversed(recent):
            cost = sum(engine.count_tokens(message.text) + 4 for message in page.messages)
            if spent + cost > budget:
                break
            spent, kept = spent + cost, kept + 1
        return recent[len(recent) - kept :], spent

    def _input_key(self, inputs: Mapping[str, Any]) -> str:
        names = [name for name in inputs if name not in (self.memory_key, "stop")]
        return _only(names, self.input_key, "input")

    def _output_key(self, outputs: Mapping[str, Any]) -> str:
        return _only(list(outputs), self.output_key, "output")


def _named(prefixes: Mapping[str, str], page: Page) -> Page:
    """Return a page whose speakers are called by the prefixes, where they have no name."""
    said = page.messages or (
        Message("user", page.user_input),
        Message("assistant", page.agent_response),
    )
    messages = tuple(replace(m, name=m.name or prefixes.get(m.role)) for m in said)
    return replace(page, messages=messages)


def _only(names: list[str], given: str | None, usual: str) -> str:
    """Return which of some inputs or outputs is meant. Raises InvalidInput."""
    if given is not None:
        if given not in names:
            raise InvalidInput(f"{usual}_key is {given!r}, but there are only {sorted(names)}")
        return given
    if len(names) == 1:
        return names[0]
    if usual in names:
        return usual
    raise InvalidInput(f"which {usual} is the turn? Give {usual}_key, one of {sorted(names)}")
