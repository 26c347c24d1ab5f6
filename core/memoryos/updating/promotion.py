"""Promotion: a model reads what is lasting in a hot segment (the paper's MTM–LPM update, §3.3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from memoryos.config import MemoryConfig
from memoryos.model import Knowledge, Page, Scope, Segment
from memoryos.ports import AnalystChoice, Analysts, Clock, Embedder, FactDraft, PromotionRequest
from memoryos.retrieval.views import Tiers, Views
from memoryos.storage.codec import decode, encode
from memoryos.storage.port import Changes, Head, PageQuery, Record, Store
from memoryos.storage.transact import transact
from memoryos.text.terms import tokens
from memoryos.tiers import long_term, mid_term
from memoryos.tiers.traits import TRAITS
from memoryos.updating.analysts.quotation import without_quotation

_log = logging.getLogger("memoryos.updating.promotion")


class Promoter:
    """Promotes segments of any scope, and keeps the ledger of facts. Thread-safe."""

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

    def learn(
        self,
        scope: Scope,
        facts: Sequence[FactDraft],
        times: Mapping[str, datetime],
        chosen: Analysts,
    ) -> list[Record]:
        """Return what adding facts changes, worked out on the scope as it is now.

        `times` gives the time of each page that is a source.
        """
        tiers = self._views.get(scope).tiers
        receipts = self._store.receipts(scope)
        forgotten = frozenset(id_ for receipt in receipts for id_ in receipt.knowledge_ids)
        known = (item for item in tiers.knowledge.values() if item.kind == "fact")
        ledger = long_term.LongTerm(known, times, self._config.long_term_capacity, forgotten)
        derived = self._clock()
        for fact in facts:
            ledger.add(fact, chosen.analyst.name, derived)
        ledger.archive_overflow()
        return self._with_vectors(ledger.changed.values(), tiers)

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
        known = relevant(view.tiers, pages)
        read = tuple(map(without_quotation, pages))
        request = PromotionRequest(segment, read, known, view.tiers.profile)
        draft = chosen.analyst.promote(request)
        times = {page.id: page.timestamp for page in pages}
        ids = set(times)
        facts = [f for f in draft.facts if f.sources and all(s.page_id in ids for s in f.sources)]
        facts = self.without_echoes(scope, facts, read)
        traits = [
            trait
            for trait in draft.traits
            if trait.name in TRAITS
            and trait.sources
            and all(s.page_id in ids for s in trait.sources)
        ]
        derived = self._clock()  # of the traits
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
            put = self.learn(scope, facts, times, chosen)
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

    def without_echoes(
        self, scope: Scope, facts: Sequence[FactDraft], pages: Sequence[Page]
    ) -> list[FactDraft]:
        """Return facts without what an earlier turn said and a message only hands on."""
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


def relevant(tiers: Tiers, pages: Sequence[Page]) -> tuple[Knowledge, ...]:
    """Return the facts that are known, those that share most words with the pages first."""
    if not tiers.knowledge:
        return ()
    words = set(tokens("\n".join(page.text for page in pages)))
    return tuple(
        sorted(
            (item for item in tiers.knowledge.values() if item.kind == "fact"),
            key=lambda item: (-len(words & frozenset(tokens(item.text))), item.id),
        )
    )
