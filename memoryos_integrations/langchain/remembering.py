"""A chain with its conversation, and what is remembered beyond it, in one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.runnables import (
    ConfigurableFieldSpec,
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnablePassthrough,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from memoryos import Engine
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import Identity
from memoryos_integrations.langchain.message_history import MemoryOSChatMessageHistory
from memoryos_integrations.langchain.messages import query_of
from memoryos_integrations.langchain.tracing import retriever_run


def with_memory(
    runnable: Runnable[Any, Any],
    engine: Engine | None = None,
    *,
    storage_uri: str | None = None,
    assistant_id: Id = "assistant",
    input_messages_key: str = "input",
    history_messages_key: str = "history",
    memory_key: str = "memory",
    k: int | None = None,
    max_context_tokens: int | None = None,
    on_error: OnError = "log",
) -> RunnableWithMessageHistory:
    """Return a chain that keeps each conversation and recalls the user's others.

    A call names user_id and session_id in config["configurable"].  The chain's prompt has
    `history_messages_key`, the session's messages, and `memory_key`, one text with what is
    remembered of the user's other sessions on the question; empty when that is nothing.

    Args:
        runnable: Takes a mapping with the three keys: a prompt and a model, say.
        engine: An open engine.
        storage_uri: Without an engine, where to open one.
        assistant_id: With which assistant.
        input_messages_key: Input that is the question.
        history_messages_key: Variable for the session's messages.
        memory_key: Variable for what is remembered.
        k: Pages recalled; None is the engine's configuration.
        max_context_tokens: Tokens recalled; None is the engine's configuration.
        on_error: "log" goes on without memory while it is away, "raise" raises the MemoryOSError.

    Raises:
        InvalidInput: neither engine nor storage_uri, or an id that cannot be one.
    """
    opened = Engine.of(engine, storage_uri)
    identity = Identity(opened, None, assistant_id)
    failures = Failures(opened, on_error)

    def history(user_id: Id, session_id: Id) -> BaseChatMessageHistory:
        return MemoryOSChatMessageHistory(opened, user_id, session_id, assistant_id, on_error)

    def recalled(inputs: dict[str, Any], config: RunnableConfig) -> str:
        memory = identity.who(config).memory(opened)
        if query := query_of(inputs[input_messages_key]):
            with failures.tolerated("recalling"), retriever_run(query, config) as found_is:
                found = memory.recall(query, k=k, max_tokens=max_context_tokens)
                others = tuple(p for p in found.pages if p.page.session_id != memory.session_id)
                shown = replace(found, pages=others, short_term=())
                found_is(shown)
                return shown.prompt()
        return ""

    recall: Any = RunnableLambda(recalled, name="MemoryOS recall")  # a thread where it is awaited
    return RunnableWithMessageHistory(
        RunnablePassthrough.assign(**{memory_key: recall}) | runnable,
        history,
        input_messages_key=input_messages_key,
        history_messages_key=history_messages_key,
        history_factory_config=_KEYS,
    )


_KEYS = [
    ConfigurableFieldSpec(id=name, annotation=str, name=name, is_shared=True)
    for name in ("user_id", "session_id")
]
