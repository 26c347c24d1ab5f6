"""The result of a recall, and its rendering as a context block (input of Generation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from memoryos.errors import InvalidInput
from memoryos.generation.neutral import neutral, one_line, speaker
from memoryos.generation.quoting import CLOSE, OPEN, STATEMENT
from memoryos.model import Chain, Displayable, Knowledge, Page, Profile, RecalledPage, Segment
from memoryos.ports import TokenCounter
from memoryos.text.block import SECTIONS

KNOWN_SHARE = 0.1
"""At most this part of the budget goes to profile and knowledge: on LoCoMo each further tenth costs
one to two hundredths of the evidence…"""
RECENT_SHARE = 0.3
"""…and at most this to the session's own recent turns, unless the rest leaves more free."""
_MOST_CHARACTERS = 10
"""Per token, in no prose (it has four): a text of more than these for each token that is left will
not fit, and is not worth counting."""


def _no_chains() -> Sequence[Chain]:
    return ()


@dataclass(frozen=True, slots=True)
class Recall(Displayable):
    """Result of a recall, from every tier. Scores: higher is nearer."""

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

        For people and tests; a model's prompt takes `prompt`. Never more than `max_tokens` tokens
        (default: the recall's), never cut inside a turn: what does not fit whole is left out, the
        least relevant first. What was said can forge no heading, date or speaker: its later lines
        are indented, and marks of prompts and signs that nobody sees are gone. Raises InvalidInput.
        """
        return _Block(self, self._budget(max_tokens)).text()

    def prompt(self, max_tokens: int | None = None, *, ids: bool = False) -> str:
        """Return the context block for a model's prompt: fenced, as data that cannot act.

        The only form in which memory enters a prompt: `text` between <memory> and </memory>, after
        a line that says what it is. Empty where there is nothing to tell. The fence counts:
        never more than `max_tokens` tokens (default: the recall's). With `ids` each turn and each
        fact has its id in square brackets, for tools that forget. Raises InvalidInput.
        """
        return fenced_recall(self, self._budget(max_tokens), ids=ids)

    def _budget(self, max_tokens: int | None) -> int:
        budget = self.max_tokens if max_tokens is None else max_tokens
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
            raise InvalidInput(f"max_tokens must be a whole number of at least 0, not {budget!r}")
        return budget


def fenced_recall(found: Recall, budget: int, about: str = "", *, ids: bool = False) -> str:
    """Return `Recall.prompt`, with a line of data about the conversation if there is one."""
    begins = "\n".join([OPEN, STATEMENT, *filter(None, [one_line(about)]), ""])
    ends = f"\n{CLOSE}"
    inside = budget - found.count_tokens(f"{begins}\n{ends}")
    while inside > 0 and (block := _Block(found, inside, ids=ids).text()):
        fenced = f"{begins}\n{block}{ends}"
        if (over := found.count_tokens(fenced) - budget) <= 0:
            return fenced
        inside -= over  # tokens of parts may not add up exactly
    return f"{begins}{CLOSE}" if about else ""


_LEAST_CHAIN = 16
"""Tokens that a chain's summary takes at least, with its heading: for fewer none is read."""


class _Entry(NamedTuple):
    """A part of a section, shown whole or not at all."""

    order: float
    time: str
    """The line above it, "" for none."""
    text: str


class _Block:
    """A context block being filled. Sections are filled by importance, then shown in order."""

    def __init__(self, recall: Recall, budget: int, *, ids: bool = False) -> None:
        self._recall = recall
        self._ids = ids
        self._count = recall.count_tokens
        self._budget = budget
        self._left = budget
        self._sections: dict[str, list[_Entry]] = {title: [] for title in SECTIONS}

    def text(self) -> str:
        recall = self._recall
        self._known(int(self._budget * KNOWN_SHARE))
        recent = {page.id for page in recall.short_term}
        self._recent(int(self._budget * RECENT_SHARE))
        shown = []
        for item in recall.pages:
            page = item.page
            if page.id in recent or not (page.user_input or page.agent_response):
                continue  # a turn of this conversation stands, if anywhere, in its own section
            if self._add_page("Remembered turns", page, self._left):
                shown.append(page)
        self._recent(self._left)
        if self._left > _LEAST_CHAIN and shown:
            told = {page.chain_id for page in shown}
            for chain in recall.load_chains():
                if chain.id in told and len(chain.page_ids) > 1:
                    told_so_far = f"- {neutral(chain.summary)}"
                    self._add("Earlier in these conversations", 0, told_so_far, self._left)
        return self._fitted()

    def _known(self, budget: int) -> None:
        profile = self._recall.profile
        # With ids the facts themselves, not the profile that is made of them.
        lines = [] if self._ids else [f"- {one_line(line)}" for line in profile.lines]
        told = set() if self._ids else set(profile.sources.values())
        lines += [
            f"-{self._id(item.id)} {neutral(item.text)} ({item.updated:%Y-%m-%d})"
            for item in (*self._recall.user_knowledge, *self._recall.agent_knowledge)
            if item.id not in told
        ]
        for number, line in enumerate(lines):
            budget -= self._add("What is known", number, line, budget)

    def _recent(self, budget: int) -> None:
        """Add the session's newest turns, without a gap, as far as the budget goes."""
        here = {entry.order for entry in self._sections["This conversation"]}
        for page in reversed(self._recall.short_term):
            if page.seq in here:
                continue
            cost = self._add_page("This conversation", page, budget)
            if not cost:
                break
            budget -= cost

    def _add_page(self, section: str, page: Page, budget: int) -> int:
        """Add a page as `_add` does; a time that the section shows already costs nothing more."""
        if len(page.user_input) + len(page.agent_response) > _MOST_CHARACTERS * self._left:
            return 0
        time = _time_line(page) + self._id(page.id)
        known = any(entry.time == time for entry in self._sections[section])
        return self._add(section, page.seq, _said(page), budget, time, free=known)

    def _id(self, id_: str) -> str:
        return f" [{id_}]" if self._ids else ""

    def _add(
        self,
        section: str,
        order: float,
        text: str,
        budget: int,
        time: str = "",
        *,
        free: bool = False,
    ) -> int:
        """Add an entry if it fits; return what it costs in tokens, 0 if it was left out."""
        budget = min(budget, self._left)
        if len(text) > _MOST_CHARACTERS * budget:
            return 0
        entries = self._sections[section]
        cost = self._count(text + "\n")
        if time and not free:
            cost += self._count(time + "\n")
        if not entries:
            cost += self._count(f"## {section}\n\n")
        if cost > budget:
            return 0
        entries.append(_Entry(order, time, text))
        self._left -= cost
        return cost

    def _fitted(self) -> str:
        """Return the block, without entries beyond the budget (counts of parts may not add up)."""
        while True:
            block = "\n\n".join(
                f"## {title}\n" + "\n".join(_lines(sorted(entries)))
                for title, entries in self._sections.items()
                if entries
            )
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
    return f"{_time_line(page)}\n{_said(page)}"


def _time_line(page: Page) -> str:
    return f"[{page.timestamp.isoformat(' ', 'minutes')[:16]}]"  # strftime takes ten times as long


def _said(page: Page) -> str:
    sides = (
        (page.user_name, "User", page.user_input),
        (page.agent_name, "Assistant", page.agent_response),
    )
    return "\n".join(
        f"{speaker(name or '') or role}: {neutral(said)}" for name, role, said in sides if said
    )


def _lines(entries: Sequence[_Entry]) -> Iterator[str]:
    """Yield the lines of a section; a time stands once above the turns that share it."""
    time = ""
    for entry in entries:
        if entry.time and entry.time != time:
            time = entry.time
            yield time
        yield entry.text
