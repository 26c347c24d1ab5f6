"""The analyst without a model, loaded when it first has something to read."""

from __future__ import annotations

from functools import cached_property

from memoryos.ports import Analyst, Batch, Consolidation, Promotion, PromotionRequest


class LateRules:
    """A `RuleAnalyst` that costs nothing until it reads: its patterns take longer than numpy."""

    name = "rules"

    def __init__(self, language: str | None = None) -> None:
        self._language = language

    def consolidate(self, batch: Batch) -> Consolidation:
        """Return the chains and topics of `batch`."""
        return self._rules.consolidate(batch)

    def promote(self, request: PromotionRequest) -> Promotion:
        """Return what the pages of a segment tell for good."""
        return self._rules.promote(request)

    @cached_property
    def _rules(self) -> Analyst:
        from memoryos.analysts.rules import RuleAnalyst  # noqa: PLC0415  # that is the point

        return RuleAnalyst(self._language)
