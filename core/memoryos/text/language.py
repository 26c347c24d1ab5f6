"""The languages: what is known of each is data, one TOML file in `languages/`, and no Python.

A list in such a file is words between blanks; "_" stands for the blank inside a phrase.  A list of
lines has a meaning per line, in the order that its field below tells.  Files are trusted at run
time; tests/text/test_languages.py tells what is wrong with one, by the name of the key.

Pure: reads the package's own files, once per process, when a language is first needed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Words = frozenset[str]
"""Words and phrases, lower-cased, in any order."""
Lines = tuple[tuple[str, ...], ...]
"""One tuple of words and phrases per line of a list of lines."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How people speak of themselves, ask, command and hand over the words of others.

    In a language without spaces these are looked for anywhere in a sentence; else as whole words.
    """

    first_person: Words = frozenset()
    """One of these makes a sentence the speaker's own ("I", "my"; verb forms where the pronoun is
    left out).  Forms that are as often the third person's are left out."""
    dropped_subject: Words = frozenset()
    """Words that make a sentence the speaker's own when they open it, the pronoun left out ("been
    busy").  Empty where `first_person` has the verb forms."""
    question_words: Words = frozenset()
    """Who, what, when."""
    question_openers: Words = frozenset()
    """Words that make a question of a sentence when they open it ("do", "can", "any idea")."""
    telling_openers: Words = frozenset()
    """Openings with a question word that tell where no question mark ends them ("when I was")."""
    question_endings: Words = frozenset()
    """Words or syllables that make a question of a sentence when they end it."""
    commands: Words = frozenset()
    """Words that open a request to the agent ("please", "translate")."""
    reported_speech: Words = frozenset()
    """Words that tell what somebody else said ("says", "according to")."""
    announcements: Words = frozenset()
    """Words that announce text that is not the speaker's ("customer email below", "subject:")."""
    texts: Words = frozenset()
    """Texts that people hand over to be worked on, and what is done to them ("grammar",
    "translate"): a request with one of these hands over what follows it."""
    pointers: Words = frozenset()
    """Words by which a request points at what follows ("this", "below")."""
    play: Words = frozenset()
    """Words that begin fiction or role play ("my character", "you are a")."""
    labels: Words = frozenset()
    """Words before a colon that head the speaker's own words ("correction: …"), and name nobody."""
    suppositions: Words = frozenset()
    """Words of what is not so but might be ("if", "suppose")."""
    negations: Words = frozenset()
    """Words that deny."""
    hedges: Words = frozenset()
    """Words by which a speaker leaves a statement open ("maybe", "I think")."""
    ignorance: Words = frozenset()
    """Phrases of an answer that there is none ("I don't know")."""
    wishes: Words = frozenset()
    """Words of what is wanted, planned or dreamt of, and not so yet ("I'd love", "planning")."""
    second_person: Words = frozenset()
    """Words that speak to somebody ("you", "your")."""
    fiction: Words = frozenset()
    """Words of what is made up ("novel", "character")."""
    small_talk: Words = frozenset()
    """Greetings, thanks and assent: a message of nothing but these says nothing."""
    pleasantries: Words = frozenset()
    """Words of politeness, feeling and opinion: with nothing else, a sentence tells nothing that
    anybody would keep ("I'm so glad")."""
    of_others: Words = frozenset()
    """Words from which on a clause tells nothing of its speaker: whom it speaks to ("you"), what it
    asks in disguise ("trying to understand").  Those that may be another's too are left out."""
    of_everybody: Words = frozenset()
    """The first person in what is true of everybody ("our lives", "reminds us")."""
    now: Words = frozenset()
    """Words by which a sentence says that another no longer holds ("nowadays")."""
    follow_up_pronouns: Words = frozenset()
    """Words whose meaning is in an earlier turn ("her", "that one", "the second one")."""
    follow_up_openers: Words = frozenset()
    """Words by which a question goes on from the one before ("and", "what about")."""


@dataclass(frozen=True, slots=True)
class Matters:
    """Whole sentences of which a later one ends what an earlier one said.

    {x} is a name or noun.  A language without them has no matters: statements then end others only
    where they say otherwise in nearly the same words.
    """

    leads: Words = frozenset()
    """Words that may stand before such a sentence, besides small talk and labels ("now")."""
    follows: Words = frozenset()
    """Phrases that may stand behind such a sentence, and change nothing ("last week")."""
    home: Words = frozenset()
    """Tell where the speaker lives; {x} is a place."""
    employed: Words = frozenset()
    """Tell whom the speaker works for."""
    quits: Words = frozenset()
    """Tell that the speaker no longer works for {x}."""
    changes: Words = frozenset()
    """Tell that the speaker works for {x} now, and for nobody else."""
    unemployed: Words = frozenset()
    """Tell that the speaker no longer has the job."""
    married: Words = frozenset()
    """Tell that the speaker is married; {x} is anything."""
    weds: Words = frozenset()
    """Tell that the speaker has married."""
    single: Words = frozenset()
    """Tell that the speaker is not married."""
    parts: Words = frozenset()
    """Tell that a marriage has ended."""
    favourite: Words = frozenset()
    """Begin to tell which {x} the speaker likes best."""
    vague: Words = frozenset()
    """Nouns of which one has many favourites ("thing")."""


@dataclass(frozen=True, slots=True)
class DateWords:
    """How dates are said.

    Phrases may have slots: {n} a number, {unit}, {weekday}, {month}, {season}, {holiday}; {that} is
    any of the last five, days left out.
    """

    months: Lines = ()
    """January to December."""
    weekdays: Lines = ()
    """Monday to Sunday."""
    seasons: Lines = ()
    """Spring, summer, autumn, winter."""
    units: Lines = ()
    """Day, week, weekend, month, year."""
    numbers: Lines = ()
    """One, two, three; "a few" is three."""
    named: Lines = ()
    """A unit and how many of it ago, then its names: "day-1 yesterday"."""
    holidays: Lines = ()
    """A month and day, or first/last, then the names: "12-24/12-26 christmas"."""
    ago: tuple[str, ...] = ()
    """{n} units before now; one unit where there is no {n}."""
    last_n: tuple[str, ...] = ()
    """The {n} units until now."""
    last: tuple[str, ...] = ()
    """The last week, weekend or year; the latest such weekday, month, season or holiday."""
    this: tuple[str, ...] = ()
    """This week, weekend, month, year, season; the holiday or month of this year."""
    before_last: tuple[str, ...] = ()
    """The unit before the last one."""
    last_years: tuple[str, ...] = ()
    """Such a month, season or holiday of the year before this one."""
    last_weeks_day: tuple[str, ...] = ()
    """A weekday of the calendar week before this one."""
    this_weeks_day: tuple[str, ...] = ()
    """A weekday of this calendar week, unless it is yet to come."""
    in_season: tuple[str, ...] = ()
    """A season, of any year: by its name alone it is as often something else ("winter coat")."""
    links: tuple[str, ...] = ()
    """Words that may stand between day, month and year."""
    ordinals: tuple[str, ...] = ()
    """What may be written behind the number of a day."""
    doubtful: Words = frozenset()
    """Of the names above, those that are other words too: believed with a capital letter, with a
    number beside them, or in a phrase."""
    day_first: bool = False
    """Whether 5/8/2024 can only be 5 August."""
    glued: bool = False
    """Whether particles are written onto words (Korean), so that a name may have letters behind."""


@dataclass(frozen=True, slots=True)
class Language:
    """What is known of one language."""

    name: str  # in English
    code: str  # ISO 639-1
    stemmer: str = ""  # the name of Snowball's algorithm; "" where words are not stemmed
    letters: str = ""
    """Its own letters, as ranges for a regular expression; "" where it shares the Latin ones."""
    spaced: bool = True  # whether words stand between blanks
    stop_words: Words = frozenset()
    """Words that carry grammar only (characters, where words are not spaced, and of Korean).
    They are left out of terms, and tell languages apart.  Mostly those of the Snowball project,
    with question words and auxiliary verbs: a question asked of a memory is made of them."""
    irregular: Lines = ()
    """A base and its forms: inflection that no stemmer undoes ("buy bought")."""
    speech: Speech = field(default_factory=Speech)
    matters: Matters = field(default_factory=Matters)
    dates: DateWords = field(default_factory=DateWords)

    @property
    def bases(self) -> dict[str, str]:
        """Return the base of each irregular form."""
        return {form: base for base, *forms in self.irregular for form in forms}


@lru_cache(maxsize=1)
def languages() -> Mapping[str, Language]:
    """Return every language by its ISO 639-1 code, in the order of the codes."""
    folder = resources.files("memoryos.text") / "languages"
    texts = {
        file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name[-5:] == ".toml"
    }
    found = [read_language(texts[name]) for name in sorted(texts)]
    return {language.code: language for language in found}


def read_language(text: str) -> Language:
    """Return the language that the text of a TOML file describes.

    Raises TypeError, naming the key, when it has one that no field here has or lacks a needed one.
    """
    found: Language = _filled(Language, tomllib.loads(text))
    return found


def _filled(kind: type[Any], table: dict[str, Any]) -> Any:
    """Return an instance of one of the classes above with the values of a TOML table."""
    shapes = {each.name: each.type for each in fields(kind)}
    return kind(**{key: _value(shapes.get(key), value) for key, value in table.items()})


def _value(shape: Any, value: Any) -> Any:
    """Return a TOML value in the shape of its field (annotations are text here)."""
    if isinstance(value, dict):
        return _filled(
            {"Speech": Speech, "DateWords": DateWords, "Matters": Matters}.get(shape, Language),
            value,
        )
    if shape == "Words":
        return frozenset(_entries(value))
    if shape == "Lines":
        return tuple(_entries(line) for line in value.splitlines() if line)
    if shape == "tuple[str, ...]":
        return _entries(value)
    return value


def _entries(text: str) -> tuple[str, ...]:
    if "_" not in text:
        return tuple(text.split())
    return tuple(entry.replace("_", " ") for entry in text.split())


def any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of some words, the longest first.

    Words that begin alike share their beginning, so that few are tried at a place in a text.
    """
    branches: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        branches.setdefault(word[:1], []).append(word[1:])
    ends = "" in branches
    branches.pop("", None)
    found = []
    for first, rests in branches.items():
        while all(rests) and len({rest[0] for rest in rests}) == 1:
            first, rests = first + rests[0][0], [rest[1:] for rest in rests]
        found.append(re.escape(first) + (any_of(rests) if rests != [""] else ""))
    if not found:
        return ""
    return f"(?:{'|'.join(found)}){'?' if ends else ''}"
