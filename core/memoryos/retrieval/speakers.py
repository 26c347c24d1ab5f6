"""A question that names a speaker weighs that speaker's side.

"What did Ana buy?" is answered by what Ana says, not by what is said to her.  Which side a page's
words stand on is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from memoryos.model import Page
from memoryos.retrieval.index import Hit
from memoryos.text.terms import tokens
from memoryos.text.tokenizer import words

_OTHERS = 2.0
"""Taken off the score where all of the question's words that a page holds are the other side's."""
_KEPT = 1 << 11
"""Sides whose terms, once read, are kept (some 5 MB)."""
SPEAKER = re.compile(r"\s*([^\W\d_][\w .'-]{0,30}):\s")
"""A speaker's name at the head of what they say."""


class Side(NamedTuple):
    """One side of a page."""

    name: frozenset[
        str
    ]  # the words of its speaker's name, lower-cased; none where nothing tells it
    said: str


def sides(page: Page, most: int) -> tuple[Side, ...]:
    """Return both sides of a page, `most` characters of each; none where nobody is named."""
    found = (
        Side(_name(page.user_name, page.user_input), page.user_input[:most]),
        Side(_name(page.agent_name, page.agent_response), page.agent_response[:most]),
    )
    return found if found[0].name != found[1].name else ()


def weighed(found: Iterable[tuple[tuple[Side, ...], Hit]], asked: frozenset[str]) -> list[Hit]:
    """Return hits, the score of each lowered where it holds the words on another's side only.

    found: each with its page's `sides`; asked: the question's words.  Where the question names
    neither speaker of a page, or both, the score stands.
    """
    hits = []
    for both, hit in found:
        if both and hit.held:
            first, second = both
            named = not first.name.isdisjoint(asked)
            if named is second.name.isdisjoint(asked):
                said = _terms((first if named else second).said)
                lost = 0.0
                for word, share in hit.held.items():
                    if word in first.name or word in second.name:
                        continue
                    if said.isdisjoint(_terms(word)):
                        lost += share
                if lost:
                    hit = hit._replace(score=hit.score - _OTHERS * lost)
        hits.append(hit)
    return hits


def _name(given: str | None, said: str) -> frozenset[str]:
    """Return the words of a speaker's name, lower-cased; none where nothing tells it."""
    match = None if given else SPEAKER.match(said)
    name = given or (match[1] if match else "")
    return frozenset(words(name))


@lru_cache(maxsize=_KEPT)
def _terms(text: str) -> frozenset[str]:
    return frozenset(tokens(text))
