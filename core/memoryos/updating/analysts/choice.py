"""Choice of the analyst of a scope: the model, or the rules without one or its budget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timezone
from functools import cached_property

from memoryos.config import MemoryConfig
from memoryos.model import Scope
from memoryos.ports import (
    Analyst,
    Analysts,
    Batch,
    Call,
    ChatModel,
    Clock,
    Consolidation,
    Promotion,
    PromotionRequest,
    TokenUsage,
    observe_call,
)
from memoryos.storage.port import Store
from memoryos.updating.analysts.batching import Pace


class Choice:
    """Chooses the analyst of a scope: the model, or the rules without one or its budget."""

    def __init__(
        self,
        store: Store,
        config: MemoryConfig,
        rules: Analyst,
        chat_model: ChatModel | None,
        count_tokens: Callable[[str], int],
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._rules = rules
        self._chat_model = chat_model
        self._count_tokens = count_tokens
        self._clock = clock
        self._pace = Pace()

    def __call__(self, scope: Scope) -> Analysts:
        """Return the analyst of the scope, and whether a model shall look again."""
        model = self._chat_model
        if model is None:
            return Analysts(self._rules, by_page=True)
        if self._spent(scope):
            return Analysts(self._rules, by_page=True, revisit=True)
        from memoryos.updating.analysts.llm import LLMAnalyst  # noqa: PLC0415  # loads pydantic

        def on_call(purpose: str, usage: TokenUsage, seconds: float, outcome: str) -> None:
            call = Call(
                purpose=purpose,
                model=model.name,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                seconds=seconds,
                outcome=outcome,
                at=self._clock(),
            )
            observe_call(scope, call, model)
            self._store.log_call(scope, call)

        return Analysts(LLMAnalyst(model, self._count_tokens, self._rules, on_call, self._pace))

    def _spent(self, scope: Scope) -> bool:
        calls_allowed, tokens_allowed = self._config.calls_per_day, self._config.tokens_per_day
        if calls_allowed is None and tokens_allowed is None:
            return False
        today = (
            self._clock()
            .astimezone(timezone.utc)
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        calls = [call for call in self._store.calls(scope, today) if call.purpose != "respond"]
        tokens = sum(call.prompt_tokens + call.completion_tokens for call in calls)
        return (calls_allowed is not None and len(calls) >= calls_allowed) or (
            tokens_allowed is not None and tokens >= tokens_allowed
        )


class Rules:
    """`RuleAnalyst`, imported at first use: compiling its patterns takes longer than numpy."""

    name = "rules"

    def __init__(self, language: str | None = None) -> None:
        self._language = language

    def consolidate(self, batch: Batch) -> Consolidation:
        """Return the chains and topics of `batch`."""
        return self._reader.consolidate(batch)

    def promote(self, request: PromotionRequest) -> Promotion:
        """Return what the pages of a segment tell for good."""
        return self._reader.promote(request)

    @cached_property
    def _reader(self) -> Analyst:
        from memoryos.updating.analysts.rules import RuleAnalyst  # noqa: PLC0415  # that is the point

        return RuleAnalyst(self._language)
