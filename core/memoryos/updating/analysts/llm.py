"""The analyst that asks a language model: one call per batch, one per promotion.

Its answers are checked in `answers`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from memoryos.errors import ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm.tokens import fit_tokens
from memoryos.model import Knowledge, Page
from memoryos.ports import (
    Batch,
    ChatModel,
    Consolidation,
    FactDraft,
    Promotion,
    PromotionRequest,
    TokenCounter,
    TokenUsage,
    TraitDraft,
)
from memoryos.updating.analysts.answers import (
    MAX_STATEMENT,
    PromotionReader,
    ShownPage,
    line,
    read_consolidation,
    speakers,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

OnCall = Callable[[str, TokenUsage, float, str], None]
"""Told of every call: purpose, usage, seconds, and "ok" or the error's name."""

SIDE_TOKENS = 400
"""Longest side of a page that a prompt shows; of more, the beginning and the end."""
CALL_TOKENS = 6000
"""Page text in one promotion call; a segment of more is read in several."""
KNOWN_FACTS = 20
KNOWN_TOKENS = 220
"""Facts shown as known, most relevant first, and the tokens they may take."""

_Answer = TypeVar("_Answer", bound="BaseModel")
_Drafts = TypeVar("_Drafts")


class LLMAnalyst:
    """Reads pages with a chat model. Thread-safe if the model is.

    model: whose `name` is stored with what it drafts.  count: tokens as the model counts them.
    on_call: told of every call, also of those that failed.
    """

    def __init__(
        self, model: ChatModel, count: TokenCounter, on_call: OnCall | None = None
    ) -> None:
        self.name = model.name
        self._model = model
        self._count = count
        self._on_call = on_call

    def consolidate(self, batch: Batch) -> Consolidation:
        """Find topics, chains and their summaries in one call.

        Raises ModelUnavailable; ModelAnswerInvalid for an answer that leaves pages out or makes no
        sense.  Both carry the `usage` of the call.
        """
        from memoryos.updating.analysts.prompts import consolidate as task  # noqa: PLC0415  # loads pydantic

        shown = [self._shown(number, page) for number, page in enumerate(batch.pages, 1)]
        previous, before, chain = None, None, ""
        if batch.previous is not None:
            page = self._shown(0, batch.previous, SIDE_TOKENS // 8)
            chain = batch.previous_chain.summary if batch.previous_chain else ""
            chain = fit_tokens(chain, SIDE_TOKENS // 4, self._count)
            previous, before = page.quoted, chain or " ".join(page.sides)
        messages = task.consolidate_messages(
            [page.quoted for page in shown],
            speakers(batch.pages),
            previous,
            chain,
        )
        return self._ask(
            "consolidate",
            messages,
            task.ConsolidateAnswer,
            lambda answer: read_consolidation(answer, shown, before),
        )

    def promote(self, request: PromotionRequest) -> Promotion:
        """Find facts and traits, in one call unless the segment is very long. Raises ModelError."""
        from memoryos.updating.analysts.prompts import promote as task  # noqa: PLC0415  # loads pydantic

        known = self._known(request.known)
        facts: list[FactDraft] = []
        traits: dict[str, TraitDraft] = {}
        for shown in self._portions(request.pages):
            messages = task.promote_messages(
                [page.quoted for page in shown],
                speakers([page.page for page in shown]),
                [line(item.text, MAX_STATEMENT) for item in known],
            )
            reader = PromotionReader(shown, known)
            draft = self._ask("promote", messages, task.PromoteAnswer, reader.promotion)
            facts += draft.facts
            traits.update((trait.name, trait) for trait in draft.traits)
        return Promotion(tuple(facts), tuple(traits.values()))

    # ── asking ──

    def _ask(
        self,
        purpose: str,
        messages: Sequence[dict[str, str]],
        schema: type[_Answer],
        read: Callable[[_Answer], _Drafts],
    ) -> _Drafts:
        """Ask, have the answer read, and report what it cost.

        An answer of the right form that makes no sense is asked for once more, unless the model
        has already been asked twice to get its form right.
        """
        started = time.monotonic()
        usage, outcome = TokenUsage(calls=0), "ok"
        try:
            completion = self._model.complete(messages, schema=schema)
            usage = completion.usage
            try:
                return read(_parsed(completion.parsed, completion.text, schema))
            except ModelAnswerInvalid:
                if usage.calls > 1:
                    raise
            completion = self._model.complete(messages, schema=schema)
            usage += completion.usage
            return read(_parsed(completion.parsed, completion.text, schema))
        except ModelError as error:
            if error.usage is not None:
                usage += error.usage
            error.usage = usage
            outcome = type(error).__name__
            raise
        except Exception as error:  # noqa: BLE001  # a model of the user's own may raise anything
            outcome = ModelUnavailable.__name__
            raise ModelUnavailable(
                f"chat model {self.name!r} failed with {type(error).__name__}; try later"
            ) from None
        finally:
            if self._on_call is not None:
                self._on_call(purpose, usage, time.monotonic() - started, outcome)

    # ── what is shown ──

    def _shown(self, number: int, page: Page, limit: int = SIDE_TOKENS) -> ShownPage:
        from memoryos.generation.quoting import QuotedPage  # noqa: PLC0415  # as above

        user, agent = (self._cut(side, limit) for side in (page.user_input, page.agent_response))
        day = page.timestamp.date().isoformat()
        return ShownPage(page, QuotedPage(number, user, agent, day))

    def _cut(self, text: str, limit: int) -> str:
        """Return `text`, or its beginning and end if it is longer than `limit` tokens."""
        if len(text) <= 32 * limit and self._count(text) <= limit:
            return text
        head = fit_tokens(text[: 16 * limit], limit * 2 // 3, self._count)
        return f"{head} […] {text[-limit // 2 :]}"

    def _portions(self, pages: Sequence[Page]) -> Iterator[list[ShownPage]]:
        """Yield the pages in as many calls as they need: nearly always one."""
        portion: list[ShownPage] = []
        size = 0
        for page in pages:
            shown = self._shown(len(portion) + 1, page)
            tokens = self._count(shown.quoted.user) + self._count(shown.quoted.agent)
            if portion and size + tokens > CALL_TOKENS:
                yield portion
                portion, size = [], 0
                shown = self._shown(1, page)
            portion.append(shown)
            size += tokens
        if portion:
            yield portion

    def _known(self, known: Sequence[Knowledge]) -> list[Knowledge]:
        """Return the facts to show: the most relevant, as many as their budget holds."""
        chosen: list[Knowledge] = []
        left = KNOWN_TOKENS
        for item in known[:KNOWN_FACTS]:
            left -= self._count(line(item.text, MAX_STATEMENT)) + 4
            if left < 0:
                break
            chosen.append(item)
        return chosen


def _parsed(parsed: Any, text: str, schema: type[_Answer]) -> _Answer:
    """Return the answer as the schema; a model of the user's own may give only its text."""
    if isinstance(parsed, schema):
        return parsed
    from memoryos.llm.json_answers import parse_answer  # noqa: PLC0415  # loads pydantic

    found = parse_answer(text, schema)
    if found is None:
        raise ModelAnswerInvalid("the model's answer is not the JSON that was asked for")
    return found
