"""The analyst that needs no model: chains, topics and statements by rule.

Deterministic and pure: the same pages give the same drafts, whenever and wherever they are read.
"""

from __future__ import annotations

from memoryos.ports import Batch, ChainDraft, Consolidation, Promotion, PromotionRequest, TopicDraft
from memoryos.tiers.mid_term import MOST_OF_CHAIN, joined_summary
from memoryos.updating.analysts.continuity import read, runs
from memoryos.updating.analysts.statements import statements
from memoryos.updating.analysts.summaries import KEYWORDS, TOPIC_SUMMARY, Excerpts, summary


class RuleAnalyst:
    """Reads pages by rule. What it cannot tell it leaves out; it never invents.

    Args:
        language: ISO 639-1 code of the dialogue; None finds it out text by text.
    """

    name = "rules"

    def __init__(self, language: str | None = None) -> None:
        self._language = language

    def consolidate(self, batch: Batch) -> Consolidation:
        """Return the chains and statements of `batch`, and a topic for each of its pages."""
        topics = []
        for page in batch.pages:
            told = Excerpts.of([page])
            topics.append(
                TopicDraft((page.id,), summary(told, TOPIC_SUMMARY), told.words[:KEYWORDS])
            )
        said = {topic.page_ids[0]: topic.summary for topic in topics}
        chains, goes_on = runs([read(page) for page in batch.pages], batch.previous)
        drafts = []
        for place, chain in enumerate(chains):
            continued = goes_on and place == 0
            old = batch.previous_chain.summary if continued and batch.previous_chain else ""
            ids = tuple(reading.page.id for reading in chain)
            lines = [old, *(said[id_] for id_ in ids)]
            drafts.append(ChainDraft(ids, joined_summary(lines, MOST_OF_CHAIN), continued))
        facts = [fact for page in batch.pages for fact in statements(page, self._language)]
        return Consolidation(tuple(topics), tuple(drafts), tuple(facts))

    def promote(self, _: PromotionRequest) -> Promotion:
        """Return nothing: without a model no fact and no trait is asserted."""
        return Promotion()
