"""Which page continues which: the dialogue chains of a batch, told from words and time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from memoryos.model import Page
from memoryos.text.terms import tokens

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
class Reading:
    """A page with what it is about."""

    page: Page
    terms: frozenset[str]


def words_said(page: Page) -> str:
    """Return what `page` says; of a page without either side, the text of its messages.

    A system prompt is nothing that anybody said.
    """
    text = page.text
    if not text.strip():
        text = "\n".join(message.text for message in page.messages if message.role != "system")
    return text[:READ]


def read(page: Page) -> Reading:
    """Return `page` with its terms; the speakers' names are none of them."""
    said = f"{page.user_input[:READ]}\n{page.agent_response[:READ]}".strip() or words_said(page)
    return Reading(page, frozenset(tokens(said)) - names(page))


def names(page: Page) -> frozenset[str]:
    """Return the terms that only say who speaks."""
    found = " ".join(name for name in (page.user_name, page.agent_name) if name)
    return frozenset(tokens(found[:200])) if found else frozenset()


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of the smaller set's terms that both hold; 0 when either is empty."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller else 0.0


def continues(before: Reading, after: Reading) -> bool:
    """Tell whether `after` goes on with what `before` is about."""
    shared = overlap(before.terms, after.terms)
    if after.page.timestamp - before.page.timestamp > PAUSE:
        return shared >= OVERLAP_AFTER_PAUSE
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


def runs(readings: Sequence[Reading], previous: Page | None) -> tuple[list[list[Reading]], bool]:
    """Return the readings cut into chains, and whether the first goes on from `previous`."""
    if not readings:
        return [], False
    found = [[readings[0]]]
    for before, after in pairwise(readings):
        if continues(before, after):
            found[-1].append(after)
        else:
            found.append([after])
    return found, previous is not None and continues(read(previous), readings[0])
