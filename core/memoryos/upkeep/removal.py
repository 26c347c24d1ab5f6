"""Works out what goes with erased pages, and what is made again without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from memoryos.model import (
    ANSWERED_BY,
    DREW_ON,
    QUOTATION,
    Chain,
    Knowledge,
    Note,
    Page,
    Scope,
    Segment,
    Topic,
    Trait,
    Visits,
)
from memoryos.ports import Analyst, Batch
from memoryos.storage.codec import ALL_KINDS, Recorded, decode
from memoryos.storage.port import (
    Concerned,
    Condition,
    Kind,
    PageDraft,
    PageFilter,
    PageQuery,
    Record,
    Store,
)
from memoryos.text.tokenizer import content_words
from memoryos.tiers import long_term, mid_term
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.updating.notes import fact_id
from memoryos.upkeep.answers import answers_drawn, drawn_on, without_answer

_BY_HAND = ("user", "agent")
"""Analysts of what was stated by hand: their words are their own."""
_FEW = 64
"""Pages up to which what concerns them is sought; for more all is read."""


def pages_of(value: Recorded) -> Sequence[str]:
    """Return the ids of the pages that a value names."""
    if isinstance(value, (Topic, Chain)):
        return value.page_ids
    if isinstance(value, (Knowledge, Trait)):
        return [source.page_id for source in value.sources]
    if isinstance(value, Visits):
        return [page_id for recalled in value.recalls for page_id in recalled.pages]
    if isinstance(value, Segment):
        return [value.evicted_by] if value.evicted_by else []
    return [value.source] if value.source else []


@dataclass
class Work:
    """Works out one erasure: what is deleted, and what is derived again."""

    store: Store
    scope: Scope
    rules: Analyst
    page_ids: list[str]
    knowledge_id: str | None = None
    """What is erased where no page is."""
    deleted: list[Recorded] = field(default_factory=list)
    changed: list[Recorded] = field(default_factory=list)
    requoted: list[PageDraft] = field(default_factory=list)
    stripped: list[PageDraft] = field(default_factory=list)
    """Pages whose answers go, with what was derived of them."""
    answers: list[str] = field(default_factory=list)
    """Pages whose answers drew on what goes, and stay."""
    tainted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.gone = frozenset(self.page_ids)
        ids = self.page_ids if self.knowledge_id is None else [self.knowledge_id]
        self._take(self._concerned(ids) if len(ids) <= _FEW else self._every())

    def _every(self) -> list[Record]:
        return self.store.records(self.scope, ALL_KINDS)

    def _concerned(self, ids: Sequence[str]) -> list[Record]:
        """Return the records that the erasure of a few pages, or of a fact, can touch.

        All that a model wrote is among them: it may have taken words over into any of it.
        """
        found = self._named(ALL_KINDS, ids, not_by=(self.rules.name, *_BY_HAND))
        values = list(map(decode, found))
        stated = self.store.records(self.scope, ["note", "trait"])
        notes = [v for v in map(decode, stated) if isinstance(v, Note)]
        facts = [v.id for v in values if isinstance(v, Knowledge)] + list(map(fact_id, notes))
        segments = list({v.segment_id for v in values if isinstance(v, Topic)})
        found += stated
        found += self.store.records(self.scope, ["knowledge"], ids=facts)
        found += self._named(["knowledge"], facts)  # what these superseded, or were superseded by
        found += self.store.records(self.scope, ["segment"], ids=segments)
        found += self._named(["topic"], segments)
        return list({(record.kind, record.id): record for record in found}.values())

    def _named(
        self, kinds: Sequence[Kind], ids: Sequence[str], not_by: Sequence[str] | None = None
    ) -> list[Record]:
        if not ids:
            return []
        return self.store.records(self.scope, kinds, concerned=Concerned(ids, not_by))

    def _take(self, records: Iterable[Record]) -> None:
        values = list(map(decode, records))
        self.topics = [v for v in values if isinstance(v, Topic)]
        self.segments = [v for v in values if isinstance(v, Segment)]
        self.chains = [v for v in values if isinstance(v, Chain)]
        deleted = {v.id for v in self.deleted if isinstance(v, Knowledge)}
        knowledge = (v for v in values if isinstance(v, Knowledge))
        self.knowledge = {v.id: v for v in knowledge if v.id not in deleted}
        self.traits = [v for v in values if isinstance(v, Trait)]
        self.notes = [v for v in values if isinstance(v, Note)]
        self.visits = [v for v in values if isinstance(v, Visits)]

    def drop_notes(self, chosen: Callable[[Note], bool]) -> None:
        """Note that notes go, with the facts that they state."""
        for note in self.notes:
            if note.restores is not None and not chosen(note):
                continue
            if note.source in self.gone or chosen(note):
                self.delete(note)
                fact = self.knowledge.pop(fact_id(note), None)
                if fact is not None and fact not in self.deleted:
                    self.delete(fact)
        if not self.gone:
            self.restore_superseded()

    def drop_recalls(self) -> None:
        """Take the pages out of the recalls that found them."""
        for visits in self.visits:
            if self.gone.isdisjoint(pages_of(visits)):
                continue
            left = [
                replace(r, pages={id_: n for id_, n in r.pages.items() if id_ not in self.gone})
                for r in visits.recalls
            ]
            kept = tuple(recalled for recalled in left if recalled.pages)
            if kept:
                self.changed.append(replace(visits, recalls=kept))
            else:
                self.delete(visits)

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
            if segment.evicted_by in self.gone:
                segment = replace(segment, evicted_by=None)
                if segment.id not in touched:
                    self.changed.append(segment)
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
        drawing = PageFilter(metadata=(Condition(DREW_ON, "has", ()),))
        seqs = self.store.positions(self.scope, drawing).tolist()
        if not seqs:
            return
        touched = self._named_by(self.gone)
        answers = self.store.pages(self.scope, PageQuery(seqs=seqs))
        if all(touched.isdisjoint(drawn_on(page)) for page in answers):
            return
        self._take(self._every())
        pages = self.store.pages(self.scope, PageQuery())
        going, self.answers = answers_drawn(pages, self.gone, self._named_by)
        self.stripped = [without_answer(page) for page in going]
        self.gone |= {page.id for page in going}

    def _named_by(self, gone: Set[str]) -> set[str]:
        """Return pages and the ids of all that was derived from them."""
        values: list[Recorded]
        values = [*self.topics, *self.chains, *self.knowledge.values(), *self.traits]
        found = set(gone)
        for value in values:
            if not gone.isdisjoint(pages_of(value)):
                found.add(value.segment_id if isinstance(value, Topic) else value.id)
        return found

    def _unquote(self) -> None:
        """Journal answers that quote an erased page anew, without the quotation."""
        quoting = PageFilter(metadata=(Condition(ANSWERED_BY, "in", (QUOTATION,)),))
        seqs = self.store.positions(self.scope, quoting).tolist()
        if not seqs:
            return
        erased = {
            " ".join(side.split())
            for page in self.store.pages(self.scope, PageQuery(ids=sorted(self.gone)))
            for side in (page.user_input, page.agent_response)
        } - {""}
        for page in self.store.pages(self.scope, PageQuery(seqs=seqs)):
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
            if value.analyst not in (self.rules.name, *_BY_HAND)
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

    def delete(self, value: Recorded) -> None:
        """Note that a value goes."""
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
        here = self.store.positions(self.scope, PageFilter(segment_id=segment.id))
        gone = list(self.store.positions_of(self.scope, list(self.gone)).values())
        left = np.setdiff1d(here, gone)
        if not topics or not left.size:
            self.delete(segment)
            return
        topics = sorted(topics, key=lambda topic: (topic.created, topic.id))
        self.changed.append(
            replace(
                segment,
                summary=mid_term.joined_summary([topic.summary for topic in topics]),
                keywords=mid_term.joined_keywords([topic.keywords for topic in topics]),
                pages=int(left.size),
                interactions=min(segment.interactions, int((left > segment.promoted_seq).sum())),
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
