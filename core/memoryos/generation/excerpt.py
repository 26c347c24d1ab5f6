"""How a turn stands in a context block: whole, or those of its passages that bear on a question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from memoryos.generation.neutral import neutral, speaker
from memoryos.model import DOCUMENT, Page, Passage

GAP = "[…]"
"""Stands for what is left out of a turn."""


@dataclass(slots=False)
class Excerpt:
    """A long turn of which some passages are shown."""

    page: Page
    passages: tuple[Passage, ...] = ()
    """In the order in which they were chosen."""
    tokens: int = 0
    """What `text` costs, as far as it has been counted."""

    def with_passage(self, passage: Passage) -> Excerpt:
        """Return the excerpt with one more passage."""
        return Excerpt(self.page, (*self.passages, passage))

    def without_last(self) -> Excerpt:
        """Return the excerpt without the passage that was chosen last."""
        return Excerpt(self.page, self.passages[:-1])

    @cached_property
    def text(self) -> str:
        """The passages in the turn's order under their speakers, each gap marked."""
        page = self.page
        sides = []
        for side, whole in (("user", page.user_input), ("agent", page.agent_response)):
            chosen = [passage for passage in self.passages if passage.side == side]
            if chosen:
                chosen.sort(key=attrgetter("start"))
                sides.append(f"{_speaker(page, side)}: {neutral(_joined(whole, chosen))}")
        return "\n".join(sides)


def said(page: Page) -> str:
    """Return a whole turn: each side with its speaker."""
    sides = (("user", page.user_input), ("agent", page.agent_response))
    return "\n".join(f"{_speaker(page, side)}: {neutral(text)}" for side, text in sides if text)


def _speaker(page: Page, side: str) -> str:
    if side == "user":
        return speaker(page.user_name or "") or "User"
    return speaker(page.agent_name or "") or (
        "Document" if DOCUMENT in page.metadata else "Assistant"
    )


def _joined(whole: str, passages: list[Passage]) -> str:
    """Return passages of one side; line ends stay line ends."""
    parts = []
    end = 0
    for passage in passages:
        between = whole[end : passage.start]
        parts.append(between if not between.strip() else _gap(between, first=not end))
        parts.append(whole[passage.start : passage.end])
        end = passage.end
    rest = whole[end:]
    if rest.strip():
        parts.append(f"\n{GAP}" if rest[:1] == "\n" else f" {GAP}")
    return "".join(parts)


def _gap(left_out: str, *, first: bool) -> str:
    """Return the mark of a gap, with a line end where the words before or after it have one."""
    begins = "" if first else "\n" if left_out[:1] == "\n" else " "
    tail = left_out[len(left_out.rstrip()) :]
    ends = "\n" if "\n" in tail else " "
    return f"{begins}{GAP}{ends}"
