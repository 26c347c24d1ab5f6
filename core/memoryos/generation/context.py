"""The result of a recall, and its rendering as a context block (input of Generation)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from memoryos.errors import InvalidInput
from memoryos.generation.excerpt import Excerpt, said
from memoryos.generation.neutral import neutral, one_line
from memoryos.generation.quoting import CLOSE, OPEN, STATEMENT
from memoryos.generation.selection import by_worth
from memoryos.model import (
    Chain,
    Displayable,
    Knowledge,
    KnowledgeKind,
    Page,
    Passage,
    Profile,
    RecalledPage,
    Segment,
)
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


_SOON = timedelta(minutes=10)
"""Turns within this of one whose time is told stand under that time."""


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
    relevance: float
    """From 0 to 1: how much the memory bears on the question, its best page or fact. Below
    the recall's min_relevance no pages, segments and knowledge are left."""
    count_tokens: TokenCounter = field(repr=False, compare=False)
    load_chains: Callable[[], Sequence[Chain]] = field(
        default=_no_chains, repr=False, compare=False
    )

    refused: bool = field(default=False, repr=False)
    """Whether nothing bears on the question: then the block is empty, whatever was said lately."""

    def __bool__(self) -> bool:
        """Return whether anything that bears on the question is left."""
        return bool(self.pages or self.user_knowledge or self.agent_knowledge)

    def text(self, max_tokens: int | None = None) -> str:
        """Return the context block: profile, knowledge, chains, recalled pages, recent turns.

        For people and tests; a model's prompt takes `prompt`. Never more than `max_tokens` tokens
        (default: the recall's). A short turn stands whole or not at all; of a long one the passages
        that bear on the question, in order, gaps marked "[…]". What does not fit is left out, the
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


_LEAST_PASSAGE = 4
"""Tokens that a turn or passage takes at least."""
_LEAST_CHAIN = 16
"""Tokens that a chain's summary takes at least, with its heading: for fewer none is read."""


_ENOUGH_TO_TELL = 60
"""Characters by which a line of a summary is known to stand in a page already."""
_AFTER_FACTS = 1_000
"""Order of the first statement among the lines of what is known."""


class _Entry(NamedTuple):
    """A part of a section, shown whole or not at all."""

    order: int
    text: str
    time: datetime | None = None
    """When it was said; told above it, unless what stands before tells it."""
    label: str = ""
    """Told behind the time: the id in square brackets, where ids are asked for."""


class _Block:
    """A context block being filled. Sections are filled by importance, then shown in order."""

    def __init__(self, recall: Recall, budget: int, *, ids: bool = False) -> None:
        self._recall = recall
        self._ids = ids
        self._count = recall.count_tokens
        self._budget = budget
        self._left = budget
        self._sections: dict[str, list[_Entry]] = {title: [] for title in SECTIONS}
        self._excerpts: dict[int, Excerpt] = {}
        """By position, the turns of which passages are shown."""

    def text(self) -> str:
        recall = self._recall
        if recall.refused:
            return ""
        self._known_facts(int(self._budget * KNOWN_SHARE))
        self._recent(int(self._budget * RECENT_SHARE), ())
        shown = self._remembered()
        self._recent(self._left, {page.seq for page in shown})
        self._known_facts(self._left)
        self._known_statements([*shown, *self._shown_recent()])
        if self._left > _LEAST_CHAIN and shown:
            told = {page.chain_id for page in shown}
            for chain in recall.load_chains():
                if chain.id in told and len(chain.page_ids) > 1:
                    self._add_chain(chain, [*shown, *recall.short_term])
        return self._fitted()

    def _remembered(self) -> list[Page]:
        """Add what was recalled, the best passages first, whosever they are; return their pages."""
        here = {entry.order for entry in self._sections["This conversation"]}
        shown: dict[int, Page] = {}
        for item, passage in by_worth(self._recall.pages):
            page = item.page
            if self._left < _LEAST_PASSAGE:
                break
            if page.seq in here or not (page.user_input or page.agent_response):
                continue  # a turn of this conversation stands in its own section
            if passage.side is None:
                added = self._add_page("Remembered turns", page, self._left) > 0
            else:
                added = self._add_passage(page, passage)
            if added:
                shown[page.seq] = page
        return list(shown.values())

    def _add_passage(self, page: Page, passage: Passage) -> bool:
        """Add a passage of a long turn, if it fits with what marks the gaps around it."""
        if len(passage.text) > _MOST_CHARACTERS * self._left:
            return False
        excerpt = self._excerpts.get(page.seq) or Excerpt(page)
        wider = excerpt.with_passage(passage)
        # The rest of the turn is counted again with it, as gaps close and open.
        cost = self._count(wider.text + "\n") - excerpt.tokens
        if not excerpt.passages:
            shown = self._parts()["Remembered turns"]
            label = self._id(page.id)
            cost += self._heading_cost("Remembered turns", shown, page.timestamp, label)
        if cost > self._left:
            return False
        self._left -= cost
        wider.tokens = self._count(wider.text + "\n")
        self._excerpts[page.seq] = wider
        return True

    def _add_chain(self, chain: Chain, shown: Sequence[Page]) -> None:
        """Add what a chain says so far, without the lines of pages that stand below."""
        below = {page.id for page in shown}
        if below.issuperset(chain.page_ids):
            return
        # As a summary has them: both sides of a short turn in one line.
        words = "\n".join(" ".join(said(page).split()) for page in shown)
        for line in chain.summary.splitlines():
            told = " ".join((line.partition(": ")[2] or line).split())
            if told and told[:_ENOUGH_TO_TELL] not in words:
                self._add("Earlier in these conversations", 0, f"- {neutral(line)}", self._left)

    def _known_facts(self, budget: int) -> None:
        """Add the profile and facts: what was promoted, or stated by hand.

        Those that are shown already are passed over.
        """
        profile = self._recall.profile
        # With ids the facts themselves, not the profile that is made of them.
        lines = [] if self._ids else [f"- {one_line(line)}" for line in profile.lines]
        told = set() if self._ids else set(profile.sources.values())
        lines += [
            f"-{self._id(item.id)} {neutral(item.line)}"
            for item in self._knowledge("fact")
            if item.id not in told
        ]
        here = {entry.order for entry in self._sections["What is known"]}
        for number, line in enumerate(lines):
            if number not in here:
                budget -= self._add("What is known", number, line, budget)

    def _known_statements(self, shown: Sequence[Page]) -> None:
        """Add what was said of the matter, where room is left: pages are the better evidence.

        What stands below, or a fact was read from, is not said again.
        """
        known = {source.page_id for item in self._knowledge("fact") for source in item.sources}
        known.update(page.id for page in shown)
        for number, item in enumerate(self._knowledge("statement")):
            if known.isdisjoint(source.page_id for source in item.sources):
                order = _AFTER_FACTS + number
                self._add(
                    "What is known", order, f"-{self._id(item.id)} {neutral(item.line)}", self._left
                )

    def _shown_recent(self) -> list[Page]:
        here = {entry.order for entry in self._sections["This conversation"]}
        return [page for page in self._recall.short_term if page.seq in here]

    def _knowledge(self, kind: KnowledgeKind) -> list[Knowledge]:
        items = (*self._recall.user_knowledge, *self._recall.agent_knowledge)
        return [item for item in items if item.kind == kind]

    def _recent(self, budget: int, elsewhere: Container[int]) -> None:
        """Add the session's newest turns, as far as the budget goes without leaving one out.

        elsewhere: positions of those that the block shows already.
        """
        here = {entry.order for entry in self._sections["This conversation"]}
        for page in reversed(self._recall.short_term):
            if page.seq in here or page.seq in elsewhere:
                continue
            cost = self._add_page("This conversation", page, budget)
            if not cost:
                break
            budget -= cost

    def _add_page(self, section: str, page: Page, budget: int) -> int:
        if len(page.user_input) + len(page.agent_response) > _MOST_CHARACTERS * self._left:
            return 0
        label = self._id(page.id)
        return self._add(section, page.seq, said(page), budget, page.timestamp, label)

    def _id(self, id_: str) -> str:
        return f" [{id_}]" if self._ids else ""

    def _add(
        self,
        section: str,
        order: int,
        text: str,
        budget: int,
        time: datetime | None = None,
        label: str = "",
    ) -> int:
        """Add an entry if it fits; return what it costs in tokens, 0 if it was left out."""
        budget = min(budget, self._left)
        if len(text) > _MOST_CHARACTERS * budget:
            return 0
        cost = self._count(text + "\n")
        cost += self._heading_cost(section, self._parts()[section], time, label)
        if cost > budget:
            return 0
        self._sections[section].append(_Entry(order, text, time, label))
        self._left -= cost
        return cost

    def _heading_cost(
        self, section: str, shown: Sequence[_Entry], time: datetime | None, label: str
    ) -> int:
        """Return the tokens of an entry's time and of the section's title, where they are new."""
        cost = 0 if shown else self._count(f"## {section}\n\n")
        if time is not None:
            told = [entry.time for entry in shown if entry.time]
            nearest = min(told, key=lambda other: abs(other - time), default=None)
            line = _time_line(time, nearest) + label
            cost += self._count(line + "\n") if line else 0
        return cost

    def _fitted(self) -> str:
        """Return the block, without entries beyond the budget (counts of parts may not add up)."""
        while True:
            block = "\n\n".join(
                f"## {title}\n" + "\n".join(_lines(sorted(entries, key=attrgetter("order"))))
                for title, entries in self._parts().items()
                if entries
            )
            if not block or self._count(block) <= self._budget:
                return block
            self._drop_one()

    def _parts(self) -> dict[str, list[_Entry]]:
        """Return the entries of every section."""
        excerpts = [
            _Entry(seq, excerpt.text, excerpt.page.timestamp, self._id(excerpt.page.id))
            for seq, excerpt in self._excerpts.items()
        ]
        turns = [*self._sections["Remembered turns"], *excerpts]
        return {**self._sections, "Remembered turns": turns}

    def _drop_one(self) -> None:
        """Take out what is least missed."""
        for title in (
            "Earlier in these conversations",
            "Remembered turns",
            "This conversation",
            "What is known",
        ):
            if title == "Remembered turns" and self._excerpts:
                seq, excerpt = self._excerpts.popitem()
                if len(excerpt.passages) > 1:
                    self._excerpts[seq] = excerpt.without_last()
                return
            if self._sections[title]:
                self._sections[title].pop()
                return


def page_text(page: Page) -> str:
    """Return a page as it stands in a context block: its time, then each side with its speaker."""
    return f"{_time_line(page.timestamp, None)}\n{said(page)}"


def _time_line(time: datetime, before: datetime | None) -> str:
    """Return the line that tells a time, "" where the one told before it will do.

    The first says of what zone it is, UTC or its offset; of the same day only the hour is told, and
    of turns soon after one another only the first's.
    """
    text = time.isoformat(" ", "minutes")[:16]  # strftime takes ten times as long
    if before is None or before.utcoffset() != time.utcoffset():
        return f"[{text} {time.tzname()}]"
    if before.date() != time.date():
        return f"[{text}]"
    return f"[{text[11:]}]" if abs(time - before) >= _SOON else ""


def _lines(entries: Sequence[_Entry]) -> Iterator[str]:
    """Yield the lines of a section."""
    told: datetime | None = None
    for entry in entries:
        if entry.time is not None:
            line = _time_line(entry.time, told)
            told = entry.time if line else told
            if line or entry.label:
                yield f"{line}{entry.label}".strip()
        yield entry.text
