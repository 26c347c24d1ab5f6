"""Tools with which an agent itself remembers, recalls and forgets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import blake2b
from typing import Any, ClassVar

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from memoryos import Engine, Memory
from memoryos.errors import NotFound
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import Identity
from memoryos_integrations.langchain.messages import query_of

REMEMBERED = "memoryos:remembered"
"""Session of what the agent chose to remember: no conversation, so no conversation's turns."""

TOOL_NAMES = ("remember", "recall", "forget")
_MAX_TOKENS = 1000


class _Remember(BaseModel):
    text: str = Field(description="What to remember, as one complete sentence.")


class _Recall(BaseModel):
    query: str = Field(description="What to look for, in a few words or as a question.")


class _Forget(BaseModel):
    memory_id: str = Field(description="The id in square brackets that recall gave.")


class MemoryTool(BaseTool):
    """What the three tools share: whose memory, and what happens when it fails.

    user_id: None takes the user of each call, from the run's context or configuration.
    on_error: "log" (the default) tells the agent that the memory is away and logs that once;
    "raise" raises the MemoryOSError.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    engine: Any = Field(exclude=True, repr=False)
    user_id: Any = None
    assistant_id: Any = "assistant"
    on_error: OnError = "log"

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
        super().__init__(engine=engine, user_id=user_id, **more)
        self._identity = Identity(engine, user_id, self.assistant_id)
        self._failures = Failures(engine, self.on_error)

    def _tried(self, config: RunnableConfig, asked: str) -> str:
        memory = self._identity.who(config).memory(self.engine)
        with self._failures.tolerated(self._doing):
            return self._do(memory, asked)
        return "The memory cannot be reached at the moment."

    def _do(self, memory: Memory, asked: str) -> str:
        raise NotImplementedError


class RememberTool(MemoryTool):
    """Writes a note of the agent's into the memory; the same note twice is one."""

    name: str = "remember"
    description: str = (
        "Keep something for later conversations with this user: a preference, a fact, a plan, a "
        "correction. The conversation itself is remembered anyway."
    )
    args_schema: Any = _Remember
    _doing: ClassVar[str] = "remembering"

    def _run(self, text: str, config: RunnableConfig) -> str:
        return self._tried(config, text)

    async def _arun(self, text: str, config: RunnableConfig) -> str:
        return await asyncio.to_thread(self._tried, config, text)

    def _do(self, memory: Memory, asked: str) -> str:
        if not asked.strip():
            return "There was nothing to remember: the text was empty."
        digest = blake2b(asked.encode("utf-8", "replace"), digest_size=16).hexdigest()
        notes = memory.session(REMEMBERED)
        # The agent's words, not the user's: facts about the user are not read out of them as said.
        page = notes.add("", asked, key=f"remembered:{digest}", mend=True)
        return f"Remembered as [{page.id}]."


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

    def _run(self, query: str, config: RunnableConfig) -> str:
        return self._tried(config, query)

    async def _arun(self, query: str, config: RunnableConfig) -> str:
        return await asyncio.to_thread(self._tried, config, query)

    def _do(self, memory: Memory, asked: str) -> str:
        query = query_of(asked)
        if not query:
            return "Say what to recall: the query was empty."
        # A conversation's newest turns are before the model anyway, unless they are what it seeks.
        found = replace(memory.recall(query, max_tokens=self.max_tokens), short_term=())
        return found.prompt(ids=True) or "Nothing is remembered about that."


class ForgetTool(MemoryTool):
    """Erases one memory for good, with all that was derived from it."""

    name: str = "forget"
    description: str = (
        "Erase one memory for good, when the user asks to forget something. Needs the id that "
        "recall gave; call once for each."
    )
    args_schema: Any = _Forget
    _doing: ClassVar[str] = "forgetting"

    def _run(self, memory_id: str, config: RunnableConfig) -> str:
        return self._tried(config, memory_id)

    async def _arun(self, memory_id: str, config: RunnableConfig) -> str:
        return await asyncio.to_thread(self._tried, config, memory_id)

    def _do(self, memory: Memory, asked: str) -> str:
        wanted = query_of(asked).strip("[]")
        try:
            if any(item.id == wanted for item in memory.knowledge(status="all")):
                memory.forget(knowledge_id=wanted)
            else:
                memory.forget(page_id=wanted)
        except NotFound:
            return f"There is no memory with the id [{wanted}]; recall gives the ids."
        return f"Forgot [{wanted}] for good."


def create_memory_tools(
    engine: Engine | None = None,
    user_id: Id | None = None,
    *,
    storage_uri: str | None = None,
    assistant_id: Id = "assistant",
    on_error: OnError = "log",
) -> list[BaseTool]:
    """Return the tools remember, recall and forget for an agent.

    With `user_id` None each call is about the user that its run names, as
    `context={"user_id": …}` or `config={"configurable": {"user_id": …}}`; a run that names nobody
    raises InvalidInput. The model never chooses whose memory it is. engine or storage_uri: an open
    engine, or where to open one.
    """
    engine = Engine.of(engine, storage_uri)
    kinds: tuple[type[MemoryTool], ...] = (RememberTool, RecallTool, ForgetTool)
    return [kind(engine, user_id, assistant_id=assistant_id, on_error=on_error) for kind in kinds]
