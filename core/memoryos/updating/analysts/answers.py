"""Checks of a model's answer: page numbers, lengths, facts grounded in the cited pages.

Pure.  Whatever the model answers, only drafts come out: of pages that exist, of bounded length, and
facts only where the cited pages say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from memoryos.errors import ModelAnswerInvalid
from memoryos.model import Knowledge, Owner, Page, Source
from memoryos.ports import ChainDraft, Consolidation, FactDraft, Promotion, TopicDraft, TraitDraft
from memoryos.text.tokenizer import normalise
from memoryos.updating.analysts import grounding
from memoryos.updating.analysts.grounding import Folded
from memoryos.updating.analysts.trait_names import level_named, trait_named

if TYPE_CHECKING:
    from memoryos.generation.quoting import QuotedPage
    from memoryos.updating.analysts.prompts.consolidate import ConsolidateAnswer
    from memoryos.updating.analysts.prompts.promote import FactAnswer, PromoteAnswer, TraitAnswer

MAX_SUMMARY = 600
MAX_KEYWORDS, MAX_KEYWORD = 8, 40
MAX_FACTS, MAX_TRAITS = 20, 12
MAX_STATEMENT = 300
MAX_VALUE = 100
MAX_NAME = 60
MAX_SUPERSEDED = 3
"""Facts that one new fact may make untrue: more is an answer that means to wipe the memory."""

_OWNERS: dict[str, Owner] = {"user": "user", "agent": "agent", "assistant": "agent"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\s]+")


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A page, and its quotation in the prompt."""

    page: Page
    quoted: QuotedPage

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides as the prompt shows them."""
        return self.quoted.user, self.quoted.agent


def read_consolidation(
    answer: ConsolidateAnswer, shown: Sequence[ShownPage], before: str | None
) -> Consolidation:
    """Return the drafts of an answer about the pages `shown`.

    before: what the prompt told of the chain before them, None for nothing.  Raises
    ModelAnswerInvalid unless every page has one topic and one chain of consecutive pages.
    """
    by_number = {page.quoted.number: page for page in shown}
    topics: list[TopicDraft] = []
    filed: set[int] = set()
    for topic in answer.topics:
        numbers = sorted({n for n in topic.pages if n in by_number} - filed)
        filed.update(numbers)
        if numbers:
            pages = [by_number[number] for number in numbers]
            summary, keywords = _described(topic.summary, topic.keywords, pages)
            topics.append(TopicDraft(_ids(pages), summary, keywords))
    chains: list[ChainDraft] = []
    linked: list[int] = []
    for chain in sorted(answer.chains, key=lambda c: min(c.pages, default=0)):
        numbers = sorted({n for n in chain.pages if n in by_number} - set(linked))
        if numbers:
            pages = [by_number[number] for number in numbers]
            continues = chain.continues and before is not None and not linked
            summary, _ = _described(chain.summary, (), pages, (before or "") if continues else "")
            chains.append(ChainDraft(_ids(pages), summary, continues))
            linked += numbers
    if filed != set(by_number) or linked != sorted(by_number):
        raise ModelAnswerInvalid(
            "the model's answer does not put each page into a topic and a chain; the pages wait"
        )
    return Consolidation(tuple(topics), tuple(chains))


def _described(
    summary: str, keywords: Sequence[str], pages: Sequence[ShownPage], before: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return summary and keywords; the pages' own words where the model's have nothing of them."""
    text = "\n".join(side for page in pages for side in page.sides if side)
    names = " ".join(speakers([page.page for page in pages]).values())
    there = grounding.terms(f"{before}\n{text}\n{names}")
    told = line(summary, MAX_SUMMARY)
    if grounding.share(grounding.terms(told), there) >= grounding.LEAST_OF_SUMMARY:
        kept = [line(normalise(word), MAX_KEYWORD) for word in keywords]
    else:
        told = line(f"{before} {text}", MAX_SUMMARY // 2) or told
        kept = [line(word, MAX_KEYWORD) for word in keywords if grounding.terms(word) & there]
    return told, tuple(dict.fromkeys(filter(None, kept)))[:MAX_KEYWORDS]


class PromotionReader:
    """Reads a promotion's answer against the pages that were shown."""

    def __init__(self, shown: Sequence[ShownPage], known: Sequence[Knowledge]) -> None:
        self._shown = {page.quoted.number: page for page in shown}
        self._known = dict(enumerate(known, 1))
        self._folded: dict[int, tuple[Folded, Folded]] = {}
        names = " ".join(speakers([page.page for page in shown]).values())
        self._names = grounding.terms(f"{names} user agent assistant")

    def promotion(self, answer: PromoteAnswer) -> Promotion:
        """Return the facts and traits that hold."""
        facts = (self._fact(fact) for fact in answer.facts[:MAX_FACTS])
        traits = (self._trait(trait) for trait in answer.traits[:MAX_TRAITS])
        return Promotion(
            tuple(fact for fact in facts if fact is not None),
            tuple(trait for trait in traits if trait is not None),
        )

    def _fact(self, fact: FactAnswer) -> FactDraft | None:
        """Return the fact if the cited pages hold its quote, its value and enough of its words."""
        owner = _OWNERS.get(fact.owner.strip().casefold())
        text = line(fact.text, MAX_STATEMENT)
        sources = self._sources(fact.pages, fact.quote, text)
        value = line(fact.value, MAX_VALUE)
        if owner is None or not text or not sources:
            return None
        cited = [self._shown[number] for number in fact.pages if number in self._shown]
        if value and not any(grounding.holds(value, self._sides(p)) for p in cited):
            return None
        if not self._says(text, sources, cited):
            return None
        attribute = _attribute(fact.attribute)
        if attribute and not value:
            return None
        return FactDraft(
            owner=owner,
            text=text,
            sources=sources,
            attribute=attribute,
            value=value if attribute else None,
            subject=attribute,
            supersedes=self._superseded(fact.supersedes, owner, attribute, text, sources),
        )

    def _trait(self, trait: TraitAnswer) -> TraitDraft | None:
        """Return the trait if it is one of the 90 and the cited pages hold its quote.

        A reason that has next to nothing of the pages' words gives way to the quote.
        """
        name, level = trait_named(trait.name), level_named(trait.level)
        sources = self._sources(trait.pages, trait.quote, "")
        if name is None or level is None or not sources:
            return None
        reason = line(trait.reason, MAX_STATEMENT)
        cited = [self._shown[number] for number in trait.pages if number in self._shown]
        there = grounding.terms("\n".join(side for page in cited for side in page.sides))
        said = grounding.terms(reason) - self._names
        if grounding.share(said, there) < grounding.LEAST_OF_SUMMARY:
            reason = line(sources[0].quote, MAX_STATEMENT)
        sources = tuple(replace(source, text=reason) for source in sources)
        return TraitDraft(name, level, reason, sources)

    def _sources(self, numbers: Sequence[int], quote: str, text: str) -> tuple[Source, ...]:
        """Return the cited pages that hold `quote`, each with its own wording of it."""
        sources = []
        for number in dict.fromkeys(numbers):
            page = self._shown.get(number)
            if page is None:
                continue
            for side, haystack in zip(page.sides, self._sides(page), strict=True):
                words = grounding.found_quote(quote, side, haystack)
                if words is not None:
                    sources.append(Source(page.page.id, words, text))
                    break
        return tuple(sources)

    def _says(self, text: str, sources: Sequence[Source], cited: Sequence[ShownPage]) -> bool:
        """Tell whether the fact is about what its quote and its pages say."""
        said = grounding.terms(text) - self._names
        quoted = grounding.terms(" ".join(source.quote for source in sources))
        there = grounding.terms("\n".join(side for page in cited for side in page.sides))
        dates = grounding.terms(" ".join(_date(page.page.timestamp) for page in cited))
        return bool(said & quoted) and grounding.share(said - dates, there) >= (
            grounding.LEAST_OF_FACT
        )

    def _superseded(
        self,
        numbers: Sequence[int],
        owner: Owner,
        attribute: str | None,
        text: str,
        sources: Sequence[Source],
    ) -> tuple[str, ...]:
        """Return the ids of the known facts that this one can make untrue."""
        quotes = " ".join(source.quote for source in sources)
        said = grounding.terms(f"{text} {quotes}") - self._names
        ids = []
        for number in dict.fromkeys(numbers):
            item = self._known.get(number)
            if item is None or item.owner != owner:
                continue
            same = attribute is not None and item.attribute == attribute
            if same or (grounding.terms(item.text) - self._names) & said:
                ids.append(item.id)
        return tuple(ids) if len(ids) <= MAX_SUPERSEDED else ()

    def _sides(self, page: ShownPage) -> tuple[Folded, Folded]:
        number = page.quoted.number
        if number not in self._folded:
            user, agent = page.sides
            self._folded[number] = grounding.folded(user), grounding.folded(agent)
        return self._folded[number]


def _attribute(name: str) -> str | None:
    """Return the profile attribute of that name; None for anything else."""
    from memoryos.updating.analysts.prompts.promote import ATTRIBUTES  # noqa: PLC0415  # loads pydantic

    wanted = re.sub(r"\W+", "_", name.strip().casefold())
    return wanted if wanted in ATTRIBUTES else None


def speakers(pages: Sequence[Page]) -> dict[str, str]:
    """Return the names of both sides, where the messages give them."""
    names = {
        "user": next((page.user_name for page in pages if page.user_name), None),
        "agent": next((page.agent_name for page in pages if page.agent_name), None),
    }
    return {side: line(name, MAX_NAME) for side, name in names.items() if name}


def _ids(pages: Sequence[ShownPage]) -> tuple[str, ...]:
    return tuple(page.page.id for page in pages)


def line(text: str, longest: int) -> str:
    """Return `text` as one line of at most `longest` characters, cut at a blank if there is one."""
    line = _CONTROL.sub(" ", text[: 4 * longest]).strip()
    if len(line) <= longest:
        return line
    return (line[:longest].rpartition(" ")[0] or line[:longest]).rstrip()


def _date(at: datetime) -> str:
    return f"{at:%Y %B} {at.day} {at:%A}"
