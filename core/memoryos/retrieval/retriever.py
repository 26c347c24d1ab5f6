"""The Retrieval module of the paper (§3.4): searches each tier for a question.

Every page of the scope is ranked at once; segment and chain are in the score (ranking.py).
The paper's two stages, segments first and pages within them, are kept for comparison.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from memoryos.config import MemoryConfig
from memoryos.errors import EmbedderMismatch, ModelError, StorageBusy
from memoryos.generation.context import Recall
from memoryos.model import Chain, Knowledge, Owner, Page, RecalledPage, Scope, Segment
from memoryos.ports import Embedder, TokenCounter, Vectors
from memoryos.retrieval.filters import Where
from memoryos.retrieval.index import Hit, ScopeIndex
from memoryos.retrieval.views import ScopeView, Tiers, Views
from memoryos.storage.codec import decode
from memoryos.storage.port import PageQuery, Store
from memoryos.storage.search import StaleBlocks
from memoryos.storage.vectors import outdated
from memoryos.text.terms import tokens
from memoryos.text.tokenizer import keywords
from memoryos.tiers import mid_term

_log = logging.getLogger("memoryos.retrieval.retriever")
_MOST_TRIES = 5


class Retriever:
    """Recalls from one store. Thread-safe."""

    def __init__(
        self,
        store: Store,
        views: Views,
        embedder: Embedder,
        count_tokens: TokenCounter,
        config: MemoryConfig,
    ) -> None:
        self._store = store
        self._views = views
        self._embedder = embedder
        self._count_tokens = count_tokens
        self._config = config

    def recall(
        self,
        scope: Scope,
        session_id: str,
        query: str,
        *,
        k: int,
        max_tokens: int,
        where: Where | None,
        now: datetime,
    ) -> Recall:
        """Return what each tier holds on `query`; without an embedder's answer, by words alone.

        Raises StorageError, and StorageBusy when pages change during every try.
        """
        view = self._views.cached(scope) or self._views.get(scope)
        asked, answer = False, None
        for _ in range(_MOST_TRIES):
            # The embedder is called before the lock is taken, if the cached view has vectors.
            if view.dimension and not asked:
                asked, answer = True, self._query_vector(query)
            with self._views.recall_lock(view):
                view = self._views.get(scope)
                if view.dimension and not asked:
                    continue
                vector = self._comparable(view, answer)
                with suppress(StaleBlocks):
                    hits = self._hits(scope, view, query, vector, k, where, now)
                    return self._found(
                        scope, session_id, view, query, vector, hits, k, max_tokens, now
                    )
                self._views.drop(scope)
        raise StorageBusy("the pages changed during every try of a search; try again")

    def _found(
        self,
        scope: Scope,
        session_id: str,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        hits: Sequence[Hit],
        k: int,
        max_tokens: int,
        now: datetime,
    ) -> Recall:
        """Assemble the Recall from the hits of a search and the live tiers."""
        found = {page.seq: page for page in self._pages(scope, [hit.seq for hit in hits])}
        pages = tuple(
            RecalledPage(found[hit.seq], hit.score, hit.reasons or ("nothing is nearer",))
            for hit in hits
            if hit.seq in found
        )[:k]
        chain_ids = list(dict.fromkeys(item.page.chain_id for item in pages if item.page.chain_id))
        words = frozenset(tokens(query)) if view.tiers.knowledge else frozenset()
        return Recall(
            query=query,
            pages=pages,
            short_term=self.short_term(scope, session_id),
            segments=self._segments(view.tiers, query, vector, now),
            user_knowledge=self._knowledge(view.tiers, "user", words, vector),
            agent_knowledge=self._knowledge(view.tiers, "agent", words, vector),
            profile=view.tiers.profile,
            max_tokens=max_tokens,
            count_tokens=self._count_tokens,
            load_chains=lambda: self._chains(scope, chain_ids),
        )

    def short_term(self, scope: Scope, session_id: str) -> tuple[Page, ...]:
        """Return the session's newest pages, oldest first."""
        query = PageQuery(
            session_id=session_id, newest_first=True, limit=self._config.short_term_capacity
        )
        return tuple(reversed(self._store.pages(scope, query)))

    def _query_vector(self, query: str) -> Vectors | None:
        try:
            return self._embedder.embed_query(query)
        except ModelError as error:
            _log.warning("recalling by words alone: %s", error)
            return None

    def _comparable(self, view: ScopeView, vector: Vectors | None) -> Vectors | None:
        """Return the question's vector if the scope has any to compare it with."""
        made_by = view.head.embedder
        if vector is None or made_by is None or outdated(made_by, self._embedder):
            return None
        if made_by.name != self._embedder.name or len(vector) != view.dimension:
            raise EmbedderMismatch.of(made_by, self._embedder.name)
        return vector

    def _hits(
        self,
        scope: Scope,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        k: int,
        where: Where | None,
        now: datetime,
    ) -> list[Hit]:
        allowed = None
        if where is not None:
            allowed = np.array([page.seq for page in where.pages(self._store, scope)], np.int64)
        if self._config.retrieval == "two_stage":
            return self._two_stage(scope, view, query, vector, k, allowed, now)
        return view.index.search(query, vector, k, now=now.timestamp(), allowed=allowed)

    def _two_stage(
        self,
        scope: Scope,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        k: int,
        allowed: NDArray[np.int64] | None,
        now: datetime,
    ) -> list[Hit]:
        """Segments by affinity first, then their pages by cosine, as in the paper (§3.4)."""
        if vector is None:
            return []
        inside = [
            page.seq
            for segment in self._segments(view.tiers, query, vector, now)
            for page in self._store.pages(scope, PageQuery(segment_id=segment.id))
        ]
        seqs = np.array(sorted(inside), np.int64)
        if allowed is not None:
            seqs = np.intersect1d(seqs, allowed)
        assert isinstance(view.index, ScopeIndex)  # served is only what is ranked whole
        return view.index.nearest(vector, k, allowed=seqs)

    def _pages(self, scope: Scope, seqs: Sequence[int]) -> list[Page]:
        return self._store.pages(scope, PageQuery(seqs=seqs)) if seqs else []

    def _segments(
        self, tiers: Tiers, query: str, vector: Vectors | None, now: datetime
    ) -> tuple[Segment, ...]:
        if vector is None or not tiers.segments:
            return ()
        scores = tiers.nearness.affinities(keywords(query, 8), vector)
        best = np.argsort(-scores, kind="stable")[: self._config.top_segments]
        chosen = (tiers.nearness.segments[row] for row in best.tolist())
        return tuple(replace(s, heat=mid_term.heat(s, now, self._config)) for s in chosen)

    def _knowledge(
        self, tiers: Tiers, owner: Owner, wanted: frozenset[str], vector: Vectors | None
    ) -> tuple[Knowledge, ...]:
        scored = []
        for item in tiers.knowledge.values():
            if item.owner == owner:
                shared = len(wanted & tiers.words(item)) / max(len(wanted), 1)
                row = tiers.vectors.get(item.id)
                near = float(row @ vector) if row is not None and vector is not None else 0.0
                scored.append((shared + near, item))
        scored.sort(key=lambda pair: (-pair[0], pair[1].id))
        return tuple(item for _, item in scored[: self._config.top_knowledge])

    def _chains(self, scope: Scope, ids: Sequence[str]) -> list[Chain]:
        order = {id_: rank for rank, id_ in enumerate(ids)}
        found = [decode(record) for record in self._store.records(scope, ["chain"], ids=ids)]
        chains = [chain for chain in found if isinstance(chain, Chain)]
        return sorted(chains, key=lambda chain: order[chain.id])
