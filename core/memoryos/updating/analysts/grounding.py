"""Grounding: finds a model's quotes and values in the pages it cites. Pure.

A model may invent, be told to lie by a page, or lie by itself: only what is found again in the
pages is believed, and quotes are given back in the pages' own words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from memoryos.text.terms import tokens

LEAST_OF_FACT = 1 / 3
"""Share of a fact's telling words that its pages must hold."""
LEAST_OF_SUMMARY = 0.2
"""The same for a summary, which is free to say things in other words."""
MAX_QUOTE = 500

_SAME = str.maketrans(
    dict.fromkeys("’‘ʼ`´", "'")
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("–—‐‑−", "-")
    | dict.fromkeys("<＜﹤‹〈", "(")  # what a prompt shows instead of a mark
)
_EDGES = re.compile(r"^[\s\"'.…]+|[\s\"'.…]+$")
_LEAST_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Folded:
    """A text normalised for comparison: case, width, white space and kinds of quotes."""

    text: str
    places: tuple[int, ...]
    """Where in the original each character stands."""


def folded(text: str) -> Folded:
    """Return `text` folded, with the way back."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isspace() or unicodedata.category(character) in {"Cc", "Cf"}:
            if characters and characters[-1] != " " and character.isspace():
                characters.append(" ")
                places.append(place)
            continue
        for plain in unicodedata.normalize("NFKC", character).translate(_SAME).casefold():
            characters.append(plain)
            places.append(place)
    return Folded("".join(characters), tuple(places))


def found_quote(quote: str, original: str, haystack: Folded) -> str | None:
    """Return the words of `original` that `quote` repeats, as they stand there; None if nowhere."""
    needle = _EDGES.sub("", folded(quote[:MAX_QUOTE]).text)
    if sum(c.isalnum() for c in needle) < _LEAST_LETTERS and not _is_unspaced(needle):
        return None
    at = haystack.text.find(needle)
    if at < 0:
        return None
    return original[haystack.places[at] : haystack.places[at + len(needle) - 1] + 1]


def holds(value: str, haystacks: Iterable[Folded]) -> bool:
    """Tell whether `value` stands in one of the texts, not as part of a longer word or number."""
    needle = _EDGES.sub("", folded(value).text)
    if not needle:
        return False
    before = r"(?<!\w)" if needle[0].isascii() and needle[0].isalnum() else ""
    after = r"(?!\w)" if needle[-1].isascii() and needle[-1].isalnum() else ""
    pattern = re.compile(before + re.escape(needle) + after)
    return any(pattern.search(haystack.text) for haystack in haystacks)


def terms(text: str) -> frozenset[str]:
    """Return the telling words of `text`, stemmed."""
    return frozenset(tokens(text))


def share(said: frozenset[str], there: frozenset[str]) -> float:
    """Return which part of the words `said` is among the words `there`; 0 for no words."""
    return len(said & there) / len(said) if said else 0.0


def _is_unspaced(text: str) -> bool:
    """Tell whether two characters may be a statement: in Chinese they may."""
    return any("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
