"""The class that the published package's users make."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from memoryos.engine import Engine
from memoryos.frontends.compat.opening import PUBLISHED_DEFAULTS, open_published
from memoryos.frontends.compat.tiers import (
    LongTermMemory,
    MidTermMemory,
    Retriever,
    ShortTermMemory,
    Updater,
)
from memoryos.memory.memory import Memory


class Memoryos:
    """Memory of one user with one assistant, with the published package's arguments and methods.

    Thread-safe. Closed with `close()`, at the end of a `with` block, or when nothing refers to it.
    Every method raises MemoryOSError when it cannot do what was asked.

    Args:
        user_id: whose memory; any text.
        openai_api_key: empty means no model: answers then quote the memory.
        data_storage_path: a folder; everything is in its file `memoryos.db`.
        openai_base_url: any OpenAI-compatible endpoint; empty means api.openai.com.
        assistant_id: with which assistant; any text.
        short_term_capacity: turns in short-term memory.
        mid_term_capacity: segments in mid-term memory.
        long_term_knowledge_capacity: facts about the user, and about the assistant.
        retrieval_queue_capacity: pages that a retrieval returns at most.
        mid_term_heat_threshold: heat from which a segment is promoted.
        mid_term_similarity_threshold: affinity from which pages join a segment.
        llm_model: name of the chat model at the endpoint.
        embedding_model_name: name of the embedding model; one that is not installed, or cannot be
            loaded, is replaced by the built-in one, with a warning.
        embedding_model_kwargs: further arguments of SentenceTransformer.
        timeout: seconds that the endpoint may be silent, as for OpenAIChat.
        llm_model_kwargs: further arguments of OpenAIChat: temperature, seed, max_retries,
            extra_body, default_headers, default_query, context_window.
    """

    def __init__(  # noqa: PLR0917  # as published
        self,
        user_id: str,
        openai_api_key: str,
        data_storage_path: str | Path,
        openai_base_url: str | None = None,
        assistant_id: str = PUBLISHED_DEFAULTS["assistant_id"],
        short_term_capacity: int = 10,
        mid_term_capacity: int = 2000,
        long_term_knowledge_capacity: int = 100,
        retrieval_queue_capacity: int = 7,
        mid_term_heat_threshold: float = 5.0,
        mid_term_similarity_threshold: float = 0.6,
        llm_model: str = "gpt-4o-mini",
        embedding_model_name: str = "all-MiniLM-L6-v2",
        embedding_model_kwargs: Mapping[str, Any] | None = None,
        timeout: float = 60.0,
        llm_model_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        engine = open_published(
            data_storage_path,
            {
                "openai_api_key": openai_api_key,
                "openai_base_url": openai_base_url,
                "short_term_capacity": short_term_capacity,
                "mid_term_capacity": mid_term_capacity,
                "long_term_knowledge_capacity": long_term_knowledge_capacity,
                "retrieval_queue_capacity": retrieval_queue_capacity,
                "mid_term_heat_threshold": mid_term_heat_threshold,
                "mid_term_similarity_threshold": mid_term_similarity_threshold,
                "llm_model": llm_model,
                "embedding_model_name": embedding_model_name,
                "embedding_model_kwargs": embedding_model_kwargs,
                "timeout": timeout,
                "llm_model_kwargs": llm_model_kwargs,
            },
        )
        try:
            memory = engine.memory(user_id, assistant_id)
        except BaseException:
            engine.close()
            raise
        self._opened = _Opened(engine)
        self.memory: Memory = memory
        """The same memory with this library's own verbs."""
        self.user_id = user_id
        self.assistant_id = assistant_id
        self.data_storage_path = str(Path(data_storage_path).expanduser().resolve())
        self.llm_model = llm_model
        self.embedding_model_name = embedding_model_name
        self.mid_term_heat_threshold = mid_term_heat_threshold
        self.mid_term_similarity_threshold = mid_term_similarity_threshold
        opened = self._opened
        self.short_term_memory = ShortTermMemory(memory, engine.config, opened)
        self.mid_term_memory = MidTermMemory(memory, engine.config, opened)
        self.user_long_term_memory = LongTermMemory(memory, opened)
        self.assistant_long_term_memory = self.user_long_term_memory
        self.retriever = Retriever(memory, engine.config, opened)
        self.updater = Updater(memory, opened)

    def add_memory(
        self,
        user_input: str,
        agent_response: str,
        timestamp: str | None = None,
        meta_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Journal one turn; it is durable and can be recalled when this returns.

        Args:
            user_input: what the user said.
            agent_response: what the assistant answered.
            timestamp: "YYYY-MM-DD HH:MM:SS" or ISO 8601, without a zone UTC. Default: now.
            meta_data: JSON values by name, stored with the turn.
        """
        self.memory.add(user_input, agent_response, timestamp or None, meta_data)

    def get_response(
        self,
        query: str,
        relationship_with_user: str = "friend",
        style_hint: str = "",
        user_conversation_meta_data: Mapping[str, Any] | None = None,
    ) -> str:
        """Recall, answer, and journal the turn once the answer is complete.

        Args:
            query: what the user says.
            relationship_with_user: as the prompt states it.
            style_hint: as the prompt states it ("brief, formal").
            user_conversation_meta_data: stored with the turn and shown to the model.

        Returns:
            The answer; without a model, a quotation of the best page.

        Raises:
            ModelError: nothing is journalled.
        """
        return self.memory.respond(
            query,
            relationship_with_user=relationship_with_user,
            style_hint=style_hint,
            metadata=user_conversation_meta_data,
        )

    def get_user_profile_summary(self) -> str:
        """Return the user's profile in words; "None" while nothing is known."""
        return self.user_long_term_memory.get_raw_user_profile(self.user_id)

    def get_assistant_knowledge_summary(self) -> list[dict[str, Any]]:
        """Return what is known about the assistant: {"knowledge", "timestamp", …} each."""
        return self.assistant_long_term_memory.get_assistant_knowledge()

    def force_mid_term_analysis(self) -> None:
        """Page out every turn and promote every segment with new pages. Raises ModelError."""
        engine = self._opened.engine
        config = replace(engine.config, heat_threshold=0.0, promotion="manual")
        with Engine.open(engine.store.uri, config, engine.chat_model, engine.embedder) as eager:
            eager.memory(self.user_id, self.assistant_id).flush()

    def get_memory_stats(self) -> dict[str, Any]:
        """Return how much the tiers hold; further counts are in `memory.stats()`."""
        stats = self.memory.stats()
        return {
            "user_id": self.user_id,
            "short_term_count": len(self.memory.short_term()),
            "mid_term_sessions_count": stats.segments,
            "has_user_profile": bool(self.memory.profile().text),
            "user_knowledge_count": stats.user_knowledge,
            "assistant_knowledge_count": stats.agent_knowledge,
            "pages_count": stats.pages,
        }

    def close(self) -> None:
        """Finish what is pending and close the database. Idempotent."""
        self._opened.close()

    def __enter__(self) -> Memoryos:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"Memoryos(user_id={self.user_id!r}, assistant_id={self.assistant_id!r}, "
            f"data_storage_path={self.data_storage_path!r})"
        )


class _Opened:
    """Keeps the engine open until the last view of its `Memoryos` is gone, or until exit.

    The published class has no `close`, so programs written for it do not call one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.close = weakref.finalize(self, engine.close)
