"""What the benchmark asks of a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from benchmarks.locomo.data import Conversation
from memoryos.ports import TokenCounter

BUDGETS = (500, 1000, 2000)
"""Tokens of a context block."""
MOST_PAGES = 100
"""Pages asked of a memory that is told how many: more than fit the largest budget."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a memory gives back for one question."""

    ranking: tuple[int, ...]
    """Positions of pages in the conversation, best first."""
    blocks: Mapping[int, str]
    """The context block for each budget, never above it."""


class Reader(Protocol):
    """A memory that has read a conversation."""

    def ask(self, question: str) -> Recalled:
        """Return what it recalls, asked in a fresh session after the conversation's end."""
        ...


class System(Protocol):
    """A way to remember."""

    name: str
    """As the report calls it; unique."""

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:
        """Return a memory that has read the conversation and nothing else."""
        ...


class RankedReader:
    """A memory that only ranks texts: its context block is the best of them that fit, whole."""

    def __init__(
        self, rank: Callable[[str], Iterable[tuple[int, str]]], count: TokenCounter
    ) -> None:
        """rank: from a question to (page, text) pairs, best first."""
        self._rank = rank
        self._count = count

    def ask(self, question: str) -> Recalled:
        """Return the ranking and the blocks it fills."""
        found = list(self._rank(question))
        costs = [self._count(text) + 1 for _, text in found]
        blocks = {}
        for budget in BUDGETS:
            left = budget
            shown = []
            for (_, text), cost in zip(found, costs, strict=True):
                if cost <= left:
                    shown.append(text)
                    left -= cost
            blocks[budget] = "\n".join(shown)
        return Recalled(tuple(page for page, _ in found), blocks)


@contextmanager
def held(reader: Reader) -> Iterator[Reader]:
    """Return a reader that holds nothing open."""
    yield reader
