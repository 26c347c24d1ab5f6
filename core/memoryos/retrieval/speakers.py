"""A question that names a speaker weighs that speaker's side.

"What did Ana buy?" is answered by what Ana says, not by what is said to her.  Which side a page's
words stand on is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from memoryos.model import Page
from memoryos.retrieval.index import Hit
from memoryos.text.terms import tokens
from memoryos.text.tokenizer import words

_OTHERS = 2.0
"""Taken off the score where all of the question's words that a page holds are the other side's."""
_READ = 4000
"""Characters of a side that are looked at."""
_KEPT = 1 << 11
"""Sides whose terms, once read, are kept (some 5 MB)."""
SPEAKER = re.compile(r"\s*([^\W\d_][\w .'-]{0,30}):\s")
"""A speaker's name at the head of what they say."""


def weighed(found: Sequence[tuple[Page, Hit]], query: str) -> list[tuple[Page, Hit]]:
    """Return pages with the scores of those lowered that hold the words on another's side only.

    Where the question names neither speaker of a page, or both, its score stands.
    """
    asked = frozenset(words(query))
    return [(page, _weighed(page, hit, asked)) for page, hit in found]


def _weighed(page: Page, hit: Hit, asked: frozenset[str]) -> Hit:
    if not hit.held:
        return hit
    names = [
        _name(page.user_name, page.user_input),
        _name(page.agent_name, page.agent_response),
    ]
    named = [bool(name & asked) for name in names]
    if named[0] == named[1]:
        return hit
    own = page.user_input if named[0] else page.agent_response
    said, speakers = _terms(own[:_READ]), names[0] | names[1]
    lost = sum(
        share
        for word, share in hit.held.items()
        if word not in speakers and said.isdisjoint(_terms(word))
    )
    return replace(hit, score=hit.score - _OTHERS * lost) if lost else hit


def _name(given: str | None, said: str) -> frozenset[str]:
    """Return the words of a speaker's name, lower-cased; none where nothing tells it."""
    match = None if given else SPEAKER.match(said)
    name = given or (match[1] if match else "")
    return frozenset(words(name))


@lru_cache(maxsize=_KEPT)
def _terms(text: str) -> frozenset[str]:
    return frozenset(tokens(text))
