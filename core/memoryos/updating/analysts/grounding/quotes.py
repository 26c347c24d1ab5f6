"""Finds a model's quotes and values again in the pages, and gives them back in the pages' words.

A quote may be nearly right: other case, width and quotation marks, "…" for what is left out, a
slip of the pen ("an" for "a", "counsellor").  Never another number, name or "not".  Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from memoryos.text.terms import tokens

LEAST_OF_FACT = 0.4
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
_GAP = re.compile(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*")
_WORD = re.compile(r"\w+(?:'\w+)*")
_LEAST_PART = 12
"""Characters of a part that may stand for a quote of which the rest is not found."""
_MOST_BETWEEN = 300
"""Characters that "…" may stand for."""
_LEAST_WORDS, _MOST_WORDS = 3, 4_000
_LIKE, _ALIKE = 0.6, 0.8
"""Share of words that are the same; of letters, in a word that is not."""
_ARTICLES = frozenset(
    "a an the this that its el la los las un una le les der die das ein eine".split()
)


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


def found_quote(quote: str, haystack: Folded) -> tuple[int, int] | None:
    """Return where the original says what `quote` repeats, from…to; None if nowhere."""
    needle = _EDGES.sub("", folded(quote[:MAX_QUOTE]).text)
    if sum(c.isalnum() for c in needle) < _LEAST_LETTERS and not _is_unspaced(needle):
        return None
    parts = [part for part in map(_trimmed, _GAP.split(needle)) if part]
    found = _run(parts, haystack)
    if found is None:
        longest = max(parts, key=len, default="")
        found = _run([longest], haystack) if len(longest) >= _LEAST_PART else None
    if found is None:
        found = _nearly(needle, haystack)
    if found is None:
        return None
    return haystack.places[found[0]], haystack.places[found[1] - 1] + 1


def _run(parts: Sequence[str], haystack: Folded) -> tuple[int, int] | None:
    """Return the stretch in which the parts follow one another, not far from each other."""
    first, at = -1, 0
    for part in parts:
        here = haystack.text.find(part, at)
        if here < 0 or (first >= 0 and here - at > _MOST_BETWEEN):
            return None
        first = here if first < 0 else first
        at = here + len(part)
    return (first, at) if first >= 0 else None


def _nearly(needle: str, haystack: Folded) -> tuple[int, int] | None:
    """Return the stretch that has the same words but for slips; no number and no "not" is one."""
    wanted = _WORD.findall(needle)
    here = list(_WORD.finditer(haystack.text))
    if len(wanted) < _LEAST_WORDS:
        return None
    words = [found[0] for found in here]
    best: tuple[float, int, int] | None = None
    anchors = set(wanted)
    for start in (place for place, word in enumerate(words[:_MOST_WORDS]) if word in anchors):
        for size in (len(wanted) - 1, len(wanted), len(wanted) + 1):
            likeness = _likeness(wanted, words[start : start + size])
            if likeness >= _LIKE and (best is None or likeness > best[0]):
                best = likeness, start, min(start + size, len(words))
    return None if best is None else (here[best[1]].start(), here[best[2] - 1].end())


def _likeness(wanted: Sequence[str], words: Sequence[str]) -> float:
    """Return which share of the words are the same; 0 where what differs is no slip."""
    matcher = SequenceMatcher(None, wanted, words, autojunk=False)
    same = 0
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            same += b - a
            continue
        one, other = "".join(wanted[a:b]), "".join(words[c:d])
        if any(map(str.isdigit, one + other)):
            return 0.0
        slip = b - a == d - c == 1 and SequenceMatcher(None, one, other).ratio() >= _ALIKE
        if not slip and not {*wanted[a:b], *words[c:d]} <= _ARTICLES:
            return 0.0
    return same / max(len(wanted), 1)


def _trimmed(text: str) -> str:
    return _EDGES.sub("", text)


def holds(value: str, haystacks: Iterable[Folded]) -> bool:
    """Tell whether `value` stands in one of the texts, not as part of a longer word or number."""
    needle = _EDGES.sub("", folded(value).text)
    if not needle:
        return False
    before = r"(?<!\w)" if needle[0].isascii() and needle[0].isalnum() else ""
    after = r"(?!\w)" if needle[-1].isascii() and needle[-1].isalnum() else ""
    pattern = re.compile(before + re.escape(needle) + after)
    return any(pattern.search(haystack.text) for haystack in haystacks)


def nearest(value: str, text: str) -> str | None:
    """Return the words of `text` that `value` spells otherwise ("counsellor"); None if none."""
    words = list(_WORD.finditer(text))
    size = len(_WORD.findall(value))
    best = None
    for start in range(max(0, len(words) - size + 1) if size else 0):
        found = text[words[start].start() : words[start + size - 1].end()]
        if any(map(str.isdigit, found + value)):
            continue
        ratio = SequenceMatcher(None, value.casefold(), found.casefold()).ratio()
        if ratio >= _ALIKE and (best is None or ratio > best[0]):
            best = ratio, found
    return best[1] if best else None


def terms(text: str) -> frozenset[str]:
    """Return the telling words of `text`, stemmed."""
    return frozenset(tokens(text))


def share(said: frozenset[str], there: frozenset[str]) -> float:
    """Return which part of the words `said` is among the words `there`; 0 for no words."""
    return len(said & there) / len(said) if said else 0.0


def _is_unspaced(text: str) -> bool:
    """Tell whether two characters may be a statement: in Chinese they may."""
    return any("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" for c in text)
