"""The Updating module of the paper (§3.3): the rules file page by page, a model in batches.

Which work is due is a question to the journal. Models are asked outside any
transaction; what follows from their drafts is applied in one commit, which fails if the scope has
changed meanwhile and is then worked out again from the same drafts. So a step is done exactly once,
or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from memoryos.config import MemoryConfig
from memoryos.errors import EmbedderMismatch, ModelAnswerInvalid, StorageError
from memoryos.model import (
    Chain,
    Page,
    Scope,
    Segment,
    Topic,
)
from memoryos.ports import (
    AnalystChoice,
    Analysts,
    Batch,
    ChainDraft,
    Clock,
    Consolidation,
    Embedder,
    TopicDraft,
    Vectors,
)
from memoryos.retrieval.views import ScopeView, Views
from memoryos.storage.codec import EDITION, decode, encode
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
    Waiting,
)
from memoryos.storage.search import SearchStore
from memoryos.storage.transact import transact
from memoryos.storage.vectors import (
    AT_ONCE,
    embedded,
    embedded_text,
    page_vectors,
    reindex,
    replace_outdated,
)
from memoryos.tiers import mid_term, short_term
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.updating.analysts.statements import statements
from memoryos.updating.editions import renew
from memoryos.updating.paging import LONGEST_CHAIN, Paging, derived_id
from memoryos.updating.promotion import Promoter, relevant
from memoryos.updating.refiling import Refiling

_log = logging.getLogger("memoryos.updating.filing")
_PAGES_AT_ONCE = 128
"""Pages filed in one transaction."""


def never() -> bool:
    """Return False: nothing asks to stop."""
    return False


class Updater:
    """Moves pages through the tiers of any scope. Thread-safe; one process at a time per scope."""

    def __init__(
        self,
        store: Store,
        views: Views,
        embedder: Embedder,
        analysts: AnalystChoice,
        config: MemoryConfig,
        clock: Clock,
    ) -> None:
        self._store = store
        self._views = views
        self._embedder = embedder
        self._analysts = analysts
        self._config = config
        self._clock = clock
        self.promoter = Promoter(store, views, embedder, analysts, config, clock)

    # ── vectors ──────────────────────────────────────────────────────────────────────────────

    def embed(self, scope: Scope) -> None:
        """Give every page of the scope its vectors. Raises ModelError; what was done stays done."""
        replace_outdated(self._store, scope, self._embedder)
        reindex(self._store, scope, self._embedder)
        last = self._store.head(scope).last_seq  # what others add meanwhile is left to them
        while True:
            head = self._store.head(scope)
            if head.embedded_seq >= last:
                return
            pages = self._store.pages(scope, PageQuery(after_seq=head.embedded_seq, limit=AT_ONCE))
            up_to = pages[-1].seq if len(pages) == AT_ONCE else head.last_seq
            vectors = page_vectors(pages, self._embedder)
            mine = StoredEmbedder(self._embedder.name, self._embedder.dimension)
            if head.embedder not in (None, mine):
                raise EmbedderMismatch.of(head.embedder, mine.name)
            self._store.put_vectors(scope, head, mine, vectors, up_to)

    def arrange(self, scope: Scope) -> None:
        """Have a store that searches in its server build what that needs, if the scope is large.

        What fails is tried again the next time: search is right without, but slower.
        """
        if not isinstance(self._store, SearchStore):
            return
        head = self._store.head(scope)
        if head.last_seq < self._config.search_in_server_from:
            return
        try:
            self._store.search.arrange(scope, head)
        except StorageError as error:
            _log.warning("search in the server is not arranged: %s", error)

    # ── file: short → mid ────────────────────────────────────────────────────────────────────

    def file(
        self, scope: Scope, *, up_to: int | None = None, stopped: Callable[[], bool] = never
    ) -> bool:
        """File the pages that wait, page after page, as far as that is the rules' to do.

        Every page is filed before the next one of the journal, so that it makes no difference when
        this is called, or how often.

        Args:
            scope: Whose pages.
            up_to: Position of the last page to file; None files all.
            stopped: Asked before each transaction whether to leave the rest to another time.

        Returns:
            Whether nothing is left to file.
        """
        query = PageQuery(waiting=True, up_to_seq=up_to, limit=_PAGES_AT_ONCE)
        while self._analysts(scope).by_page:
            waiting = self._store.pages(scope, query)
            if not waiting:
                return True
            if stopped():
                return False
            self._file(scope, _until_refiled(waiting))
        return False

    def by_page(self, scope: Scope) -> bool:
        """Return whether the scope's pages are filed one by one now: by the rules."""
        return self._analysts(scope).by_page

    def _file(self, scope: Scope, pages: Sequence[Page]) -> None:
        seqs = [page.seq for page in pages]

        def work(_: Head) -> tuple[Changes | None, None]:
            here = self._store.pages(scope, PageQuery(seqs=seqs, waiting=True))
            paging = self.paging(scope)
            for page in here:
                paging.file(page)
            return paging.changes() if here else None, None

        transact(self._store, scope, "filing", work)

    def paging(self, scope: Scope) -> Paging:
        """Return a working copy of the scope's tiers, for the rules."""
        return Refiling(
            self._store,
            scope,
            self._views.get(scope).tiers,
            self._analysts(scope),
            self._embedder,
            self._config,
            self._clock(),
        )

    # ── page out: short → mid, by a model ────────────────────────────────────────────────────

    def due(self, scope: Scope, *, everything: bool = False) -> list[tuple[str, list[int]]]:
        """Return the batches due for page-out by a model as (session_id, positions), in order."""
        waiting = self._store.waiting(scope)
        return short_term.plan(
            waiting,
            self._store.head(scope).last_seq,
            capacity=self._config.short_term_capacity,
            batch=self._config.page_out_batch,
            resting={w.session_id for w in waiting}
            if everything
            else self._resting(scope, waiting),
        )

    def _resting(self, scope: Scope, waiting: Sequence[Waiting]) -> set[str]:
        """Return the sessions with waiting pages in which nothing was said for `rest_seconds`."""
        newest = {page.session_id: page.seq for page in waiting}
        before = self._clock() - timedelta(seconds=self._config.rest_seconds)
        pages = self._store.pages(scope, PageQuery(seqs=sorted(newest.values()))) if newest else []
        return {page.session_id for page in pages if page.timestamp <= before}

    def page_out(self, scope: Scope, session_id: str, seqs: Sequence[int]) -> None:
        """Move a batch of waiting pages into mid-term memory. Raises ModelError; then they wait."""
        seen = self._views.get(scope).head
        if seen.embedded_seq < seen.last_seq:
            self.embed(scope)
        pages = self._store.pages(scope, PageQuery(seqs=seqs, waiting=True))
        if not pages:
            return
        batch = self._batch(scope, session_id, pages)
        chosen = self._analysts(scope)
        known = relevant(self._views.get(scope).tiers, batch.pages)
        draft = _checked(chosen.analyst.consolidate(replace(batch, known=known)), batch)

        def work(head: Head) -> tuple[Changes | None, Sequence[Record]]:
            # What was erased while the analyst read must not come back in what it says. An erasure
            # after this look makes the commit fail.
            if head != seen:
                here = self._store.pages(scope, PageQuery(seqs=seqs, waiting=True))
                if not here or self._batch(scope, session_id, here) != batch:
                    return None, ()  # erased, replaced or taken by others: the next plan will say
            changes = self._page_out_changes(self._views.get(scope), batch, draft, chosen)
            put = [*changes.put, *self._learned(scope, batch, draft, chosen)]
            return replace(changes, put=put), put

        put = transact(self._store, scope, "consolidation", work)
        self.promoter.promote_hot(scope, [record.id for record in put if record.live])

    def _learned(
        self, scope: Scope, batch: Batch, draft: Consolidation, chosen: Analysts
    ) -> list[Record]:
        """Return what the pages of a batch state, and the facts that the model read in them."""
        paging = self.paging(scope)
        for page in batch.pages:
            paging.state(statements(page, self._config.language), page)
        return [*paging.knowledge(), *self.learned(scope, draft, batch.pages, chosen)]

    def learned(
        self, scope: Scope, draft: Consolidation, pages: Sequence[Page], chosen: Analysts
    ) -> list[Record]:
        """Return what changes in long-term memory when the facts of a draft are added to it.

        pages: those that the analyst was asked about, as it read them; others have no facts.
        """
        times = {page.id: page.timestamp for page in pages}
        facts = [
            fact
            for fact in draft.facts
            if fact.kind == "fact"
            and fact.sources
            and all(source.page_id in times for source in fact.sources)
        ]
        facts = self.promoter.without_echoes(scope, facts, pages)
        return self.promoter.learn(scope, facts, times, chosen) if facts else []

    def embedded(self, values: Sequence[Topic | Segment]) -> list[Record]:
        """Return topics and segments as records, with the vectors of their words."""
        return embedded(values, self._embedder)

    def _batch(self, scope: Scope, session_id: str, pages: Sequence[Page]) -> Batch:
        before = PageQuery(
            session_id=session_id, up_to_seq=pages[0].seq - 1, newest_first=True, limit=1
        )
        previous = next(iter(self._store.pages(scope, before)), None)
        chain = None
        if previous is not None and previous.chain_id is not None:
            found = self._store.records(scope, ["chain"], ids=[previous.chain_id])
            chain = decode(found[0]) if found else None
        assert chain is None or isinstance(chain, Chain)
        if chain is not None and len(chain.page_ids) >= LONGEST_CHAIN:
            previous, chain = None, None
        return Batch(tuple(map(without_quotation, pages)), previous, chain)

    def _page_out_changes(
        self,
        view: ScopeView,
        batch: Batch,
        draft: Consolidation,
        chosen: Analysts,
    ) -> Changes:
        by_id = {page.id: page for page in batch.pages}
        now = batch.pages[-1].timestamp
        nearness = view.tiers.nearness
        touched: dict[str, tuple[Segment, Vectors]] = {}
        segment_of: dict[str, str] = {}
        put: list[Record] = []
        texts = [embedded_text(topic.keywords, topic.summary) for topic in draft.topics]
        vectors = self._embedder.embed_documents(texts)
        for topic, said, vector in zip(draft.topics, texts, vectors, strict=True):
            at = max(by_id[page_id].timestamp for page_id in topic.page_ids)
            segment = self._place(nearness, topic, vector, at)
            text = embedded_text(segment.keywords, segment.summary)
            if text != said:  # a topic that founds a segment has said all that is in it
                vector = self._embedder.embed_documents([text])[0]
            touched[segment.id] = (segment, vector)
            nearness = nearness.with_changes({segment.id: touched[segment.id]})
            segment_of.update((page_id, segment.id) for page_id in topic.page_ids)
            put.append(
                encode(
                    Topic(
                        id=derived_id("t", topic.page_ids[0]),
                        segment_id=segment.id,
                        page_ids=topic.page_ids,
                        summary=topic.summary,
                        keywords=topic.keywords,
                        analyst="rules" if topic.failed else chosen.analyst.name,
                        created=at,
                        revisit=chosen.revisit or topic.failed,
                        failed=self._clock() if topic.failed else None,
                    )
                )
            )
        current = {**view.tiers.segments, **{id_: item[0] for id_, item in touched.items()}}
        for segment in mid_term.evictions(current, now, self._config):
            vector = view.tiers.vectors.get(segment.id)
            if segment.id in touched:
                vector = touched[segment.id][1]
            assert vector is not None
            touched[segment.id] = (replace(segment, evicted=True), vector)
        put += [encode(segment, vector) for segment, vector in touched.values()]
        chains = [_chain(run, batch, by_id, chosen.analyst.name) for run in draft.chains]
        put += [encode(chain) for chain in chains]
        chain_of = {page_id: chain.id for chain in chains for page_id in chain.page_ids}
        assign = [Assignment(p.id, segment_of[p.id], chain_of[p.id]) for p in batch.pages]
        return Changes(put=put, assign=assign)

    def _place(
        self,
        nearness: mid_term.Nearness,
        topic: TopicDraft,
        vector: Vectors,
        at: datetime,
    ) -> Segment:
        """Return the segment a topic joins (affinity ≥ θ), grown by it, or the one it founds."""
        near = nearness.nearest(topic.keywords, vector, self._config.similarity_threshold)
        pages = len(topic.page_ids)
        if near is not None:
            return mid_term.grown(
                near, summary=topic.summary, keywords=topic.keywords, pages=pages, at=at
            )
        return Segment(
            id=derived_id("s", topic.page_ids[0]),
            summary=topic.summary,
            keywords=mid_term.joined_keywords([topic.keywords]),
            pages=pages,
            visits=0,
            interactions=pages,
            created=at,
            last_access=at,
        )

    def renew(self, scope: Scope) -> None:
        """Take back what an older edition has filed, so that it is filed anew."""
        renew(self._store, scope, self.paging, self._config.language)


def _until_refiled(pages: Sequence[Page]) -> Sequence[Page]:
    """Return the first pages, to the next that was filed before: it needs all others filed."""
    for place, page in enumerate(pages):
        if place and page.chain_id is not None:
            return pages[:place]
    return pages


def _checked(draft: Consolidation, batch: Batch) -> Consolidation:
    """Return the draft if every page is in exactly one topic and one chain, in order."""
    ids = [page.id for page in batch.pages]
    in_topics = [page_id for topic in draft.topics for page_id in topic.page_ids]
    in_chains = [page_id for chain in draft.chains for page_id in chain.page_ids]
    if sorted(in_topics) != sorted(ids) or in_chains != ids:
        raise ModelAnswerInvalid("the analyst did not put each page into one topic and one chain")
    if not all(topic.page_ids for topic in draft.topics):
        raise ModelAnswerInvalid("the analyst named a topic without pages")
    return draft


def _chain(draft: ChainDraft, batch: Batch, pages: dict[str, Page], analyst: str) -> Chain:
    first = pages[draft.page_ids[0]]
    updated = pages[draft.page_ids[-1]].timestamp
    old = batch.previous_chain
    if draft.continues and old is not None and first.id == batch.pages[0].id:
        return replace(
            old,
            page_ids=old.page_ids + draft.page_ids,
            summary=draft.summary,
            analyst=analyst,
            updated=updated,
            edition=EDITION,
        )
    id_ = derived_id("c", first.id)
    return Chain(
        id_, first.session_id, draft.page_ids, draft.summary, analyst, updated, edition=EDITION
    )
