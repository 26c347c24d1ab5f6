"""The Retrieval module of the paper (§3.4): searches each tier for a question.

Every page of the scope is ranked at once; segment and chain are in the score (ranking.py).
The paper's two stages, segments first and pages within them, are kept for comparison.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from memoryos.config import MemoryConfig
from memoryos.errors import EmbedderMismatch, ModelError, StorageBusy
from memoryos.generation.context import Recall
from memoryos.model import (
    Chain,
    Knowledge,
    Owner,
    Page,
    Passage,
    Profile,
    RecalledPage,
    Scope,
    Segment,
)
from memoryos.ports import Embedder, TokenCounter, Vectors
from memoryos.retrieval.index import Hit, ScopeIndex, Wanted
from memoryos.retrieval.narrowing import Narrowing
from memoryos.retrieval.relevance import relevance
from memoryos.retrieval.views import ScopeView, Tiers, Views
from memoryos.storage.codec import decode
from memoryos.storage.journal import page_passages, passage_of
from memoryos.storage.port import PageFilter, PageQuery, Store
from memoryos.storage.search import StaleBlocks
from memoryos.storage.vectors import outdated
from memoryos.text.terms import tokens
from memoryos.text.tokenizer import keywords
from memoryos.tiers import mid_term

_log = logging.getLogger("memoryos.retrieval.retriever")
_MOST_TRIES = 5
_COMPARED = 8
"""Times as many entries as are shown, that are nearest in meaning, are compared by their words."""
_BEARS = 0.45
"""Share of the question's words that a statement has, plus its cosine, from where it is shown."""


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
        wanted: Wanted,
        max_tokens: int,
        where: PageFilter | None,
        now: datetime,
    ) -> Recall:
        """Return what each tier holds on `query`; without an embedder's answer, by words alone.

        Raises StorageError, and StorageBusy when pages change during every try.
        """
        view = self._views.cached(scope) or self._views.get(scope)
        asked, answer = False, None
        for tried in range(_MOST_TRIES):
            # The embedder is called before the lock is taken, if the cached view has vectors.
            if view.dimension and not asked:
                asked, answer = True, self._query_vector(query)
            with self._views.recall_lock(view):
                view = self._views.get(scope)
                if view.dimension and not asked:
                    continue
                vector = self._comparable(view, answer)
                with suppress(StaleBlocks):
                    only = None if where is None else Narrowing(self._store, scope, view, where)
                    hits = self._hits(scope, view, query, vector, wanted, only, now)
                    found = self._found(
                        scope, session_id, view, query, vector, hits, max_tokens, only, now
                    )
                    # The index is not told that a document was discarded, before it meets it.
                    if tried or len(found.pages) == len(hits):
                        return found
                self._views.drop(scope)
        raise StorageBusy("the pages changed during every try of a search; try again")

    def nearest(
        self, scope: Scope, query: str, k: int, among: NDArray[np.int64], now: datetime
    ) -> list[int]:
        """Return the journal positions of the `k` pages that a recall would rank first, best first.

        among: sorted positions; only these pages are ranked. Reads no page.
        """
        view = self._views.cached(scope) or self._views.get(scope)
        answer = self._query_vector(query) if view.dimension else None
        for _ in range(_MOST_TRIES):
            with self._views.recall_lock(view), suppress(StaleBlocks):
                view = self._views.get(scope)
                vector = self._comparable(view, answer)
                at = now.timestamp()
                hits = view.index.search(query, vector, Wanted(k), now=at, allowed=among)
                return [hit.seq for hit in hits]
            self._views.drop(scope)
        raise StorageBusy("the pages changed during every try of a search; try again")

    def cosines(self, scope: Scope, vector: Vectors, seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosine of a few pages to a vector, by journal position.

        Those whose vectors are not held in memory are left out.
        """
        view = self._views.get(scope)
        if self._comparable(view, vector) is None or not isinstance(view.index, ScopeIndex):
            return {}
        return view.index.cosines(vector, seqs)

    def _found(
        self,
        scope: Scope,
        session_id: str,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        hits: Sequence[Hit],
        max_tokens: int,
        only: Narrowing | None,
        now: datetime,
    ) -> Recall:
        """Assemble the Recall from the hits of a search and the live tiers."""
        tiers = view.tiers
        found = {page.seq: page for page in self._pages(scope, [hit.seq for hit in hits])}
        pages = tuple(_recalled(found[hit.seq], hit) for hit in hits if hit.seq in found)
        chain_ids = list(dict.fromkeys(item.page.chain_id for item in pages if item.page.chain_id))
        if only is None:
            profile, short_term = tiers.profile, self.short_term(scope, session_id)
        else:
            profile = only.profile(only.knowledge(tiers.knowledge.values()), tiers.traits.values())
            short_term = only.short_term(session_id, self._config.short_term_capacity)
        return Recall(
            query=query,
            pages=pages,
            short_term=short_term,
            segments=self._segments(tiers, query, vector, only, now),
            user_knowledge=self._knowledge(tiers, "user", query, vector, only),
            agent_knowledge=self._knowledge(tiers, "agent", query, vector, only),
            profile=profile,
            max_tokens=max_tokens,
            count_tokens=self._count_tokens,
            load_chains=lambda: self._chains(scope, chain_ids, only),
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
        wanted: Wanted,
        only: Narrowing | None,
        now: datetime,
    ) -> list[Hit]:
        allowed = None if only is None else only.positions
        if self._config.retrieval == "two_stage":
            return self._two_stage(scope, view, query, vector, wanted.pages, allowed, now)
        return view.index.search(query, vector, wanted, now=now.timestamp(), allowed=allowed)

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
            for segment in self._segments(view.tiers, query, vector, None, now)
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
        self,
        tiers: Tiers,
        query: str,
        vector: Vectors | None,
        only: Narrowing | None,
        now: datetime,
    ) -> tuple[Segment, ...]:
        if vector is None or not tiers.segments:
            return ()
        scores = tiers.nearness.affinities(keywords(query, 8), vector)
        ranked = (tiers.nearness.segments[row] for row in np.argsort(-scores, kind="stable"))
        most = self._config.top_segments
        chosen = list(islice(ranked, most)) if only is None else only.segments(ranked, most)
        return tuple(replace(s, heat=mid_term.heat(s, now, self._config)) for s in chosen)

    def _knowledge(
        self,
        tiers: Tiers,
        owner: Owner,
        query: str,
        vector: Vectors | None,
        only: Narrowing | None,
    ) -> tuple[Knowledge, ...]:
        """Return what is known of one side: what bears on the question first, then facts."""
        items, matrix = tiers.known(owner)
        if only is not None:
            allowed = {item.id for item in only.knowledge(items)}
            kept = [place for place, item in enumerate(items) if item.id in allowed]
            items, matrix = [items[place] for place in kept], matrix[kept]
        if not items:
            return ()
        scores = np.zeros(len(items), np.float32)
        if vector is not None and matrix.shape[1] == len(vector):
            scores = np.einsum("ij,j->i", matrix, vector)
        return self._bearing(items, scores, frozenset(tokens(query)), tiers.words)

    def _bearing(
        self,
        items: Sequence[Knowledge],
        scores: NDArray[np.float32],
        wanted: frozenset[str],
        words: Callable[[Knowledge], frozenset[str]],
    ) -> tuple[Knowledge, ...]:
        """Return knowledge that bears on a question, best first; of facts also the others."""
        most = self._config.top_knowledge
        near = np.argsort(-scores, kind="stable")[: _COMPARED * most].tolist()
        if len(items) <= _COMPARED * most:
            near = list(range(len(items)))
        ranked = []
        for place in near:
            item = items[place]
            shared = len(wanted & words(item)) / max(len(wanted), 1)
            score = shared + float(scores[place])
            if item.kind == "fact" or score >= _BEARS:
                # Of what is about as near, the newest word stands first.
                ranked.append((-round(score, 1), -item.updated.timestamp(), item.id, item))
        ranked.sort(key=lambda each: each[:3])
        return tuple(each[3] for each in ranked[:most])

    def as_known(self, found: Recall, held: Sequence[Knowledge], profile: Profile) -> Recall:
        """Return a recall with other knowledge (of another time) in the place of today's."""
        wanted = frozenset(tokens(found.query))
        vector = self._query_vector(found.query)
        sides = {}
        for owner in ("user", "agent"):
            items = [item for item in held if item.owner == owner and item.status == "active"]
            rows = self._embedder.embed_documents([item.text for item in items]) if items else ()
            scores = np.array([float(row @ vector) if vector is not None else 0 for row in rows])
            sides[owner] = self._bearing(
                items, scores.astype(np.float32), wanted, lambda item: frozenset(tokens(item.text))
            )
        return replace(
            found, user_knowledge=sides["user"], agent_knowledge=sides["agent"], profile=profile
        )

    def _chains(self, scope: Scope, ids: Sequence[str], only: Narrowing | None) -> list[Chain]:
        order = {id_: rank for rank, id_ in enumerate(ids)}
        found = [decode(record) for record in self._store.records(scope, ["chain"], ids=ids)]
        chains = [chain for chain in found if isinstance(chain, Chain)]
        if only is not None:
            chains = only.chains(chains)
        return sorted(chains, key=lambda chain: order[chain.id])


def _recalled(page: Page, hit: Hit) -> RecalledPage:
    """Return a page that was found, with its passages cut out of it."""
    spans = page_passages(page)
    scored = hit.passages
    if len(scored) == 1:  # a long page that is not indexed by its passages yet has one for all
        scored = tuple((number, scored[0][1]) for number in range(len(spans)))
    passages = tuple(
        Passage(span.side, span.start, span.end, passage_of(page, span), score)
        for span, score in ((spans[n], score) for n, score in scored if n < len(spans))
    )
    return RecalledPage(
        page,
        hit.score,
        relevance(hit.share, hit.cosine),
        passages,
        hit.reasons or ("nothing is nearer",),
    )
