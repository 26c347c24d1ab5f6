"""Has a model read again what the rules filed: while its budget was spent, or where it failed.

Where it failed it is asked again a day later at the earliest, or when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from memoryos.model import Scope, Segment, Topic
from memoryos.ports import AnalystChoice, Analysts, Batch, Clock
from memoryos.retrieval.views import Views
from memoryos.storage.codec import decode, encode
from memoryos.storage.port import Changes, Head, PageQuery, Store
from memoryos.storage.transact import transact
from memoryos.tiers import mid_term
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.updating.filing import Updater
from memoryos.updating.promotion import relevant

AGAIN = timedelta(days=1)
"""A model that failed at some pages is not asked about them again before."""


class Revisitor:
    """Revises marked topics with the model, one call each. Thread-safe."""

    def __init__(
        self, store: Store, updater: Updater, views: Views, analysts: AnalystChoice, clock: Clock
    ) -> None:
        self._store = store
        self._updater = updater
        self._views = views
        self._analysts = analysts
        self._clock = clock

    def run(self, scope: Scope, *, failed: bool = False) -> bool:
        """Read marked topics again while the budget lasts; return whether any was revised.

        failed: also those that the model failed at within the last day.  The pages of a revised
        topic are news to its segment, so that its next promotion reads them.  Raises ModelError;
        what was done stays done.
        """
        revised = False
        for record in self._store.records(scope, ["topic"], live=True):
            topic = decode(record)
            chosen = self._analysts(scope)
            if not isinstance(topic, Topic) or chosen.revisit or chosen.analyst.name == "rules":
                break  # the budget is spent, or no model is configured
            if topic.failed is None or failed or self._clock() - topic.failed >= AGAIN:
                revised |= self._reread(scope, topic, chosen)
        return revised

    def _reread(self, scope: Scope, topic: Topic, chosen: Analysts) -> bool:
        """Have the model read a topic's pages; return whether it could."""
        stored = self._store.pages(scope, PageQuery(ids=topic.page_ids))
        if not stored:
            return False
        pages = tuple(map(without_quotation, stored))
        known = relevant(self._views.get(scope).tiers, pages)
        draft = chosen.analyst.consolidate(Batch(pages, known=known))
        failed = any(part.failed for part in draft.topics)
        again = replace(topic, failed=self._clock() if failed else None, revisit=failed)
        if not failed:
            again = replace(
                again,
                summary=mid_term.joined_summary([part.summary for part in draft.topics]),
                keywords=mid_term.joined_keywords([part.keywords for part in draft.topics]),
                analyst=chosen.analyst.name,
            )

        def work(_: Head) -> tuple[Changes | None, None]:
            here = self._store.records(scope, ["topic"], ids=[topic.id])
            if not here or decode(here[0]) != topic:
                return None, None  # erased, or read again by another process
            put = self._updater.learned(scope, draft, pages, chosen)
            if failed:
                return Changes(put=[encode(again), *put]), None
            segment = self._views.get(scope).tiers.segments.get(topic.segment_id)
            changed: list[Topic | Segment] = [again, *self._segments(scope, segment, again)]
            return Changes(put=[*self._updater.embedded(changed), *put]), None

        transact(self._store, scope, "consolidation", work)
        return not failed

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
