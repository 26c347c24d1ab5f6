"""MemoryOSRetriever: memory as nodes, for query engines and whatever else takes a retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from memoryos import Engine, Knowledge, RecalledPage
from memoryos.errors import InvalidInput
from memoryos.generation.neutral import neutral, speaker
from memoryos.model import Id
from memoryos_integrations.llama_index.connection import checked_count, engine_of
from memoryos_integrations.llama_index.messages import OURS
from memoryos_integrations.llama_index.query import query_of

TIERS = ("pages", "knowledge")
_FOR_PEOPLE = ["kind", "page", "session", "segment", "chain", "reasons", "sources", "quotes"]
"""Metadata that a model is not shown: time and the owner of a fact are enough for it."""


class MemoryOSRetriever(BaseRetriever):
    """Finds what a user's memory holds on a query. Best first; scores: relevance (0 to 1).

    engine or storage_uri, user_id, assistant_id: whose memory.  similarity_top_k: pages at most, as
    LlamaIndex's own retrievers call it; it may be set later too.  tiers: "pages"
    (turns, verbatim), "knowledge" (facts, after the pages, scored with the last page's score), or
    both.  session_id: seen from which session.  where: which pages; min_relevance: from
    0 to 1, what each must reach (see Memory.recall for both).

    A node's metadata: kind, time (ISO 8601), reasons, sources (ids of pages), and for a page
    page, session, segment and chain and what the page's own metadata holds; for a fact owner and
    quotes.  Raises InvalidInput.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id = "",
        similarity_top_k: int = 4,
        *,
        storage_uri: str | None = None,
        assistant_id: Id = "assistant",
        session_id: Id = "default",
        tiers: Sequence[str] = ("pages",),
        where: Mapping[str, Any] | None = None,
        min_relevance: float | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        unknown = [tier for tier in tiers if tier not in TIERS]
        if isinstance(tiers, str) or not tiers or unknown:
            raise InvalidInput(f"tiers must be some of {', '.join(TIERS)}, not {tiers!r}")
        if min_relevance is not None and (
            isinstance(min_relevance, bool) or not 0 <= min_relevance <= 1
        ):
            raise InvalidInput(f"min_relevance must be from 0 to 1, not {min_relevance!r}")
        self._engine = engine_of(engine, storage_uri)
        self._memory = self._engine.memory(user_id, assistant_id, session_id)
        self.similarity_top_k = similarity_top_k
        self._tiers = tuple(tiers)
        self._where = where
        self._min_relevance = min_relevance
        super().__init__(callback_manager=callback_manager)

    @property
    def similarity_top_k(self) -> int:
        """How many pages it returns at most."""
        return self._k

    @similarity_top_k.setter
    def similarity_top_k(self, value: int) -> None:
        checked_count("similarity_top_k", value)
        self._k = value

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = query_of(query_bundle.query_str)
        if not query:
            return []
        found = self._memory.recall(
            query, k=self._k, where=self._where, min_relevance=self._min_relevance
        )
        nodes = []
        if "pages" in self._tiers:  # a page may hold nothing but a system prompt or a tool's result
            nodes += [_page_node(item) for item in found.pages if item.page.text]
        if "knowledge" in self._tiers:
            score = min((item.relevance for item in found.pages), default=0.0)
            facts = (*found.user_knowledge, *found.agent_knowledge)
            nodes += [NodeWithScore(node=_fact_node(fact), score=score) for fact in facts]
        return nodes

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _page_node(item: RecalledPage) -> NodeWithScore:
    page = item.page
    sides = (
        (speaker(page.user_name or "") or "User", page.user_input),
        (speaker(page.agent_name or "") or "Assistant", page.agent_response),
    )
    own = {name: value for name, value in page.metadata.items() if name != OURS}
    ours = {
        "kind": "page",
        "time": page.timestamp.isoformat(),
        "page": page.id,
        "session": page.session_id,
        "segment": page.segment_id,
        "chain": page.chain_id,
        "reasons": list(item.reasons),
        "sources": [page.id],
    }
    node = TextNode(
        id_=page.id,
        text="\n".join(f"{name}: {neutral(said)}" for name, said in sides if said),
        metadata={**own, **ours},
        excluded_llm_metadata_keys=[*_FOR_PEOPLE, *own],
        excluded_embed_metadata_keys=[*ours, *own],
    )
    return NodeWithScore(node=node, score=item.relevance)


def _fact_node(fact: Knowledge) -> TextNode:
    metadata = {
        "kind": "knowledge",
        "time": fact.updated.isoformat(),
        "owner": fact.owner,
        "segment": None,
        "reasons": [f"known of the {fact.owner}"],
        "sources": [source.page_id for source in fact.sources],
        "quotes": [source.quote for source in fact.sources],
    }
    return TextNode(
        id_=fact.id,
        text=neutral(fact.text),
        metadata=metadata,
        excluded_llm_metadata_keys=_FOR_PEOPLE,
        excluded_embed_metadata_keys=[*metadata],
    )
