"""The task of page-out: one call files a batch of pages under topics and chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from memoryos.generation.quoting import (
    DATA_RULE,
    QuotedPage,
    fenced,
    json_line,
    page_lines,
)

TASK = "Task: consolidate."
"""Begins the prompt; stand-in models know the task by it."""

INSTRUCTIONS = f"""\
{TASK} File dialogue pages [number, user, agent]. {DATA_RULE}
Answer in JSON, in the dialogue's language.
topics: 1 or 2, every page in exactly one: pages, summary (1-2 sentences, named people), \
keywords (3-6).
chains: runs of consecutive pages that continue one another, every page in exactly one: pages, \
summary so far, continues (true only if the first run goes on from page 0, already filed)."""


class TopicAnswer(BaseModel):
    """A topic as the model states it."""

    pages: list[int]
    summary: Annotated[str, Field(min_length=1)]
    keywords: list[str] = []


class ChainAnswer(BaseModel):
    """A chain as the model states it."""

    pages: list[int]
    summary: Annotated[str, Field(min_length=1)]
    continues: bool = False


class ConsolidateAnswer(BaseModel):
    """What the model is asked for."""

    topics: Annotated[list[TopicAnswer], Field(min_length=1, max_length=2)]
    chains: Annotated[list[ChainAnswer], Field(min_length=1)]


def consolidate_messages(
    pages: Sequence[QuotedPage],
    speakers: Mapping[str, str],
    previous: QuotedPage | None = None,
    chain_summary: str = "",
) -> list[dict[str, str]]:
    """Return the prompt. `previous` is page 0, `chain_summary` what its chain says so far."""
    head: dict[str, object] = dict(speakers)
    if chain_summary:
        head["chain"] = chain_summary
    lines = [json_line(head)] if head else []
    shown = [previous, *pages] if previous is not None else list(pages)
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": fenced(lines + page_lines(shown))},
    ]
