"""What the tools give back: the published server's fields, and the ids that the others take."""

from __future__ import annotations

from datetime import datetime, timezone

from typing_extensions import NotRequired, TypedDict

from memoryos import Page, Profile, Recall, RecalledPage
from memoryos.frontends.compat import published_time
from memoryos.generation.neutral import neutral, one_line
from memoryos.model import Knowledge


class Lengths(TypedDict):
    """What an `add_memory` was given."""

    user_input_length: int
    agent_response_length: int
    has_meta_data: bool


class Added(TypedDict):
    """The answer to `add_memory`."""

    status: str
    message: str
    timestamp: str
    page_id: str
    details: Lengths


class Turn(TypedDict):
    """A turn of short-term memory."""

    user_input: str
    agent_response: str
    timestamp: str


class RetrievedPage(TypedDict):
    """A page, why it was recalled, and what its dialogue chain says so far."""

    user_input: str
    agent_response: str
    timestamp: str
    meta_info: str
    page_id: str
    session_id: str
    relevance: float
    reasons: list[str]


class Fact(TypedDict):
    """One piece of knowledge; `id` is for `explain_memory` and `forget_memory`."""

    knowledge: str
    timestamp: str
    id: str


class ListedPage(TypedDict):
    """An exchange in the journal."""

    user_input: str
    agent_response: str
    timestamp: str
    page_id: str
    session_id: str


class Listed(TypedDict):
    """The answer to `list_memories`: exchanges or facts, newest first, and all conversations."""

    status: str
    exchanges: list[ListedPage]
    facts: list[Fact]
    sessions: list[str]


class Retrieved(TypedDict):
    """The answer to `retrieve_memory`."""

    status: str
    query: str
    timestamp: str
    relevance: float
    """From 0 to 1: how much what is remembered bears on the question at all."""
    prompt: str
    """All of it as one fenced block for a model; empty when there is nothing to tell."""
    user_profile: str
    short_term_memory: list[Turn]
    short_term_count: int
    retrieved_pages: list[RetrievedPage]
    retrieved_user_knowledge: list[Fact]
    retrieved_assistant_knowledge: list[Fact]
    total_pages_found: int
    total_user_knowledge_found: int
    total_assistant_knowledge_found: int


class UserProfile(TypedDict):
    """The answer to `get_user_profile`."""

    status: str
    timestamp: str
    user_id: str
    assistant_id: str
    user_profile: str
    user_knowledge: NotRequired[list[Fact]]
    user_knowledge_count: NotRequired[int]
    assistant_knowledge: NotRequired[list[Fact]]
    assistant_knowledge_count: NotRequired[int]


class Forgotten(TypedDict):
    """The receipt of a `forget_memory`: counts and ids, nothing of what was forgotten."""

    status: str
    receipt_id: str
    timestamp: str
    request: str
    erased: dict[str, int]
    rewritten: dict[str, int]


class Stated(TypedDict):
    """The answer to `remember` and `correct`: the fact that stands now."""

    status: str
    message: str
    knowledge: str
    timestamp: str
    id: str


class SourceOfFact(TypedDict):
    """A turn that a fact comes from, and the words of it that say so."""

    page_id: str
    timestamp: str
    quote: str
    user_input: str
    agent_response: str


class Explained(TypedDict):
    """The answer to `explain_memory`."""

    status: str
    id: str
    text: str
    analyst: str
    derived: str
    sources: list[SourceOfFact]
    superseded: list[str]
    statements: list[str]


def lines_of(profile: Profile) -> str:
    """Return a profile as lines of text, in which nothing acts."""
    return "\n".join(map(one_line, profile.lines))


def now() -> str:
    """Return the present as the published server writes times."""
    return published_time(datetime.now(timezone.utc))


def turns_of(found: Recall) -> list[Turn]:
    """Return the short-term memory of a recall."""
    return [
        Turn(
            user_input=neutral(page.user_input),
            agent_response=neutral(page.agent_response),
            timestamp=published_time(page.timestamp),
        )
        for page in found.short_term
    ]


def fact_of(item: Knowledge) -> Fact:
    """Return a piece of knowledge as the tools show it."""
    return Fact(knowledge=neutral(item.text), timestamp=published_time(item.updated), id=item.id)


def listed_page(page: Page) -> ListedPage:
    """Return a page as a list shows it."""
    return ListedPage(
        user_input=neutral(page.user_input),
        agent_response=neutral(page.agent_response),
        timestamp=published_time(page.timestamp),
        page_id=page.id,
        session_id=page.session_id,
    )


def retrieved_page(item: RecalledPage, summaries: dict[str, str]) -> RetrievedPage:
    """Return a recalled page; `summaries` has the text of each chain by its id."""
    page = item.page
    return RetrievedPage(
        user_input=neutral(page.user_input),
        agent_response=neutral(page.agent_response),
        timestamp=published_time(page.timestamp),
        meta_info=neutral(summaries.get(page.chain_id or "", "")),
        page_id=page.id,
        session_id=page.session_id,
        relevance=round(item.relevance, 3),
        reasons=list(item.reasons),
    )


def stated(item: Knowledge, message: str) -> Stated:
    """Return the fact that stands after a `remember` or `correct`."""
    return Stated(status="success", message=message, **fact_of(item))
