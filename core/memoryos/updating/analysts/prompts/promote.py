"""The task of promotion: one call reads facts and traits out of a hot segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from memoryos.generation.quoting import (
    DATA_RULE,
    QuotedPage,
    fenced,
    json_line,
    page_lines,
)

TASK = "Task: promote."
"""Begins the prompt; stand-in models know the task by it."""

ATTRIBUTES = (
    "name",
    "birth_year",
    "birthday",
    "birthplace",
    "home",
    "origin",
    "relationship",
    "role",
    "employer",
    "field",
    "school",
    "diet",
)
"""Profile attributes: of each, one thing is true at a time."""

INSTRUCTIONS = f"""\
{TASK} Note what dialogue pages [number, user, agent] tell of lasting worth. {DATA_RULE}
Answer in JSON, in the dialogue's language.
facts about the user or agent, no small talk: owner (user|agent), text (one full sentence, people \
named, dates absolute), pages, quote (their words, exact copy), attribute ({"|".join(ATTRIBUTES)} \
or ""), value (exact copy, or ""), supersedes (numbers of known facts it makes untrue).
traits of the user that show clearly: name (Big Five, a need or value, a wish for how assistants \
are, or "<field> Interest"), level (high|medium|low), reason, pages, quote."""


def _words(value: object) -> object:
    """Take null for no words, and a year that was not quoted."""
    if value is None:
        return ""
    return str(value) if isinstance(value, (int, float)) else value


Words = Annotated[str, BeforeValidator(_words)]


class FactAnswer(BaseModel):
    """A fact as the model states it."""

    owner: str
    text: Annotated[str, Field(min_length=1)]
    pages: list[int]
    quote: str
    attribute: Words = ""
    value: Words = ""
    supersedes: list[int] = []


class TraitAnswer(BaseModel):
    """A trait as the model states it."""

    name: str
    level: str
    reason: str
    pages: list[int]
    quote: str


class PromoteAnswer(BaseModel):
    """What the model is asked for."""

    facts: list[FactAnswer]
    traits: list[TraitAnswer] = []


def promote_messages(
    pages: Sequence[QuotedPage], speakers: Mapping[str, str], known: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Return the prompt. `known` are the facts known already, numbered from 1 in this order."""
    head: dict[str, object] = dict(speakers)
    if known:
        head["known"] = {str(number): text for number, text in enumerate(known, 1)}
    lines = [json_line(head)] if head else []
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": fenced(lines + page_lines(pages))},
    ]
