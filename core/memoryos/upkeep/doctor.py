"""Doctor: finds inconsistencies in a store, and repairs them where asked to.

The journal is the truth. What is derived from it and does not fit is put right, or taken away so
that it is derived again; no repair touches what was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations

from memoryos.config import MemoryConfig
from memoryos.errors import NotADatabase, StorageError
from memoryos.model import (
    DOCUMENT,
    NO_SEGMENT,
    Chain,
    Knowledge,
    Page,
    Scope,
    Segment,
    Topic,
    Trait,
)
from memoryos.ports import Clock, Embedder
from memoryos.storage.codec import ALL_KINDS, decode, encode, from_blob, kind_of
from memoryos.storage.journal import page_passages, terms_of
from memoryos.storage.leases import described, is_dead
from memoryos.storage.port import (
    Assignment,
    Changes,
    FileStore,
    Head,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.rows import session_number
from memoryos.storage.search import SearchStore
from memoryos.storage.transact import transact
from memoryos.storage.vectors import embedded, page_vectors, replace_outdated
from memoryos.text.counts import counted
from memoryos.text.terms import INDEXING
from memoryos.tiers import long_term
from memoryos.upkeep.report import Finding, Report

_TOO_LONG = timedelta(hours=1)
"""A page whose page-out is due for longer has been forgotten by the worker, or has none."""


class Doctor:
    """Examines a store and, where told to, repairs it."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        config: MemoryConfig,
        clock: Clock,
        work_off: Callable[[Scope], None],
        derive_again: Callable[[Scope], object],
    ) -> None:
        """Take what it works with.

        `work_off` does all the pending work of a scope, also what a model failed at;
        `derive_again` rebuilds it.
        """
        self._store = store
        self._embedder = embedder
        self._config = config
        self._clock = clock
        self._work_off = work_off
        self._derive_again = derive_again

    def examine(self, *, repair: bool = False) -> Report:
        """Look at every scope, and repair what can be. Raises ModelError or StorageError."""
        findings: list[Finding] = []
        if repair and isinstance(self._store, FileStore):
            self._store.repair()
        scopes = self._store.scopes()
        totals: Counter[str] = Counter()
        for scope in scopes:
            try:
                findings += self._scope(scope, repair=repair)
                totals += _totals(_ScopeState(self._store, scope, self._store.head(scope)))
            except StorageError as error:
                if type(error) not in (NotADatabase, StorageError):
                    raise  # busy, full…: nothing is wrong with it
                findings.append(Finding("file", str(error), scope, repairable=False))
        if isinstance(self._store, FileStore):  # last: the repairs have mended some
            problems = self._store.problems()
            findings += [Finding("file", problem, repairable=False) for problem in problems]
        return Report(
            findings=tuple(findings),
            scopes=len(scopes),
            pages=totals["pages"],
            duplicate_pages=totals["duplicate pages"],
            knowledge=totals["knowledge"],
            duplicate_knowledge=totals["duplicate knowledge"],
            stale_knowledge=totals["stale knowledge"],
        )

    def _scope(self, scope: Scope, *, repair: bool) -> list[Finding]:
        if repair:
            replace_outdated(self._store, scope, self._embedder)

        def work(head: Head) -> tuple[Changes | None, tuple[_ScopeState, list[Finding]]]:
            state = _ScopeState(self._store, scope, head)
            repairs = self._examine_scope(state)
            changes = repairs.changes() if repair and repairs.findings else None
            return changes, (state, repairs.findings)

        state, found = transact(self._store, scope, "doctor", work)
        if repair and state.unreadable:
            self._derive_again(scope)
        elif repair and found:
            self._embed_missing(state)
            found = [replace(finding, repaired=finding.repairable) for finding in found]
        found += self._sealed(scope, repair=repair)
        found += self._lease(scope, repair=repair)
        found += self._waiting(scope, repair=repair)
        found += self._failed(scope, repair=repair)
        return found

    def _examine_scope(self, state: _ScopeState) -> _Repairs:
        repairs = _Repairs(state.scope)
        for page in state.pages:
            if page.damaged:
                detail = f"the page {page.id} is not as it was journalled"
                repairs.note("damage", detail, repairable=False)
        if state.unreadable:
            repairs.note("damage", f"{state.unreadable} derived records cannot be read")
            repairs.erase_unreadable = True
        if state.unreadable_journal:
            # Nothing can write them anew. What they did to the tiers is still there, so that a
            # repair leaves both as they are.
            lost = counted(state.unreadable_journal, "recall or note", "recalls or notes")
            detail = (
                f"{lost} (remember, correct, restore) cannot be read; what came of them stays, "
                "but a rebuild loses it: take them from a backup, or say again what was stated "
                "before you rebuild"
            )
            repairs.note("damage", detail, repairable=False)
        _places(state, repairs)
        _sources(state, repairs)
        _duplicates(state, repairs)
        if state.head.indexing == INDEXING:  # else all pages are indexed anew: see `_waiting`
            _terms(state, repairs)
        self._vectors(state, repairs)
        return repairs

    # ── vectors ──────────────────────────────────────────────────────────────────────────────

    def _vectors(self, state: _ScopeState, repairs: _Repairs) -> None:
        dimension = state.head.embedder.dimension if state.head.embedder else 0
        missing = state.without_vectors(dimension)
        if missing:
            repairs.note(
                "vector", f"{counted(len(missing), 'page')} without a vector of the right length"
            )
        wrong = [
            value
            for record in state.records
            if record.kind in ("segment", "knowledge")
            and len(from_blob(record.vector or b"")) != self._embedder.dimension
            and isinstance(value := decode(record), (Segment, Knowledge))
        ]
        if wrong:
            which = counted(len(wrong), "segment or fact", "segments and facts")
            repairs.note("vector", f"{which} without their vector")
        known = {record.id: record.vector for record in state.records}
        bare = {value.id for value in wrong} | {id_ for id_ in repairs.put if not known.get(id_)}
        fresh = [value for value in (*repairs.put.values(), *wrong) if value.id in bare]
        repairs.records = embedded(
            list({value.id: value for value in fresh}.values()), self._embedder
        )
        repairs.records += [
            replace(encode(value), vector=known[id_])
            for id_, value in repairs.put.items()
            if id_ not in bare
        ]

    def _embed_missing(self, state: _ScopeState) -> None:
        head = self._store.head(state.scope)
        if head.embedder is None:
            return
        missing = state.without_vectors(head.embedder.dimension)
        mine = StoredEmbedder(self._embedder.name, self._embedder.dimension)
        vectors = page_vectors(missing, self._embedder)
        self._store.put_vectors(state.scope, head, mine, vectors, head.embedded_seq)

    # ── words in the server ──────────────────────────────────────────────────────────────────

    def _sealed(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        if isinstance(self._store, SearchStore) and (blocks := self._store.search.stale(scope)):
            if repair:
                self._store.search.unseal(scope, blocks)
            detail = f"{len(blocks)} blocks in the server are out of step with their pages' words"
            yield Finding("terms", detail, scope, repaired=repair)

    # ── work left lying ──────────────────────────────────────────────────────────────────────

    def _lease(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        lease = self._store.leased(scope)
        if lease is None:
            return
        holder = described(lease.owner)
        dead, over = is_dead(lease.owner), lease.expires <= self._clock()
        if dead or over:
            if repair:
                self._store.release(scope, lease.owner)
            detail = "has ended" if dead else f"ran out at {lease.expires:%Y-%m-%d %H:%M}"
            yield Finding("lease", f"that of {holder} {detail}", scope, repaired=repair)
        elif self._late(scope) is not None:
            detail = f"{holder} holds it, and work has waited: see what it does, or end it"
            yield Finding("lease", detail, scope, repairable=False)

    def _waiting(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        detail = self._late(scope)
        if detail is None:
            return
        if repair:
            self._work_off(scope)
        yield Finding("waiting", detail, scope, repaired=repair)

    def _late(self, scope: Scope) -> str | None:
        """Return in words what has waited too long; None if nothing has."""
        head = self._store.head(scope)
        if head.indexing != INDEXING:
            return "the pages are indexed as a former version did"
        late = self._clock() - _TOO_LONG - timedelta(seconds=self._config.rest_seconds)
        pages = self._store.pages(scope, PageQuery(waiting=True, before=late))
        unembedded = PageQuery(after_seq=head.embedded_seq, before=late, limit=1)
        if not pages and not self._store.pages(scope, unembedded):
            return None
        waiting = counted(len(pages), "page waits", "pages wait")
        return f"{waiting} to be filed, or for a vector, for more than an hour"

    def _failed(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        """Find the pages that a model failed at; a repair asks it again."""
        failed = self._failures(scope)
        if failed and repair:
            self._work_off(scope)
        left = self._failures(scope) if failed and repair else failed
        if left:
            detail = (
                f"a language model failed at {counted(left, 'page')}, which the rules filed; "
                "it is asked again once a day, and by a repair (with --model)"
            )
            yield Finding("model", detail, scope, repairable=False)
        elif failed:
            detail = f"a language model has read {counted(failed, 'page')} that it had failed at"
            yield Finding("model", detail, scope, repaired=True)

    def _failures(self, scope: Scope) -> int:
        stored = map(decode, self._store.records(scope, ["topic"], live=True))
        return sum(len(t.page_ids) for t in stored if isinstance(t, Topic) and t.failed is not None)


class _ScopeState:
    """Pages and records of one scope, as read at one head."""

    def __init__(self, store: Store, scope: Scope, head: Head) -> None:
        self.scope = scope
        self.head = head
        self.pages: list[Page] = store.pages(scope, PageQuery())
        self.records: list[Record] = store.records(scope, ALL_KINDS)
        self.unreadable = store.unreadable(scope)
        self.unreadable_journal = store.unreadable(scope, journalled=True)
        self.columns = store.index_columns(scope, 0)
        seqs, blobs = store.vectors(scope, 0, self.head.last_seq)
        self._vectors = dict(zip(seqs, blobs, strict=True))
        self.ids = {page.id for page in self.pages}
        values = [decode(record) for record in self.records]
        self.topics = [v for v in values if isinstance(v, Topic)]
        self.segments = {v.id: v for v in values if isinstance(v, Segment)}
        self.chains = {v.id: v for v in values if isinstance(v, Chain)}
        self.knowledge = [v for v in values if isinstance(v, Knowledge)]
        self.traits = [v for v in values if isinstance(v, Trait)]

    def without_vectors(self, dimension: int) -> list[Page]:
        """Return the pages that ought to have a vector for each passage, and have not."""
        if self.head.indexing != INDEXING:
            return []
        return [
            page
            for page in self.pages
            if page.seq <= self.head.embedded_seq
            and len(self._vectors.get(page.seq, b"")) != dimension * len(page_passages(page))
        ]


@dataclass
class _Repairs:
    """Findings of one scope, and the changes that repair it."""

    scope: Scope
    findings: list[Finding] = field(default_factory=list)
    put: dict[str, Topic | Segment | Chain | Knowledge | Trait] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    delete: list[Topic | Segment | Chain | Knowledge | Trait] = field(default_factory=list)
    assign: list[Assignment] = field(default_factory=list)
    terms: dict[int, bytes] = field(default_factory=dict)
    erase_unreadable: bool = False

    def note(self, what: str, detail: str, *, repairable: bool = True) -> None:
        """Note a finding."""
        self.findings.append(Finding(what, detail, self.scope, repairable))

    def changes(self) -> Changes:
        """Return all repairs as one commit."""
        gone = {value.id for value in self.delete}
        return Changes(
            put=[record for record in self.records if record.id not in gone],
            delete=[(kind_of(value), value.id) for value in self.delete],
            assign=self.assign,
            terms=self.terms,
            erase_unreadable=self.erase_unreadable,
        )


def _places(state: _ScopeState, repairs: _Repairs) -> None:
    """Check that pages and their segments, topics and chains name one another."""
    counted: Counter[str] = Counter()
    in_topics = {page_id: topic for topic in state.topics for page_id in topic.page_ids}
    for page in state.pages:
        segment, chain = page.segment_id, page.chain_id
        home = NO_SEGMENT if DOCUMENT in page.metadata else None  # of what is not filed
        filed = segment != home
        lost = filed and (segment not in state.segments or page.id not in in_topics)
        if lost or (chain is not None and chain not in state.chains):
            repairs.note("orphan", f"the page {page.id} is in a segment or chain that is not there")
            repairs.assign.append(Assignment(page.id, home, None))
        elif segment is not None and filed:
            counted[segment] += 1
    orphans = {item.page_id for item in repairs.assign}
    for topic in state.topics:
        here = tuple(i for i in topic.page_ids if i in state.ids and i not in orphans)
        if here != topic.page_ids or topic.segment_id not in state.segments:
            repairs.note(
                "orphan", f"the topic {topic.id} names pages or a segment that are not there"
            )
            _shrink(repairs, topic, here if topic.segment_id in state.segments else ())
    for chain_ in state.chains.values():
        here = tuple(i for i in chain_.page_ids if i in state.ids and i not in orphans)
        if here != chain_.page_ids:
            repairs.note("orphan", f"the chain {chain_.id} names pages that are not there")
            _shrink(repairs, chain_, here)
    for segment_ in state.segments.values():
        pages = counted[segment_.id]
        if pages != segment_.pages:
            repairs.note("count", f"the segment {segment_.id} says {segment_.pages}, not {pages}")
            if pages:
                fewer = min(segment_.interactions, pages)
                repairs.put[segment_.id] = replace(segment_, pages=pages, interactions=fewer)
            else:
                repairs.delete.append(segment_)


def _shrink(repairs: _Repairs, value: Topic | Chain, page_ids: tuple[str, ...]) -> None:
    if page_ids:
        repairs.put[value.id] = replace(value, page_ids=page_ids)
    else:
        repairs.delete.append(value)


def _sources(state: _ScopeState, repairs: _Repairs) -> None:
    """Check that the sources of facts and traits exist."""
    values: list[Knowledge | Trait] = [*state.knowledge, *state.traits]
    for item in values:
        gone = frozenset(s.page_id for s in item.sources if s.page_id not in state.ids)
        by_hand = isinstance(item, Knowledge) and item.analyst in ("user", "agent")
        if not gone and (item.sources or by_hand):  # what is stated by hand needs no page
            continue
        repairs.note("orphan", f"{item.id} has no page behind {len(gone)} of its sources")
        left = long_term.without_pages(item, gone) if isinstance(item, Knowledge) else None
        if left is not None:
            repairs.put[item.id] = left
        else:
            repairs.delete.append(item)


def _duplicates(state: _ScopeState, repairs: _Repairs) -> None:
    """Merge active facts that state the same."""
    for one, other in _repeated(state.knowledge):
        gone = {value.id for value in repairs.delete}
        if one.id in gone or other.id in gone:
            continue
        kept = repairs.put.get(one.id, one)
        assert isinstance(kept, Knowledge)
        repairs.note("duplicate fact", f"{other.id} states what {one.id} does")
        repairs.put[one.id] = long_term.merged(kept, other.sources, other.updated)
        repairs.put.pop(other.id, None)
        repairs.delete.append(other)


def _repeated(knowledge: Sequence[Knowledge]) -> Iterator[tuple[Knowledge, Knowledge]]:
    active = sorted(
        (item for item in knowledge if item.status == "active"),
        key=lambda item: (item.created, item.id),
    )
    for one, other in combinations(active, 2):
        if one.owner == other.owner and long_term.same_statement(one.text, other.text):
            yield one, other


def _terms(state: _ScopeState, repairs: _Repairs) -> None:
    """Check the stored terms of each page."""
    columns = state.columns
    here = dict(zip(columns.seqs.tolist(), columns.terms_by_page(), strict=True))
    whens = zip(columns.sessions.tolist(), columns.timestamps.tolist(), strict=True)
    places = dict(zip(columns.seqs.tolist(), whens, strict=True))
    for page, wanted in zip(state.pages, terms_of(state.pages), strict=True):
        place = (session_number(page.session_id), page.timestamp.timestamp())
        if here.get(page.seq) != wanted or places[page.seq] != place:
            repairs.terms[page.seq] = wanted
    strays = len(here.keys() - {page.seq for page in state.pages})
    if strays:
        repairs.note("terms", f"{strays} positions are indexed that hold no page", repairable=False)
    if repairs.terms:
        repairs.note("terms", f"{counted(len(repairs.terms), 'page')} not indexed by words")


def _totals(state: _ScopeState) -> Counter[str]:
    texts = {page.id: page.text for page in state.pages}
    said = [page.text for page in state.pages if DOCUMENT not in page.metadata]
    stale = [
        item
        for item in state.knowledge
        if item.status != "active"
        or any(source.quote not in texts.get(source.page_id, "") for source in item.sources)
    ]
    return Counter(
        {
            "pages": len(texts),
            "duplicate pages": len(said) - len(set(said)),
            "knowledge": len(state.knowledge),
            "duplicate knowledge": len({o.id for _, o in _repeated(state.knowledge)}),
            "stale knowledge": len(stale),
        }
    )
