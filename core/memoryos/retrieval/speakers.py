"""A question that names a speaker weighs that speaker's side.

"What did Ana buy?" is answered by what Ana says, not by what is said to her.  Which side a page's
words stand on is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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


def weighed(both: Sequence[Side], hit: Hit, asked: frozenset[str]) -> Hit:
    """Return a hit, its score lowered where it holds the words on another's side only.

    both: of `sides`; asked: the question's words.  Where the question names neither speaker of the
    page, or both, the score stands.
    """
    own = [side for side in both if side.name & asked]
    if len(own) != 1 or not hit.held:
        return hit
    said = _terms(own[0].said)
    speakers = both[0].name | both[1].name
    lost = sum(
        share
        for word, share in hit.held.items()
        if word not in speakers and said.isdisjoint(_terms(word))
    )
    return hit._replace(score=hit.score - _OTHERS * lost) if lost else hit


def _name(given: str | None, said: str) -> frozenset[str]:
    """Return the words of a speaker's name, lower-cased; none where nothing tells it."""
    match = None if given else SPEAKER.match(said)
    name = given or (match[1] if match else "")
    return frozenset(words(name))


@lru_cache(maxsize=_KEPT)
def _terms(text: str) -> frozenset[str]:
    return frozenset(tokens(text))
