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
    DOCUMENT,
    Chain,
    Knowledge,
    Owner,
    Page,
    Profile,
    Scope,
    Segment,
)
from memoryos.ports import Embedder, TokenCounter, Vectors
from memoryos.retrieval.index import Hit, ScopeIndex, Wanted
from memoryos.retrieval.knowing import Known, Side, best_relevance, word_ids
from memoryos.retrieval.narrowing import Narrowing
from memoryos.retrieval.recalled import recalled, relevant
from memoryos.retrieval.relevance import Among, Calibration, calibration
from memoryos.retrieval.reranking import Judged, Readings, judged
from memoryos.retrieval.views import ScopeView, Tiers, Views
from memoryos.storage.codec import decode
from memoryos.storage.port import PageFilter, PageQuery, Store
from memoryos.storage.search import StaleBlocks
from memoryos.storage.vectors import outdated
from memoryos.text.asking import is_follow_up
from memoryos.text.dates import periods
from memoryos.text.tokenizer import content_words, keywords, language_of, words
from memoryos.tiers import mid_term

_log = logging.getLogger("memoryos.retrieval.retriever")
_MOST_TRIES = 5
_BEFORE = 0.5
"""Weight of the meaning of the turn before a follow-up…"""
_MOST_BEFORE = 1000
"""…of which so many characters are looked at."""
_SPARE = 16
"""Pages that are found beyond those wanted: some only ask, or repeat others…"""
_WIDER = 4
"""…and if too few are left, so many times as many are looked at…"""
_MOST_JUDGED = 400
"""…until they are more than this."""


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
        self._readings = Readings()
        self._last_before: tuple[str, Vectors | None] = "", None

    def recall(
        self,
        scope: Scope,
        session_id: str,
        query: str,
        *,
        wanted: Wanted,
        max_tokens: int,
        min_relevance: float | None,
        where: PageFilter | None,
        now: datetime,
    ) -> Recall:
        """Return what each tier holds on `query`; without an embedder's answer, by words alone.

        min_relevance: what each page must reach; None for the config's, of the whole recall alone.
        Raises StorageError, and StorageBusy when pages change during every try.
        """
        going_on = is_follow_up(query)
        # Of what was said last nothing may be missing.
        view = (None if going_on else self._views.cached(scope)) or self._views.get(scope)
        before = self._before(scope, session_id, view, query) if going_on else None
        asked, answer = False, None
        for tried in range(_MOST_TRIES):
            # The embedder is called before the lock is taken, if the cached view has vectors.
            if _has_vectors(view) and not asked:
                asked, answer = True, self._query_vector(query, before)
            with self._views.recall_lock(view):
                view = self._views.get(scope)
                if _has_vectors(view) and not asked:
                    continue
                vector = self._comparable(view, answer)
                with suppress(StaleBlocks):
                    only = None if where is None else Narrowing(self._store, scope, view, where)
                    hits = self._judged(
                        scope, view, query, vector, wanted, only, now, before, strict=not tried
                    )
                    found = self._found(
                        scope, session_id, view, query, vector, hits, max_tokens, only, now
                    )
                    return relevant(found, min_relevance, self._config.min_relevance)
                self._views.drop(scope)
        raise StorageBusy("the pages changed during every try of a search; try again")

    def nearest(
        self, scope: Scope, query: str, k: int, among: NDArray[np.int64], now: datetime
    ) -> list[int]:
        """Return the journal positions of the `k` pages that a recall would rank first, best first.

        among: sorted positions; only these pages are ranked. Reads no page.
        """
        view = self._views.cached(scope) or self._views.get(scope)
        answer = self._query_vector(query, None) if view.dimension else None
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
        if not view.dimension or not isinstance(view.index, ScopeIndex):
            return {}
        if self._comparable(view, vector) is None:
            return {}
        return view.index.cosines(vector, seqs)

    def _found(
        self,
        scope: Scope,
        session_id: str,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        hits: Sequence[tuple[Page, Judged]],
        max_tokens: int,
        only: Narrowing | None,
        now: datetime,
    ) -> Recall:
        """Assemble the Recall from the hits of a search and the live tiers."""
        tiers = view.tiers
        calibrated = self._calibration(view)
        usual = hits[0][1].hit.usual if hits else None
        among = Among(view.index.passages, usual, language_of(query) is not None)
        pages = recalled(hits, among, calibrated)
        chain_ids = list(dict.fromkeys(item.page.chain_id for item in pages if item.page.chain_id))
        if only is None:
            profile, short_term = tiers.profile, self._short_term(scope, session_id, view)
        else:
            profile = only.profile()
            short_term = only.short_term(session_id, self._config.short_term_capacity)
        asked = word_ids(query)
        user = self._knowledge(tiers, "user", asked, vector, only)
        agent = self._knowledge(tiers, "agent", asked, vector, only)
        known = best_relevance(query, (*user, *agent), among, calibrated)
        return Recall(
            query=query,
            pages=pages,
            short_term=short_term,
            segments=self._segments(tiers, query, vector, only, now),
            user_knowledge=tuple(each.item for each in user),
            agent_knowledge=tuple(each.item for each in agent),
            profile=profile,
            max_tokens=max_tokens,
            relevance=max((*(item.relevance for item in pages), known)),
            count_tokens=self._count_tokens,
            load_chains=lambda: self._chains(scope, chain_ids, only),
        )

    def short_term(self, scope: Scope, session_id: str) -> tuple[Page, ...]:
        """Return the session's newest pages, oldest first."""
        query = PageQuery(
            session_id=session_id, newest_first=True, limit=self._config.short_term_capacity
        )
        return tuple(reversed(self._store.pages(scope, query)))

    def _short_term(self, scope: Scope, session_id: str, view: ScopeView) -> tuple[Page, ...]:
        """Return the session's newest pages, read once for each state of the scope."""
        found = view.short_term.get(session_id)
        if found is None:
            found = self.short_term(scope, session_id)
            # A document may change without the scope's state changing.
            if not any(DOCUMENT in page.metadata for page in found):
                view.short_term[session_id] = found
        return found

    def _before(self, scope: Scope, session_id: str, view: ScopeView, query: str) -> Page | None:
        """Return the session's turn before a message, which may itself have been added already."""
        turns = reversed(self._short_term(scope, session_id, view))
        return next((page for page in turns if page.user_input.strip() != query.strip()), None)

    def _query_vector(self, query: str, before: Page | None) -> Vectors | None:
        query = _undated(query)
        try:
            vector = self._embedder.embed_query(query)
            if before is None or not _text_of(before):
                return vector
            both = vector + _BEFORE * self._vector_before(_text_of(before))
            return np.asarray(both / max(float(np.linalg.norm(both)), 1e-9), np.float32)
        except ModelError as error:
            _log.warning("recalling by words alone: %s", error)
            return None

    def _vector_before(self, text: str) -> Vectors:
        """Return the vector of the turn before: several questions may go on from one."""
        kept_text, vector = self._last_before
        if vector is None or kept_text != text:
            vector = self._embedder.embed_query(text)
            self._last_before = text, vector
        return vector

    def _comparable(self, view: ScopeView, vector: Vectors | None) -> Vectors | None:
        """Return the question's vector if the scope has any to compare it with."""
        made_by = view.head.embedder
        if made_by is None and view.tiers.vectors:
            return vector  # facts stated by hand, before there was any page
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
        only: Narrowing | None,
        now: datetime,
        before: Page | None,
    ) -> Callable[[Wanted], list[Hit]]:
        """Return a function that tells as many of the pages nearest to a question as are wanted."""
        allowed = None if only is None else only.positions
        if self._config.retrieval == "two_stage":
            return lambda wanted: self._two_stage(
                scope, view, query, vector, wanted.pages, allowed, now
            )
        found = view.index.ranked(
            query,
            vector if view.dimension else None,
            now=now.timestamp(),
            allowed=allowed,
            names=_names(scope, view.tiers.profile),
            before=_text_of(before),
        )
        return found.hits if found is not None else lambda _: []

    def _judged(
        self,
        scope: Scope,
        view: ScopeView,
        query: str,
        vector: Vectors | None,
        wanted: Wanted,
        only: Narrowing | None,
        now: datetime,
        before: Page | None,
        *,
        strict: bool,
    ) -> list[tuple[Page, Judged]]:
        """Return the pages to be shown: further ones where what is nearest only asks or repeats.

        strict: raise StaleBlocks for a page that is gone: the index is not told that a document was
        discarded, before it meets it.
        """
        least = wanted.least if wanted.tokens is not None else wanted.pages
        wider = wanted if wanted.tokens is not None else Wanted(wanted.pages + _SPARE)
        nearest = self._hits(scope, view, query, vector, only, now, before)
        while True:
            hits = nearest(wider)
            seqs = [hit.seq for hit in hits]
            told = self._readings.of(view.index, seqs, lambda some: self._pages(scope, view, some))
            if strict and len(told) < len(hits):
                raise StaleBlocks
            items = judged([(told[hit.seq], hit) for hit in hits if hit.seq in told], query, before)
            telling = sum(not item.hollow for item in items)
            all_found = wider.tokens is None and len(hits) < wider.pages
            if telling >= least or all_found or wider.pages > _MOST_JUDGED:
                return self._shown(scope, view, items[: wanted.pages], strict=strict)
            wider = Wanted(_WIDER * (wider.pages if wider.tokens is None else least + _SPARE))

    def _shown(
        self, scope: Scope, view: ScopeView, items: Sequence[Judged], *, strict: bool
    ) -> list[tuple[Page, Judged]]:
        """Return judged pages with what they say."""
        found = self._pages(scope, view, [item.hit.seq for item in items])
        shown = [(found[item.hit.seq], item) for item in items if item.hit.seq in found]
        if strict and len(shown) < len(items):
            raise StaleBlocks
        return shown

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

    def _pages(self, scope: Scope, view: ScopeView, seqs: Sequence[int]) -> dict[int, Page]:
        """Return pages by position."""
        return view.read.of(seqs, lambda some: self._store.pages(scope, PageQuery(seqs=some)))

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
        asked: bytes,
        vector: Vectors | None,
        only: Narrowing | None,
    ) -> list[Known]:
        """Return what is known of one side: what bears on the question first, then facts."""
        among = None if only is None else only.rows(owner)
        return tiers.known(owner).bearing(asked, vector, self._config.top_knowledge, among)

    def as_known(
        self,
        found: Recall,
        held: Sequence[Knowledge],
        profile: Profile,
        min_relevance: float | None,
    ) -> Recall:
        """Return a recall with other knowledge (of another time) in the place of today's.

        found: of `recall` with min_relevance 0; min_relevance: as in `recall`.
        """
        asked, most = word_ids(found.query), self._config.top_knowledge
        vector = self._query_vector(found.query, None)
        sides = {}
        for owner in ("user", "agent"):
            items = [item for item in held if item.owner == owner and item.status == "active"]
            rows = np.zeros((len(items), 0), np.float32)
            if vector is not None and items:
                rows = np.asarray(self._embedder.embed_documents([i.text for i in items]))
            side = Side(items, rows, lambda item: word_ids(item.text))
            sides[owner] = side.bearing(asked, vector, most)
        calibrated = calibration(self._embedder.name if vector is not None else None)
        both = (*sides["user"], *sides["agent"])
        known = best_relevance(found.query, both, Among(len(held)), calibrated)
        past = replace(
            found,
            user_knowledge=tuple(each.item for each in sides["user"]),
            agent_knowledge=tuple(each.item for each in sides["agent"]),
            profile=profile,
            relevance=max((*(item.relevance for item in found.pages), known)),
        )
        return relevant(past, min_relevance, self._config.min_relevance)

    def _calibration(self, view: ScopeView) -> Calibration:
        made_by = view.head.embedder
        return calibration(self._embedder.name if made_by is None else made_by.name)

    def _chains(self, scope: Scope, ids: Sequence[str], only: Narrowing | None) -> list[Chain]:
        order = {id_: rank for rank, id_ in enumerate(ids)}
        found = [decode(record) for record in self._store.records(scope, ["chain"], ids=ids)]
        chains = [chain for chain in found if isinstance(chain, Chain)]
        if only is not None:
            chains = only.chains(chains)
        return sorted(chains, key=lambda chain: order[chain.id])


def _has_vectors(view: ScopeView) -> bool:
    return bool(view.dimension or view.tiers.vectors)


def _text_of(before: Page | None) -> str:
    """Return what was said in the turn before, as far as a question is searched with it."""
    return before.text[:_MOST_BEFORE] if before is not None else ""


def _names(scope: Scope, profile: Profile) -> frozenset[str]:
    """Return what user and agent are called, lower-cased words."""
    # An id of several words is as often a description.
    ids = [name for name in (scope.user_id, scope.assistant_id) if name.isalpha()]
    told = [profile.user.get("name", ""), profile.agent.get("name", "")]
    return frozenset(words(" ".join((*ids, *told))))


def _undated(query: str) -> str:
    """Return a question without its dates, which the ranking compares with the pages' times.

    In meaning "the day before yesterday" is near to whatever is said of days.
    """
    left = query
    for period in periods(query, now=0.0, oldest=0.0, newest=0.0):
        left = left.replace(period.label, " ")
    return left if left != query and content_words(left) else query
