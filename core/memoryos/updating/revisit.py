"""Has a model revise what the rules filed while its budget was spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memoryos.model import Scope, Segment, Topic
from memoryos.ports import AnalystChoice, Analysts, Batch, Embedder
from memoryos.retrieval.views import Views
from memoryos.storage.codec import decode
from memoryos.storage.port import Changes, Head, PageQuery, Store
from memoryos.storage.transact import transact
from memoryos.storage.vectors import embedded
from memoryos.tiers import mid_term
from memoryos.updating.analysts.quotation import without_quotation


class Revisitor:
    """Revises marked topics with the model, one call each. Thread-safe."""

    def __init__(
        self, store: Store, views: Views, embedder: Embedder, analysts: AnalystChoice
    ) -> None:
        self._store = store
        self._views = views
        self._embedder = embedder
        self._analysts = analysts

    def run(self, scope: Scope) -> bool:
        """Read all marked topics again while the budget lasts; return whether any was.

        The pages of a topic that was read again are news to its segment, so that facts are read
        again with its next promotion. Raises ModelError; what was done stays done.
        """
        done = False
        for record in self._store.records(scope, ["topic"], live_only=True):
            topic = decode(record)
            chosen = self._analysts(scope)
            if not isinstance(topic, Topic) or chosen.revisit or chosen.analyst.name == "rules":
                break  # the budget is spent, or no model is configured
            self._reread(scope, topic, chosen)
            done = True
        return done

    def _reread(self, scope: Scope, topic: Topic, chosen: Analysts) -> None:
        pages = self._store.pages(scope, PageQuery(ids=topic.page_ids))
        if not pages:
            return
        draft = chosen.analyst.consolidate(Batch(tuple(map(without_quotation, pages))))
        again = replace(
            topic,
            summary=mid_term.joined_summary([part.summary for part in draft.topics]),
            keywords=mid_term.joined_keywords([part.keywords for part in draft.topics]),
            analyst=chosen.analyst.name,
            revisit=False,
        )

        def work(_: Head) -> tuple[Changes | None, None]:
            here = self._store.records(scope, ["topic"], ids=[topic.id])
            if not here or decode(here[0]) != topic:
                return None, None  # erased, or read again by another process
            segment = self._views.get(scope).tiers.segments.get(topic.segment_id)
            put = embedded([again, *self._segments(scope, segment, again)], self._embedder)
            return Changes(put=put), None

        transact(self._store, scope, "consolidation", work)

    def _segments(self, scope: Scope, segment: Segment | None, again: Topic) -> Sequence[Segment]:
        if segment is None:
            return ()
        stored = (decode(record) for record in self._store.records(scope, ["topic"]))
        topics = [
            again if topic.id == again.id else topic
            for topic in stored
            if isinstance(topic, Topic) and topic.segment_id == segment.id
        ]
        topics.sort(key=lambda topic: (topic.created, topic.id))
        pages = self._store.pages(scope, PageQuery(segment_id=segment.id))
        news = [page.seq - 1 for page in pages if page.id in again.page_ids]
        promoted = min([segment.promoted_seq, *news])
        return [
            replace(
                segment,
                summary=mid_term.joined_summary([topic.summary for topic in topics]),
                keywords=mid_term.joined_keywords([topic.keywords for topic in topics]),
                promoted_seq=promoted,
                interactions=max(segment.interactions, sum(p.seq > promoted for p in pages)),
            )
        ]
