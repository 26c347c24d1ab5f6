"""The phrases of time of each language, made into patterns: from "last {that}" to what it matches.

Pure, like dates.py, which says what day a phrase means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from memoryos.text.language import Language, languages
from memoryos.text.tokenizer import LETTER

YEAR = r"(?P<year>(?<!\d)(?:19|20)\d\d(?!\d))"
BEFORE, BEHIND = rf"(?<!{LETTER})", rf"(?!{LETTER})"
"""Where a word begins and ends; \\b takes the vowel signs of Hindi for no letters."""
_SLOT = re.compile(r"(\{\w+\})")
_WORD = re.compile(rf"{LETTER}+")
_NUMERALS = "一二三四五六七八九十百千几幾数两兩"
_UNITS = ("day", "week", "weekend", "month", "year")
_SPECIAL = ("last_weeks_day", "this_weeks_day", "before_last", "last_years", "ago", "last_n")
_KINDS = (*_SPECIAL, "last", "this", "in_season")
"""In the order of trial: the longer phrase before the one that is a part of it."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a word or phrase stands for."""

    kind: str  # "unit", "weekday", "month", "season" or "holiday"
    value: int  # its place in its list, from 0 (a season: spring; a weekday: Monday)


@dataclass(frozen=True, slots=True)
class Said:
    """A phrase of time that was found in a question."""

    kind: str  # one of `_KINDS`, or "named", "season", "holiday"
    start: int  # where it begins in the question
    end: int  # where it ends
    number: int = 1  # {n}; of "named" how many units ago
    name: Name | None = None
    year: int | None = None


class _Pattern:
    """What one template, or any name of a list, matches; compiled when it first may be there."""

    def __init__(
        self, kind: str, needs: tuple[tuple[str, ...], ...], build: Callable[[], re.Pattern[str]]
    ) -> None:
        self.kind = kind
        self.needs = needs
        """Pieces of text: without all the pieces of one of these it cannot match."""
        self._build = build

    def possible(self, text: str) -> bool:
        """Return whether a text has what every match has; costs a tenth of the search."""
        for pieces in self.needs:  # loops, not any() and all(): a third of their time
            for piece in pieces:
                if piece not in text:
                    break
            else:
                return True
        return False

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return self._build()


class Phrases:
    """The phrases of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        words = language.dates
        lists = {
            "unit": words.units,
            "weekday": words.weekdays,
            "month": words.months,
            "season": words.seasons,
            "holiday": tuple(names for _, *names in words.holidays),
        }
        self._names = {
            kind: {name: Name(kind, place) for place, line in enumerate(lines) for name in line}
            for kind, lines in lists.items()
        }
        self._numbers = {name: n for n, line in enumerate(words.numbers, start=1) for name in line}
        self._named = {
            name: (Name("unit", _UNITS.index(unit)), int(back))
            for (unit, back), names in ((key.split("-"), names) for key, *names in words.named)
            for name in names
        }
        self.holidays = tuple(_first_and_last(key) for key, *_ in words.holidays)
        """(month, day) of the first and of the last day of each."""

    @property
    def anchors(self) -> Iterator[str]:
        """Yield words one of which is in every phrase of this language."""
        words = self.language.dates
        for phrase in (*self._named, *self._names["season"], *self._names["holiday"]):
            yield _longest(phrase)
        for kind in _KINDS[:-1]:
            for template in getattr(words, kind):
                yield _longest(_SLOT.sub(" ", template))

    def find(self, text: str) -> Iterator[Said]:
        """Yield the phrases in a lower-cased text; no part of it is in two of them."""
        for each in self._patterns:
            if not each.possible(text):
                continue
            kind = each.kind
            for match in each.compiled.finditer(text):
                said = self._said(kind, match)
                yield said
                text = text[: said.start] + " " * len(match[0]) + text[said.end :]

    def _said(self, kind: str, match: re.Match[str]) -> Said:
        parts = {key: tidy(part) for key, part in match.groupdict().items() if part}
        year = int(parts.pop("year")) if "year" in parts else None
        count = parts.pop("n", "1")
        number = int(count) if count.isdecimal() else self._numbers[count]
        name = None
        if kind == "named":
            name, number = self._named[parts["named"]]
        for slot, said in parts.items():
            tables = self._names.values() if slot == "that" else [self._names.get(slot, {})]
            name = next((table[said] for table in tables if said in table), name)
        if kind == "in_season" and name is None:  # a form that means it alone: Russian "летом"
            name = self._names["season"].get(tidy(match[0]))
        return Said(kind, match.start(), match.end(), number, name, year)

    @cached_property
    def _patterns(self) -> list[_Pattern]:
        words = self.language.dates
        link = rf"(?:\s*,\s*|\s+|\s+(?:{_any(words.links)})\s+)" if words.links else r"[\s,]\s*"
        found = [
            self._pattern(kind, template) for kind in _SPECIAL for template in getattr(words, kind)
        ]
        if self.language.spaced and not words.glued:
            dated = f"{{season}}@{YEAR}"
            holiday = f"{{holiday}}(?:@{YEAR})?"
        else:
            dated = rf"{YEAR}\s*[年년]?\s*[的の]?\s*{{season}}"
            holiday = rf"(?:{YEAR}\s*[年년]?\s*[的の]?\s*)?{{holiday}}"
        found.append(self._of_names("season", dated.replace("@", link)))
        found += [
            self._pattern(kind, template)
            for kind in ("last", "this", "in_season")
            for template in getattr(words, kind)
        ]
        found.append(self._of_names("named", f"(?P<named>{_any(self._named)})"))
        found.append(self._of_names("holiday", holiday.replace("@", link)))
        return [each for each in found if each.needs]

    def _of_names(self, kind: str, source: str) -> _Pattern:
        names = self._named if kind == "named" else self._names[kind]
        needs = tuple({(_longest(name),) for name in names})
        return _Pattern(kind, needs, lambda: self._compiled(source))

    def _pattern(self, kind: str, template: str) -> _Pattern:
        """Return what a template matches; blanks may be of any width, and are free in Chinese."""
        parts = [part for part in _SLOT.split(template) if part]
        free = r"\s*" if not self.language.spaced or self.language.dates.glued else ""
        texts = [
            part if _SLOT.fullmatch(part) else re.escape(part).replace(r"\ ", r"\s+")
            for part in parts
        ]
        needs = " ".join(part for part in parts if not _SLOT.fullmatch(part))
        return _Pattern(kind, (tuple(needs.split()),), lambda: self._compiled(free.join(texts)))

    def _compiled(self, source: str) -> re.Pattern[str]:
        # Not the tail of 1.5, of twenty-one, of 三十.
        numbers = rf"(?P<n>(?<![\d.,])\d{{1,3}}|(?<![-{_NUMERALS}])(?:{_any(self._numbers)}))"
        source = source.replace("{n}", numbers)
        for kind, names in self._names.items():
            source = source.replace(f"{{{kind}}}", f"(?P<{kind}>{_any(names)})")
        that = [name for table in self._names.values() for name in table]
        source = source.replace("{that}", f"(?P<that>{_any(that)})")
        if self.language.spaced:
            source = BEFORE + source + ("" if self.language.dates.glued else BEHIND)
        return re.compile(source)


def tidy(text: str) -> str:
    """Return a name as the language files write it: single blanks."""
    return " ".join(text.split())


def _first_and_last(key: str) -> tuple[tuple[int, int], tuple[int, int]]:
    days = [(int(day[:2]), int(day[3:])) for day in key.split("/")]
    return days[0], days[-1]


def _longest(phrase: str) -> str:
    found: list[str] = _WORD.findall(phrase)
    return max(found, key=len)


def _any(names: Iterable[str]) -> str:
    """Return a pattern of any of some names, the longest first."""
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in ordered)


@lru_cache(maxsize=1)
def phrases() -> Mapping[str, Phrases]:
    """Return the phrases of every language, by its ISO 639-1 code."""
    return {code: Phrases(language) for code, language in languages().items()}


@lru_cache(maxsize=1)
def _anchored() -> tuple[dict[str, set[str]], set[str]]:
    """Return (codes of languages by a word of theirs, codes of those looked for in any word)."""
    table: dict[str, set[str]] = {}
    anywhere: set[str] = set()
    for code, each in phrases().items():
        if not each.language.spaced or each.language.dates.glued:
            anywhere.add(code)
            continue
        for word in each.anchors:
            table.setdefault(word, set()).add(code)
    return table, anywhere


def spoken(said: frozenset[str], text: str) -> list[Phrases]:
    """Return the languages that may have a phrase of time in a text.

    said: the words of `text`, lower-cased.  Most questions have none, and cost no search.
    """
    table, anywhere = _anchored()
    codes = {code for word in said & table.keys() for code in table[word]}
    if not text.isascii() and _UNSPACED.search(text):
        codes |= anywhere
    return [phrases()[code] for code in sorted(codes)]


_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Months:
    """The names of months in every language."""

    numbers: dict[str, int]  # name -> 1 to 12
    by_word: dict[str, tuple[str, ...]]  # first word of a name -> the names
    unspaced: str  # pattern of those that are written without spaces
    doubtful: frozenset[str]  # names that are other words too
    links: str  # pattern of the words that stand between day, month and year
    ordinals: str  # pattern of what stands behind the number of a day


@lru_cache(maxsize=1)
def months() -> Months:
    """Return the names of months in every language."""
    numbers: dict[str, int] = {}
    by_word: dict[str, tuple[str, ...]] = {}
    unspaced: list[str] = []
    for language in languages().values():
        glued = not language.spaced or language.dates.glued
        for number, names in enumerate(language.dates.months, start=1):
            for name in names:
                numbers.setdefault(name, number)
                if glued:
                    unspaced.append(name)
                else:
                    first = name.split()[0]
                    by_word[first] = (*by_word.get(first, ()), name)
    dates = [language.dates for language in languages().values()]
    return Months(
        numbers,
        by_word,
        _any(set(unspaced)),
        frozenset().union(*(each.doubtful for each in dates)),
        _any({link for each in dates for link in each.links}),
        _any({ordinal for each in dates for ordinal in each.ordinals}),
    )
