"""The Updating module of the paper (§3.3): page out, promote, evict.

Which work is due is a question to the journal. Analysts, who may call models, are asked outside any
transaction; what follows from their drafts is applied in one commit, which fails if the scope has
changed meanwhile and is then worked out again from the same drafts. So a step is done exactly once,
or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from memoryos.config import MemoryConfig
from memoryos.errors import EmbedderMismatch, ModelAnswerInvalid, StorageError
from memoryos.model import Chain, Knowledge, Page, Scope, Segment, Topic
from memoryos.ports import (
    AnalystChoice,
    Analysts,
    Batch,
    ChainDraft,
    Clock,
    Consolidation,
    Embedder,
    FactDraft,
    PromotionRequest,
    TopicDraft,
    Vectors,
)
from memoryos.retrieval.views import ScopeView, Tiers, Views
from memoryos.storage.codec import decode, encode
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.search import SearchStore
from memoryos.storage.transact import transact
from memoryos.storage.vectors import AT_ONCE, embedded_text, page_vectors, reindex, replace_outdated
from memoryos.text.terms import tokens
from memoryos.tiers import long_term, mid_term, short_term
from memoryos.tiers.traits import TRAITS
from memoryos.updating.analysts.quotation import without_quotation

_log = logging.getLogger("memoryos.updating.filing")
_LONGEST_CHAIN = 50
"""Pages; a chain that long is continued by a new one, so that its record stays small."""


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

    # ── page out: short → mid ────────────────────────────────────────────────────────────────

    def due(self, scope: Scope, *, everything: bool = False) -> list[tuple[str, list[int]]]:
        """Return the batches due for page-out as (session_id, positions), in order."""
        waiting = self._store.waiting(scope)
        return short_term.plan(
            waiting,
            self._store.head(scope).last_seq,
            capacity=self._config.short_term_capacity,
            batch=self._config.page_out_batch,
            everything=everything,
        )

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
        draft = _checked(chosen.analyst.consolidate(batch), batch)

        def work(head: Head) -> tuple[Changes | None, Sequence[Record]]:
            # What was erased while the analyst read must not come back in what it says. An erasure
            # after this look makes the commit fail.
            if head != seen:
                here = self._store.pages(scope, PageQuery(seqs=seqs, waiting=True))
                if not here or self._batch(scope, session_id, here) != batch:
                    return None, ()  # erased, replaced or taken by others: the next plan will say
            changes = self._page_out_changes(self._views.get(scope), batch, draft, chosen)
            return changes, changes.put

        put = transact(self._store, scope, "consolidation", work)
        self.promote_hot(scope, [record.id for record in put if record.live])

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
        if chain is not None and len(chain.page_ids) >= _LONGEST_CHAIN:
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
                        id=_id("t", topic.page_ids[0]),
                        segment_id=segment.id,
                        page_ids=topic.page_ids,
                        summary=topic.summary,
                        keywords=topic.keywords,
                        analyst=chosen.analyst.name,
                        created=at,
                        revisit=chosen.revisit,
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
            id=_id("s", topic.page_ids[0]),
            summary=topic.summary,
            keywords=mid_term.joined_keywords([topic.keywords]),
            pages=pages,
            visits=0,
            interactions=pages,
            created=at,
            last_access=at,
        )

    # ── promote: mid → long ──────────────────────────────────────────────────────────────────

    def promote_hot(self, scope: Scope, among: Sequence[str] | None = None) -> int:
        """Promote every hot segment (of those named); return how many. Raises ModelError.

        A segment is as hot as it was when it was last touched: so a process that goes on with
        another's work promotes what that one would have promoted.
        """
        segments = self._views.get(scope).tiers.segments
        chosen = (
            segments.values() if among is None else [segments[i] for i in among if i in segments]
        )
        hot = [s for s in chosen if mid_term.is_hot(s, s.last_access, self._config)]
        for segment in sorted(hot, key=lambda s: (s.created, s.id)):
            self._promote(scope, segment)
        return len(hot)

    def _promote(self, scope: Scope, segment: Segment) -> None:
        query = PageQuery(segment_id=segment.id, after_seq=segment.promoted_seq)
        view = self._views.get(scope)
        seen = view.head
        pages = self._store.pages(scope, query)
        chosen = self._analysts(scope)
        known = _relevant(view.tiers, pages)
        read = tuple(map(without_quotation, pages))
        request = PromotionRequest(segment, read, known, view.tiers.profile)
        draft = chosen.analyst.promote(request)
        times = {page.id: page.timestamp for page in pages}
        ids = set(times)
        facts = [f for f in draft.facts if f.sources and all(s.page_id in ids for s in f.sources)]
        facts = self._without_echoes(scope, facts, read)
        traits = [
            trait
            for trait in draft.traits
            if trait.name in TRAITS
            and trait.sources
            and all(s.page_id in ids for s in trait.sources)
        ]
        derived = self._clock()
        last = max((page.seq for page in pages), default=segment.promoted_seq)

        def work(head: Head) -> tuple[Changes | None, None]:
            view = self._views.get(scope)
            current = view.tiers.segments.get(segment.id)
            if current is None or current.promoted_seq != segment.promoted_seq:
                return None, None  # erased, evicted or promoted by another process meanwhile
            # As in page_out: what was erased while the analyst read is not learned.
            again = replace(query, up_to_seq=last)
            if head != seen and self._store.pages(scope, again) != pages:
                return None, None  # the segment is still hot if anything is left of it
            receipts = self._store.receipts(scope)
            forgotten = frozenset(id_ for receipt in receipts for id_ in receipt.knowledge_ids)
            ledger = long_term.LongTerm(
                view.tiers.knowledge.values(), times, self._config.long_term_capacity, forgotten
            )
            for fact in facts:
                ledger.add(fact, chosen.analyst.name, derived)
            ledger.archive_overflow()
            put = self._with_vectors(ledger.changed.values(), view.tiers)
            for trait in traits:
                here = view.tiers.traits.get(trait.name)
                put.append(
                    encode(long_term.trait_of(trait, here, times, chosen.analyst.name, derived))
                )
            # Pages that arrived while the analyst read stay news.
            fresh = max(0, current.interactions - len(pages))
            done = replace(mid_term.promoted(current, last), interactions=fresh)
            put.append(encode(done, view.tiers.vectors[segment.id]))
            return Changes(put=put), None

        transact(self._store, scope, "promotion", work)
        _log.debug("promoted a segment: %d facts, %d traits", len(facts), len(traits))

    def _without_echoes(
        self, scope: Scope, facts: Sequence[FactDraft], pages: Sequence[Page]
    ) -> list[FactDraft]:
        """Return facts without those that only repeat an earlier turn."""
        if not facts:
            return []
        said = {page.id: page.user_input for page in pages}
        stored = [decode(record) for record in self._store.records(scope, ["knowledge"])]
        known = [item for item in stored if isinstance(item, Knowledge)]
        kept = []
        for fact in facts:
            ids = {
                s.page_id for item in known if long_term.states(item, fact) for s in item.sources
            }
            earlier = self._store.pages(scope, PageQuery(ids=sorted(ids))) if ids else []
            sources = tuple(
                source
                for source in fact.sources
                if not any(
                    page.id != source.page_id
                    and long_term.is_echo(source.quote, said[source.page_id], page.user_input)
                    for page in earlier
                )
            )
            if sources:
                kept.append(replace(fact, sources=sources))
        return kept

    def _with_vectors(self, facts: Iterable[Knowledge], tiers: Tiers) -> list[Record]:
        """Return facts as records, with vectors: new words are embedded, old ones keep theirs."""
        items = list(facts)
        known = tiers.knowledge
        fresh = [f for f in items if f.id not in known or known[f.id].text != f.text]
        vectors = dict(tiers.vectors)
        if fresh:
            rows = self._embedder.embed_documents([fact.text for fact in fresh])
            vectors.update((fact.id, row) for fact, row in zip(fresh, rows, strict=True))
        return [encode(item, vectors.get(item.id)) for item in items]

    # ── heat ─────────────────────────────────────────────────────────────────────────────────

    def visit(self, scope: Scope, visits: dict[str, int], at: datetime) -> None:
        """Count recalls of segments' pages towards their heat."""

        def work(_: Head) -> tuple[Changes | None, None]:
            tiers = self._views.get(scope).tiers
            put = [
                encode(
                    mid_term.visited(segment, visits[segment.id], at),
                    tiers.vectors[segment.id],
                )
                for segment in map(tiers.segments.get, visits)
                if segment is not None
            ]
            return Changes(put=put) if put else None, None

        transact(self._store, scope, "consolidation", work)


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
        )
    id_ = _id("c", first.id)
    return Chain(id_, first.session_id, draft.page_ids, draft.summary, analyst, updated)


def _relevant(tiers: Tiers, pages: Sequence[Page]) -> tuple[Knowledge, ...]:
    """Return knowledge, that which shares most words with the pages first."""
    if not tiers.knowledge:
        return ()
    words = set(tokens("\n".join(page.text for page in pages)))
    return tuple(
        sorted(
            tiers.knowledge.values(),
            key=lambda item: (-len(words & tiers.words(item)), item.id),
        )
    )


def _id(letter: str, page_id: str) -> str:
    """Return an id that stands for a page in the same role in every run."""
    return letter + blake2b(page_id.encode(), digest_size=9).hexdigest()
