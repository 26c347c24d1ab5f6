"""Evidence recall: how much of what a question needs a memory brings back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.locomo.data import Conversation, Question
from benchmarks.locomo.systems.system import BUDGETS, Recalled, System

TOPS = (5, 10, 20)
"""Pages looked at."""
CURVE = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)
"""Pages of the curves."""
COLUMNS = (*(f"top {k}" for k in TOPS), *(f"{budget:,} tokens" for budget in BUDGETS))
HALVES = {"0-4": range(5), "5-9": range(5, 10), "all": range(10)}
"""Conversations: settings are chosen on the first half and reported on the second."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one system brought back for one question: shares of its evidence turns, 0 to 1."""

    question: Question
    columns: tuple[float, ...]
    """One for each of COLUMNS."""
    curve: tuple[float, ...]
    """One for each of CURVE."""


def share_in_pages(evidence: Sequence[int], ranking: Sequence[int], k: int) -> float:
    """Return the share of evidence turns whose page is among the first `k`.

    evidence: the page of each evidence turn.
    """
    best = set(ranking[:k])
    return sum(page in best for page in evidence) / len(evidence)


def share_in_text(lines: Sequence[str], block: str) -> float:
    """Return the share of evidence turns that stand whole in a context block.

    lines: each turn as "speaker: words". A turn that is cut, or only begins alike, is not shown.
    """
    return sum(shown(line, block) for line in lines) / len(lines)


def shown(line: str, block: str) -> bool:
    """Return whether a turn stands whole in a block: up to the end of a line, or of its mark-up."""
    return re.search(rf"(?<!\w){re.escape(line.strip())}\s*(?:\n|$|</)", block) is not None


def measure(system: System, conversation: Conversation, done: Callable[[], None]) -> list[Found]:
    """Return what a system finds for each question of a conversation; calls `done` after each."""
    found = []
    with system.read(conversation) as reader:
        for question in conversation.with_evidence():
            found.append(judge(conversation, question, reader.ask(question.text)))
            done()
    return found


def judge(conversation: Conversation, question: Question, recalled: Recalled) -> Found:
    """Return the shares of one answer."""
    pages = [conversation.page_of(id_) for id_ in question.evidence]
    lines = [conversation.turn(id_).line for id_ in question.evidence]
    tops = [share_in_pages(pages, recalled.ranking, k) for k in TOPS]
    budgets = [
        share_in_text(lines, recalled.blocks[budget]) if budget in recalled.blocks else math.nan
        for budget in BUDGETS
    ]
    curve = [share_in_pages(pages, recalled.ranking, k) for k in CURVE]
    return Found(question, (*tops, *budgets), tuple(curve))


def of(found: Iterable[Found], numbers: range, category: int | None = None) -> list[Found]:
    """Return what was found in some conversations, of one category or all."""
    return [
        one
        for one in found
        if one.question.conversation in numbers and category in (None, one.question.category)
    ]
