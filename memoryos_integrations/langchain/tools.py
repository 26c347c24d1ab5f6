"""Tools with which an agent itself remembers, recalls, corrects, lists and forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from memoryos import Engine, Memory, Profile, Recall
from memoryos.errors import InvalidInput, NotFound, in_our_words
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import Identity
from memoryos_integrations.langchain.messages import query_of

TOOL_NAMES = ("remember", "recall", "forget", "correct", "list_known")
_MAX_TOKENS = 1000


class _Remember(BaseModel):
    text: str = Field(description="What to remember, as one complete sentence.")


_AS_OF = "Optional: only what was known by this day, such as 2026-03-01."


class _Recall(BaseModel):
    query: str = Field(description="What to look for, in a few words or as a question.")
    as_of: str | None = Field(default=None, description=_AS_OF)


class _Forget(BaseModel):
    memory_id: str = Field(description="The id in square brackets that recall gave.")


class _Correct(BaseModel):
    memory_id: str = Field(description="The id of what is wrong, as recall or list_known gave it.")
    text: str = Field(description="What is so, as one complete sentence.")


class _ListKnown(BaseModel):
    as_of: str | None = Field(default=None, description=_AS_OF)


def _told(error: Exception) -> str:
    """Return what a model is told of arguments that do not fit a tool's schema."""
    try:
        with in_our_words():
            raise error
    except InvalidInput as told:
        return f"That cannot be done: {told}"


class MemoryTool(BaseTool):
    """What the tools share: whose memory, and what happens when it fails.

    user_id: None takes the user of each call, from the run's context or configuration.
    on_error: "log" (the default) tells the agent that the memory is away and logs that once;
    "raise" raises the MemoryOSError.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    engine: Any = Field(exclude=True, repr=False)
    user_id: Any = None
    assistant_id: Any = "assistant"
    on_error: OnError = "log"
    handle_validation_error: Any = _told
    """For the model to put right, as what the memory refuses is."""

    _identity: Identity = PrivateAttr()
    _failures: Failures = PrivateAttr()
    _doing: ClassVar[str] = ""

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        *,
        storage_uri: str | None = None,
        **more: Any,
    ) -> None:
        engine = Engine.of(engine, storage_uri)
        with in_our_words(type(self).model_fields):
            super().__init__(engine=engine, user_id=user_id, **more)
        self._identity = Identity(engine, user_id, self.assistant_id)
        self._failures = Failures(engine, self.on_error)

    def _run(self, *, config: RunnableConfig, **asked: Any) -> str:
        return self._tried(config, asked)

    async def _arun(self, *, config: RunnableConfig, **asked: Any) -> str:
        return await asyncio.to_thread(self._tried, config, asked)

    def _tried(self, config: RunnableConfig, asked: Mapping[str, Any]) -> str:
        memory = self._identity.who(config).memory(self.engine)
        with self._failures.tolerated(self._doing):
            try:
                return self._do(memory, **asked)
            except InvalidInput as error:  # for the model to put right
                return f"That cannot be done: {error}"
        return "The memory cannot be reached at the moment."

    def _do(self, memory: Memory, *args: Any, **asked: Any) -> str:
        """Do it with the arguments of the tool's schema."""
        raise NotImplementedError


class RememberTool(MemoryTool):
    """States a fact about the user; the same fact twice is one."""

    name: str = "remember"
    description: str = (
        "Keep a fact about this user for later conversations: a preference, a plan, what they ask "
        "you to remember. The conversation itself is remembered anyway."
    )
    args_schema: Any = _Remember
    _doing: ClassVar[str] = "remembering"

    def _do(self, memory: Memory, text: str) -> str:
        if not text.strip():
            return "There was nothing to remember: the text was empty."
        return f"Remembered as [{memory.remember(text, by='agent').id}]."


class RecallTool(MemoryTool):
    """Looks something up in all of the user's conversations, notes and knowledge."""

    name: str = "recall"
    description: str = (
        "Look up what is remembered from earlier conversations with this user. Gives turns and "
        "known facts, each with an id in square brackets."
    )
    args_schema: Any = _Recall
    max_tokens: int = _MAX_TOKENS
    _doing: ClassVar[str] = "recalling"

    def _do(self, memory: Memory, query: str, as_of: str | None = None) -> str:
        query = query_of(query)
        if not query:
            return "Say what to recall: the query was empty."
        # A conversation's newest turns are before the model anyway, unless they are what it seeks.
        found = memory.recall(query, max_tokens=self.max_tokens, as_of=as_of or None)
        told = replace(found, short_term=()).prompt(ids=True)
        return told or "Nothing is remembered about that."


class ForgetTool(MemoryTool):
    """Erases one memory for good, with all that was derived from it."""

    name: str = "forget"
    description: str = (
        "Erase one memory for good, when the user asks to forget something. Needs the id that "
        "recall gave; call once for each."
    )
    args_schema: Any = _Forget
    _doing: ClassVar[str] = "forgetting"

    def _do(self, memory: Memory, memory_id: str) -> str:
        wanted = _id(memory_id)
        try:
            if any(item.id == wanted for item in memory.knowledge(status="all")):
                memory.forget(knowledge_id=wanted)
            else:
                memory.forget(page_id=wanted)
        except NotFound:
            return _UNKNOWN.format(wanted)
        return f"Forgot [{wanted}] for good."


class CorrectTool(MemoryTool):
    """Puts a fact or a statement right; what was known before stays as history."""

    name: str = "correct"
    description: str = (
        "Put right what is known of this user, when they say that it is wrong or no longer so. "
        "Needs the id that recall or list_known gave, and what is so instead."
    )
    args_schema: Any = _Correct
    _doing: ClassVar[str] = "correcting"

    def _do(self, memory: Memory, memory_id: str, text: str) -> str:
        wanted = _id(memory_id)
        known = {item.id: item for item in memory.knowledge(status="all")}
        if wanted not in known:
            return f"{_UNKNOWN.format(wanted)} A turn is not corrected: remember what is so."
        if later := known[wanted].superseded_by:
            return f"[{wanted}] was replaced by [{later}] already: correct that."
        return f"Corrected [{wanted}]; now [{memory.correct(wanted, text, by='agent').id}]."


class ListKnownTool(MemoryTool):
    """Lists what is known, whatever the question: facts first, then statements, newest first."""

    name: str = "list_known"
    description: str = (
        "List what is known of this user, each line with its date and its id in square brackets. "
        "To look for something particular, use recall."
    )
    args_schema: Any = _ListKnown
    max_tokens: int = _MAX_TOKENS
    _doing: ClassVar[str] = "listing what is known"

    def _do(self, memory: Memory, as_of: str | None = None) -> str:
        known = memory.knowledge(as_of=as_of or None)
        known.sort(key=lambda item: item.updated, reverse=True)
        user, agent = (tuple(k for k in known if k.owner == side) for side in ("user", "agent"))
        count = self.engine.count_tokens
        found = Recall("", (), (), (), user, agent, Profile(), self.max_tokens, 1.0, count)
        return found.prompt(ids=True) or "Nothing is known yet."


_UNKNOWN = "There is no memory with the id [{}]; recall gives the ids."


def _id(said: str) -> str:
    """Return an id as a model writes it, without brackets."""
    return query_of(said).strip("[]")


def create_memory_tools(
    engine: Engine | None = None,
    user_id: Id | None = None,
    *,
    storage_uri: str | None = None,
    assistant_id: Id = "assistant",
    on_error: OnError = "log",
) -> list[BaseTool]:
    """Return the tools remember, recall, forget, correct and list_known for an agent.

    With `user_id` None each call is about the user that its run names, as
    `context={"user_id": …}` or `config={"configurable": {"user_id": …}}`; a run that names nobody
    raises InvalidInput. The model never chooses whose memory it is. engine or storage_uri: an open
    engine, or where to open one.
    """
    engine = Engine.of(engine, storage_uri)
    kinds: tuple[type[MemoryTool], ...] = (
        RememberTool,
        RecallTool,
        ForgetTool,
        CorrectTool,
        ListKnownTool,
    )
    return [kind(engine, user_id, assistant_id=assistant_id, on_error=on_error) for kind in kinds]
