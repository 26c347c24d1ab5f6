"""Which messages of an agent's state are its turn, and how a turn becomes a page, once.

A turn begins with the user's last words, whoever's message comes last: agents hand over to one
another, answer one after the other or side by side, and are given a conversation halfway through.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import uuid4
from weakref import WeakKeyDictionary

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
)

from memoryos import Engine, Memory, Message
from memoryos.errors import NotFound
from memoryos_integrations.langchain.messages import from_langchain_messages, is_summary

UNANSWERED = "unanswered"
"""In a page's metadata: true while no answer came, because the model or a tool failed."""
_CHECKPOINTER = "__pregel_checkpointer"
"""Where LangGraph keeps the thread's checkpointer in the configuration."""
_TURNS = 1000
"""Turns whose run is known; a turn of longer ago is not written any more."""


def asked_last(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the user's last words, whatever has come since: messages of theirs in a row."""
    found: list[BaseMessage] = []
    for message in reversed(messages):
        if is_ignored(message):
            continue
        if isinstance(message, HumanMessage):
            found.insert(0, message)
        elif found:
            break
    return found


def beginning(messages: Sequence[BaseMessage], pending: str | None) -> int:
    """Return where the turn begins: at what could not be recorded yet, else at the last words."""
    for number, message in enumerate(messages):
        if pending is not None and message.id == pending:
            return number
    words = asked_last(messages)
    return next((n for n, message in enumerate(messages) if words and message is words[0]), 0)


def parts(turn: Sequence[BaseMessage]) -> Iterator[list[BaseMessage]]:
    """Yield one list per page: a question (or several in a row) with all that answers it."""
    part: list[BaseMessage] = []
    for message in turn:
        asks = isinstance(message, HumanMessage)
        if asks and part and not isinstance(part[-1], HumanMessage):
            yield part
            part = []
        part.append(message)
    if part:
        yield part


def is_ignored(message: BaseMessage) -> bool:
    """Return whether a message is no part of what was said: never recorded."""
    return isinstance(message, (SystemMessage, RemoveMessage)) or is_summary(message)


def is_answered(turn: Sequence[BaseMessage]) -> bool:
    """Return whether the turn ends with words of an agent."""
    last = next((m for m in reversed(turn) if isinstance(m, AIMessage)), None)
    return last is not None and bool(str(last.text).strip()) and not last.tool_calls


class Thread(NamedTuple):
    """The thread of a run: what a turn is known by, beside the id of its first message."""

    id: str | None
    kept: bool
    """It has a checkpointer: there an id is one message, which may be edited. Clients that keep
    the conversation themselves may number their messages anew each time."""

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Thread:
        """Return the thread that a run's configuration names."""
        configurable = (config or {}).get("configurable") or {}
        id_ = configurable.get("thread_id")
        kept = configurable.get(_CHECKPOINTER) is not None
        return cls(None if id_ is None else str(id_), kept)


@dataclass
class _Written:
    """What is known of a turn that was written: by which run, and what an edit left behind."""

    key: str
    run: object = None
    """The run that wrote it; held, so that no other gets its identity."""
    stale: set[str] = field(default_factory=set)
    """Ids of messages that answered an older wording of the question."""
    writing: threading.RLock = field(default_factory=threading.RLock)


class TurnJournal:
    """Writes turns of one engine; one for all middlewares of it, and thread-safe.

    Of one run (agents that answer the same words one after the other, or side by side) all messages
    go into the turn's page. Another run of the same turn (a replay, a fork, an edited message)
    takes its place.
    """

    def __init__(self) -> None:
        self._written: OrderedDict[tuple[Any, ...], _Written] = OrderedDict()
        self._owed: OrderedDict[tuple[Any, ...], str] = OrderedDict()
        self._looking = threading.Lock()

    @classmethod
    def of(cls, engine: Engine) -> TurnJournal:
        """Return the journal of an engine's turns."""
        with _lock:
            return _journals.setdefault(engine, cls())

    def owed(self, memory: Memory, thread: Thread) -> str | None:
        """Return the id of a thread's first message that could not be recorded, if any is known.

        Agents within a graph have no state of their own from turn to turn that could tell it.
        """
        with self._looking:
            return self._owed.get((memory.scope, memory.session_id, thread.id))

    def owe(self, memory: Memory, thread: Thread, first: str | None) -> None:
        """Remember from which message on a thread could not be recorded; None: all is."""
        name = (memory.scope, memory.session_id, thread.id)
        with self._looking:
            if first is None or not thread.kept:
                self._owed.pop(name, None)
                return
            self._owed.setdefault(name, first)
            while len(self._owed) > _TURNS:
                self._owed.popitem(last=False)

    def record(
        self,
        memory: Memory,
        part: Sequence[BaseMessage],
        thread: Thread,
        runtime: Any,
        *,
        newest: bool = True,
        unanswered: bool = False,
    ) -> None:
        """Journal one turn as one page. Raises MemoryOSError.

        newest: it is the turn under way; an older one loses nothing that its page has.
        unanswered: note that no answer came.
        """
        new = from_langchain_messages(part)
        run = getattr(runtime, "control", None)  # LangGraph's own sign of a run, subgraphs included
        metadata = {UNANSWERED: True} if unanswered else None
        written = self._turn(memory, part[0].id, repr(part[0].content), thread, run)
        if written is None:
            memory.add_messages(new, metadata=metadata, mend=True)
            return
        with written.writing:
            old = _page(memory, written.key)
            same_run = run is not None and written.run is run
            if old and not same_run and _words(old) != _words(new):
                written.stale = {m.id for m in old if m.id} - {m.id for m in new if _asks(m)}
            new = [message for message in new if message.id not in written.stale]
            if old and (same_run or not newest) and _words(old) == _words(new):
                new = merged(old, new)
            written.run = run
            memory.add_messages(new, metadata=metadata, key=written.key, mend=True)

    def _turn(
        self, memory: Memory, first: str | None, said: str, thread: Thread, run: object
    ) -> _Written | None:
        """Return what is known of a turn; None if nothing tells whether it was written before."""
        if first is None or (thread.id is None and run is None):
            return None
        name: tuple[Any, ...] = (memory.scope, memory.session_id, first)
        if thread.id is None:
            name, key = (*name, id(run)), f"langchain:{uuid4().hex}"
        else:
            raw = f"{thread.id}\n{first}" if thread.kept else f"{thread.id}\n{first}\n{said}"
            digest = blake2b(raw.encode("utf-8", "replace"), digest_size=16)
            key = f"langchain:{digest.hexdigest()}"
            name = (*name, key)
        with self._looking:
            found = self._written.get(name)
            if found is None:
                found = self._written[name] = _Written(key, run if thread.id is None else None)
            self._written.move_to_end(name)
            while len(self._written) > _TURNS:
                self._written.popitem(last=False)
        return found


def merged(old: Sequence[Message], new: Sequence[Message]) -> list[Message]:
    """Return all messages of two tellings of one turn, each once, in the order of both."""
    coming = {_name(message) for message in new}
    rest, found = list(old), []
    for message in new:
        while rest and _name(rest[0]) not in coming:
            found.append(rest.pop(0))
        if rest and _name(rest[0]) == _name(message):
            rest.pop(0)
        found.append(message)
    return [*found, *(message for message in rest if _name(message) not in coming)]


def _page(memory: Memory, key: str) -> Sequence[Message]:
    try:
        return memory.page(key=key).messages
    except NotFound:
        return ()


def _name(message: Message) -> str:
    return message.id or repr((message.role, message.content))


def _asks(message: Message) -> bool:
    return message.role == "user"


def _words(messages: Sequence[Message]) -> list[str]:
    """Return what the user says, of a text too long for the journal its beginning."""
    return [repr(message.content)[:_COMPARED] for message in messages if _asks(message)]


_COMPARED = 10_000
_journals: WeakKeyDictionary[Engine, TurnJournal] = WeakKeyDictionary()
_lock = threading.Lock()
