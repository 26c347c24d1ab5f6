"""A filed page whose words are others now is taken back, as if it had never been filed.

What it had been part of is worked out again from what is left; then it is filed like a new page.
Exact if no page was filed after it; where some were (of other sessions, or with a key), a rebuild
may still place those elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memoryos.model import Chain, Knowledge, Page, Segment, Topic, Visits
from memoryos.storage.codec import decode, from_blob
from memoryos.storage.port import Assignment, Kind, PageQuery
from memoryos.storage.vectors import embed_all
from memoryos.tiers import mid_term
from memoryos.tiers.long_term import without_pages
from memoryos.tiers.statements import Statements
from memoryos.updating.paging import Paging, derived_id, founded, grown


class Refiling(Paging):
    """Paging that begins with a page that has been filed before."""

    def file(self, page: Page) -> None:
        """File the next page of the journal, taken back first if it was filed before."""
        if page.chain_id is not None:
            self._take_back(page, page.chain_id)
        super().file(page)

    def _take_back(self, page: Page, chain_id: str) -> None:
        self._return_evicted(page.id)
        topic = self._topic_of(page)
        if topic is not None:
            self._gone.add(("topic", topic.id))
            self._shrink_segment(topic.segment_id)
        chain = self._record("chain", chain_id)
        if isinstance(chain, Chain):
            self._shrink_chain(chain, page.id)
        self._unlearn(page.id)

    def _return_evicted(self, page_id: str) -> None:
        """Take segments back that had to make room for the page's."""
        for record in self._store.records(self._scope, ["segment"]):
            if not record.live and record.body.get("evicted_by") == page_id and record.vector:
                segment = decode(record)
                assert isinstance(segment, Segment)
                pages = self._store.pages(self._scope, PageQuery(segment_id=segment.id))
                topics = self._topics_of(pages)
                if len(topics) == len(pages):  # recalls since then count, too
                    again = self._segment_of(pages, topics)
                    segment = segment if again is None else replace(again, id=segment.id)
                self._vectors[segment.id] = from_blob(record.vector)
                self._put(replace(segment, evicted=False, evicted_by=None))

    def _shrink_chain(self, chain: Chain, page_id: str) -> None:
        left = tuple(id_ for id_ in chain.page_ids if id_ != page_id)
        pages = self._store.pages(self._scope, PageQuery(ids=left)) if left else []
        self._gone.add(("chain", chain.id))
        if not pages:
            return
        summaries = [topic.summary for topic in self._topics_of(pages)]
        again = replace(
            chain,
            id=derived_id("c", pages[0].id),
            page_ids=left,
            summary=mid_term.joined_summary(summaries, mid_term.MOST_OF_CHAIN),
            updated=pages[-1].timestamp,
        )
        self._chains[again.id] = again
        self._gone.discard(("chain", again.id))
        for page in pages:
            here = self._places.get(page.id, Assignment(page.id, page.segment_id, None))
            self._places[page.id] = replace(here, chain_id=again.id)

    def _shrink_segment(self, segment_id: str) -> None:
        """Work a segment out again from the pages that it has left."""
        old = self._segments.get(segment_id)
        pages = self._store.pages(self._scope, PageQuery(segment_id=segment_id))
        topics = self._topics_of(pages)
        if old is None or len(topics) != len(pages):
            return  # evicted, or a model's: it is right again after a rebuild
        del self._segments[segment_id]
        self._nearness = self._nearness.with_changes({segment_id: None})
        self._gone.add(("segment", segment_id))
        segment = self._segment_of(pages, topics)
        if segment is None:
            return
        self._gone.discard(("segment", segment.id))
        self._unread[segment.id] = segment
        self._put(segment)
        if segment.id == segment_id:
            return
        for page, topic in zip(pages, topics, strict=True):
            self._places[page.id] = Assignment(page.id, segment.id, page.chain_id)
            self._topics[page.id] = replace(topic, segment_id=segment.id)

    def _segment_of(self, pages: Sequence[Page], topics: Sequence[Topic]) -> Segment | None:
        """Return the segment that pages make, with the recalls that found them."""
        stored = map(decode, self._store.records(self._scope, ["visits"]))
        visits = [each for each in stored if isinstance(each, Visits)]
        visits.sort(key=lambda each: each.after_seq)
        segment: Segment | None = None
        here: set[str] = set()
        for place, (page, topic) in enumerate(zip(pages, topics, strict=True)):
            here.add(page.id)
            segment = founded(topic, page) if segment is None else grown(segment, topic, page)
            segment = self._promoted(segment, page.seq)
            following = pages[place + 1].seq if place + 1 < len(pages) else None
            for visit in visits:
                if visit.after_seq < page.seq or (following and visit.after_seq >= following):
                    continue
                for recalled in visit.recalls:
                    times = sum(n for id_, n in recalled.pages.items() if id_ in here)
                    if times:
                        segment = mid_term.visited(segment, times, recalled.at)
                        segment = self._promoted(segment, page.seq)
        return segment

    def _topic_of(self, page: Page) -> Topic | None:
        found = self._record("topic", derived_id("t", page.id))
        if isinstance(found, Topic):
            return found
        for record in self._store.records(self._scope, ["topic"]):  # of a model's batch
            topic = decode(record)
            if isinstance(topic, Topic) and page.id in topic.page_ids:
                return topic
        return None

    def _topics_of(self, pages: Sequence[Page]) -> list[Topic]:
        """Return the topics of pages that have one each, in the pages' order."""
        ids = [derived_id("t", page.id) for page in pages]
        stored = self._store.records(self._scope, ["topic"], ids=ids) if ids else []
        topics = {record.id: decode(record) for record in stored}
        found = (topics.get(id_) for id_ in ids)
        return [topic for topic in found if isinstance(topic, Topic) and len(topic.page_ids) == 1]

    def _unlearn(self, page_id: str) -> None:
        """Take a page out of the sources of what is known, and what it alone said altogether."""
        self._settle()
        touched = False
        for item in self._learned_from(page_id):
            left = without_pages(item, frozenset((page_id,)))
            if left is item:
                continue
            touched = True
            if left is not None:
                ids = [source.page_id for source in left.sources]
                pages = self._store.pages(self._scope, PageQuery(ids=ids))
                updated = max((page.timestamp for page in pages), default=item.updated)
                self._changed[item.id] = replace(left, updated=updated)
                if item.status == "active":
                    self._known[item.id] = self._changed[item.id]
                continue
            self._gone.add(("knowledge", item.id))
            self._known.pop(item.id, None)
            for id_ in item.supersedes:
                older = self._record("knowledge", id_)
                if isinstance(older, Knowledge) and older.superseded_by == item.id:
                    again = replace(older, status="active", superseded_by=None)
                    self._known[id_] = self._changed[id_] = again
        if not touched:
            return
        bare = [item for item in self._known.values() if item.id not in self._vectors]
        rows = embed_all(self._embedder, [item.text for item in bare])
        self._vectors.update((item.id, row) for item, row in zip(bare, rows, strict=True))
        self._statements = Statements(self._known.values(), self._vectors)

    def _learned_from(self, page_id: str) -> list[Knowledge]:
        """Return what is or was known from a page, oldest first."""
        found = [
            decode(record)
            for record in self._store.records(self._scope, ["knowledge"])
            if any(source["page_id"] == page_id for source in record.body["sources"])
        ]
        items = [item for item in found if isinstance(item, Knowledge)]
        return sorted(items, key=lambda item: (item.created, item.id))

    def _record(self, kind: Kind, id_: str) -> object:
        found = self._store.records(self._scope, [kind], ids=[id_])
        return decode(found[0]) if found else None
