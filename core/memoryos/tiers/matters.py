"""What a later sentence ends of an earlier one: home, work, marriage, favourites.

"I moved to Porto" ends "I live in Lisbon", "I quit Siemens" ends "I work at Siemens".  Only whole
sentences that a language lists count (`text.language.Matters`), and only names of places are homes
("I moved to Postgres" is none).  Where it is not sure, both stand.

Pure: reads the package's own files, once per process, when first needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal

from memoryos.text.language import Language, any_of, languages
from memoryos.text.sentences import spans

Kind = Literal[
    "home",
    "employed",
    "quits",
    "changes",
    "unemployed",
    "married",
    "weds",
    "single",
    "parts",
    "favourite",
]
_ENDS: dict[Kind, Kind] = {
    "home": "home",
    "quits": "employed",
    "changes": "employed",
    "unemployed": "employed",
    "weds": "single",
    "parts": "married",
    "favourite": "favourite",
}
"""What each kind of sentence ends."""
_SAME_NAME = ("quits", "favourite")
"""These end only what is said of the same name."""
_ONE_ONLY = ("changes", "unemployed")
"""These end only what stands alone: of two jobs nobody knows which was lost."""
_LONGEST = 240
"""Characters of a sentence that is looked at."""
_SENTENCES = 6
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})
_NAME = r"(?P<x>[^,;:.!?，。！？；：]{1,40}?)"
_ARTICLE = re.compile(r"^(?:the|el|la|los|las|le|les|l'|o|a|os|as|der|die|das|den|dem)\s+")
_LINK = re.compile(r"(?:^|\s)(?:and|or|but|y|o|pero|et|ou|mais|und|oder|aber|e|mas|not|no)\s")


@dataclass(frozen=True, slots=True)
class Matter:
    """What a sentence tells of a matter."""

    kind: Kind
    name: str = ""
    """Lower-cased: a place, an employer, what one has a favourite of."""
    sorts: frozenset[str] = frozenset()
    """Of a home, whether its name is a city's, a country's, or both (Singapore)."""

    def ends(self, older: Matter) -> bool:
        """Tell whether what an older sentence told no longer holds."""
        if _ENDS.get(self.kind) != older.kind:
            return False
        if self.kind in _SAME_NAME:
            return self.name == older.name
        if self.kind == "home" and self.sorts.isdisjoint(older.sorts):
            return False
        return not self.name or self.name != older.name

    @property
    def only_one(self) -> bool:
        """Whether it ends another only where no second one stands."""
        return self.kind in _ONE_ONLY


@lru_cache(maxsize=1 << 12)
def told(text: str) -> tuple[Matter, ...]:
    """Return what the sentences of a statement may end."""
    found = []
    for said in _sentences(text, _SENTENCES):
        found += [matter for matter in _matters(said, follows=True) if matter.kind in _ENDS]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1 << 14)
def held(text: str) -> tuple[Matter, ...]:
    """Return the matter of a statement that says nothing else, and may be ended by a later one."""
    if len(text) > _LONGEST or len(spans(text)) != 1:
        return ()
    (sentence,) = _sentences(text, 1)
    found = _matters(sentence, follows=False)
    return tuple(matter for matter in found if matter.kind in _ENDS.values())


def _sentences(text: str, most: int) -> Iterator[str]:
    plain = text[: most * _LONGEST].translate(_STRAIGHT)
    for place in spans(plain)[:most]:
        if place.end - place.start <= _LONGEST:
            yield plain[place.start : place.end]


def _matters(sentence: str, *, follows: bool) -> Iterator[Matter]:
    lowered = sentence.lower()
    if len(lowered) != len(sentence):
        return
    for language in languages().values():
        if not language.matters.leads or _openings(language.code).match(lowered) is None:
            continue
        for kind, pattern in _patterns(language.code):
            match = pattern.match(lowered)
            if match is None or (match["follows"] and not follows):
                continue
            name = sentence[slice(*match.span("x"))] if "x" in match.groupdict() else ""
            matter = _matter(kind, name.strip(), match.groupdict().get("rest") or "", language)
            if matter is not None:
                yield matter


def _matter(kind: Kind, name: str, rest: str, language: Language) -> Matter | None:
    """Return the matter of a sentence; None where its name is not of the sort that is meant."""
    if _LINK.search(f"{name.lower()} ") or _LINK.search(f"{rest} "):
        return None
    if kind == "home":
        sorts = _sorts_of_place(name)
        return Matter("home", name.lower(), sorts) if sorts else None
    if kind in ("employed", "quits", "changes"):
        named = not language.spaced or name[:1].isupper()
        if not named or _sorts_of_place(name):
            return None
    words = name.lower().split()
    if kind == "favourite" and not language.matters.vague.isdisjoint(words):
        return None
    if kind in ("quits", "favourite", "employed", "changes"):
        return Matter(kind, _ARTICLE.sub("", name.lower()))
    return Matter(kind)


@cache
def _patterns(code: str) -> list[tuple[Kind, re.Pattern[str]]]:
    """Return a language's kinds of sentences, each as one pattern for lower-cased text."""
    of, lead = languages()[code], _lead(code)
    follows = rf"(?P<follows>{'' if not of.spaced else '[, ]*'}(?:{any_of(of.matters.follows)}))?"
    end = rf"{follows}\W*$"
    found: list[tuple[Kind, re.Pattern[str]]] = []
    for kind in (*_ENDS, "employed", "married", "single"):
        phrases = getattr(of.matters, kind)
        with_name = [phrase for phrase in phrases if "{x}" in phrase]
        whole = [phrase for phrase in phrases if "{x}" not in phrase]
        tail = r"(?![\w'])(?P<rest>[^,;:.!?，。！？；：]{1,60}?)" if kind == "favourite" else ""
        if kind == "favourite" and not of.spaced:
            tail = "(?P<rest>[^,;:.!?，。！？；：]{1,60}?)"
        for phrase in with_name:
            said = re.escape(phrase).replace(r"\{x\}", _NAME)
            found.append((kind, re.compile(f"^{lead}{said}{tail}{end}")))
        if whole:
            found.append((kind, re.compile(f"^{lead}(?:{any_of(whole)}){end}")))
    return found


@cache
def _openings(code: str) -> re.Pattern[str]:
    """Return the pattern of how any of a language's sentences begins: one look tells most away."""
    of = languages()[code].matters
    phrases = (
        phrase for kind in (*_ENDS, "employed", "married", "single") for phrase in getattr(of, kind)
    )
    return re.compile(
        f"{_lead(code)}(?:{any_of({phrase.partition('{x}')[0] for phrase in phrases})})"
    )


@cache
def _lead(code: str) -> str:
    of = languages()[code]
    leads = any_of(of.matters.leads | of.speech.small_talk | of.speech.labels)
    gap = r"(?!\w)" if of.spaced else ""
    return rf"(?:(?:{leads}){gap}[\s,;:!.…，：！、-]*)*"


@cache
def _places() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of cities and of countries."""
    text = (resources.files("memoryos.tiers") / "places.txt").read_text("utf-8")
    _, cities, countries = re.split(r"\[\w+\]\n", text)
    return frozenset(cities.splitlines()), frozenset(countries.splitlines())


def _sorts_of_place(name: str) -> frozenset[str]:
    """Return which sorts of places have a name; none where it is no place's."""
    cities, countries = _places()
    known = (("city", cities), ("country", countries))
    return frozenset(sort for sort, names in known if name in names)
