"""The tiers, retriever and updater as the published package shows them: views of one `Memory`.

Dictionaries have that package's keys. Times are "YYYY-MM-DD HH:MM:SS" in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from memoryos.config import MemoryConfig
from memoryos.errors import InvalidInput
from memoryos.memory.memory import Memory
from memoryos.model import Chain, Knowledge, Page
from memoryos.tiers.mid_term import recency

NOTHING = "None"
"""What the published package says for an empty profile."""


class _View:
    """Base of the views; keeps the engine of their `Memoryos` open."""

    def __init__(self, memory: Memory, opened: object) -> None:
        self._memory = memory
        self._opened = opened


class ShortTermMemory(_View):
    """The newest turns."""

    def __init__(self, memory: Memory, config: MemoryConfig, opened: object) -> None:
        super().__init__(memory, opened)
        self.max_capacity = config.short_term_capacity

    def get_all(self) -> list[dict[str, Any]]:
        """Return the turns, oldest first: {"user_input", "agent_response", "timestamp"} each."""
        return [turn_entry(page) for page in self._memory.short_term()]

    def is_full(self) -> bool:
        """Return whether another turn sends the oldest on to mid-term memory."""
        return len(self._memory.short_term()) >= self.max_capacity

    def add_qa_pair(self, qa_pair: Mapping[str, Any]) -> None:
        """Remember one turn, given as a dictionary."""
        self._memory.add(
            qa_pair.get("user_input", ""),
            qa_pair.get("agent_response", ""),
            qa_pair.get("timestamp") or None,
        )


class MidTermMemory(_View):
    """The segments, which the published package calls sessions."""

    def __init__(self, memory: Memory, config: MemoryConfig, opened: object) -> None:
        super().__init__(memory, opened)
        self._config = config
        self.max_capacity = config.mid_term_capacity

    @property
    def sessions(self) -> dict[str, dict[str, Any]]:
        """The segments by id, hottest first, each with its pages under "details"."""
        pages: dict[str, list[Page]] = {}
        for page in self._memory.pages():
            if page.segment_id is not None:
                pages.setdefault(page.segment_id, []).append(page)
        now = datetime.now(timezone.utc)
        return {
            segment.id: {
                "id": segment.id,
                "summary": segment.summary,
                "summary_keywords": list(segment.keywords),
                "details": [
                    page_entry(page, analyzed=page.seq <= segment.promoted_seq)
                    for page in pages.get(segment.id, ())
                ],
                "L_interaction": segment.interactions,
                "R_recency": recency(segment.last_access, now, self._config.recency_seconds),
                "N_visit": segment.visits,
                "H_segment": segment.heat,
                "timestamp": published_time(segment.created),
                "last_visit_time": published_time(segment.last_access),
                "access_count_lfu": segment.visits,
            }
            for segment in self._memory.segments()
        }

    @property
    def heap(self) -> list[tuple[float, str]]:
        """(−heat, segment id), hottest first."""
        return [(-segment.heat, segment.id) for segment in self._memory.segments()]

    def get_page_by_id(self, page_id: str) -> dict[str, Any] | None:
        """Return a page, or None."""
        found = next((page for page in self._memory.pages() if page.id == page_id), None)
        return None if found is None else page_entry(found)

    def search_sessions(
        self,
        query_text: str,
        segment_similarity_threshold: float = 0.1,  # noqa: ARG002  # scores are another kind here
        page_similarity_threshold: float = 0.1,  # noqa: ARG002  # the same
        top_k_sessions: int = 5,
    ) -> list[dict[str, Any]]:
        """Return the segments of the pages recalled on a query, best page first."""
        found = self._memory.recall(query_text, min_relevance=0)
        summaries = {segment.id: segment.summary for segment in self._memory.segments()}
        matches: dict[str, list[dict[str, Any]]] = {}
        for item in found.pages:
            if item.page.segment_id in summaries:
                match = {"page_data": page_entry(item.page), "score": item.score}
                matches.setdefault(item.page.segment_id, []).append(match)
        return [
            {
                "session_id": segment_id,
                "session_summary": summaries[segment_id],
                "session_relevance_score": pages[0]["score"],
                "matched_pages": pages,
            }
            for segment_id, pages in list(matches.items())[:top_k_sessions]
        ]


class LongTermMemory(_View):
    """Profile and knowledge of the user, and knowledge of the assistant."""

    def get_raw_user_profile(self, user_id: str) -> str:
        """Return the profile in words; "None" while nothing is known, and for another user."""
        if user_id != self._memory.scope.user_id:
            return NOTHING
        return self._memory.profile().text or NOTHING

    def get_user_profile_data(self, user_id: str) -> dict[str, Any]:
        """Return {"data": the profile in words, "last_updated": …}; {} while nothing is known."""
        text = self.get_raw_user_profile(user_id)
        if text == NOTHING:
            return {}
        profile = self._memory.profile()
        ids = set(profile.sources.values())
        times = [item.updated for item in self._memory.knowledge() if item.id in ids]
        times += [trait.updated for trait in profile.traits]
        return {"data": text, "last_updated": published_time(max(times)) if times else ""}

    def get_user_knowledge(self) -> list[dict[str, Any]]:
        """Return the facts about the user: {"knowledge", "timestamp", "id"} each, oldest first."""
        return [knowledge_entry(item) for item in self._memory.knowledge("user")]

    def get_assistant_knowledge(self) -> list[dict[str, Any]]:
        """Return the facts about the assistant, likewise."""
        return [knowledge_entry(item) for item in self._memory.knowledge("agent")]

    def search_user_knowledge(
        self,
        query: str,
        threshold: float = 0.1,  # noqa: ARG002  # facts come ranked; there is no such score
        top_k: int = 5,
    ) -> list[dict[str, Any]]:
        """Return the facts about the user that are nearest to a query, best first."""
        return [
            knowledge_entry(i)
            for i in self._memory.recall(query, min_relevance=0).user_knowledge[:top_k]
        ]

    def search_assistant_knowledge(
        self,
        query: str,
        threshold: float = 0.1,  # noqa: ARG002  # the same
        top_k: int = 5,
    ) -> list[dict[str, Any]]:
        """Return the facts about the assistant that are nearest to a query, best first."""
        return [
            knowledge_entry(i)
            for i in self._memory.recall(query, min_relevance=0).agent_knowledge[:top_k]
        ]


class Retriever(_View):
    """Recalls from all tiers at once."""

    def __init__(self, memory: Memory, config: MemoryConfig, opened: object) -> None:
        super().__init__(memory, opened)
        self.retrieval_queue_capacity = config.top_pages

    def retrieve_context(
        self,
        user_query: str,
        user_id: str | None = None,
        segment_similarity_threshold: float = 0.1,  # noqa: ARG002  # pages come ranked, best first
        page_similarity_threshold: float = 0.1,  # noqa: ARG002  # the same
        knowledge_threshold: float = 0.01,  # noqa: ARG002  # the same
        top_k_sessions: int = 5,  # noqa: ARG002  # the segment is part of a page's score
        top_k_knowledge: int = 20,
    ) -> dict[str, Any]:
        """Return the pages and facts that are nearest to a question, and when they were recalled.

        Keys: "retrieved_pages", "retrieved_user_knowledge", "retrieved_assistant_knowledge",
        "retrieved_at". Pages of every tier, best first, with "meta_info" (what their chain says so
        far), "score" and "reasons". Raises InvalidInput for the id of another user.
        """
        mine = self._memory.scope.user_id
        if user_id is not None and user_id != mine:
            raise InvalidInput(
                f"user_id is {user_id!r}, but this is the memory of {mine!r}: "
                "make a Memoryos for each user"
            )
        found = self._memory.recall(user_query, k=self.retrieval_queue_capacity, min_relevance=0)
        summaries = chain_summaries(found.load_chains())
        return {
            "retrieved_pages": [
                page_entry(item.page, meta_info=summaries.get(item.page.chain_id or "", ""))
                | {"score": item.score, "reasons": list(item.reasons)}
                for item in found.pages
            ],
            "retrieved_user_knowledge": [
                knowledge_entry(item) for item in found.user_knowledge[:top_k_knowledge]
            ],
            "retrieved_assistant_knowledge": [
                knowledge_entry(item) for item in found.agent_knowledge[:top_k_knowledge]
            ],
            "retrieved_at": published_time(datetime.now(timezone.utc)),
        }


class Updater(_View):
    """Moves memories on by hand; nothing needs it."""

    def process_short_term_to_mid_term(self) -> None:
        """Do all pending page-outs and promotions now. Raises ModelError."""
        self._memory.flush()


def published_time(time: datetime) -> str:
    """Return a time as the published package writes it, in UTC."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def turn_entry(page: Page) -> dict[str, Any]:
    """Return a page as an entry of the published short-term memory."""
    return {
        "user_input": page.user_input,
        "agent_response": page.agent_response,
        "timestamp": published_time(page.timestamp),
    }


def page_entry(page: Page, *, meta_info: str = "", analyzed: bool = False) -> dict[str, Any]:
    """Return a page as an entry of the published mid-term memory."""
    return {
        "page_id": page.id,
        **turn_entry(page),
        "meta_info": meta_info,
        "analyzed": analyzed,
    }


def knowledge_entry(item: Knowledge) -> dict[str, Any]:
    """Return a fact as an entry of the published knowledge; "id" is for `Memory.explain`."""
    return {"knowledge": item.text, "timestamp": published_time(item.updated), "id": item.id}


def chain_summaries(chains: Iterable[Chain]) -> dict[str, str]:
    """Return what each chain says so far, by its id."""
    return {chain.id: chain.summary for chain in chains}
