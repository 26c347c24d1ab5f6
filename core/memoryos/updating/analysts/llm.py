"""The analyst that asks a language model: one call files a batch of pages, one promotes a segment.

Answers are completed in `answers` and held against the pages in `grounding`.  Where asking again is
of no use (a refusal, a filter, a prompt too long, twice no answer in the form asked for) the batch
is halved until the pages are found that the model fails at; those the rules file, marked as failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from memoryos.errors import ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm.tokens import fit_tokens
from memoryos.model import Knowledge, Page
from memoryos.ports import (
    Analyst,
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
from memoryos.updating.analysts.answers import read_consolidation, read_promotion
from memoryos.updating.analysts.batching import Attempts, Before, Pace, joined
from memoryos.updating.analysts.prompts.shown import CUT, MAX_KNOWN, ShownPage, known_line, one_line

if TYPE_CHECKING:
    from pydantic import BaseModel

OnCall = Callable[[str, TokenUsage, float, str], None]
"""Told of every call: purpose, usage, seconds, and "ok" or the error's name."""

PAGE_TOKENS = 280
"""Longest page that a prompt for filing shows; of a longer side, the beginning and the end."""
PERSONA_TOKENS = 120
"""The same of a prompt for promotion: what makes a persona is said in few words, by the user."""
AGENT_SHARE = 0.2
"""Of a page that is too long, the agent's side gets so much at most: the user tells most."""
LEAST_TOKENS = 60
"""A page is not cut to less, however small the context window."""
CALL_TOKENS = 6_000
"""Page text in one call, at most."""
KNOWN_FACTS = 20
KNOWN_TOKENS = 150
"""Facts shown as known, most relevant first, and the tokens they may take."""
SAFETY = 0.85
"""Share of the context window that is planned with: the model may count more tokens than we do."""

_Answer = TypeVar("_Answer", bound="BaseModel")
_Drafts = TypeVar("_Drafts")


class LLMAnalyst:
    """Reads pages with a chat model. Thread-safe if the model is.

    model: whose `name` is stored with what it drafts.  count: tokens as the model counts them.
    rules: files the pages that the model fails at.  on_call: told of every call, also of those
    that failed.  pace: what earlier calls have shown of the model's patience.
    """

    def __init__(
        self,
        model: ChatModel,
        count: TokenCounter,
        rules: Analyst,
        on_call: OnCall | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.name = model.name
        self._model = model
        self._count = count
        self._rules = rules
        self._on_call = on_call
        self._pace = pace or Pace()

    def consolidate(self, batch: Batch) -> Consolidation:
        """Find topics, chains and facts: in one call where the batch fits the context window.

        Raises ModelUnavailable when the model may answer later, with the `usage` of the call.
        """
        attempts = Attempts(len(batch.pages), self._pace)
        before = Before.of(batch)
        known = self._known(batch.known)
        drafts = []
        fixed = self._filing_tokens(known)
        for pages in self._portions(batch.pages, _consolidate().answer_tokens, fixed):
            draft = self._file(pages, before, known, attempts)
            before = before.after(pages, draft)
            drafts.append(draft)
        return joined(drafts)

    def promote(self, request: PromotionRequest) -> Promotion:
        """Find attributes and traits: in one call unless the segment is very long.

        Of pages that the model fails at there are none.  Raises ModelUnavailable as above.
        """
        attempts = Attempts(len(request.pages), self._pace)
        known = self._known(request.known)
        facts: list[FactDraft] = []
        traits: dict[str, TraitDraft] = {}
        tokens = _promote().MAX_TOKENS
        for pages in self._portions(
            request.pages, lambda _: tokens, self._persona_tokens(known), PERSONA_TOKENS
        ):
            for draft in self._read_persona(pages, known, attempts):
                facts += draft.facts
                traits.update((trait.name, trait) for trait in draft.traits)
        return Promotion(tuple(facts), tuple(traits.values()))

    # ── parts of a batch ──

    def _file(
        self, pages: Sequence[Page], before: Before, known: Sequence[Knowledge], attempts: Attempts
    ) -> Consolidation:
        """Return the drafts of pages that follow `before`, halved as far as it takes."""
        if not attempts.hopeless:
            try:
                draft = self._filed(pages, before, known)
            except ModelError as error:
                self._raise_if_passing(error, pages)
                attempts.failed()
                if len(pages) > 1:
                    before = Before()  # it may be what the model failed at
            else:
                attempts.succeeded()
                return draft
        if len(pages) == 1 or attempts.hopeless:
            draft = self._rules.consolidate(before.batch(pages))
            topics = tuple(replace(topic, failed=True) for topic in draft.topics)
            return Consolidation(topics, draft.chains)
        half = len(pages) // 2
        first = self._file(pages[:half], before, known, attempts)
        second = self._file(pages[half:], before.after(pages[:half], first), known, attempts)
        return joined([first, second])

    def _filed(
        self, pages: Sequence[Page], before: Before, known: Sequence[Knowledge]
    ) -> Consolidation:
        task = _consolidate()
        limit = self._page_tokens(task.answer_tokens(1), self._filing_tokens(known))
        shown = [self._shown(number, page, limit) for number, page in enumerate(pages, 1)]
        previous, told, chain = None, None, ""
        if before.page is not None:
            previous = self._shown(0, before.page, self._few_tokens // 2)
            chain = fit_tokens(before.chain, self._few_tokens // 2, self._count)
            told = chain or " ".join(previous.sides)
        return self._ask(
            "consolidate",
            task.consolidate_messages(shown, previous, chain, known),
            task.consolidate_form(len(shown), len(known)),
            lambda answer: read_consolidation(answer, shown, told, known),
            task.answer_tokens(len(shown)),
            len(shown),
        )

    def _read_persona(
        self, pages: Sequence[Page], known: Sequence[Knowledge], attempts: Attempts
    ) -> Iterator[Promotion]:
        if attempts.hopeless:
            return
        task = _promote()
        limit = self._page_tokens(task.MAX_TOKENS, self._persona_tokens(known), PERSONA_TOKENS)
        shown = [self._shown(number, page, limit) for number, page in enumerate(pages, 1)]
        try:
            yield self._ask(
                "promote",
                task.promote_messages(shown, known),
                task.promote_form(len(shown), len(known)),
                lambda answer: read_promotion(answer, shown, known),
                task.MAX_TOKENS,
                len(shown),
            )
        except ModelError as error:
            self._raise_if_passing(error, pages)
            attempts.failed()
        else:
            attempts.succeeded()
            return
        if len(pages) > 1:
            yield from self._read_persona(pages[: len(pages) // 2], known, attempts)
            yield from self._read_persona(pages[len(pages) // 2 :], known, attempts)

    def _raise_if_passing(self, error: ModelError, pages: Sequence[Page]) -> None:
        """Raise the error again if the same call may work later."""
        given_up = getattr(error, "timed_out", False) and self._pace.timed_out(len(pages))
        if not (error.permanent or given_up):
            raise error

    # ── asking ──

    def _ask(
        self,
        purpose: str,
        messages: Sequence[dict[str, str]],
        form: type[_Answer],
        read: Callable[[_Answer], _Drafts],
        max_tokens: int,
        pages: int,
    ) -> _Drafts:
        """Ask, have the answer read, and report what it cost.

        An answer that cannot be read is asked for once more, unless the model has already been
        asked twice to get its form right.
        """
        started = time.monotonic()
        usage, outcome = TokenUsage(calls=0), "ok"
        try:
            completion = self._model.complete(messages, schema=form, max_tokens=max_tokens)
            usage = completion.usage
            here = sum(self._count(message["content"]) for message in messages)
            self._pace.counted(here, usage.prompt_tokens // max(usage.calls, 1))
            try:
                drafts = read(_parsed(completion.parsed, completion.text, form))
            except ModelAnswerInvalid:
                if usage.calls > 1:
                    raise
                completion = self._model.complete(messages, schema=form, max_tokens=max_tokens)
                usage += completion.usage
                drafts = read(_parsed(completion.parsed, completion.text, form))
            self._pace.answered(pages)
            return drafts
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

    # ── what fits ──

    @property
    def _window(self) -> int | None:
        """Tokens of prompt and answer together that the model takes; None where nothing tells."""
        window = getattr(self._model, "context_window", None)
        if window is None and (find := getattr(self._model, "find_context_window", None)):
            window = find()
        return window if isinstance(window, int) and window > 0 else None

    @property
    def _few_tokens(self) -> int:
        """Tokens that the known facts may take, and those that tell what came before."""
        window = self._window
        return KNOWN_TOKENS if window is None else min(KNOWN_TOKENS, window // 16)

    def _filing_tokens(self, known: Sequence[Knowledge]) -> int:
        """Return the tokens of a prompt beside its pages."""
        told = self._count(_consolidate().INSTRUCTIONS) + self._few_tokens
        return told + self._count(known_line(known) if known else "")

    def _persona_tokens(self, known: Sequence[Knowledge]) -> int:
        told = self._count(_promote().INSTRUCTIONS)
        return told + self._count(known_line(known) if known else "")

    def _page_tokens(self, answer: int, fixed: int, most: int = PAGE_TOKENS) -> int:
        """Return how many tokens one page may have, so that it alone fits the window."""
        window = self._window
        if window is None:
            return most
        return max(LEAST_TOKENS, min(most, self._room(window, fixed, answer)))

    def _room(self, window: int, fixed: int, answer: int) -> int:
        """Return the tokens, as counted here, that a prompt's pages may have in all."""
        free = window * SAFETY - min(answer, window // 2)
        return int(free / self._pace.scale) - fixed

    def _portions(
        self,
        pages: Sequence[Page],
        answer: Callable[[int], int],
        fixed: int,
        most_of_page: int = PAGE_TOKENS,
    ) -> Iterator[list[Page]]:
        """Yield the pages in as many calls as they need: nearly always one."""
        window, most = self._window, self._pace.most
        limit = self._page_tokens(answer(1), fixed, most_of_page)
        portion: list[Page] = []
        size = 0
        for page in pages:
            tokens = self._count(self._shown(len(portion) + 1, page, limit).line)
            room = CALL_TOKENS
            if window is not None:
                room = min(room, self._room(window, fixed, answer(len(portion) + 1)))
            if portion and (size + tokens > room or (most and len(portion) >= most)):
                yield portion
                portion, size = [], 0
            portion.append(page)
            size += tokens
        if portion:
            yield portion

    def _shown(self, number: int, page: Page, limit: int) -> ShownPage:
        """Return a page as the prompt shows it, in about `limit` tokens."""
        sizes = [self._size(side, limit) for side in (page.user_input, page.agent_response)]
        if sum(sizes) <= limit:
            return ShownPage(page, number, page.user_input, page.agent_response)
        agent = min(sizes[1], int(limit * AGENT_SHARE))
        user = min(sizes[0], limit - agent)
        return ShownPage(
            page, number, self._cut(page.user_input, user), self._cut(page.agent_response, agent)
        )

    def _size(self, text: str, limit: int) -> int:
        return self._count(text) if len(text) <= 32 * limit else 32 * limit

    def _cut(self, text: str, limit: int) -> str:
        """Return `text`, or its beginning and end if it is longer than `limit` tokens."""
        if len(text) <= 32 * limit and self._count(text) <= limit:
            return text
        head = fit_tokens(text[: 16 * limit], limit * 3 // 4, self._count)
        tail = text[-limit:]
        while tail and self._count(tail) > limit // 4:
            tail = tail[len(tail) // 4 + 1 :]
        return f"{head} {CUT} {tail}"

    def _known(self, known: Sequence[Knowledge]) -> list[Knowledge]:
        """Return the facts to show: the most relevant, as many as their budget holds."""
        chosen: list[Knowledge] = []
        left = self._few_tokens
        for item in known[:KNOWN_FACTS]:
            left -= self._count(one_line(item.text, MAX_KNOWN)) + 4
            if left < 0:
                break
            chosen.append(item)
        return chosen


def _consolidate() -> Any:
    from memoryos.updating.analysts.prompts import consolidate  # noqa: PLC0415  # loads pydantic

    return consolidate


def _promote() -> Any:
    from memoryos.updating.analysts.prompts import promote  # noqa: PLC0415  # loads pydantic

    return promote


def _parsed(parsed: Any, text: str, form: type[_Answer]) -> _Answer:
    """Return the answer in its form; a model of the user's own may give only its text."""
    if isinstance(parsed, form):
        return parsed
    from memoryos.llm.json_answers import parse_answer  # noqa: PLC0415  # loads pydantic

    found = parse_answer(text, form)
    if found is None:
        raise ModelAnswerInvalid("the model's answer is not the JSON that was asked for")
    return found
