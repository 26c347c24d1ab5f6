"""The memory as a LangChain retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from memoryos import Engine, Knowledge, Memory, Page, Recall, RecalledPage
from memoryos.errors import InvalidInput, in_our_words
from memoryos.generation.neutral import neutral, speaker
from memoryos.model import Id
from memoryos_integrations.langchain.failures import Failures, OnError
from memoryos_integrations.langchain.identity import check_ids, text_id
from memoryos_integrations.langchain.messages import query_of

Tier = Literal["short", "mid", "long"]
"""Where a document comes from: a session's newest pages, older pages, knowledge."""

_SPARE = 10
"""Pages looked at per page wanted when only some tiers are."""


class MemoryOSRetriever(BaseRetriever):
    """Recalls pages, and knowledge if asked to, as documents, best first.

    engine or storage_uri: an open engine, or where to open one.
    k: documents per call (default 4); also per call, `retriever.invoke(query, None, k=2)`.
    tiers: ("short", "mid") by default, which is every page; with "long" the knowledge about user
    and agent takes turns with the pages.
    session_id: None recalls from all of the user's sessions. filter: narrows the pages, as `where`
    of `Memory.recall` does; also per call. score_threshold: from 0 to 1, the least relevance of a
    page; also per call; None leaves it to the memory whether anything bears on the question at all
    (`MemoryConfig.min_relevance`), 0 gives the nearest, however far. on_error: "log" (the default)
    gives no documents when the memory fails and logs that once; "raise" raises the MemoryOSError.

    A page's metadata hold page_id, session_id, segment_id, timestamp (ISO 8601), relevance (0
    to 1), reasons and tier, and the page's own metadata; knowledge has knowledge_id, owner,
    timestamp and tier. Raises InvalidInput for ids, tiers and `k` that cannot be.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    engine: Any = Field(exclude=True, repr=False)
    user_id: str
    k: int = 4
    tiers: Sequence[Tier] = ("short", "mid")
    assistant_id: str = "assistant"
    session_id: str | None = None
    filter: Mapping[str, Any] | None = None
    score_threshold: float | None = None
    on_error: OnError = "log"

    _failures: Failures = PrivateAttr()

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        k: int = 4,
        tiers: Sequence[Tier] = ("short", "mid"),
        *,
        storage_uri: str | None = None,
        **more: Any,
    ) -> None:
        engine = Engine.of(engine, storage_uri)
        if user_id is None:
            raise InvalidInput("whose memory? Give user_id")
        ids = {"assistant_id": "assistant", "session_id": None, **more}
        check_ids(engine, user_id, ids["assistant_id"], ids["session_id"])
        for name in ("assistant_id", "session_id"):
            more[name] = text_id(ids[name])
        with in_our_words(type(self).model_fields):
            super().__init__(engine=engine, user_id=text_id(user_id), k=k, tiers=tiers, **more)
        unknown = [tier for tier in self.tiers if tier not in get_args(Tier)]
        if unknown or not self.tiers:
            raise InvalidInput(f"tiers must be some of {get_args(Tier)}, not {tiers!r}")
        _checked_k(self.k)
        _checked_threshold(self.score_threshold)
        self._failures = Failures(engine, self.on_error)

    def _memory(self) -> Memory:
        engine: Engine = self.engine
        return engine.memory(self.user_id, self.assistant_id)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002  # LangChain looks for the name
        k: int | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # as vector stores call it
        score_threshold: float | None = None,
    ) -> list[Document]:
        wanted = self.k if k is None else _checked_k(k)
        where = self.filter if filter is None else filter
        least = self.score_threshold
        if score_threshold is not None:
            least = _checked_threshold(score_threshold)
        query = query_of(query)
        if query:  # a chain may run without a question; then there is nothing to recall
            with self._failures.tolerated("recalling"):
                return self._documents(query, wanted, where, least)
        return []

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # as vector stores call it
        score_threshold: float | None = None,
    ) -> list[Document]:
        manager = run_manager.get_sync()
        return await asyncio.to_thread(
            self._get_relevant_documents,
            query,
            run_manager=manager,
            k=k,
            filter=filter,
            score_threshold=score_threshold,
        )

    def _documents(
        self, query: str, k: int, narrowed: Mapping[str, Any] | None, least: float | None
    ) -> list[Document]:
        if narrowed is not None and not isinstance(narrowed, Mapping):
            raise InvalidInput(f"filter must be a mapping, not {narrowed!r}")
        where = dict(narrowed or {})
        if self.session_id is not None:
            where["session_id"] = self.session_id
        some = "short" not in self.tiers or "mid" not in self.tiers
        memory = self._memory()
        found = memory.recall(
            query, k=k * _SPARE if some else k, where=where or None, min_relevance=least
        )
        newest = _newest(memory, {item.page.session_id for item in found.pages})
        placed = [(item, _tier(item, newest)) for item in found.pages]
        pages = [_of_page(item, tier) for item, tier in placed if tier in self.tiers]
        known = list(_known(found)) if "long" in self.tiers else []
        return list(_in_turn(pages, known))[:k]


def _checked_k(k: object) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInput(f"k must be a whole number of at least 1, not {k!r}")
    return k


def _checked_threshold(least: object) -> float | None:
    if least is None:
        return None
    if isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
        raise InvalidInput(f"score_threshold must be a number from 0 to 1, not {least!r}")
    return float(least)


def _newest(memory: Memory, session_ids: Iterable[str]) -> frozenset[str]:
    """Return the ids of the pages in the short-term memories of sessions."""
    return frozenset(
        page.id for session_id in session_ids for page in memory.session(session_id).short_term()
    )


def _tier(item: RecalledPage, newest: frozenset[str]) -> Tier:
    """Return where a page is: short-term memory is its session's newest pages, filed or not."""
    return "short" if item.page.id in newest else "mid"


def documents_of(found: Recall) -> list[Document]:
    """Return the pages of a recall as documents, and after them the knowledge."""
    return [*(_of_page(item) for item in found.pages), *_known(found)]


def _of_page(item: RecalledPage, tier: Tier | None = None) -> Document:
    page = item.page
    return Document(
        page_content=_said(page),
        id=page.id,
        metadata={
            **page.metadata,
            "page_id": page.id,
            "session_id": page.session_id,
            "segment_id": page.segment_id,
            "timestamp": page.timestamp.isoformat(),
            "relevance": item.relevance,
            "reasons": list(item.reasons),
            **({"tier": tier} if tier else {}),
        },
    )


def _said(page: Page) -> str:
    """Return both sides of a page, each under its speaker's name if that is known; made harmless.

    Chains put documents into prompts as they are.
    """
    sides = ((page.user_name, page.user_input), (page.agent_name, page.agent_response))
    said = [(speaker(name or ""), neutral(words)) for name, words in sides if words]
    return "\n".join(f"{name}: {words}" if name else words for name, words in said)


def _known(found: Recall) -> Iterator[Document]:
    for item in _in_turn(found.user_knowledge, found.agent_knowledge):
        assert isinstance(item, Knowledge)
        yield Document(
            page_content=neutral(item.text),
            id=item.id,
            metadata={
                "knowledge_id": item.id,
                "owner": item.owner,
                "timestamp": item.updated.isoformat(),
                "tier": "long",
            },
        )


def _in_turn(first: Sequence[Any], second: Sequence[Any]) -> Iterator[Any]:
    for number in range(max(len(first), len(second))):
        yield from first[number : number + 1]
        yield from second[number : number + 1]
