"""Pages filed one after another: the rules' way from the journal to mid- and long-term memory.

What comes of it is a function of the journal (pages, recalls, notes) and of nothing else: neither
of when anyone asked for it, nor of how many pages were filed at a time. A scope is worked through
in journal order; `Paging` is a working copy of its tiers, and collects what changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from memoryos.config import MemoryConfig
from memoryos.model import (
    Chain,
    Knowledge,
    Note,
    Page,
    Recalled,
    Scope,
    Segment,
    Source,
    Topic,
)
from memoryos.ports import Analysts, Batch, Embedder, FactDraft, TopicDraft, Vectors
from memoryos.retrieval.views import Tiers
from memoryos.storage.codec import EDITION, decode, encode
from memoryos.storage.port import Assignment, Changes, Kind, PageQuery, Record, Store
from memoryos.storage.vectors import embed_all, embedded_text
from memoryos.tiers import mid_term
from memoryos.tiers.long_term import knowledge_id, restored, standing
from memoryos.tiers.statements import Statements
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.updating.notes import corrections, fact_of, restorations, stated

LONGEST_CHAIN = 50
"""Pages; a chain that long is continued by a new one, so that its record stays small."""


class Paging:
    """A scope's tiers while pages, recalls and notes are worked into them. Not thread-safe."""

    def __init__(
        self,
        store: Store,
        scope: Scope,
        tiers: Tiers,
        chosen: Analysts,
        embedder: Embedder,
        config: MemoryConfig,
        derived: datetime,
    ) -> None:
        self._store = store
        self._scope = scope
        self._chosen = chosen
        self._embedder = embedder
        self._config = config
        self._derived = derived
        self._segments = dict(tiers.segments)
        self._vectors = dict(tiers.vectors)
        self._nearness = tiers.nearness
        self._moved: dict[str, Segment] = {}
        """Segments that changed."""
        self._unread: dict[str, Segment] = {}
        """Those of them whose words have no vector yet."""
        self._tails: dict[str, tuple[Page | None, Chain | None]] = {}
        """The newest filed page of each session, and its chain."""
        self._newest: dict[str, int] = {}
        """Position of the newest page of each segment that grew."""
        self._gone: set[tuple[Kind, str]] = set()
        self._places: dict[str, Assignment] = {}
        self._topics: dict[str, Topic] = {}
        self._chains: dict[str, Chain] = {}
        self._statements = Statements(tiers.knowledge.values(), tiers.vectors)
        stored = map(decode, store.records(scope, ["note"]))
        self._notes = [note for note in stored if isinstance(note, Note)]
        self._known = dict(tiers.knowledge)
        self._changed: dict[str, Knowledge] = {}
        self._stated: list[tuple[list[FactDraft], Page]] = []
        """What pages state, and is not added yet."""
        self._forgotten = frozenset(
            id_ for receipt in store.receipts(scope) for id_ in receipt.knowledge_ids
        )

    # ── what comes from the journal ──────────────────────────────────────────────────────────

    def file(self, page: Page) -> None:
        """File the next page of the journal: its chain, its segment, and what it states."""
        read = without_quotation(page)
        previous, chain = self._tail(page)
        if chain is not None and len(chain.page_ids) >= LONGEST_CHAIN:
            previous, chain = None, None
        draft = self._chosen.analyst.consolidate(Batch((read,), previous, chain))
        (topic,), (run,) = draft.topics, draft.chains
        goes_on = run.continues and previous is not None and chain is not None
        same = previous.segment_id if previous is not None and goes_on else None
        segment = self._segment(topic, same, page)
        self._grow(segment, page)
        chain_id = chain.id if chain is not None and goes_on else derived_id("c", page.id)
        before = chain.page_ids if chain is not None and goes_on else ()
        self._topics[page.id] = Topic(
            id=derived_id("t", page.id),
            segment_id=segment.id,
            page_ids=(page.id,),
            summary=topic.summary,
            keywords=topic.keywords,
            analyst=self._chosen.analyst.name,
            created=page.timestamp,
            revisit=self._chosen.revisit,
        )
        self._chains[chain_id] = Chain(
            id=chain_id,
            session_id=page.session_id,
            page_ids=(*before, page.id),
            summary=run.summary,
            analyst=self._chosen.analyst.name,
            updated=page.timestamp,
            edition=EDITION,
        )
        self._places[page.id] = Assignment(page.id, segment.id, chain_id)
        placed = replace(read, segment_id=segment.id, chain_id=chain_id)
        self._tails[page.session_id] = placed, self._chains[chain_id]
        self._gone.discard(("chain", chain_id))
        self.state(draft.facts, page)

    def state(self, facts: Sequence[FactDraft], page: Page) -> None:
        """Take in what a page states; not what the user has had erased.

        It is added when it is asked for, with what other pages state: their vectors are made
        together, and compared together with what is known.
        """
        known = [
            fact
            for fact in facts
            if knowledge_id(fact.owner, fact.text, [Source(page.id, "")]) not in self._forgotten
        ]
        self._stated.append((known, page))

    def _settle(self) -> None:
        """Add what pages have stated, in their order."""
        stated, self._stated = self._stated, []
        texts = [fact.text for facts, _ in stated for fact in facts]
        rows = embed_all(self._embedder, texts) if texts else []
        compared = zip(rows, self._statements.compared(rows), strict=True)
        for facts, page in stated:
            if not facts:
                continue
            corrected = corrections(self._notes, page.seq)
            for fact, (row, near) in zip(facts, compared, strict=False):
                self._statements.add(fact, row, page.timestamp, self._derived, corrected, near)
            self._restore(page.seq)

    def _restore(self, seq: int) -> None:
        """Let what was restored by hand, and is filed anew, stand again for its correction."""
        for id_, correction in restorations(self._notes, seq).items():
            new = self._statements.changed.get(id_)
            known = {**self._known, **self._statements.changed, **self._changed}
            if new is None or new.status != "active" or correction not in known:
                continue
            instead = standing(known[correction], known)
            if instead.status == "active" and instead.id != id_:
                known[id_] = replace(new, status="superseded", superseded_by=instead.id)
                for item in restored(id_, known):
                    if item.id == id_:
                        self._statements.keep(item)
                    else:
                        self._changed[item.id] = item

    def recalled(self, recalled: Recalled) -> None:
        """Count recalls towards the heat of the segments whose pages they found."""
        pages = self._store.pages(self._scope, PageQuery(ids=sorted(recalled.pages)))
        times: dict[str, int] = {}
        for page in pages:
            here = self._places.get(page.id)
            segment_id = here.segment_id if here else page.segment_id
            if segment_id is not None and segment_id in self._segments:
                times[segment_id] = times.get(segment_id, 0) + recalled.pages[page.id]
        for segment_id, count in sorted(times.items()):
            segment = mid_term.visited(self._segments[segment_id], count, recalled.at)
            self._put(self._promoted(segment, None))

    def note(self, note: Note) -> Knowledge | None:
        """Take in what was stated by hand; return it as it now stands.

        None for one that restores what is no longer there.
        """
        self._settle()
        known = {**self._known, **self._statements.changed, **self._changed}
        if note.corrects or note.restores:  # which need not be current
            stored = map(decode, self._store.records(self._scope, ["knowledge"]))
            every = {item.id: item for item in stored if isinstance(item, Knowledge)}
            known = {**every, **known} if note.restores else known
            if note.corrects in every:
                known.setdefault(note.corrects, every[note.corrects])
        if note.restores is not None:
            self._changed.update((item.id, item) for item in restored(note.restores, known))
            return self._changed.get(note.restores, known.get(note.restores))
        pages = [note.source] if note.source else []
        page = next(iter(self._store.pages(self._scope, PageQuery(ids=pages))), None)
        fact = fact_of(note, page, self._derived)
        for item in stated(fact, note.corrects, known):
            self._changed[item.id] = item
        return self._changed[fact.id]

    # ── mid-term memory ──────────────────────────────────────────────────────────────────────

    def _tail(self, page: Page) -> tuple[Page | None, Chain | None]:
        """Return the page of the session that was filed last, and its chain."""
        if page.session_id in self._tails:
            return self._tails[page.session_id]
        query = PageQuery(
            session_id=page.session_id, up_to_seq=page.seq - 1, newest_first=True, limit=1
        )
        previous = next(iter(self._store.pages(self._scope, query)), None)
        if previous is None or previous.segment_id is None or previous.chain_id is None:
            return None, None
        here = self._places.get(previous.id)
        chain_id = here.chain_id if here and here.chain_id else previous.chain_id
        chain = self._chains.get(chain_id)
        if chain is None:
            found = self._store.records(self._scope, ["chain"], ids=[chain_id])
            stored = decode(found[0]) if found else None
            chain = stored if isinstance(stored, Chain) else None
        if here is not None:
            previous = replace(previous, segment_id=here.segment_id, chain_id=chain_id)
        return without_quotation(previous), chain

    def _segment(self, topic: TopicDraft, same: str | None, page: Page) -> Segment:
        """Return the segment that a page joins, grown by it, or the one it founds.

        A page that continues its chain stays with it; else the nearest segment decides (Eq. 3).
        """
        near = self._segments.get(same or "")
        if near is None:
            self._read()
            text = embedded_text(topic.keywords, topic.summary)
            (vector,) = self._embedder.embed_documents([text])
            threshold = self._config.similarity_threshold
            near = self._nearness.nearest(topic.keywords, vector, threshold)
        if near is None:
            return founded(topic, page)
        return grown(near, topic, page)

    def _grow(self, segment: Segment, page: Page) -> None:
        self._unread[segment.id] = segment
        self._newest[segment.id] = page.seq
        self._put(self._promoted(segment, page.seq))
        for cold in mid_term.evictions(
            self._segments, page.timestamp, self._config, keep=segment.id
        ):
            self._read()
            del self._segments[cold.id]
            self._moved[cold.id] = replace(cold, evicted=True, evicted_by=page.id)
            self._nearness = self._nearness.with_changes({cold.id: None})

    def _promoted(self, segment: Segment, seq: int | None) -> Segment:
        """Return the segment after promotion, if the rules promote it and it is hot."""
        if not self._chosen.by_page or not mid_term.is_hot(
            segment, segment.last_access, self._config
        ):
            return segment
        if seq is None:
            newest = PageQuery(segment_id=segment.id, newest_first=True, limit=1)
            stored = [page.seq for page in self._store.pages(self._scope, newest)]
            seq = self._newest.get(segment.id) or max(stored, default=segment.promoted_seq)
        return mid_term.promoted(segment, seq)

    def _put(self, segment: Segment) -> None:
        self._segments[segment.id] = self._moved[segment.id] = segment
        if segment.id in self._unread:
            self._unread[segment.id] = segment
        elif segment.id in self._vectors:
            changed = {segment.id: (segment, self._vectors[segment.id])}
            self._nearness = self._nearness.with_changes(changed)

    def _read(self) -> None:
        """Give the segments that grew the vector of their words."""
        if not self._unread:
            return
        segments = list(self._unread.values())
        rows = embed_all(self._embedder, [embedded_text(s.keywords, s.summary) for s in segments])
        changed: dict[str, tuple[Segment, Vectors] | None] = {}
        for segment, row in zip(segments, rows, strict=True):
            self._vectors[segment.id] = row
            changed[segment.id] = segment, row
        self._unread.clear()
        self._nearness = self._nearness.with_changes(changed)

    # ── what comes of it ─────────────────────────────────────────────────────────────────────

    def changes(self) -> Changes:
        """Return all that changed, to be committed in one transaction."""
        self._read()
        put: list[Record] = [encode(s, self._vectors[s.id]) for s in self._moved.values()]
        put += [encode(topic) for topic in self._topics.values()]
        put += [encode(chain) for chain in self._chains.values()]
        put += self.knowledge()
        gone = [key for key in sorted(self._gone) if key[1] not in {record.id for record in put}]
        return Changes(put=put, delete=gone, assign=list(self._places.values()))

    def knowledge(self) -> list[Record]:
        """Return the knowledge that changed."""
        self._settle()
        items = {**self._changed, **self._statements.changed}
        vectors = {**self._vectors, **self._statements.vectors}
        bare = [item for item in items.values() if item.id not in vectors]
        rows = embed_all(self._embedder, [item.text for item in bare])
        vectors.update((item.id, row) for item, row in zip(bare, rows, strict=True))
        return [encode(item, vectors[item.id]) for item in items.values()]


def founded(topic: TopicDraft | Topic, page: Page) -> Segment:
    """Return the segment that a page of this topic founds."""
    return Segment(
        id=derived_id("s", page.id),
        summary=topic.summary,
        keywords=mid_term.joined_keywords([topic.keywords]),
        pages=1,
        visits=0,
        interactions=1,
        created=page.timestamp,
        last_access=page.timestamp,
    )


def grown(segment: Segment, topic: TopicDraft | Topic, page: Page) -> Segment:
    """Return the segment with a page of this topic added."""
    return mid_term.grown(
        segment, summary=topic.summary, keywords=topic.keywords, pages=1, at=page.timestamp
    )


def derived_id(letter: str, page_id: str) -> str:
    """Return an id that stands for a page in the same role in every run."""
    return letter + blake2b(page_id.encode(), digest_size=9).hexdigest()
