"""MemoryOSMemory: what `memory=` of chat engines and agents takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.llms.llm import LLM
from llama_index.core.memory.types import BaseMemory
from llama_index.core.schema import QueryBundle
from llama_index.core.utils import get_tokenizer

from memoryos import Recall
from memoryos.errors import InvalidInput, in_our_words
from memoryos_integrations.llama_index.connection import Connected, checked_count
from memoryos_integrations.llama_index.history import History, Turn, leading_system, spoken
from memoryos_integrations.llama_index.messages import from_message, to_message
from memoryos_integrations.llama_index.query import asked, query_of
from memoryos_integrations.llama_index.window import (
    ShownTurn,
    Window,
    message_tokens,
    trimmed,
    well_begun,
)

DEFAULT_TOKEN_LIMIT = 3000
"""That of LlamaIndex's ChatMemoryBuffer."""
CONTEXT_SHARE = 0.75
"""Of a model's context window, where the limit comes from the model."""
LEAD = "Memory:"


class MemoryOSMemory(Connected, BaseMemory):
    """A chat's history, and what MemoryOS remembers beyond it, behind LlamaIndex's `memory=`.

    engine or storage_uri: where the memory is (default: a file memoryos.db in the working folder).
    user_id, assistant_id: whose.  session_id: which conversation (default: a new one).
    token_limit: tokens that `get` returns at most: system prompt, memory and recent turns.
    recent_turns: turns it returns at most; older ones come from memory where they bear on the
    question (None: as many as fit).  memory_ratio: share of the tokens that the memory block may
    take from the recent turns (never more than the engine's `context_tokens`).  tokenizer_fn: what
    counts tokens (default: LlamaIndex's).

    Every message is in the journal when `put` returns.  Several handles, threads and processes may
    share a session.  Raises InvalidInput for arguments of the wrong kind, StorageError.
    """

    session_id: str = Field(description="Which conversation.")
    token_limit: int = Field(default=DEFAULT_TOKEN_LIMIT, description="Most tokens of `get`.")
    memory_ratio: float = Field(default=0.3, description="The memory block's share of them.")
    recent_turns: int | None = Field(default=20, description="Most turns shown verbatim.")
    tokenizer_fn: Callable[[str], Sequence[Any]] = Field(
        default_factory=get_tokenizer, exclude=True, repr=False, description="Counts tokens."
    )
    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    _counted: Any = PrivateAttr()
    _counted_lately: Any = PrivateAttr()
    _read: int = PrivateAttr(default=7)
    """Turns read for the last window: the next one will not need many more."""

    def __init__(
        self,
        engine: Any = None,
        user_id: Any = None,
        session_id: str | None = None,
        token_limit: int = DEFAULT_TOKEN_LIMIT,
        **data: Any,
    ) -> None:
        checked_count("token_limit", token_limit)
        ratio = data.get("memory_ratio", 0)
        if not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
            raise InvalidInput(f"memory_ratio must be from 0 to 1, not {ratio!r}")
        if data.get("recent_turns") is not None:
            checked_count("recent_turns", data["recent_turns"])
        if data.get("tokenizer_fn", ()) is None:
            del data["tokenizer_fn"]
        with in_our_words(type(self).model_fields):
            super().__init__(
                engine=engine,
                user_id=user_id,
                session_id=uuid4().hex if session_id is None else session_id,
                token_limit=token_limit,
                **data,
            )
        self._counted = lru_cache(_COUNTS)(lambda text: len(self.tokenizer_fn(text)))
        # A block is counted when it is made, and again when what it leaves is shared out.
        self._counted_lately = lru_cache(4)(lambda text: len(self.tokenizer_fn(text)))

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex serialises this class."""
        return "MemoryOSMemory"

    @classmethod
    def from_defaults(
        cls,
        engine: Any = None,
        user_id: Any = None,
        session_id: Any = None,
        token_limit: int | None = None,
        chat_history: list[ChatMessage] | None = None,
        llm: LLM | None = None,
        **kwargs: Any,
    ) -> MemoryOSMemory:
        """Return a memory; `memory_cls=` of chat engines calls this.

        An empty `chat_history` leaves the session as it is; any other is set.  With `llm` and no
        `token_limit`, the limit is three quarters of its context window.  Whose memory it is must
        be said, as to the class itself: raises InvalidInput without a `user_id`.
        """
        if token_limit is None:
            token_limit = DEFAULT_TOKEN_LIMIT
            if llm is not None:
                token_limit = int(llm.metadata.context_window * CONTEXT_SHARE)
        memory = cls(engine, user_id, session_id, token_limit, **kwargs)
        if chat_history:
            memory.set(chat_history)
        return memory

    # ── reading ──

    def get(
        self,
        input: str | ChatMessage | QueryBundle | None = None,  # noqa: A002  # LlamaIndex's name
        initial_token_count: int = 0,
        **kwargs: Any,  # noqa: ARG002  # other memories take more
    ) -> list[ChatMessage]:
        """Return the system prompt, what is remembered on `input`, and the newest turns.

        `input` is what the user asks, as a text, a message or a QueryBundle (default:
        their last message).  `initial_token_count` is what
        the caller will put before it, in tokens of `token_limit`.  The newest message of the user
        is there, whatever the limit.  Raises InvalidInput (a ValueError) when the caller's own
        tokens exceed the limit.
        """
        if initial_token_count > self.token_limit:
            raise InvalidInput("Initial token count exceeds token limit")
        history = History(self.memory_of(self.session_id))
        prompt = history.system()
        system = [] if prompt is None else [from_message(m) for m in prompt.messages]
        free = self.token_limit - initial_token_count - self._tokens(system)
        shown = self._shown(history.turns(self._read + 1), prompt)
        window = Window(shown, self.recent_turns)
        turns, block = self._fill(window, query_of(input), free)
        self._read = max(window.read, _FEW)
        recent = well_begun([message for turn in turns for message in turn.messages])
        return [*system, *_block_messages(block, first=not system), *recent]

    def get_all(self) -> list[ChatMessage]:
        """Return all messages of the session, as they were put."""
        turns = [*History(self.memory_of(self.session_id)).turns()]
        return [from_message(message) for turn in reversed(turns) for message in turn.messages]

    def _fill(self, window: Window, query: str, free: int) -> tuple[list[ShownTurn], str]:
        """Return the turns and the memory block that share `free` tokens.

        What fits is shown as it is.  Else the block takes its share first, and older turns get
        what it leaves.
        """
        share = max(0, min(int(self.memory_ratio * free), self.engine.config.context_tokens))
        turns = window.fitting(free)
        complete = window.ends_with(turns)
        if not complete:
            turns = window.fitting(free - share)
        newest = window.newest()
        if newest is not None and not turns:
            turns = [newest if newest.tokens <= free else trimmed(newest, free, self._count)]
        left = free - sum(turn.tokens for turn in turns)
        found = self._recall(query or query_of(window.last_words()), min(share, left), len(turns))
        if found is None:
            return (turns if complete else window.fitting(free) or turns), ""
        block = self._block_text(found, turns, min(share, left))
        if complete:
            return turns, block
        more = window.fitting(free - self._block_tokens(block))
        if len(more) <= len(turns):
            return turns, block
        here = {turn.page_id for turn in more[: len(more) - len(turns)]}
        if any(item.page.id in here for item in found.pages):  # not in both places
            left = free - sum(turn.tokens for turn in more)
            block = self._block_text(found, more, min(share, left))
        return more, block

    def _recall(self, query: str, budget: int, shown: int) -> Recall | None:
        """Return what is remembered on `query`; None if there is no query or no room for it."""
        if not query or budget <= self._count(LEAD):
            return None
        # The turns that are shown anyway rank high, and are not wanted again.
        k = self.engine.config.top_pages + min(shown, _MOST_SHOWN)
        return self.memory_of(self.session_id).recall(query, k=k, max_tokens=budget)

    def _block_text(self, found: Recall, turns: Sequence[ShownTurn], budget: int) -> str:
        ids = {turn.page_id for turn in turns}
        words = {said for turn in turns for said in turn.words}
        pages = tuple(
            item
            for item in found.pages
            if item.page.id not in ids and not words.issuperset(spoken(item.page.messages))
        )
        beyond = replace(found, pages=pages, short_term=(), count_tokens=self._count)
        return beyond.prompt(max(0, budget - self._count(LEAD) - _MARGIN))

    def _block_tokens(self, block: str) -> int:
        return self._count(block) + self._count(LEAD) + _MARGIN if block else 0

    def _shown(self, turns: Iterator[Turn], prompt: Turn | None) -> Iterator[ShownTurn]:
        """Yield turns as LlamaIndex's messages; the system prompt stands elsewhere already.

        What was put after a history that came back is a page of its own.  Where nobody asks
        anything in it, it is shown with the turn before, as the answer that it is.
        """
        answers: list[ChatMessage] = []
        words: tuple[str, ...] = ()
        page_id = ""
        for turn in turns:
            messages = turn.messages
            if prompt is not None and turn.page_id == prompt.page_id:
                messages = messages[leading_system(turn) :]
            shown = [*map(from_message, messages), *answers]
            words = (*spoken(messages), *words)
            page_id = turn.page_id
            if any(message.role == MessageRole.USER for message in shown):
                yield ShownTurn(page_id, shown, self._tokens(shown), words)
                shown, words = [], ()
            answers = shown
        if answers:
            yield ShownTurn(page_id, answers, self._tokens(answers), words)

    def _tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(message_tokens(message, self._count) for message in messages)

    def _count(self, text: str, /) -> int:
        tokens: int = (self._counted if len(text) <= _SHORT else self._counted_lately)(text)
        return tokens

    # ── writing ──

    def put(self, message: ChatMessage | QueryBundle | str) -> None:
        """Add a message at the end; it is durable, and can be recalled, when this returns."""
        self.put_messages([message])

    def put_messages(self, messages: Sequence[ChatMessage | QueryBundle | str]) -> None:
        """Add messages at the end, in one go; one of more than 16 MB loses its middle."""
        converted = [to_message(asked(message)) for message in messages]
        with self._lock:
            History(self.memory_of(self.session_id)).append(converted)

    def set(self, messages: Sequence[ChatMessage | QueryBundle | str]) -> None:
        """Make `messages` the session's history; what was there stays in long-term memory.

        A history that goes on from what is there costs only its new messages.
        """
        converted = [to_message(asked(message)) for message in messages]
        with self._lock:
            History(self.memory_of(self.session_id)).replace(converted)

    def reset(self) -> None:
        """End the session's history, for every handle and process; long-term memory stays."""
        with self._lock:
            History(self.memory_of(self.session_id)).end()

    # ── serialising ──

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Return which memory this is, as JSON values. No message, no password."""
        return self.model_dump(**{"mode": "json", **kwargs})

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> MemoryOSMemory:
        """Return the memory that `to_dict` told of, e.g. in another process.

        It uses this process's engine of that storage URI (see `use_engine`), or `engine=`, or opens
        one.  Raises InvalidInput for a memory that was in sqlite:///:memory:.
        """
        return cls(**{"class_name": cls.class_name(), **data, **kwargs})

    def to_string(self) -> str:
        """Return `to_dict` as a JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_string(cls, json_str: str, **kwargs: Any) -> MemoryOSMemory:
        """Return the memory that `to_string` told of (see `from_dict`)."""
        return cls.from_dict(json.loads(json_str), **kwargs)


_MARGIN = 2
"""Tokens: those of two texts joined may be more than of each alone."""
_FEW = 7
_MOST_SHOWN = 10
"""Pages asked for beyond the configured number, for those that the window shows already."""
_SHORT = 2000
"""Characters: of longer texts only the last few counts are kept."""
_COUNTS = 4096
"""A window of 30,000 tokens has fewer messages; each is counted once, not at every turn."""


def _block_messages(block: str, *, first: bool) -> list[ChatMessage]:
    """Return the memory block as messages, in the same words wherever it stands.

    A ReAct agent drops the first message if it is a system message: that must not be the memory.
    """
    if not block:
        return []
    if first:
        return [
            ChatMessage(role=MessageRole.SYSTEM, content=LEAD),
            ChatMessage(role=MessageRole.SYSTEM, content=block),
        ]
    return [ChatMessage(role=MessageRole.SYSTEM, content=f"{LEAD}\n\n{block}")]
