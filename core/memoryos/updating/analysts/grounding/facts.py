"""Facts and traits of a model's answer, each held against the page that it is said to be on.

What the page does not say is dropped: another's words, a question, another number or date, "not"
left out.  What is nearly right is repaired: a quote found on the page beside, a value that is not
there left out, an owner called by name.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from memoryos.model import Knowledge, Owner, Source
from memoryos.ports import FactDraft, TraitDraft
from memoryos.text.dates import Period, periods
from memoryos.text.language import languages
from memoryos.text.tokenizer import language_of, normalise
from memoryos.updating.analysts.grounding.quotes import (
    LEAST_OF_FACT,
    LEAST_OF_SUMMARY,
    Folded,
    folded,
    found_quote,
    holds,
    nearest,
    share,
    terms,
)
from memoryos.updating.analysts.grounding.trait_names import level_named, trait_named
from memoryos.updating.analysts.grounding.voice import Said
from memoryos.updating.analysts.prompts.shown import CUT, ShownPage, day, one_line, speakers

if TYPE_CHECKING:
    from memoryos.updating.analysts.prompts.consolidate import FactAnswer
    from memoryos.updating.analysts.prompts.promote import TraitAnswer

MAX_TEXT = 300
MAX_VALUE = 100
MAX_SUPERSEDED = 3
"""Facts that one new fact may make untrue: more is an answer that means to wipe the memory."""
REPLACED = 0.5
"""Share of a known fact's telling words that one which says otherwise has in common with it."""

_OWNERS: dict[str, Owner] = {"user": "user", "agent": "agent", "assistant": "agent", "ai": "agent"}
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?。！？…\"“„«(]\s)(?<!^)(?<![\w'’])[A-ZÀ-ÖØ-ÞА-Я][\w'’-]+")
_NOUNS_ARE_CAPITAL = ("de",)
_DAY = 86_400


class FactReader:
    """Reads the facts and traits of an answer about the pages `shown`.

    known: facts as the prompt numbered them, from 1.  told: what else the prompt told (the page
    and the chain before), from which a fact may take names.
    """

    def __init__(
        self, shown: Sequence[ShownPage], known: Sequence[Knowledge] = (), told: str = ""
    ) -> None:
        self._shown = {page.number: page for page in shown}
        self._known = dict(enumerate(known, 1))
        self._folded: dict[int, tuple[Folded, Folded]] = {}
        self._names = speakers([page.page for page in shown])
        self._speakers = terms(" ".join((*self._names.values(), "user agent assistant")))
        sides = (side for page in shown for side in page.sides)
        heard = chain(sides, self._names.values(), (item.text for item in known), (told,))
        self._heard = normalise(" ".join(heard))

    def fact(self, answer: FactAnswer) -> FactDraft | None:
        """Return the fact if it holds; an attribute only with a value that its quote holds."""
        text = one_line(answer.text, MAX_TEXT)
        owner = self._owner(answer.owner, text)
        found = self._found(answer.page, answer.quote, owner) if owner and text else None
        if owner is None or found is None:
            return None
        page, said = found
        if not said.is_claimed or not self._holds(text, page, said):
            return None
        attribute, value = self._attribute(answer, said)
        ids = tuple(dict.fromkeys(answer.supersedes))
        return FactDraft(
            owner=owner,
            text=text,
            sources=(Source(page.page.id, said.quote, text),),
            attribute=attribute,
            value=value,
            subject=attribute,
            supersedes=self._superseded(ids, owner, attribute, text, said),
        )

    def trait(self, answer: TraitAnswer) -> TraitDraft | None:
        """Return the trait if it is one of the 90, on words that the user says of themselves.

        A reason that has next to nothing of the page's words gives way to the quote.
        """
        name, level = trait_named(answer.name), level_named(answer.level)
        found = self._found(answer.page, answer.quote, "user")
        if name is None or level is None or found is None:
            return None
        page, said = found
        if not said.is_claimed:
            return None
        reason = one_line(answer.reason, MAX_TEXT)
        words = terms(reason) - self._speakers
        if share(words, terms("\n".join(page.sides))) < LEAST_OF_SUMMARY:
            reason = one_line(said.quote, MAX_TEXT)
        return TraitDraft(name, level, reason, (Source(page.page.id, said.quote, reason),))

    # ── whose, and where ──

    def _owner(self, told: str, text: str) -> Owner | None:
        """Return whom a fact is about: the speaker that opens it goes before the one named."""
        said = re.sub(r"^(?:the|el|la|le|der|die)\s+", "", told.strip().casefold())
        opening = f"{normalise(text)} "
        owner = _OWNERS.get(said)
        for side, name in self._names.items():
            full, first = name.casefold(), name.split()[0].casefold()
            if re.match(rf"{re.escape(first)}(?!\w)", opening):
                return _OWNERS[side]
            if owner is None and said in {full, first}:
                owner = _OWNERS[side]
        return owner

    def _found(self, number: int, quote: str, owner: Owner) -> tuple[ShownPage, Said] | None:
        """Return the page on whose owner's side the quote stands, as near as can be."""
        at = 0 if owner == "user" else 1
        for page in sorted(self._shown.values(), key=lambda page: abs(page.number - number)):
            side = page.sides[at]
            where = found_quote(quote, self._sides(page)[at])
            if where is not None and CUT not in side[slice(*where)]:
                return page, Said(side, *where)
        return None

    def _sides(self, page: ShownPage) -> tuple[Folded, Folded]:
        if page.number not in self._folded:
            self._folded[page.number] = folded(page.user), folded(page.agent)
        return self._folded[page.number]

    # ── what ──

    def _holds(self, text: str, page: ShownPage, said: Said) -> bool:
        """Tell whether the text says what its quote says, with its numbers, dates and "not"."""
        words = terms(text) - self._speakers
        there = terms("\n".join((*page.sides, day(page.page.timestamp), _date_words(page))))
        return (
            bool(words & terms(said.quote))
            and share(words, there) >= LEAST_OF_FACT
            and said.keeps("negations", text)
            and said.keeps("wishes", text)
            and _keeps_fiction(said, text)
            and _dates_hold(text, page, said)
            and self._names_hold(text)
        )

    def _names_hold(self, text: str) -> bool:
        """Tell whether each name in the text was heard; not where all nouns have capitals."""
        of = language_of(text)
        if of is not None and of.code in _NOUNS_ARE_CAPITAL:
            return True
        names = (name.strip("'’-") for name in _NAME.findall(text))
        return all(
            normalise(re.sub(r"['’]s?$", "", name)) in self._heard or normalise(name) in _calendar()
            for name in names
        )

    def _attribute(self, answer: FactAnswer, said: Said) -> tuple[str | None, str | None]:
        """Return attribute and value, the value in the quote's words; none without the other."""
        name: str = getattr(answer, "attribute", "")
        value = one_line(getattr(answer, "value", ""), MAX_VALUE)
        wanted = re.sub(r"\W+", "_", name.strip().casefold())
        if not value or wanted not in _attributes():
            return None, None
        quote = folded(said.quote)
        if not holds(value, [quote]):
            value = nearest(value, said.quote) or ""
        return (wanted, value) if value else (None, None)

    def _superseded(
        self, numbers: Sequence[int], owner: Owner, attribute: str | None, text: str, said: Said
    ) -> tuple[str, ...]:
        """Return the ids of the known facts that this one makes untrue."""
        ids = [
            item.id
            for number in numbers
            if (item := self._known.get(number)) is not None
            and item.owner == owner
            and self._contradicts(item, attribute, text, said)
        ]
        return tuple(ids) if len(ids) <= MAX_SUPERSEDED else ()

    def _contradicts(self, item: Knowledge, attribute: str | None, text: str, said: Said) -> bool:
        """Tell whether a fact says otherwise of the same matter than a known one."""
        if attribute is not None and item.attribute == attribute:
            return True
        known = terms(item.text) - self._speakers
        new = (terms(text) | terms(said.quote)) - self._speakers
        if not known & new:
            return False
        if Said(item.text, 0, len(item.text)).is_denied != said.is_denied:
            return True
        return known != new and share(known, new) >= REPLACED


def _keeps_fiction(said: Said, text: str) -> bool:
    """Tell whether what is told of a story stays one ("my novel's ship", not "my ship")."""
    return not said.tells("fiction") or Said(text, 0, len(text)).tells("fiction")


def _dates_hold(text: str, page: ShownPage, said: Said) -> bool:
    """Tell whether each number and date is said, or meant by a word like "yesterday"."""
    at = page.page.timestamp
    sentences = " ".join(said.side[a:b] for a, b in said.sentences)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    today = Period(midnight, midnight + _DAY, "")
    meant = [today, *_periods(sentences, at), *_periods(said.side, at)]
    here = _periods(text, at)
    if not all(any(_agree(period, other) for other in meant) for period in here):
        return False
    labels = " ".join(period.label for period in here)
    dated = set(_DIGITS.findall(normalise(labels)))
    heard = normalise(said.side)
    numbers = set(_DIGITS.findall(heard)) | _numbers_in_words(heard)
    whole = " ".join((*map(str, sorted(numbers)), heard))
    for number in set(_DIGITS.findall(normalise(text))) - dated:
        if not re.search(rf"(?<!\d){re.escape(number)}(?!\d)", whole):
            return False
    return _numbers_in_words(normalise(text)) <= numbers


def _agree(one: Period, other: Period) -> bool:
    """Tell whether a period lies in another or holds it, as a month holds a day."""
    inside = other.start <= one.start and one.end <= other.end
    return inside or (one.start <= other.start and other.end <= one.end)


def _periods(text: str, at: datetime) -> list[Period]:
    """Return the times that a text speaks of, said at a moment."""
    moment = at.timestamp()
    zone = at.tzinfo or timezone.utc
    return periods(text, now=moment, oldest=moment, newest=moment, zone=zone)


def _numbers_in_words(text: str) -> set[str]:
    """Return the numbers above one that a normalised text says in words, as digits."""
    of = language_of(text) or languages()["en"]
    found = set()
    for number, names in enumerate(of.dates.numbers, 1):
        for name in names if number > 1 else ():
            edge = r"\b" if of.spaced else ""
            if name in text and re.search(rf"{edge}{re.escape(name)}{edge}", text):
                found.add(str(number))
    return found


@lru_cache(maxsize=1)
def _calendar() -> frozenset[str]:
    """Return the names of months, weekdays and seasons in all languages."""
    return frozenset(
        name
        for language in languages().values()
        for names in (*language.dates.months, *language.dates.weekdays, *language.dates.seasons)
        for name in names
    )


def _date_words(page: ShownPage) -> str:
    at = page.page.timestamp
    return f"{at:%Y %B} {at.day} {at:%A}"


@lru_cache(maxsize=1)
def _attributes() -> frozenset[str]:
    from memoryos.updating.analysts.prompts.promote import ATTRIBUTES  # noqa: PLC0415  # loads pydantic

    return frozenset(ATTRIBUTES)
