"""Dialogue chains of a batch: which page continues which, by shared words and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from memoryos.model import Page
from memoryos.text.speech import idle_words
from memoryos.text.terms import tokens
from memoryos.updating.analysts.summaries import is_greeting

READ = 4_000
"""Characters of a page read for what it is about; a page's topic shows in its first pages of"
" text."""

PAUSE = timedelta(hours=1)
"""After a longer pause only words in common continue a chain."""

OVERLAP = 0.12
"""Share of the smaller page's terms that two pages of one chain have in common."""
OVERLAP_AFTER_PAUSE = 0.3
"""The same after a pause."""
FEW_TERMS = 4
"""A page of fewer terms ("yes, please") continues what was said just before."""

_CONNECTED = re.compile(
    r"[\s¡¿\"'“(]*(?:"
    r"(?:and|but|so|because|also|then|it|that|this|these|those|they|he|she|yes|yeah|yep|no|nope"
    r"|sure"
    r"|exactly|right|true|ok|okay|thanks|thank you|really|wow|why|how come|what about|which|same"
    r"|y|pero|entonces|porque|también|eso|esto|ese|esa|sí|vale|claro|gracias|exacto|por qué"
    r"|además)\b"
    r"|那|但|所以|因为|而且|对|是的|嗯|好的|谢谢|它|他|她|这|为什么|还有)",
    re.IGNORECASE,
)
_SHIFT = re.compile(
    r"[\s¡¿\"'“(]*(?:by the way|btw|anyway|changing the subject|on another note|different topic"
    r"|new topic"
    r"|unrelated|speaking of something else|por cierto|cambiando de tema|otra cosa|por otro lado"
    r"|hi\b|hello\b|hey\b|good morning|hola\b|buenos días|buenas\b|顺便|换个话题|对了|另外|你好"
    r"|您好)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PageTerms:
    """A page with its index terms, speakers' names left out."""

    page: Page
    terms: frozenset[str]
    telling: bool = True
    """Whether it says more than a greeting."""


def words_said(page: Page) -> str:
    """Return both sides of `page`; of a page without either, the text of its messages.

    System prompts are left out.
    """
    text = page.text
    if not text.strip():
        text = "\n".join(message.text for message in page.messages if message.role != "system")
    return text[:READ]


def read(page: Page) -> PageTerms:
    """Return `page` with its terms; the speakers' names are none of them."""
    said = f"{page.user_input[:READ]}\n{page.agent_response[:READ]}".strip() or words_said(page)
    terms = _tokens(said) - names(page)
    return PageTerms(page, terms, telling=not is_greeting(page))


@lru_cache(maxsize=64)
def _tokens(text: str) -> frozenset[str]:
    """Return the terms of a text that tell something: no bare numbers, no politeness.

    Each page is read twice, also as the one before the next.
    """
    idle = idle_words(text.partition("\n")[0])
    return frozenset(term for term in tokens(text) if term not in idle and not term.isdigit())


def names(page: Page) -> frozenset[str]:
    """Return the terms that only say who speaks."""
    found = " ".join(name for name in (page.user_name, page.agent_name) if name)
    return frozenset(tokens(found[:200])) if found else frozenset()


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of the smaller set's terms that both hold; 0 when either is empty."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0


def continues(before: PageTerms, after: PageTerms) -> bool:
    """Return whether page `after` continues page `before`."""
    shared = overlap(before.terms, after.terms)
    if after.page.timestamp - before.page.timestamp > PAUSE:
        return shared >= OVERLAP_AFTER_PAUSE
    if not before.telling:
        return True  # a greeting belongs with what follows it
    opening = after.page.user_input or after.page.agent_response
    if not opening.strip() or shared >= 2 * OVERLAP:
        return True
    if _SHIFT.match(opening):
        return False
    asked = before.page.agent_response[-200:].rstrip()
    return (
        shared >= OVERLAP
        or len(after.terms) < FEW_TERMS
        or asked.endswith(("?", "？"))
        or _CONNECTED.match(opening) is not None
    )


def runs(pages: Sequence[PageTerms], previous: Page | None) -> tuple[list[list[PageTerms]], bool]:
    """Return the pages cut into chains, and whether the first continues `previous`."""
    if not pages:
        return [], False
    found = [[pages[0]]]
    for before, after in pairwise(pages):
        if continues(before, after):
            found[-1].append(after)
        else:
            found.append([after])
    return found, previous is not None and continues(read(previous), pages[0])
