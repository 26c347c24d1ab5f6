"""Forgetting: erasure follows every derivation and leaves a receipt.

What was made only of the erased pages goes; what was made of others too is made again, by the rules
and at once, from those others. All of it is one commit.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TypeVar

from memoryos.errors import NotFound, StorageError
from memoryos.model import (
    ANSWERED_BY,
    QUOTATION,
    Chain,
    ErasureReceipt,
    Knowledge,
    Page,
    Scope,
    Segment,
    Topic,
    Trait,
)
from memoryos.ports import Analyst, Batch, Clock, Embedder
from memoryos.retrieval.views import Views
from memoryos.storage.codec import Derived, decode, kind_of
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    Kind,
    PageDraft,
    PageQuery,
    Record,
    Store,
)
from memoryos.storage.transact import transact
from memoryos.storage.vectors import embedded, replace_outdated
from memoryos.text.tokenizer import content_words
from memoryos.tiers import long_term, mid_term
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.upkeep.answers import answers_drawn, without_answer

_ALL_KINDS: Sequence[Kind] = ("topic", "segment", "chain", "knowledge", "trait")


Found = TypeVar("Found")


class Eraser:
    """Erases from one store. Thread-safe."""

    def __init__(
        self, store: Store, views: Views, rules: Analyst, embedder: Embedder, clock: Clock
    ) -> None:
        self._store = store
        self._views = views
        self._rules = rules
        self._embedder = embedder
        self._clock = clock

    def erase_pages(
        self, scope: Scope, request: str, choose: Callable[[], Sequence[Page]]
    ) -> ErasureReceipt:
        """Erase the pages that `choose` finds, and all that is derived from them."""
        replace_outdated(self._store, scope, self._embedder)

        def work_out(_: Head) -> tuple[Changes, ErasureReceipt]:
            work = _Work(self._store, scope, self._rules, [page.id for page in choose()])
            work.follow()
            receipt = self._receipt(request, work)
            changes = Changes(
                put=self._records(work),
                delete=[(kind_of(value), value.id) for value in work.deleted],
                erase_pages=work.page_ids,
                add_pages=[*work.requoted, *work.stripped],
                assign=[Assignment(draft.id, None, None) for draft in work.stripped],
                erase_unreadable=True,  # no one can tell whose words they hold
                receipts=[receipt],
            )
            return changes, receipt

        return self._commit(scope, work_out)

    def erase_everything(self, scope: Scope) -> ErasureReceipt:
        """Erase all pages and all that is derived, without reading what they say."""

        def work_out(_: Head) -> tuple[Changes, ErasureReceipt]:
            receipt = self._receipt_of_all(scope)
            return Changes(erase_all=True, receipts=[receipt]), receipt

        return self._commit(scope, work_out)

    def erase_knowledge(self, scope: Scope, knowledge_id: str) -> ErasureReceipt:
        """Erase one fact; no rebuild learns it again from the same page. Raises NotFound."""
        replace_outdated(self._store, scope, self._embedder)

        def work_out(_: Head) -> tuple[Changes, ErasureReceipt]:
            work = _Work(self._store, scope, self._rules, [])
            fact = work.knowledge.get(knowledge_id)
            if fact is None:
                raise NotFound(f"no knowledge has the id {knowledge_id!r} in this scope")
            work.delete(fact)
            work.restore_superseded()
            receipt = self._receipt("knowledge", work)
            changes = Changes(
                put=self._records(work), delete=[("knowledge", knowledge_id)], receipts=[receipt]
            )
            return changes, receipt

        return self._commit(scope, work_out)

    def _commit(
        self, scope: Scope, work_out: Callable[[Head], tuple[Changes, ErasureReceipt]]
    ) -> ErasureReceipt:
        receipt = transact(self._store, scope, "forget", work_out)
        self._views.drop(scope)
        return receipt

    def _receipt(self, request: str, work: _Work) -> ErasureReceipt:
        counts = self._store.counts(work.scope)
        erased = Counter(_plural(kind_of(value)) for value in work.deleted)
        erased["pages"] = len(work.page_ids)
        rewritten = Counter(_plural(kind_of(value)) for value in work.changed)
        rewritten["pages"] = len(work.requoted) + len(work.stripped)
        erased["vectors"] = min(len(work.page_ids), counts.pages - counts.unembedded)
        erased["unreadable"] = self._store.unreadable(work.scope) if work.gone else 0
        return ErasureReceipt(
            id="e" + secrets.token_hex(9),
            at=self._clock(),
            request=request,
            erased={name: n for name, n in sorted(erased.items()) if n},
            rewritten={name: n for name, n in sorted(rewritten.items()) if n},
            page_ids=tuple(work.page_ids),
            knowledge_ids=tuple(
                mark
                for value in work.deleted
                if isinstance(value, Knowledge)
                for mark in (long_term.marks(value) if request == "knowledge" else [value.id])
            ),
            answers=tuple(work.answers),
            traces=self._store.traces,
        )

    def _receipt_of_all(self, scope: Scope) -> ErasureReceipt:
        """Return the receipt of an erasure of everything; it counts what can be counted."""
        store = self._store
        pages = _if_readable(lambda: store.pages(scope, PageQuery()))
        records = _if_readable(lambda: store.records(scope, _ALL_KINDS))
        erased = Counter(_plural(record.kind) for record in records)
        erased["pages"] = len(pages)
        for counts in _if_readable(lambda: [store.counts(scope)]):
            erased["vectors"] = counts.pages - counts.unembedded
        erased["calls"] = len(_if_readable(lambda: store.calls(scope)))
        erased["unreadable"] = sum(_if_readable(lambda: [store.unreadable(scope)]))
        return ErasureReceipt(
            id="e" + secrets.token_hex(9),
            at=self._clock(),
            request="everything",
            erased={name: n for name, n in sorted(erased.items()) if n},
            page_ids=tuple(page.id for page in pages),
            knowledge_ids=tuple(r.id for r in records if r.kind == "knowledge"),
            traces=store.traces,
        )

    def _records(self, work: _Work) -> list[Record]:
        """Return what was made again as records, with vectors."""
        return embedded(work.changed, self._embedder)


@dataclass(frozen=True, slots=True)
class Remains:
    """What exists again of something that was erased, e.g. by an import."""

    page_ids: tuple[str, ...]
    """Pages of the receipt that are in the journal (again, by an import)."""
    knowledge_ids: tuple[str, ...]
    """Facts of the receipt that are known (again)."""
    derived_ids: tuple[str, ...]
    """Derived things of any kind that name a page of the receipt as their source."""

    @property
    def nothing(self) -> bool:
        """Whether nothing is there."""
        return not (self.page_ids or self.knowledge_ids or self.derived_ids)


def remains(store: Store, scope: Scope, receipt: ErasureReceipt) -> Remains:
    """Look for what a receipt says was erased."""
    gone, facts = set(receipt.page_ids), set(receipt.knowledge_ids)
    pages = store.pages(scope, PageQuery(ids=receipt.page_ids)) if gone else []
    records = store.records(scope, _ALL_KINDS)
    values = [decode(record) for record in records]
    return Remains(
        page_ids=tuple(page.id for page in pages),
        knowledge_ids=tuple(v.id for v in values if isinstance(v, Knowledge) and v.id in facts),
        derived_ids=tuple(value.id for value in values if not gone.isdisjoint(_pages_of(value))),
    )


def _pages_of(value: Derived) -> Sequence[str]:
    if isinstance(value, (Topic, Chain)):
        return value.page_ids
    if isinstance(value, (Knowledge, Trait)):
        return [source.page_id for source in value.sources]
    return ()


@dataclass
class _Work:
    """Works out one erasure: what is deleted, and what is derived again."""

    store: Store
    scope: Scope
    rules: Analyst
    page_ids: list[str]
    deleted: list[Derived] = field(default_factory=list)
    changed: list[Derived] = field(default_factory=list)
    requoted: list[PageDraft] = field(default_factory=list)
    stripped: list[PageDraft] = field(default_factory=list)
    """Pages whose answers go, with what was derived of them."""
    answers: list[str] = field(default_factory=list)
    """Pages whose answers drew on what goes, and stay."""
    tainted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.gone = frozenset(self.page_ids)
        values = [decode(record) for record in self.store.records(self.scope, _ALL_KINDS)]
        self.topics = [v for v in values if isinstance(v, Topic)]
        self.segments = [v for v in values if isinstance(v, Segment)]
        self.chains = [v for v in values if isinstance(v, Chain)]
        self.knowledge = {v.id: v for v in values if isinstance(v, Knowledge)}
        self.traits = [v for v in values if isinstance(v, Trait)]

    def follow(self) -> None:
        """Follow every derivation from the erased pages."""
        if not self.gone:
            return
        self._answers()
        touched = set()
        topics = []
        self.tainted = self._carried_over()
        for topic in self.topics:
            if self.gone.isdisjoint(topic.page_ids) and topic.id not in self.tainted:
                topics.append(topic)
                continue
            touched.add(topic.segment_id)
            left = self._remaining(topic.page_ids)
            if not left:
                self.delete(topic)
                continue
            summary, keywords, _ = self._read(left)
            again = replace(
                topic,
                page_ids=tuple(page.id for page in left),
                summary=summary,
                keywords=keywords,
                analyst=self.rules.name,
                revisit=topic.revisit or topic.analyst != self.rules.name,
            )
            topics.append(again)
            self.changed.append(again)
        for segment in self.segments:
            if segment.id in touched:
                self._segment(segment, [t for t in topics if t.segment_id == segment.id])
        self._chains()
        self._knowledge()
        self._unquote()
        for trait in self.traits:
            # Its reason may use the erased words, so any erased source takes it.
            erased = any(source.page_id in self.gone for source in trait.sources)
            if erased or trait.id in self.tainted:
                self.delete(trait)

    def _answers(self) -> None:
        """Find the answers that drew on what goes: those in its words go too, others are named."""
        pages = self.store.pages(self.scope, PageQuery())
        going, self.answers = answers_drawn(pages, self.gone, self._named_by)
        self.stripped = [without_answer(page) for page in going]
        self.gone |= {page.id for page in going}

    def _named_by(self, gone: Set[str]) -> set[str]:
        """Return pages and the ids of all that was derived from them."""
        values: list[Derived]
        values = [*self.topics, *self.chains, *self.knowledge.values(), *self.traits]
        found = set(gone)
        for value in values:
            if not gone.isdisjoint(_pages_of(value)):
                found.add(value.segment_id if isinstance(value, Topic) else value.id)
        return found

    def _unquote(self) -> None:
        """Journal answers that quote an erased page anew, without the quotation."""
        pages = self.store.pages(self.scope, PageQuery())
        erased = {
            " ".join(side.split())
            for page in pages
            if page.id in self.gone
            for side in (page.user_input, page.agent_response)
        } - {""}
        for page in pages:
            if page.id in self.gone or page.metadata.get(ANSWERED_BY) != QUOTATION:
                continue
            if any(said in " ".join(page.agent_response.split()) for said in erased):
                self.requoted.append(without_answer(page))

    def _carried_over(self) -> frozenset[str]:
        """Return ids of what a model wrote of other pages in words that only erased pages had.

        A model is shown what came before, and the facts that are known, and may take words over.
        """
        values: list[Topic | Chain | Knowledge | Trait]
        values = [*self.topics, *self.chains, *self.knowledge.values(), *self.traits]
        written = {
            value.id: frozenset(content_words(_words_of(value)))
            for value in values
            if value.analyst != self.rules.name
        }
        if not written:
            return frozenset()
        pages = self.store.pages(self.scope, PageQuery())
        erased: set[str] = set()
        for page in pages:
            if page.id in self.gone:
                erased.update(content_words(page.text))
        suspects = erased.intersection(frozenset[str]().union(*written.values()))
        for page in pages:
            if suspects and page.id not in self.gone:
                suspects.difference_update(content_words(page.text))
        return frozenset(id_ for id_, words in written.items() if words & suspects)

    def delete(self, value: Derived) -> None:
        """Note that a derived value goes."""
        self.deleted.append(value)

    def restore_superseded(self) -> None:
        """Make knowledge current again where all that superseded it is gone."""
        gone = {value.id for value in self.deleted if isinstance(value, Knowledge)}
        changed = {value.id: value for value in self.changed if isinstance(value, Knowledge)}
        for item in {**self.knowledge, **changed}.values():
            if item.id in gone:
                continue
            fresh = item
            if item.superseded_by in gone:
                fresh = replace(fresh, status="active", superseded_by=None)
            if gone.intersection(item.supersedes):
                fresh = replace(
                    fresh, supersedes=tuple(i for i in item.supersedes if i not in gone)
                )
            if fresh is not item:
                changed[fresh.id] = fresh
        others = [value for value in self.changed if not isinstance(value, Knowledge)]
        self.changed = [*others, *changed.values()]

    def _segment(self, segment: Segment, topics: Sequence[Topic]) -> None:
        pages = [
            page
            for page in self.store.pages(self.scope, PageQuery(segment_id=segment.id))
            if page.id not in self.gone
        ]
        if not topics or not pages:
            self.delete(segment)
            return
        topics = sorted(topics, key=lambda topic: (topic.created, topic.id))
        self.changed.append(
            replace(
                segment,
                summary=mid_term.joined_summary([topic.summary for topic in topics]),
                keywords=mid_term.joined_keywords([topic.keywords for topic in topics]),
                pages=len(pages),
                interactions=min(
                    segment.interactions, sum(p.seq > segment.promoted_seq for p in pages)
                ),
            )
        )

    def _chains(self) -> None:
        for chain in self.chains:
            if self.gone.isdisjoint(chain.page_ids) and chain.id not in self.tainted:
                continue
            left = self._remaining(chain.page_ids)
            if not left:
                self.delete(chain)
                continue
            _, _, summary = self._read(left)
            page_ids = tuple(page.id for page in left)
            updated = left[-1].timestamp
            self.changed.append(
                replace(
                    chain,
                    page_ids=page_ids,
                    summary=summary,
                    analyst=self.rules.name,
                    updated=updated,
                )
            )

    def _knowledge(self) -> None:
        for item in self.knowledge.values():
            left = long_term.without_pages(item, self.gone)
            if left is not None and item.id in self.tainted:
                left = long_term.in_words_of_sources(left)
            if left is None:
                self.delete(item)
            elif left is not item:
                self.changed.append(left)
        self.restore_superseded()

    def _remaining(self, page_ids: Sequence[str]) -> list[Page]:
        ids = [page_id for page_id in page_ids if page_id not in self.gone]
        return self.store.pages(self.scope, PageQuery(ids=ids)) if ids else []

    def _read(self, pages: Sequence[Page]) -> tuple[str, tuple[str, ...], str]:
        """Return a topic summary, keywords and a chain summary of pages, by the rules."""
        draft = self.rules.consolidate(Batch(tuple(map(without_quotation, pages))))
        keywords = mid_term.joined_keywords([topic.keywords for topic in draft.topics])
        summary = mid_term.joined_summary([topic.summary for topic in draft.topics])
        chain = mid_term.joined_summary([chain.summary for chain in draft.chains])
        return summary, keywords, chain


def _words_of(value: Topic | Chain | Knowledge | Trait) -> str:
    if isinstance(value, Topic):
        return "\n".join((value.summary, *value.keywords))
    if isinstance(value, Chain):
        return value.summary
    if isinstance(value, Knowledge):
        said = (source.text for source in value.sources)
        return "\n".join((value.text, value.value or "", value.subject or "", *said))
    return value.reason


def _if_readable(read: Callable[[], list[Found]]) -> list[Found]:
    """Return what is read from the store; nothing where it is damaged."""
    try:
        return read()
    except StorageError:
        return []


def _plural(kind: Kind) -> str:
    return kind if kind == "knowledge" else f"{kind}s"
