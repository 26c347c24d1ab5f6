"""What a recall gives back, and how it becomes a context block (the Generation module's input)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memoryos.errors import InvalidInput
from memoryos.model import Chain, Knowledge, Page, Profile, RecalledPage, Segment
from memoryos.ports import TokenCounter

KNOWN_SHARE = 0.2
"""At most this part of the budget goes to profile and knowledge…"""
RECENT_SHARE = 0.3
"""…and at most this to the session's own recent turns, unless the rest leaves more free."""


def _no_chains() -> Sequence[Chain]:
    return ()


@dataclass(frozen=True, slots=True)
class Recall:
    """What the memory holds on a question, from every tier. Scores: higher is nearer."""

    query: str
    pages: tuple[RecalledPage, ...]
    """Pages of the whole scope, best first; never one twice."""
    short_term: tuple[Page, ...]
    """The session's newest pages, oldest first."""
    segments: tuple[Segment, ...]
    """The nearest segments of mid-term memory, best first, with their heat."""
    user_knowledge: tuple[Knowledge, ...]
    """What is known about the user and may bear on the question, best first."""
    agent_knowledge: tuple[Knowledge, ...]
    """What is known about the agent, likewise."""
    profile: Profile
    max_tokens: int
    """Default budget of `text`."""
    count_tokens: TokenCounter = field(repr=False, compare=False)
    load_chains: Callable[[], Sequence[Chain]] = field(
        default=_no_chains, repr=False, compare=False
    )

    def text(self, max_tokens: int | None = None) -> str:
        """Return the context block: profile, knowledge, chains, recalled pages, recent turns.

        Never more than `max_tokens` tokens (default: the recall's), never cut inside a turn: what
        does not fit whole is left out, the least relevant first. Raises InvalidInput.
        """
        budget = self.max_tokens if max_tokens is None else max_tokens
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
            raise InvalidInput(f"max_tokens must be a whole number of at least 0, not {budget!r}")
        return _Block(self, budget).text()

    def _repr_html_(self) -> str:
        """Return what was recalled as a card, for notebooks."""
        from memoryos.displays.cards import recall_card  # noqa: PLC0415  # shown in notebooks only

        knowledge = (*self.user_knowledge, *self.agent_knowledge)
        return recall_card(self.query, self.pages, self.segments, knowledge)


class _Block:
    """A context block being filled. Sections are filled by importance, then shown in order."""

    def __init__(self, recall: Recall, budget: int) -> None:
        self._recall = recall
        self._count = recall.count_tokens
        self._budget = budget
        self._left = budget
        self._sections: dict[str, list[tuple[float, str]]] = {
            "What is known": [],
            "Earlier in these conversations": [],
            "Remembered turns": [],
            "This conversation": [],
        }

    def text(self) -> str:
        recall = self._recall
        self._known(int(self._budget * KNOWN_SHARE))
        recent = {page.id for page in recall.short_term}
        self._recent(int(self._budget * RECENT_SHARE))
        shown = []
        for item in recall.pages:
            page = item.page
            if page.id in recent:
                continue  # a turn of this conversation stands, if anywhere, in its own section
            if self._add("Remembered turns", page.seq, page_text(page), self._left):
                shown.append(page)
        self._recent(self._left)
        if self._left > 0 and shown:
            told = {page.chain_id for page in shown}
            for chain in recall.load_chains():
                if chain.id in told and len(chain.page_ids) > 1:
                    self._add("Earlier in these conversations", 0, f"- {chain.summary}", self._left)
        return self._fitted()

    def _known(self, budget: int) -> None:
        profile = self._recall.profile
        lines = [f"- {line}" for line in profile.text.splitlines()]
        told = set(profile.sources.values())
        lines += [
            f"- {item.text} ({item.updated:%Y-%m-%d})"
            for item in (*self._recall.user_knowledge, *self._recall.agent_knowledge)
            if item.id not in told
        ]
        for number, line in enumerate(lines):
            budget -= self._add("What is known", number, line, budget)

    def _recent(self, budget: int) -> None:
        """Add the session's newest turns, without a gap, as far as the budget goes."""
        here = {order for order, _ in self._sections["This conversation"]}
        for page in reversed(self._recall.short_term):
            if page.seq in here:
                continue
            cost = self._add("This conversation", page.seq, page_text(page), budget)
            if not cost:
                break
            budget -= cost

    def _add(self, section: str, order: float, text: str, budget: int) -> int:
        """Add an entry if it fits; return what it costs in tokens, 0 if it was left out."""
        entries = self._sections[section]
        cost = self._count(text) + 1
        if not entries:
            cost += self._count(f"## {section}\n\n")
        if cost > min(budget, self._left):
            return 0
        entries.append((order, text))
        self._left -= cost
        return cost

    def _fitted(self) -> str:
        """Return the block; tokens of parts may not add up exactly, so what is over goes."""
        while True:
            parts = [
                f"## {title}\n" + "\n".join(text for _, text in sorted(entries))
                for title, entries in self._sections.items()
                if entries
            ]
            block = "\n\n".join(parts)
            if not block or self._count(block) <= self._budget:
                return block
            for title in (
                "Earlier in these conversations",
                "Remembered turns",
                "This conversation",
                "What is known",
            ):
                if self._sections[title]:
                    self._sections[title].pop()
                    break


def page_text(page: Page) -> str:
    """Return a page as it stands in a context block: its time, then each side with its speaker."""
    lines = [f"[{page.timestamp:%Y-%m-%d %H:%M}]"]
    sides = (
        (page.user_name or "User", page.user_input),
        (page.agent_name or "Assistant", page.agent_response),
    )
    lines += [f"{name}: {said}" for name, said in sides if said]
    return "\n".join(lines)
