"""Protocols of models, embedders, analysts and observers.

What it asks of a store is in `memoryos.storage.port`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from memoryos.model import (
    Chain,
    Knowledge,
    KnowledgeKind,
    Owner,
    Page,
    Profile,
    Scope,
    Segment,
    Source,
)

R = TypeVar("R")
_log = logging.getLogger("memoryos.ports")
Vectors = NDArray[np.float32]
"""Rows of L2-normalised float32."""


class Clock(Protocol):
    """Tells the time; tests pass their own."""

    def __call__(self) -> datetime:
        """Return now: aware, UTC."""
        ...


def utc_now() -> datetime:
    """Return the time of the system's clock."""
    return datetime.now(timezone.utc)


@runtime_checkable
class Embedder(Protocol):
    """Turns text into L2-normalised float32 vectors. Thread-safe."""

    @property
    def name(self) -> str:
        """Names the model; stored with the vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector. May need a first call to be found out. Raises ModelError."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an (n, dimension) array. Raises ModelError when the model fails."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) array. Raises ModelError when the model fails."""
        ...


class TokenCounter(Protocol):
    """Counts the tokens of a text; never too few."""

    def __call__(self, text: str, /) -> int:
        """Return the number of tokens of `text`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one or more calls, as the endpoint reports them (else as counted)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 1

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer."""

    text: str
    parsed: Any = None
    """The validated pydantic object when a schema was asked for."""
    usage: TokenUsage = field(default_factory=TokenUsage)
    truncated: bool = False
    """Whether the answer ended because it reached its longest length."""


@runtime_checkable
class ChatModel(Protocol):
    """A language model. Thread-safe. Messages are {"role": …, "content": …} mappings."""

    name: str

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: type[Any] | None = None,
        max_tokens: int | None = None,
    ) -> Completion:
        """Return the whole answer; with `schema` (a pydantic model class), `parsed` is an instance.

        Raises ModelError: ModelUnavailable when it may work later, ModelAnswerInvalid, ModelRefused
        or ContextOverflow (`error.permanent`) when the same request would fail again.
        """
        ...

    def stream(
        self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int | None = None
    ) -> Iterator[str]:
        """Yield the answer piece by piece. Raises ModelUnavailable, also midway."""
        ...


# ── Analysts: read pages, draft what the tiers then decide about ──────────────────────────────


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages of one session about to be paged out, oldest first."""

    pages: tuple[Page, ...]
    previous: Page | None = None
    """The page of the session before them, already paged out."""
    previous_chain: Chain | None = None
    """The chain that `previous` belongs to."""
    known: tuple[Knowledge, ...] = ()
    """Current facts that these pages may repeat, add to or contradict; most relevant first."""


@dataclass(frozen=True, slots=True)
class TopicDraft:
    """A topic found in a batch."""

    page_ids: tuple[str, ...]
    summary: str
    keywords: tuple[str, ...]
    failed: bool = False
    """The rules wrote it, because the model failed at these pages: it is asked again later."""


@dataclass(frozen=True, slots=True)
class ChainDraft:
    """A run of consecutive pages of a batch that continue one another."""

    page_ids: tuple[str, ...]
    summary: str
    """What the chain says so far; for a continued chain, old pages included."""
    continues: bool = False
    """True for the first run when it goes on from `Batch.previous`."""


@dataclass(frozen=True, slots=True)
class Consolidation:
    """What an analyst makes of a batch: each page in exactly one topic and one chain."""

    topics: tuple[TopicDraft, ...]
    chains: tuple[ChainDraft, ...]
    facts: tuple[FactDraft, ...] = ()
    """What the pages tell of their speakers, oldest first."""


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """A hot segment about to be promoted."""

    segment: Segment
    pages: tuple[Page, ...]
    """Its pages that no promotion has read yet, oldest first."""
    known: tuple[Knowledge, ...]
    """Active knowledge that these pages may repeat, add to or contradict; most relevant first."""
    profile: Profile


@dataclass(frozen=True, slots=True)
class FactDraft:
    """A fact an analyst read out of pages."""

    owner: Owner
    text: str
    sources: tuple[Source, ...]
    attribute: str | None = None
    value: str | None = None
    subject: str | None = None
    supersedes: tuple[str, ...] = ()
    """Ids of known facts that this one makes untrue."""
    kind: KnowledgeKind = "fact"
    speaker: str = ""
    """Who said it, where the messages name the speaker."""


@dataclass(frozen=True, slots=True)
class TraitDraft:
    """A trait an analyst read out of pages; `name` is one of the 90 dimensions."""

    name: str
    level: str
    reason: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """What an analyst makes of a hot segment."""

    facts: tuple[FactDraft, ...] = ()
    traits: tuple[TraitDraft, ...] = ()


class Analyst(Protocol):
    """Reads pages and drafts; decides nothing, stores nothing."""

    name: str
    """"rules" or the model's name: stored with everything it drafts."""

    def consolidate(self, batch: Batch) -> Consolidation:
        """Find topics, chains and summaries. Raises ModelError; then the pages keep waiting."""
        ...

    def promote(self, request: PromotionRequest) -> Promotion:
        """Find facts and traits. Raises ModelError; then the segment stays hot."""
        ...


@dataclass(frozen=True, slots=True)
class Analysts:
    """The analyst chosen for a scope."""

    analyst: Analyst
    by_page: bool = False
    """It reads page after page: what comes of it does not depend on how pages are batched."""
    revisit: bool = False
    """The rules stand in for a model whose budget is spent: it shall look again."""


AnalystChoice = Callable[[Scope], Analysts]


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger: a model call. Holds no text of the memory and no key."""

    purpose: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    outcome: str
    """"ok", or the name of the error."""
    at: datetime


# ── Observers: are told what the engines of this process do ───────────────────────────────────

End = Callable[[Any, "BaseException | None"], None]
"""Takes the result of an operation, or the error that it ended with."""


class Observer(Protocol):
    """Is told what the engines of this process do, in the thread that does it. Thread-safe."""

    def begin(
        self, doing: str, scope: Scope, session_id: str | None, given: Mapping[str, Any]
    ) -> End:
        """Take note that an operation begins; return what is to be called at its end.

        doing: a verb of `Memory`, or "file".  session_id: None where it is of no session.
        given: the verb's arguments by name; for "file" how many pages wait: {"pages": 7}.
        """
        ...

    def called(self, scope: Scope, call: Call, model: ChatModel) -> None:
        """Take note of a model call that has just ended, well or not."""
        ...


observers: list[Observer] = []
"""Who is told; `memoryos_integrations.opentelemetry` adds itself here."""


def observed(
    doing: str,
    scope: Scope,
    session_id: str | None,
    given: Mapping[str, Any],
    do: Callable[[], R],
) -> R:
    """Do something while the observers watch; return its result. Their faults are only logged."""
    ends = [_told(observer.begin, doing, scope, session_id, given) for observer in observers]
    result, failure = None, None
    try:
        result = do()
        return result
    except BaseException as error:
        failure = error
        raise
    finally:
        for end in reversed(ends):
            if end is not None:
                _told(end, result, failure)


def observe_call(scope: Scope, call: Call, model: ChatModel) -> None:
    """Tell the observers of a model call that has just ended."""
    for observer in observers:
        _told(observer.called, scope, call, model)


def _told(tell: Callable[..., R], *what: Any) -> R | None:
    try:
        return tell(*what)
    except Exception as error:  # noqa: BLE001  # a memory does not fail because it is watched
        _log.warning("an observer failed with %s", type(error).__name__)
        return None
