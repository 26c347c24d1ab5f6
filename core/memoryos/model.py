"""The nouns of the memory, as frozen values. No behaviour beyond views of their own fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Id = str | int | UUID
"""Of a user, assistant or session; ints and UUIDs, databases' keys, are taken as their text."""

Owner = Literal["user", "agent"]
"""Whom a piece of knowledge is about."""

ANSWERED_BY = "answered_by"
QUOTATION = "quotation"
"""metadata[ANSWERED_BY] == QUOTATION: the agent's words only quote the memory (no model is
configured), so they are journalled but not indexed: a quote must not outrank what it quotes."""
DOCUMENT, NO_SEGMENT = "memoryos.document", ""
"""metadata[DOCUMENT]: the program whose item or file a page is; it has NO_SEGMENT: never filed."""
DREW_ON = "drew_on"
"""metadata[DREW_ON]: ids of what an answer of `respond` was shown: forgetting one finds it."""

KnowledgeKind = Literal["statement", "fact"]
"""A statement quotes what somebody said of themselves; a fact was read by a model or stated."""

Status = Literal["active", "archived", "superseded"]
"""Where knowledge stands: only active knowledge is recalled; nothing is dropped."""

CARDS: dict[str, Callable[[Any], str]] = {}
"""How a notebook shows a value, by the name of its class; `memoryos.frontends.displays` says."""

FIGURES: dict[str, Callable[[Any], Any]] = {}
"""How a memory is drawn with matplotlib, by the name of the figure: filled likewise."""


class Displayable:
    """A value that a notebook shows as a card."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        """Return the card as HTML; None where no front end has said how."""
        card = CARDS.get(type(self).__name__)
        return card(self) if card else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Owner of a memory: one user with one assistant. Ids are compared byte by byte."""

    user_id: str
    assistant_id: str = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as an agent framework sees it; pages keep them verbatim."""

    role: str
    """"user", "assistant", "system" or "tool"."""
    content: Any = ""
    """Text, or a list of JSON content blocks (text, image, thinking…)."""
    name: str | None = None
    """Who speaks, where the framework tells (a person's or tool's name)."""
    id: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tool_call_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Anything else that the adapter needs to give the message back exactly; JSON."""

    @property
    def text(self) -> str:
        """The words of the message: its content, or the text of its text blocks."""
        if isinstance(self.content, str):
            return self.content
        if not isinstance(self.content, Sequence):
            return ""
        parts = []
        for block in self.content:
            if isinstance(block, str):
                parts.append(block)
            elif isinstance(block, Mapping) and isinstance(block.get("text"), str):
                parts.append(block["text"])
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Page:
    """One dialogue turn pair as it stands in the journal: page = {Q, R, T} of the paper, §3.1."""

    id: str
    """Opaque; unique within the scope."""
    user_input: str
    """What the user said; empty when the page lacks that side."""
    agent_response: str
    """What the agent answered; empty when the page lacks that side."""
    timestamp: datetime
    """When the turn took place; aware, UTC."""
    session_id: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    """The original messages; `user_input` and `agent_response` are views of them."""
    chain_id: str | None = None
    """The dialogue chain it belongs to; None until it is paged out."""
    segment_id: str | None = None
    """Its one mid-term segment; None while it waits in short-term memory, "" for a document."""
    seq: int = 0
    """Position in the scope's journal; strictly increasing."""
    damaged: bool = False
    """What the database gave is not what was journalled: bits of its file have changed."""

    @property
    def user_name(self) -> str | None:
        """The user's name as the messages give it."""
        return next((m.name for m in self.messages if m.role == "user" and m.name), None)

    @property
    def agent_name(self) -> str | None:
        """The agent's name as the messages give it."""
        return next((m.name for m in self.messages if m.role == "assistant" and m.name), None)

    @property
    def text(self) -> str:
        """Both sides, one line each, with the speakers' names where known."""
        # The first name of each role: a later one is written over.
        names = {m.role: m.name for m in reversed(self.messages) if m.name}
        lines = []
        for role, said in (("user", self.user_input), ("assistant", self.agent_response)):
            if said:
                lines.append(f"{names[role]}: {said}" if role in names else said)
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensible:
    """What is stored as a record, or part of one."""

    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Fields that a newer version of this library has stored; kept as they are."""


@dataclass(frozen=True, slots=True)
class Source(Extensible):
    """Source of a derived value: a page, and the quote of it."""

    page_id: str
    quote: str
    text: str = ""
    """The statement as this source alone gives it (near-duplicates are merged)."""
    span: tuple[int, int] | None = None
    """Where the quote stands in the owner's side of the page, as characters from…to; None where the
    words are not a run of that side."""


@dataclass(frozen=True, slots=True)
class Topic(Extensible):
    """Topic of some pages of one page-out; a segment is made of topics."""

    id: str
    segment_id: str
    page_ids: tuple[str, ...]
    summary: str
    keywords: tuple[str, ...]
    analyst: str
    """Who wrote it: "rules" or the model's name."""
    created: datetime
    revisit: bool = False
    """Written by the rules in a model's absence; the model redoes it when it can."""
    failed: datetime | None = None
    """When a model last failed at its pages; it is asked again a day later, or when told to."""


@dataclass(frozen=True, slots=True)
class Chain(Extensible):
    """Consecutive pages that continue one another, and what they say so far."""

    id: str
    session_id: str
    page_ids: tuple[str, ...]
    summary: str
    analyst: str
    updated: datetime
    edition: int = 1
    """Which edition of the filing put its pages there: those of an older one are filed anew."""


@dataclass(frozen=True, slots=True)
class Visits(Extensible):
    """The recalls that found pages of the memory between two pages of the journal.

    Part of the journal: heat is worked out from them again whenever it is rebuilt.
    """

    id: str
    after_seq: int
    """Position in the journal of the page after which the recalls came; 0 before the first."""
    recalls: tuple[Recalled, ...] = ()
    """In the order in which they were written down."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Recalls that were written down together."""

    at: datetime
    pages: Mapping[str, int]
    """How often each page was found, by its id: one page of each segment that was visited."""


@dataclass(frozen=True, slots=True)
class Note(Extensible):
    """What a user or an agent had remembered, or corrected, by hand. Part of the journal."""

    id: str
    after_seq: int
    """Position in the journal of the page after which it was stated."""
    number: int
    """Rises with every note of the scope: their order."""
    at: datetime
    """When it was stated."""
    session_id: str
    owner: Owner
    text: str
    by: Owner  # who stated it
    attribute: str | None = None
    source: str | None = None
    """The id of the page that it was taken from, where one was named."""
    corrects: str | None = None
    """The id of the knowledge that it takes the place of."""
    restores: str | None = None
    """The id of the knowledge that it makes current again. Such a note states nothing itself."""


@dataclass(frozen=True, slots=True)
class Segment(Displayable, Extensible):
    """Pages of one topic in mid-term memory (paper §3.2)."""

    id: str
    summary: str
    keywords: tuple[str, ...]
    pages: int
    """How many pages it holds."""
    visits: int
    """N_visit since the last promotion."""
    interactions: int
    """L_interaction: pages added since the last promotion."""
    created: datetime
    last_access: datetime
    heat: float = 0.0
    """Eq. 4, evaluated at the moment of asking."""
    name: str = ""
    """The two or three words that tell it from the other segments at the moment of asking."""
    promoted_seq: int = 0
    """Pages up to this journal position have been promoted."""
    evicted: bool = False
    """No longer in mid-term memory; its pages stay in the journal."""
    evicted_by: str | None = None
    """The id of the page whose segment took its room."""


@dataclass(frozen=True, slots=True)
class Knowledge(Extensible):
    """What is known about the user (User KB) or the agent (Agent Traits) (paper §3.2)."""

    id: str
    owner: Owner
    text: str
    sources: tuple[Source, ...]
    analyst: str
    """Who derived it: "rules" or the model's name; "user" or "agent" if it was stated by hand."""
    created: datetime
    """When its first source was said."""
    updated: datetime
    """When its newest source was said."""
    derived: datetime
    """When the analyst wrote it down."""
    attribute: str | None = None
    """Profile attribute it states ("name", "home", "birth_year"…), or None."""
    value: str | None = None
    """The attribute's value, when `attribute` is set."""
    subject: str | None = None
    """What it is about, normalised ("likes:chess"); a newer fact of the same subject that says
    otherwise supersedes it."""
    status: Status = "active"
    superseded_by: str | None = None
    supersedes: tuple[str, ...] = ()
    kind: KnowledgeKind = "fact"
    speaker: str = ""
    """Who said it, where the messages name the speaker; "" for the owner."""

    @property
    def line(self) -> str:
        """It as one line, with its date and, for a statement, whose words they are."""
        said = " ".join(self.text.split())
        if self.kind == "fact":
            return f"{said} ({self.updated:%Y-%m-%d})"
        who = self.speaker or ("User" if self.owner == "user" else "Assistant")
        return f"{who} said on {self.updated:%Y-%m-%d}: “{said}”"


@dataclass(frozen=True, slots=True)
class Trait(Extensible):
    """One of the 90 dimensions of the paper's User Traits, with level, reason and sources."""

    name: str
    group: str
    level: str
    """"high", "medium" or "low"."""
    reason: str
    sources: tuple[Source, ...]
    analyst: str
    updated: datetime
    """When its newest source was said."""
    derived: datetime
    """When the analyst wrote it down."""

    @property
    def id(self) -> str:
        """A trait is known by its name."""
        return f"trait:{self.name}"


@dataclass(frozen=True, slots=True)
class Profile(Displayable):
    """The static attributes of the user and of the agent, each backed by active knowledge."""

    user: Mapping[str, str] = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)
    traits: tuple[Trait, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """"user.home" → id of the knowledge that says so (see `Memory.explain`)."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """"user.home" → when it was last said."""

    @property
    def text(self) -> str:
        """The profile as lines for people; empty when nothing is known."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """One entry for each attribute and trait; a value may itself have line breaks."""
        lines = [self._row("user", "", key) for key in self.user]
        lines += [self._row("agent", "assistant ", key) for key in self.agent]
        return [*lines, *(f"{trait.name}: {trait.level} ({trait.reason})" for trait in self.traits)]

    def _row(self, side: str, title: str, key: str) -> str:
        value = (self.user if side == "user" else self.agent)[key]
        since = self.since.get(f"{side}.{key}")
        dated = f" ({since:%Y-%m-%d})" if since else ""
        return f"{title}{key.replace('_', ' ')}: {value}{dated}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Whole sentences of one side of a page, about 400 characters; a short page is one passage."""

    side: Literal["user", "agent"] | None
    """None: the whole of a short page, both sides."""
    start: int
    """Where it begins and…"""
    end: int
    """…ends in `user_input` or `agent_response`; 0 and 0 where `side` is None."""
    text: str
    """Its words, verbatim; of a whole page both sides, one line each."""
    score: float
    """Higher is nearer; comparable within one recall only."""


@dataclass(frozen=True, slots=True)
class RecalledPage:
    """A recalled page, with score (higher is nearer) and reasons."""

    page: Page
    score: float
    relevance: float
    """From 0 to 1: how much the page bears on the question; comparable between recalls."""
    passages: tuple[Passage, ...]
    """Its passages, those that bear most on the question first; of a short page the one."""
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost of the scope's model calls."""

    calls: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    by_purpose: Mapping[str, int] = field(default_factory=dict)
    """Calls by purpose: "consolidate", "promote", "respond", "embed"."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of one scope."""

    pages: int
    sessions: int
    waiting: int
    """Pages in the journal that are not filed yet."""
    unembedded: int
    """Pages whose vector is still to come."""
    segments: int
    evicted_segments: int
    chains: int
    user_knowledge: int
    agent_knowledge: int
    archived_knowledge: int
    superseded_knowledge: int
    traits: int
    failed_pages: int = 0
    """Pages that the rules filed, because a model failed at them: it is asked again once a day."""

    @property
    def expectation(self) -> str:
        """What to expect of the memory, in words."""
        if not self.pages:
            return "No turns yet."
        turns = "1 turn" if self.pages == 1 else f"{self.pages} turns"
        known = "it is known" if self.pages == 1 else "all of them known"
        if not self.waiting:
            return f"{turns}, {known}, and filed under topics."
        return f"{turns}, {known}; topics form as they are filed ({self.waiting} to file)."


@dataclass(frozen=True, slots=True)
class ErasureReceipt(Displayable):
    """What an erasure removed. It holds counts and opaque ids, nothing of what was erased."""

    id: str
    at: datetime
    request: str
    """The kind of erasure: "page", "knowledge", "session", "before" or "everything"."""
    erased: Mapping[str, int]
    """Counts by kind, such as pages and vectors; "unreadable" are records that were damaged."""
    rewritten: Mapping[str, int] = field(default_factory=dict)
    """Derived things made again from what remains, by kind."""
    page_ids: tuple[str, ...] = ()
    knowledge_ids: tuple[str, ...] = ()
    """Facts that went, and marks of them: none is learned again from the page it came from."""
    answers: tuple[str, ...] = ()
    """Pages that stay though their answers drew on what was erased: read them, and forget some."""
    traces: str = ""
    """What the database keeps of the words for a while, and how to be rid of it; "" for nothing."""
