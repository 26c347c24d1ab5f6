"""Doctor: what does not hold together in a store, and repairs where told to.

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
from memoryos.model import Chain, Knowledge, Page, Scope, Segment, Topic, Trait
from memoryos.ports import Clock, Embedder
from memoryos.storage.codec import ALL_KINDS, decode, encode, kind_of
from memoryos.storage.journal import indexed_text
from memoryos.storage.port import (
    Assignment,
    Changes,
    Filed,
    Head,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.search import Searching
from memoryos.storage.transact import transact
from memoryos.storage.vectors import embedded, page_vectors
from memoryos.text.terms import page_terms
from memoryos.tiers import long_term

_TOO_LONG = timedelta(hours=1)
"""A page whose page-out is due for longer has been forgotten by the worker, or has none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold together."""

    what: str
    """The kind of finding: "orphan", "duplicate fact", "vector", "terms", "lease", "waiting"…"""
    detail: str
    """In words and ids; no text of the memory."""
    scope: Scope | None = None
    """Whose memory; None for the store itself."""
    repairable: bool = True
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a doctor found."""

    findings: tuple[Finding, ...]
    scopes: int
    pages: int
    duplicate_pages: int
    """Pages that say word for word what an older one of their scope says."""
    knowledge: int
    duplicate_knowledge: int
    stale_knowledge: int
    """Archived or superseded, or with a quote that its page no longer says."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is left to repair."""
        return all(finding.repaired for finding in self.findings)

    @property
    def text(self) -> str:
        """The report in words."""
        lines = [
            f"{item.what}: {item.detail}{' (repaired)' if item.repaired else ''}"
            for item in self.findings
        ]
        lines += [
            f"{self.scopes} scopes, {self.pages} pages, {self.knowledge} facts",
            f"duplicate pages: {_share(self.duplicate_pages, self.pages)}",
            f"duplicate facts: {_share(self.duplicate_knowledge, self.knowledge)}",
            f"stale facts: {_share(self.stale_knowledge, self.knowledge)}",
        ]
        return "\n".join(lines)


class Doctor:
    """Examines a store and, where told to, repairs it."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        config: MemoryConfig,
        clock: Clock,
        work_off: Callable[[Scope], None],
    ) -> None:
        """`work_off` does all the pending work of a scope."""
        self._store = store
        self._embedder = embedder
        self._config = config
        self._clock = clock
        self._work_off = work_off

    def examine(self, *, repair: bool = False) -> Report:
        """Look at every scope, and repair what can be. Raises ModelError or StorageError."""
        problems = self._store.problems() if isinstance(self._store, Filed) else []
        findings = [Finding("file", problem, repairable=False) for problem in problems]
        scopes = self._store.scopes()
        totals: Counter[str] = Counter()
        for scope in scopes:
            findings += self._scope(scope, repair=repair)
            totals += _totals(_Patient(self._store, scope, self._store.head(scope)))
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

        def work(head: Head) -> tuple[Changes | None, tuple[_Patient, list[Finding]]]:
            patient = _Patient(self._store, scope, head)
            cure = self._cure(patient)
            changes = cure.changes() if repair and cure.findings else None
            return changes, (patient, cure.findings)

        patient, found = transact(self._store, scope, "doctor", work)
        if repair and found:
            self._embed_missing(patient)
            found = [replace(finding, repaired=finding.repairable) for finding in found]
        found += self._sealed(scope, repair=repair)
        found += self._lease(scope, repair=repair)
        found += self._waiting(scope, repair=repair)
        return found

    def _cure(self, patient: _Patient) -> _Cure:
        cure = _Cure(patient.scope)
        _places(patient, cure)
        _sources(patient, cure)
        _duplicates(patient, cure)
        _terms(patient, cure)
        self._vectors(patient, cure)
        return cure

    # ── vectors ──────────────────────────────────────────────────────────────────────────────

    def _vectors(self, patient: _Patient, cure: _Cure) -> None:
        length = 4 * (patient.head.embedder.dimension if patient.head.embedder else 0)
        missing = patient.without_vector(length)
        if missing:
            cure.note("vector", f"{len(missing)} pages without a vector of the right length")
        wrong = [
            value
            for record in patient.records
            if record.kind in ("segment", "knowledge")
            and len(record.vector or b"") != 4 * self._embedder.dimension
            and isinstance(value := decode(record), (Segment, Knowledge))
        ]
        if wrong:
            cure.note("vector", f"{len(wrong)} segments and facts without their vector")
        known = {record.id: record.vector for record in patient.records}
        bare = {value.id for value in wrong} | {id_ for id_ in cure.put if not known.get(id_)}
        fresh = [value for value in (*cure.put.values(), *wrong) if value.id in bare]
        cure.records = embedded(list({value.id: value for value in fresh}.values()), self._embedder)
        cure.records += [
            replace(encode(value), vector=known[id_])
            for id_, value in cure.put.items()
            if id_ not in bare
        ]

    def _embed_missing(self, patient: _Patient) -> None:
        head = self._store.head(patient.scope)
        if head.embedder is None:
            return
        missing = patient.without_vector(4 * head.embedder.dimension)
        mine = StoredEmbedder(self._embedder.name, self._embedder.dimension)
        vectors = page_vectors(missing, self._embedder)
        self._store.put_vectors(patient.scope, head, mine, vectors, head.embedded_seq)

    # ── words in the server ──────────────────────────────────────────────────────────────────

    def _sealed(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        if isinstance(self._store, Searching) and (blocks := self._store.search.stale(scope)):
            if repair:
                self._store.search.unseal(scope, blocks)
            detail = f"{len(blocks)} blocks in the server are out of step with their pages' words"
            yield Finding("terms", detail, scope, repaired=repair)

    # ── work left lying ──────────────────────────────────────────────────────────────────────

    def _lease(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        lease = self._store.leased(scope)
        if lease is not None and lease.expires <= self._clock():
            if repair:
                self._store.release(scope, lease.owner)
            detail = f"of {lease.owner} ran out at {lease.expires:%Y-%m-%d %H:%M}"
            yield Finding("lease", detail, scope, repaired=repair)

    def _waiting(self, scope: Scope, *, repair: bool) -> Iterator[Finding]:
        head = self._store.head(scope)
        late = self._clock() - _TOO_LONG - timedelta(seconds=self._config.rest_seconds)
        pages = self._store.pages(scope, PageQuery(waiting=True, before=late))
        unembedded = PageQuery(after_seq=head.embedded_seq, before=late, limit=1)
        if not pages and not self._store.pages(scope, unembedded):
            return
        if repair:
            self._work_off(scope)
        detail = f"{len(pages)} pages wait to be filed, or for their vector, for more than an hour"
        yield Finding("waiting", detail, scope, repaired=repair)


class _Patient:
    """One scope as it was found."""

    def __init__(self, store: Store, scope: Scope, head: Head) -> None:
        self.scope = scope
        self.head = head
        self.pages: list[Page] = store.pages(scope, PageQuery())
        self.records: list[Record] = store.records(scope, ALL_KINDS)
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

    def without_vector(self, length: int) -> list[Page]:
        """Return the pages that ought to have a vector of so many bytes, and have not."""
        return [
            page
            for page in self.pages
            if page.seq <= self.head.embedded_seq
            and len(self._vectors.get(page.seq, b"")) != length
        ]


@dataclass
class _Cure:
    """What is wrong with a scope, and the changes that put it right."""

    scope: Scope
    findings: list[Finding] = field(default_factory=list)
    put: dict[str, Topic | Segment | Chain | Knowledge | Trait] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    delete: list[Topic | Segment | Chain | Knowledge | Trait] = field(default_factory=list)
    assign: list[Assignment] = field(default_factory=list)
    terms: dict[int, bytes] = field(default_factory=dict)

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
        )


def _places(patient: _Patient, cure: _Cure) -> None:
    """Compare the journal with segments, topics and chains, both ways."""
    counted: Counter[str] = Counter()
    in_topics = {page_id: topic for topic in patient.topics for page_id in topic.page_ids}
    for page in patient.pages:
        segment, chain = page.segment_id, page.chain_id
        lost = segment is not None and (segment not in patient.segments or page.id not in in_topics)
        if lost or (chain is not None and chain not in patient.chains):
            cure.note("orphan", f"the page {page.id} is in a segment or chain that is not there")
            cure.assign.append(Assignment(page.id, None, None))
        elif segment is not None:
            counted[segment] += 1
    orphans = {item.page_id for item in cure.assign}
    for topic in patient.topics:
        here = tuple(i for i in topic.page_ids if i in patient.ids and i not in orphans)
        if here != topic.page_ids or topic.segment_id not in patient.segments:
            cure.note("orphan", f"the topic {topic.id} names pages or a segment that are not there")
            _shrink(cure, topic, here if topic.segment_id in patient.segments else ())
    for chain_ in patient.chains.values():
        here = tuple(i for i in chain_.page_ids if i in patient.ids and i not in orphans)
        if here != chain_.page_ids:
            cure.note("orphan", f"the chain {chain_.id} names pages that are not there")
            _shrink(cure, chain_, here)
    for segment_ in patient.segments.values():
        pages = counted[segment_.id]
        if pages != segment_.pages:
            cure.note("count", f"the segment {segment_.id} says {segment_.pages}, not {pages}")
            if pages:
                fewer = min(segment_.interactions, pages)
                cure.put[segment_.id] = replace(segment_, pages=pages, interactions=fewer)
            else:
                cure.delete.append(segment_)


def _shrink(cure: _Cure, value: Topic | Chain, page_ids: tuple[str, ...]) -> None:
    if page_ids:
        cure.put[value.id] = replace(value, page_ids=page_ids)
    else:
        cure.delete.append(value)


def _sources(patient: _Patient, cure: _Cure) -> None:
    """See that facts and traits stand on pages that are there."""
    values: list[Knowledge | Trait] = [*patient.knowledge, *patient.traits]
    for item in values:
        gone = frozenset(s.page_id for s in item.sources if s.page_id not in patient.ids)
        if not gone and item.sources:
            continue
        cure.note("orphan", f"{item.id} has no page behind {len(gone)} of its sources")
        left = long_term.without_pages(item, gone) if isinstance(item, Knowledge) else None
        if left is not None:
            cure.put[item.id] = left
        else:
            cure.delete.append(item)


def _duplicates(patient: _Patient, cure: _Cure) -> None:
    """Merge active facts that state the same."""
    for one, other in _repeated(patient.knowledge):
        gone = {value.id for value in cure.delete}
        if one.id in gone or other.id in gone:
            continue
        kept = cure.put.get(one.id, one)
        assert isinstance(kept, Knowledge)
        cure.note("duplicate fact", f"{other.id} states what {one.id} does")
        cure.put[one.id] = long_term.merged(kept, other.sources, other.updated)
        cure.put.pop(other.id, None)
        cure.delete.append(other)


def _repeated(knowledge: Sequence[Knowledge]) -> Iterator[tuple[Knowledge, Knowledge]]:
    active = sorted(
        (item for item in knowledge if item.status == "active"),
        key=lambda item: (item.created, item.id),
    )
    for one, other in combinations(active, 2):
        if one.owner == other.owner and long_term.same_statement(one.text, other.text):
            yield one, other


def _terms(patient: _Patient, cure: _Cure) -> None:
    """See that each page can be found by its words."""
    columns = patient.columns
    here = dict(zip(columns.seqs.tolist(), columns.terms_by_page(), strict=True))
    for page in patient.pages:
        wanted = page_terms(indexed_text(page), page.timestamp)
        if here.get(page.seq) != wanted:
            cure.terms[page.seq] = wanted
    strays = len(here.keys() - {page.seq for page in patient.pages})
    if strays:
        cure.note("terms", f"{strays} positions are indexed that hold no page", repairable=False)
    if cure.terms:
        cure.note("terms", f"{len(cure.terms)} pages are not indexed by their words")


def _totals(patient: _Patient) -> Counter[str]:
    texts = {page.id: page.text for page in patient.pages}
    stale = [
        item
        for item in patient.knowledge
        if item.status != "active"
        or any(source.quote not in texts.get(source.page_id, "") for source in item.sources)
    ]
    return Counter(
        {
            "pages": len(texts),
            "duplicate pages": len(texts) - len(set(texts.values())),
            "knowledge": len(patient.knowledge),
            "duplicate knowledge": len({o.id for _, o in _repeated(patient.knowledge)}),
            "stale knowledge": len(stale),
        }
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "0%"
