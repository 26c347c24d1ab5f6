"""The dates a question speaks of: "on 8 May 2023", "in May", "last weekend", "hace dos semanas".

Pure: `now` and the span of the memory are passed in.  The words are data of each language
(`languages/*.toml`, `DateWords`); numeric dates are read in the usual orders, and in both where the
order cannot be told.  What is not understood is no date: a misreading is worse than none.  Seasons
are the northern ones, of whole months.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cached_property, lru_cache

from memoryos.text.date_phrases import (
    BEFORE,
    BEHIND,
    YEAR,
    Phrases,
    Said,
    months,
    spoken,
    tidy,
)
from memoryos.text.language import Language, languages
from memoryos.text.tokenizer import LETTER, language, words

Span = tuple[datetime, datetime]
"""First moment inside, first moment after: naive, in the time zone of the question."""

_DAY = timedelta(days=1)
_LENGTHS = (1, 7, 7, 30, 365)
"""Days of a unit: day, week, weekend, month, year."""
_WEEKEND = 2
_WINTER = 3
_ALONE, _ENDS = r"(?<![\d.,/-])", r"(?!\d|[.,/-]\d)"
"""Not a part of a longer number: a version, an address, an amount."""
_NUMERIC = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{YEAR}(?P<mark>[-/]|\.\s?)(?P<number>[01]?\d)(?P=mark)(?P<day>[0-3]?\d)(?!\d)",
        rf"{_ALONE}(?P<day>[0-3]?\d)\.\s?(?P<number>[01]?\d)\.\s?(?P<year>(?:19|20)\d\d){_ENDS}",
        rf"{_ALONE}(?P<one>\d\d?)(?P<mark>[-/])(?P<two>\d\d?)(?P=mark)(?P<year>(?:19|20)?\d\d){_ENDS}",
        rf"{YEAR}\s*[年년](?:\s*(?P<number>[01]?\d)\s*[月월](?:\s*(?P<day>[0-3]?\d)\s*[日号號일])?)?",
        r"(?<!\d)(?P<number>[01]?\d)\s*[月월](?:\s*(?P<day>[0-3]?\d)\s*[日号號일])?",
    )
)
_ONLY_YEAR = re.compile(
    rf"{BEFORE}(?<!\d[.,:/])(?:(?<=(?:19|20)\d\d-)|(?<!\d-)){YEAR}{BEHIND}(?![.,:/]\d)"
)
_WORD = re.compile(rf"{LETTER}+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time a question speaks of."""

    start: float  # unix seconds, UTC, first moment inside
    end: float  # unix seconds, UTC, first moment after
    label: str  # as the question says it, tidied: "8 May 2023"


@dataclass(frozen=True)
class _Asked:
    """A question and the calendar it is asked in."""

    text: str  # lower-cased, apostrophes straight, as long as `original`
    original: str
    today: datetime  # midnight at which today began, naive, in `zone`
    zone: tzinfo
    years: range  # years of the memory

    @cached_property
    def spoken(self) -> str | None:
        """Snowball's name of the question's language."""
        return language(words(self.original))

    def period(self, start: datetime, end: datetime, first: int, last: int) -> Period:
        """Return a period that the question names between two of its places."""
        label = self.original[first:last].strip(" ,")
        first_moment, end_moment = (
            each.replace(tzinfo=self.zone).timestamp() for each in (start, end)
        )
        return Period(first_moment, end_moment, label)

    def without(self, first: int, last: int) -> _Asked:
        """Return the question with a blank in the place of what was read."""
        text = self.text[:first] + " " * (last - first) + self.text[last:]
        asked = replace(self, text=text)
        if "spoken" in vars(self):
            vars(asked)["spoken"] = self.spoken
        return asked


def periods(
    question: str, *, now: float, oldest: float, newest: float, zone: tzinfo = timezone.utc
) -> list[Period]:
    """Return the periods `question` speaks of; empty when it names no date.

    now: unix seconds that relative words start from; oldest, newest: times of the first and the
    last page: a month named without its year is taken in every year between them; zone: the time
    zone of whoever asks, in which days begin and end.
    """
    original = question
    if not question.isascii():
        original = unicodedata.normalize("NFKC", question).replace("’", "'")
    text = original.lower()
    if len(text) != len(original):  # "İ" becomes two letters
        original = text
    said = frozenset((_ASCII_WORD if text.isascii() else _WORD).findall(text))
    talk = spoken(said, text)
    dated = bool(_DIGIT.search(text)) or not said.isdisjoint(months().by_word)
    if not talk and not dated:
        return []
    try:
        moment = _at(now, zone)
        today = _day(moment.year, moment.month, moment.day)
        years = range(_at(oldest, zone).year, _at(newest, zone).year + 1)
        asked = _Asked(text, original, today, zone, years)
        found = _periods(asked, said, talk)
        # Each once: a pasted page may name a day many times, and each is a pass over all pages.
        return list({(each.start, each.end): each for each in reversed(list(found))}.values())[::-1]
    except (ValueError, OverflowError, OSError):  # a time no calendar has
        return []


def _at(seconds: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone)


def _periods(asked: _Asked, said: frozenset[str], talk: list[Phrases]) -> Iterator[Period]:
    for each in sorted(talk, key=lambda each: _distance(each.language, asked)):
        for phrase in each.find(asked.text):
            if not _believed(asked, each.language, phrase):
                continue
            spans = list(_meant(phrase, each, asked))
            yield from _named(spans, asked, phrase.start, phrase.end)
            if spans:
                asked = asked.without(phrase.start, phrase.end)
    names = tuple(sorted(name for word in said for name in months().by_word.get(word, ())))
    for pattern in _patterns(names, unspaced=bool(talk), digits=bool(_DIGIT.search(asked.text))):
        for match in pattern.finditer(asked.text):
            yield from _named(_calendar(match, asked), asked, match.start(), match.end())
            asked = asked.without(match.start(), match.end())


def _distance(of: Language, asked: _Asked) -> bool:
    """Return whether the question is in another language: what its own has read, no other reads."""
    if of.stemmer:
        return of.stemmer != asked.spoken
    return not re.search(f"[{of.letters}]", asked.text)


def _named(spans: Iterable[Span], asked: _Asked, first: int, last: int) -> Iterator[Period]:
    """Yield periods that the question names between two of its places."""
    for start, end in spans:
        yield asked.period(start, end, first, last)


@lru_cache(maxsize=1)
def _users_of_stop_word() -> dict[str, set[str]]:
    """Return the codes of the languages that use a word too often for it to tell a date."""
    table: dict[str, set[str]] = {}
    for code, each in languages().items():
        for word in each.stop_words if each.stemmer else ():
            table.setdefault(word, set()).add(code)
    return table


def _believed(asked: _Asked, of: Language, phrase: Said) -> bool:
    """Return whether a name that stands alone means a time.

    Not when it is an everyday word, of its language or of another: French "hier" is yesterday, and
    German for "here".
    """
    if phrase.kind not in ("named", "holiday") or phrase.year is not None:
        return True
    word = tidy(asked.text[phrase.start : phrase.end])
    if word in of.dates.doubtful:
        return asked.original[phrase.start].isupper()
    return of.stemmer == asked.spoken or not _users_of_stop_word().get(word, set()) - {of.code}


# ── Phrases ──────────────────────────────────────────────────────────────────────────────────────


def _meant(said: Said, of: Phrases, asked: _Asked) -> Iterable[Span]:
    """Return the spans of time that a phrase may mean, as (start, end)."""
    kind = said.name.kind if said.name else ""
    value = said.name.value if said.name else 0
    today = asked.today
    if kind == "unit":
        return _units(said, value, today)
    if kind == "weekday":
        return _weekdays(said.kind, value, today)
    if not kind or said.kind == "before_last":
        return ()
    known = list(_instances(kind, value, of, today.year, asked.years))
    if said.year is not None:
        return _of_year(said.year, kind, value, of)
    if said.kind in ("last_years", "this"):
        year = today.year - (said.kind == "last_years")
        inside = [span for span in known if span[0] <= today < span[1]]
        if said.kind == "this" and inside:
            return inside[:1]
        return [span for span in known if span[0].year == year][:1]
    if said.kind == "last":
        return [span for span in known if span[1] <= today][-1:]
    first, last = asked.years[0], asked.years[-1]
    return [span for span in known if span[1].year >= first and span[0].year <= last]


def _instances(kind: str, value: int, of: Phrases, now: int, years: range) -> Iterator[Span]:
    """Yield every such month, season or holiday from before the memory to this year."""
    first, last = min(now - 2, years[0] - 1), max(now, years[-1])
    for year in range(first, last + 1):
        if kind == "month":
            yield _month(year, value + 1)
        elif kind == "season":
            start = _day(year, 3 * value + 3, 1)
            yield start, _months_later(start, 3)
        else:
            (month, day), (last_month, last_day) = of.holidays[value]
            over = (last_month, last_day) < (month, day)
            yield _day(year, month, day), _day(year + over, last_month, last_day) + _DAY


def _of_year(year: int, kind: str, value: int, of: Phrases) -> Iterable[Span]:
    """Return the season or holiday of a year; a winter is of both years that it touches."""
    earliest = year - (kind == "season" and value == _WINTER)
    spans = _instances(kind, value, of, year, range(year, year + 1))
    return [span for span in spans if earliest <= span[0].year <= year]


def _units(said: Said, unit: int, today: datetime) -> Iterable[Span]:
    """Return the days, week, weekend, month or year told from `today` (midnight) backwards."""
    number = said.number
    if number < 1 and said.kind != "named":
        return ()
    if said.kind == "ago" and unit != _WEEKEND:
        middle, slack = today - number * _LENGTHS[unit] * _DAY, _LENGTHS[unit] // 2 * _DAY
        return [(middle - slack, middle + slack + _DAY)]
    if said.kind == "last_n":
        return [(today - number * _LENGTHS[unit] * _DAY, today + _DAY)]
    if said.kind in ("last", "this", "before_last"):
        if unit == 0:
            return ()
        number = {"this": 0, "last": 1, "before_last": 2}[said.kind]
    elif said.kind not in ("named", "ago"):
        return ()
    return [_back(unit, number, today)]


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day)  # noqa: DTZ001  # local: `_Asked.period` adds the zone


def _month(year: int, month: int) -> Span:
    start = _day(year, month, 1)
    return start, _months_later(start, 1)


def _months_later(first: datetime, count: int) -> datetime:
    """Return the first day of a month so many months after (or before) the first day of one."""
    months_since_year_0 = first.year * 12 + first.month - 1 + count
    return _day(months_since_year_0 // 12, months_since_year_0 % 12 + 1, 1)


def _back(unit: int, number: int, today: datetime) -> Span:
    """Return the calendar's day, week, weekend, month or year `number` of them before today's."""
    monday = today - today.weekday() * _DAY
    if unit == 0:
        return today - number * _DAY, today - (number - 1) * _DAY
    if unit == 1:
        return monday - 7 * number * _DAY, monday - 7 * (number - 1) * _DAY
    if unit == _WEEKEND:
        saturday = monday - (7 * number - 5) * _DAY
        return saturday, saturday + 2 * _DAY
    if unit == 3:
        start = _months_later(today.replace(day=1), -number)
        return start, _months_later(start, 1)
    start = today.replace(year=today.year - number, month=1, day=1)
    return start, start.replace(year=start.year + 1)


def _weekdays(kind: str, weekday: int, today: datetime) -> Iterable[Span]:
    monday = today - today.weekday() * _DAY
    latest = today - ((today.weekday() - weekday - 1) % 7 + 1) * _DAY  # before today
    day = {
        "last": latest,
        "before_last": latest - 7 * _DAY,
        "last_weeks_day": monday + (weekday - 7) * _DAY,
        "this_weeks_day": monday + weekday * _DAY,
    }.get(kind)
    return [(day, day + _DAY)] if day and day <= today else ()


# ── Dates ────────────────────────────────────────────────────────────────────────────────────────


def _patterns(names: tuple[str, ...], *, unspaced: bool, digits: bool) -> list[re.Pattern[str]]:
    """Return what absolute dates look like in a question with digits, or these names of months."""
    dated, alone = _month_patterns(names) if names else ((), ())
    found = [*_NUMERIC, *dated, *alone, _ONLY_YEAR] if digits else list(alone)
    if unspaced:
        found.insert(len(_NUMERIC) if digits else 0, _unspaced_months())
    return found


@lru_cache(maxsize=1)
def _unspaced_months() -> re.Pattern[str]:
    return re.compile(rf"(?:{YEAR}\s*[年년]\s*)?(?P<month>{months().unspaced})")


@lru_cache(maxsize=64)
def _month_patterns(
    names: tuple[str, ...],
) -> tuple[tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]:
    """Return the patterns of (months with a day, months alone or with their year).

    Of few names: to try all hundred of them at each word takes twenty times as long.
    """
    known = months()
    ordered = sorted(map(re.escape, names), key=lambda name: (-len(name), name))
    name = f"(?P<month>{'|'.join(ordered)})".replace(r"\ ", r"\s+")
    day = rf"(?P<day>[0-3]?\d)(?:-?(?:{known.ordinals}))?"
    link = rf"(?:\s*,\s*|\s+(?:{known.links})\s+|\s+)"
    year = rf"(?:{link}{YEAR}{BEHIND})?"
    dated = (
        rf"{BEFORE}{day}{link}{name}{BEHIND}\.?{year}",
        rf"{BEFORE}{name}\.?\s+(?:the\s+)?{day}{BEHIND}{year}",
    )
    return (
        tuple(re.compile(pattern) for pattern in dated),
        (re.compile(rf"{BEFORE}{name}{BEHIND}{year}"),),
    )


def _calendar(match: re.Match[str], asked: _Asked) -> Iterator[Span]:
    """Yield the days, months or years that an absolute date may mean."""
    parts = match.groupdict()
    name = tidy(parts.get("month") or "")
    alone = not parts.get("day") and not parts.get("year")
    if alone and name in months().doubtful and not asked.original[match.start()].isupper():
        return
    if parts.get("one"):
        yield from _either_order(parts, asked)
        return
    month = months().numbers[name] if name else int(parts.get("number") or 0)
    day = int(parts.get("day") or 0)
    for year in [int(parts["year"])] if parts.get("year") else asked.years:
        yield from _date(year, month, day)


def _either_order(parts: dict[str, str], asked: _Asked) -> Iterator[Span]:
    """Yield the readings of 5/8/2024: by the language's order, if it has one, else both."""
    one, two, year = int(parts["one"]), int(parts["two"]), int(parts["year"])
    year += 2000 if year < 100 else 0
    day_first, month_first = list(_date(year, two, one)), list(_date(year, one, two))
    if not one or not two:
        return
    of = next((each for each in languages().values() if each.stemmer == asked.spoken), None)
    if day_first and ((of and of.dates.day_first) or one == two):
        month_first = []
    yield from day_first
    yield from month_first


def _date(year: int, month: int, day: int) -> Iterator[Span]:
    """Yield the day, month (day = 0) or year (month = 0); nothing when no calendar has it."""
    try:
        if not month:
            yield _day(year, 1, 1), _day(year + 1, 1, 1)
        elif not day:
            yield _month(year, month)
        else:
            start = _day(year, month, day)
            yield start, start + _DAY
    except ValueError:
        return
