"""Passages of a page: whole sentences of one side, about 400 characters; the unit of the index.

A short page is one passage that holds both sides.  Of a long one each side is cut for itself: at
the ends of sentences, within code and tables at the ends of lines, and never inside a word.  What
a page is cut into is a function of its two sides alone, so passages are stored nowhere: an index
holds what belongs to the first, the second, … passage, and who shows one cuts the page again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from memoryos.text.sentences import spans
from memoryos.text.tokenizer import is_unspaced

Side = Literal["user", "agent"]

SHORT_PAGE = 800
"""Characters of both sides together up to which a page is one passage."""
LONG = 350
"""Characters that a passage is filled up to."""
_LONGEST_SENTENCE = 600
"""Characters from which on a sentence is cut between words."""
_CRUMB = 80
"""Characters of a last passage that goes to the one before it."""

_LINE = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_VERBATIM = re.compile(r"\s*\||(?:    |\t)\s*\S")
_NUMBER = re.compile(r"\(?\w{1,3}[.)]|[-*•·]")
"""The number of an item of a list: no sentence."""
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7af]")
_LEADS = re.compile(r"\s*#{1,6}\s|.*[:：]\s*$|\s*\*\*[^*\n]*\*\*\s*$")
"""A heading, or a line that announces what follows it."""


class Span(NamedTuple):
    """A passage by its place: characters `start` to `end` of one side of a page."""

    side: Side | None
    """None: the whole page, both sides."""
    start: int
    end: int


def passages(user: str, agent: str) -> Sequence[Span]:
    """Return the passages of a page's two sides, in reading order; at least one."""
    if len(user) + len(agent) <= SHORT_PAGE:
        return (WHOLE,)
    return _cut(user, agent)


WHOLE = Span(None, 0, 0)
"""The one passage of a short page."""


@lru_cache(maxsize=64)
def _cut(user: str, agent: str) -> tuple[Span, ...]:
    sides: Sequence[tuple[Side, str]] = (("user", user), ("agent", agent))
    found = [Span(side, *place) for side, said in sides for place in side_passages(said)]
    return tuple(found) or (WHOLE,)


def side_passages(said: str) -> list[tuple[int, int]]:
    """Return where the passages of one side begin and end; none of white space alone."""
    found: list[tuple[int, int]] = []
    held: list[tuple[int, int, bool]] = []
    for atom in _atoms(said):
        if held and atom[1] - held[0][0] > LONG:
            kept = _leading(held)
            found.append((held[0][0], held[-kept - 1][1]))
            held = held[len(held) - kept :]
        held.append(atom)
    if held:
        start, end = held[0][0], held[-1][1]
        if found and end - start < _CRUMB:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _leading(held: Sequence[tuple[int, int, bool]]) -> int:
    """Return how many of the last pieces only announce what follows; never all of them."""
    kept = 0
    while kept < len(held) - 1 and held[-kept - 1][2]:
        kept += 1
    return kept


def _atoms(said: str) -> Iterator[tuple[int, int, bool]]:
    """Yield what is never cut: (start, end, whether it only announces what follows)."""
    fenced = False
    for line in _LINE.finditer(said):
        text, offset = line[0], line.start()
        if not text.strip():
            continue
        fence = _FENCE.match(text)
        if fence:
            fenced = not fenced
        if fenced or fence or _VERBATIM.match(text):
            places = [(offset, offset + len(text.rstrip()))]
        else:
            places = [(offset + start, offset + end) for start, end in spans(text)]
            if len(places) > 1 and _NUMBER.fullmatch(said, *places[0]):
                places[:2] = [(places[0][0], places[1][1])]
        leads = not fenced and len(text) <= LONG // 2 and bool(_LEADS.match(text))
        for start, end in places:
            if end - start > _LONGEST_SENTENCE:
                yield from ((*piece, False) for piece in _pieces(said, start, end))
            else:
                yield start, end, leads


def _pieces(said: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a long sentence between words, or between the letters of an unspaced script."""
    while end - start > LONG:
        cut = _boundary(said, start + LONG // 2, start + LONG, end)
        if cut >= end:
            break
        yield start, len(said[:cut].rstrip()) if said[cut - 1].isspace() else cut
        start = cut
        while start < end and said[start].isspace():
            start += 1
    if start < end:
        yield start, end


def _boundary(said: str, least: int, wanted: int, end: int) -> int:
    """Return the last place up to `wanted` where no word is cut, else the first one after it."""
    for cut in range(wanted, least, -1):
        if _between(said, cut):
            return cut
    return next((cut for cut in range(wanted + 1, end) if _between(said, cut)), end)


def _between(said: str, cut: int) -> bool:
    before, after = said[cut - 1], said[cut]
    if before.isspace() or after.isspace():
        return True
    return is_unspaced(before) and is_unspaced(after) and not _HANGUL.match(after)
