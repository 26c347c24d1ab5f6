"""MemoryOS as middleware of LangChain 1.x agents (`create_agent`)."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final
from uuid import uuid4

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import NotRequired

from memoryos import Engine, Memory, Page, Recall
from memoryos.errors import InvalidInput
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import Identity
from memoryos_integrations.langchain.messages import answer_text, query_of
from memoryos_integrations.langchain.tools import TOOL_NAMES, create_memory_tools
from memoryos_integrations.langchain.tracing import retriever_run
from memoryos_integrations.langchain.turns import (
    Thread,
    TurnJournal,
    asked_last,
    beginning,
    is_answered,
    is_ignored,
    parts,
)

STATE: Final = "memoryos"
"""The middleware's own field of the agent's state, during a turn {"turn", "who", "thread", "first",
"asked"}.

turn: a name for the turn; first: id of its first message; asked: the user's messages, kept because
a summary may take their place; thread: what the turn is known by. What was recalled is not there:
streams show the state to clients, and checkpoints would keep it after its erasure. Emptied when the
turn is recorded; what stays could not be recorded yet and is tried again.
"""
_RECALLED = 1000
"""Turns whose recall is kept at hand; after an interrupt it may be recalled anew."""
_NONE: RunnableConfig = {}
"""LangGraph hands hooks the configuration if their parameter is annotated with this very name; the
context variable that also holds it does not reach asyncio tasks on Python 3.10."""
_NOT_RECORDED = "(recalled memory, not recorded again)"


class MemoryState(AgentState[Any]):
    """The agent's state with the middleware's private field."""

    memoryos: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]


class MemoryOSMiddleware(AgentMiddleware[MemoryState, Any, Any]):
    """Recalls before an agent's turn, shows that to the model, records the turn after it.

    engine or storage_uri: an open engine, or where to open one.
    user_id: whose memory; None takes the user of each run, from `context` (an object or a mapping)
    and then from `config["configurable"]`. session_id: None is the run's thread_id, else "default".
    expose_tools: also give the agent the tools of `create_memory_tools`. k and
    max_context_tokens: pages and tokens recalled; None is the engine's configuration.
    min_relevance: from 0 to 1; pages that bear less on the question are not shown. None leaves it
    to the memory whether anything does (`MemoryConfig.min_relevance`).
    on_recall: called once a turn with what is shown to the model, and the memory that it is from.
    A run that streams `stream_mode="custom"` gets {"memoryos": {"recalled": [{"page_id",
    "relevance"}, …], "knowledge": [ids]}} before the model is asked: ids only, so that no client
    or log keeps what is erased later. Tracers (LangSmith) see the recall as a retriever's run, with
    its documents.
    on_error: "log" (the default) lets the agent go on without memory while it is away and logs that
    once; "raise" raises the MemoryOSError. Ids that cannot be and a closed engine always raise.

    A turn is the user's last words and all that came of them, of however many agents: handed over
    to, one after the other, side by side. It is one page, with its tool calls and results, and the
    page is replaced when the thread is replayed from before it or the message is edited. When the
    model or a tool fails, the user's words are kept, with metadata["unanswered"]; a turn that broke
    off otherwise is recorded with the thread's next one, if the agent has a checkpointer. Never
    recorded: system prompts, recalled blocks, summaries. A run that names no user raises
    InvalidInput. One middleware serves many users, threads and event loops at once.
    """

    state_schema = MemoryState

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        expose_tools: bool = True,
        on_error: OnError = "log",
        *,
        storage_uri: str | None = None,
        assistant_id: Id = "assistant",
        session_id: Id | None = None,
        k: int | None = None,
        max_context_tokens: int | None = None,
        min_relevance: float | None = None,
        on_recall: Callable[[Recall, Memory], None] | None = None,
    ) -> None:
        super().__init__()
        engine = Engine.of(engine, storage_uri)
        if min_relevance is not None and (
            isinstance(min_relevance, bool) or not 0 <= min_relevance <= 1
        ):
            raise InvalidInput(f"min_relevance must be from 0 to 1, not {min_relevance!r}")
        self._min_relevance = min_relevance
        self._on_recall = on_recall
        self._engine = engine
        self._turns = TurnJournal.of(engine)
        self._failures = Failures(engine, on_error)
        self._identity = Identity(engine, user_id, assistant_id, session_id)
        self._k = k
        self._recalled: OrderedDict[str, str] = OrderedDict()
        self._recalling = threading.Lock()
        self._max_tokens = max_context_tokens or engine.config.context_tokens
        self.tools = (
            create_memory_tools(engine, user_id, assistant_id=assistant_id, on_error=on_error)
            if expose_tools
            else []
        )

    # ── before: recall ───────────────────────────────────────────────────────────────────────

    def before_agent(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig = _NONE
    ) -> dict[str, Any] | None:
        """Recall what bears on the user's new messages."""
        # Not tolerated: whose memory it is has nothing to do with an outage.
        memory = self._identity.who(config, runtime).memory(self._engine)
        messages = state["messages"]
        thread = Thread.of(config)
        owed = (state.get(STATE) or {}).get("first") or self._turns.owed(memory, thread)
        first = beginning(messages, owed)
        own = {
            "turn": uuid4().hex,
            "who": [memory.scope.user_id, memory.scope.assistant_id, memory.session_id],
            "thread": [*thread],
            "first": messages[first].id if first < len(messages) else None,
            "asked": asked_last(messages),
        }
        self._block(own, messages, runtime, config)
        return {STATE: own}

    async def abefore_agent(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig = _NONE
    ) -> dict[str, Any] | None:
        """`before_agent` without blocking the event loop."""
        return await asyncio.to_thread(self.before_agent, state, runtime, config)

    # ── during: show the model what was recalled ─────────────────────────────────────────────

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Call the model with what was recalled at the end of its system message."""
        try:
            return handler(self._with_memory(request))
        except GraphBubbleUp:
            raise  # an interrupt or a handover: no failure
        except Exception:
            self._keep_unanswered(request)
            raise

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """`wrap_model_call` for asynchronous runs."""
        shown = await asyncio.to_thread(self._with_memory, request)
        try:
            return await handler(shown)
        except GraphBubbleUp:
            raise
        except Exception:
            await asyncio.to_thread(self._keep_unanswered, request)
            raise

    # A tool that fails ends the turn as a model does: `after_agent` does not run.

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Call the tool; if it fails, keep what the user said."""
        try:
            return handler(request)
        except GraphBubbleUp:
            raise
        except Exception:
            self._keep_unanswered(request)
            raise

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """`wrap_tool_call` for asynchronous runs."""
        try:
            return await handler(request)
        except GraphBubbleUp:
            raise
        except Exception:
            await asyncio.to_thread(self._keep_unanswered, request)
            raise

    def _keep_unanswered(self, request: ModelRequest[Any] | ToolCallRequest) -> None:
        """Journal what the user said when all failed; an answer takes the page's place."""
        own: Any = request.state.get(STATE) or {}
        turn = _turn(request.state["messages"], own)
        if not own.get("turn") or not turn:
            return
        with self._failures.tolerated("recording a turn"):
            memory = self._engine.memory(*own["who"])
            *_, part = parts(turn)
            thread = Thread(*own["thread"])
            self._turns.record(memory, part, thread, request.runtime, unanswered=True)

    def _with_memory(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        own: Any = request.state.get(STATE) or {}
        block = self._block(own, request.messages) if own.get("turn") else ""
        return _showing(request, block) if block else request

    def _block(
        self,
        own: Mapping[str, Any],
        messages: Sequence[BaseMessage],
        runtime: Runtime[Any] | None = None,
        config: RunnableConfig | None = None,
    ) -> str:
        """Return what is recalled for a turn: found once, then at hand while the turn runs."""
        with self._recalling:
            if (known := self._recalled.get(own["turn"])) is not None:
                return known
        block = ""
        if query := query_of(own["asked"]):
            memory = self._engine.memory(*own["who"])
            with self._failures.tolerated("recalling"), retriever_run(query, config) as found_is:
                found = memory.recall(
                    query,
                    k=self._k,
                    max_tokens=self._max_tokens,
                    min_relevance=self._min_relevance,
                )
                shown = _unseen(found, messages, memory.session_id)
                block = shown.prompt()
                found_is(shown)
                self._tell(shown, memory, runtime)
        with self._recalling:
            self._recalled[own["turn"]] = block
            while len(self._recalled) > _RECALLED:
                self._recalled.popitem(last=False)
        return block

    def _tell(self, shown: Recall, memory: Memory, runtime: Runtime[Any] | None) -> None:
        """Let user interfaces know what the model is shown."""
        if self._on_recall is not None:
            self._on_recall(shown, memory)
        if runtime is not None:
            pages = [
                {"page_id": item.page.id, "relevance": round(item.relevance, 3)}
                for item in shown.pages
            ]
            known = [item.id for item in (*shown.user_knowledge, *shown.agent_knowledge)]
            runtime.stream_writer({STATE: {"recalled": pages, "knowledge": known}})

    # ── after: record ────────────────────────────────────────────────────────────────────────

    def after_agent(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig = _NONE
    ) -> dict[str, Any] | None:
        """Journal the turn."""
        own = state.get(STATE) or {}
        turn = _turn(state["messages"], own)
        structured = state.get("structured_response")
        if structured is not None and turn and not is_answered(turn):
            turn.append(AIMessage(content=answer_text(structured)))
        left: dict[str, Any] = {"first": own.get("first")}
        # Whose turn it is, its beginning said: a snapshot's configuration, which it may be replayed
        # from, does not.
        whose = own.get("who") or self._identity.who(config, runtime).ids
        memory, thread = self._engine.memory(*whose), Thread.of(config)
        with self._failures.tolerated("recording a turn"):
            *older, part = [*parts(turn)] or [[]]
            for told in older:
                broke_off = not is_answered(told)
                self._turns.record(
                    memory, told, thread, runtime, newest=False, unanswered=broke_off
                )
            if part:
                self._turns.record(memory, part, thread, runtime)
            left = {}
        self._turns.owe(memory, thread, left.get("first"))
        with self._recalling:
            self._recalled.pop(own.get("turn", ""), None)
        return {STATE: left}

    async def aafter_agent(
        self, state: MemoryState, runtime: Runtime[Any], config: RunnableConfig = _NONE
    ) -> dict[str, Any] | None:
        """`after_agent` without blocking the event loop."""
        return await asyncio.to_thread(self.after_agent, state, runtime, config)


def _showing(request: ModelRequest[Any], block: str) -> ModelRequest[Any]:
    """Return the request with a block of memories at the end of its system message."""
    told = {"type": "text", "text": block}
    old = request.system_message
    if old is None:
        return request.override(system_message=SystemMessage(content=[told]))
    # The content as it is, not in its standard form, which loses what providers put into blocks.
    said = old.content
    blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said
    return request.override(system_message=old.model_copy(update={"content": [*blocks, told]}))


def _turn(messages: Sequence[BaseMessage], own: dict[str, Any]) -> list[BaseMessage]:
    """Return the messages of the turn that ends now, as they are to be recorded."""
    numbers = {message.id: number for number, message in enumerate(messages)}
    first = own.get("first")
    if first is None:
        found = []
    elif first in numbers:
        found = list(messages[numbers[first] :])
    else:
        # Summarised meanwhile: a summary takes the place of the oldest messages, so that all that
        # is left comes after what the user asked.
        both = [*own.get("asked", ()), *messages]
        found = list({message.id: message for message in both}.values())
    return [_recordable(message) for message in found if not is_ignored(message)]


def _recordable(message: BaseMessage) -> BaseMessage:
    """Return the message without recalled memories: a copy would outlive their erasure."""
    if isinstance(message, ToolMessage) and message.name in TOOL_NAMES:
        return message.model_copy(update={"content": _NOT_RECORDED})
    return message


def _unseen(found: Recall, messages: Sequence[BaseMessage], session_id: str) -> Recall:
    """Return the recall without the pages that the model has before it as messages anyway."""
    ids = {message.id for message in messages if message.id}
    texts = {str(message.text) for message in messages if isinstance(message, HumanMessage)}

    def seen(page: Page) -> bool:
        if page.session_id != session_id:
            return False
        return page.user_input in texts or any(message.id in ids for message in page.messages)

    return replace(
        found,
        pages=tuple(item for item in found.pages if not seen(item.page)),
        short_term=tuple(page for page in found.short_term if not seen(page)),
    )
