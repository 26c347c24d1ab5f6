"""The dates a question speaks of: "on 8 May 2023", "in May", "last weekend", "hace dos semanas".

Pure: `now` and the span of the memory are passed in.  Absolute dates are read in English, Spanish,
French, German, Portuguese, Italian, Dutch and Russian, as ISO 8601 and in Chinese and Japanese
(2023年5月8日); relative ones in English and Spanish.  What is not understood is no date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_MONTH_NAMES = """
january february march april may june july august september october november december
jan feb mar apr - jun jul aug sep oct nov dec
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
januar februar märz april mai juni juli august september oktober november dezember
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
januari februari maart april mei juni juli augustus september oktober november december
январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
январе феврале марте апреле мае июне июле августе сентябре октябре ноябре декабре
"""
_MONTHS = {
    name: number
    for line in _MONTH_NAMES.strip().splitlines()
    for number, name in enumerate(line.split(), start=1)
    if name != "-"
}
_MONTHS_NAMED = frozenset(_MONTHS)
_VERBS = frozenset({"may", "march", "mars", "mar", "mai", "sep", "dec", "jan"})
"""Months that are other words too: believed with a capital, or beside a number."""

_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|\.|º|er)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_LINK = r"(?:\s*,\s*|\s+(?:of|de|del|di)\s+|\s+)"
_NUMERIC = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}[-/](?P<number>[01]?\d)[-/](?P<day>[0-3]?\d)\b",
        rf"{_YEAR}\s*年(?:\s*(?P<number>[01]?\d)\s*月(?:\s*(?P<day>[0-3]?\d)\s*日)?)?",
        r"(?P<number>[01]?\d)\s*月(?:\s*(?P<day>[0-3]?\d)\s*日)?",
    )
)
_ONLY_YEAR = re.compile(rf"\b{_YEAR}\b")

_NUMBERS = {
    word: value
    for line in (
        "one two three four five six seven eight nine ten",
        "uno dos tres cuatro cinco seis siete ocho nueve diez",
    )
    for value, word in enumerate(line.split(), start=1)
} | {"a": 1, "an": 1, "un": 1, "una": 1, "a couple of": 2, "a few": 3, "unos": 3, "unas": 3}
_COUNT = r"(?P<count>\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_UNITS = {
    "day": 1, "week": 7, "month": 30, "year": 365,
    "día": 1, "dia": 1, "semana": 7, "mes": 30, "año": 365, "ano": 365,
}  # fmt: skip
_UNIT = r"(?P<unit>" + "|".join(_UNITS) + ")(?:s|es)?"
_AGO = re.compile(rf"\b(?:{_COUNT}\s+{_UNIT}\s+ago|hace\s+{_COUNT.replace('count', 'count2')}\s+"
                  rf"{_UNIT.replace('unit', 'unit2')})\b", re.IGNORECASE)  # fmt: skip
_LAST = re.compile(
    r"\b(?:(?P<this>this)|last|past|previous)\s+(?P<en>week(?!end)|weekend|month|year)\b"
    r"|\b(?:la|el|este|esta)\s+(?P<es>semana|mes|año|fin de semana)"
    r"(?:\s+(?:pasad[oa]|anterior))?\b",
    re.IGNORECASE,
)
_NEAR_DAYS = {"today": 0, "tonight": 0, "yesterday": 1, "hoy": 0, "ayer": 1, "anteayer": 2}
_NEAR = re.compile(r"\b(?:" + "|".join(_NEAR_DAYS) + r")\b", re.IGNORECASE)


_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
_AGO_WORDS = frozenset({"ago", "hace"})
_LAST_WORDS = frozenset("last past previous this pasado pasada anterior este esta".split())
"""One of these, the name of a month or a near day, or a digit is in every date: most questions have
none, and are let off early; the others are searched only for what they can hold."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time a question speaks of."""

    start: float  # unix seconds, UTC, first moment inside
    end: float  # unix seconds, UTC, first moment after
    label: str  # as the question says it, tidied: "8 May 2023"


def periods(question: str, *, now: float, oldest: float, newest: float) -> list[Period]:
    """Return the periods `question` speaks of; empty when it names no date.

    now: unix seconds that relative words start from; oldest, newest: times of the first and the
    last page: a month named without its year is taken in every year between them.
    """
    said = frozenset(_WORD.findall(question.lower()))
    absolute = _patterns(_DIGIT.search(question) is not None, said & _MONTHS_NAMED)
    relative = not (
        said.isdisjoint(_LAST_WORDS) and said.isdisjoint(_AGO_WORDS) and said.isdisjoint(_NEAR_DAYS)
    )
    found: list[Period] = []
    try:
        if absolute:
            found += _absolute(question, absolute, _utc(oldest).year, _utc(newest).year)
        if relative:
            today = _utc(now).replace(hour=0, minute=0, second=0, microsecond=0)
            found += _relative(question, said, today)
    except (ValueError, OverflowError, OSError):  # a time no calendar has
        return []
    return found


def _patterns(digits: bool, names: frozenset[str]) -> Sequence[re.Pattern[str]]:
    """Return what absolute dates look like in a question with digits, or these names of months."""
    dated, alone = _month_patterns(names) if names else ((), ())
    return (*_NUMERIC, *dated, *alone, _ONLY_YEAR) if digits else alone


@lru_cache(maxsize=64)
def _month_patterns(
    names: frozenset[str],
) -> tuple[tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]:
    """Return the patterns of (months with a day, months alone or with their year).

    Of few names: to try all hundred of them at each word takes twenty times as long.
    """
    name = f"(?P<month>{'|'.join(sorted(names, key=lambda n: (-len(n), n)))})"
    year = rf"(?:{_LINK}{_YEAR}\b)?"
    dated = (rf"\b{_DAY}{_LINK}{name}\b{year}", rf"\b{name}\.?\s+{_DAY}\b{year}")
    return (
        tuple(re.compile(pattern, re.IGNORECASE) for pattern in dated),
        (re.compile(rf"\b{name}\b{year}", re.IGNORECASE),),
    )


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _absolute(
    question: str, patterns: Sequence[re.Pattern[str]], first: int, last: int
) -> list[Period]:
    found: list[Period] = []
    rest = question
    for pattern in patterns:
        for match in pattern.finditer(rest):
            parts = match.groupdict()
            name = parts.get("month") or ""
            alone = not parts.get("day") and not parts.get("year")
            if alone and name.lower() in _VERBS and not name[:1].isupper():
                continue
            month = _MONTHS.get(name.lower()) if name else int(parts.get("number") or 0)
            if month is None:  # "ſep" is "sep" to `re`, and to nobody else
                continue
            day = int(parts.get("day") or 0)
            years = [int(parts["year"])] if parts.get("year") else range(first, last + 1)
            for year in years:
                period = _calendar(year, month, day, match[0].strip(" ,"))
                if period:
                    found.append(period)
            rest = rest[: match.start()] + " " * len(match[0]) + rest[match.end() :]
    return found


def _calendar(year: int, month: int, day: int, label: str) -> Period | None:
    """Return the day, month (day = 0) or year (month = 0); None when no calendar has it."""
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=timezone.utc)
        if day:
            end = start + timedelta(days=1)
        elif month:
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
        else:
            end = datetime(year + 1, 1, 1, tzinfo=timezone.utc)
    except ValueError:
        return None
    return Period(start.timestamp(), end.timestamp(), label)


def _relative(question: str, said: frozenset[str], today: datetime) -> list[Period]:
    """Return the periods told from `today` (midnight) backwards."""
    found: list[tuple[datetime, datetime, str]] = []
    day = timedelta(days=1)
    for match in () if said.isdisjoint(_NEAR_DAYS) else _NEAR.finditer(question):
        back = _NEAR_DAYS.get(match[0].lower())
        if back is not None:
            start = today - back * day
            found.append((start, start + day, match[0]))
    for match in () if said.isdisjoint(_AGO_WORDS) else _AGO.finditer(question):
        count = (match["count"] or match["count2"]).lower()
        number = int(count) if count.isdigit() else _NUMBERS.get(count)
        unit = _UNITS.get((match["unit"] or match["unit2"]).lower())
        if number is None or unit is None:
            continue
        middle = today - number * unit * day
        slack = (unit // 2) * day
        found.append((middle - slack, middle + slack + day, match[0]))
    for match in () if said.isdisjoint(_LAST_WORDS) else _LAST.finditer(question):
        spanish = match["es"]
        if spanish and not re.search("pasad|anterior|est[ea] ", match[0], re.IGNORECASE):
            continue
        unit_word = (match["en"] or spanish).lower()
        this = bool(match["this"]) or match[0].lower().startswith(("este", "esta"))
        found.append((*_calendar_unit(unit_word, today, this), match[0]))
    return [Period(start.timestamp(), end.timestamp(), label) for start, end, label in found]


def _calendar_unit(word: str, today: datetime, this: bool) -> tuple[datetime, datetime]:
    """Return this (or the last) week, weekend, month or year, as (start, end)."""
    day = timedelta(days=1)
    monday = today - today.weekday() * day
    if word in ("weekend", "fin de semana"):
        saturday = monday + 5 * day if this else monday - 2 * day
        return saturday, saturday + 2 * day
    if word in ("week", "semana"):
        return (monday, monday + 7 * day) if this else (monday - 7 * day, monday)
    if word in ("month", "mes"):
        start = today.replace(day=1)
        if not this:
            start = (start - day).replace(day=1)
        return start, (start + 32 * day).replace(day=1)
    year = today.year if this else today.year - 1
    return today.replace(year=year, month=1, day=1), today.replace(year=year + 1, month=1, day=1)
