"""What a search found, judged by its words: questions are not answers, and the newest word counts.

The index ranks by what is near; that a page only asks, repeats another or was overtaken by a later
one is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from memoryos.model import Page
from memoryos.retrieval.index import Hit
from memoryos.retrieval.speakers import SPEAKER, weighed
from memoryos.text.asking import is_ignorance, is_question
from memoryos.text.tokenizer import content_words

_ASKS = 0.5
"""Part of the score that is left to a page whose user only asks."""
_NEW_WORDS = 2
"""Content words at most that a question without an answer has and the query has not."""
_ALIKE = 0.9
"""Words in common, of those in either, from which two pages say the same."""
_SAME_WORDS, _MATTER = 2, 0.5
"""Words in common at least of two statements on the same matter, which hold the same words of the
question, and of their weight this share at least…"""
_WHOLE = 0.95
"""…or this share of it: then one word in common will do…"""
_OWN_WORDS = 5
"""…and words at most that one has to itself."""
_STATEMENT = 25
"""Words of a statement at most that a later one may overtake."""
_READ = 2000
"""Characters of a side that are looked at."""
_KEPT = 1 << 11
"""Pages whose words, once read, are kept (some 5 MB)."""


class _Reading(NamedTuple):
    """What is told by the words of a page alone."""

    asks: bool  # whether the user does nothing else
    ignorant: bool  # whether the answer says only that there is none
    answered: bool
    words: frozenset[str]
    content: frozenset[str]  # content words of the user's side
    is_statement: bool  # a short one, that a later one may overtake


@dataclass(frozen=True, slots=True)
class Judged:
    """A page that was found, and its hit."""

    page: Page
    hit: Hit
    hollow: bool
    """Whether it says nothing: a question without an answer."""
    reading: _Reading


def judged(found: Sequence[tuple[Page, Hit]], query: str, before: Page | None) -> list[Judged]:
    """Return pages as they are to be shown: best first, what says nothing last, nothing twice.

    before: the turn that the question goes on from; it is known, and comes after the others.
    """
    found = weighed(found, query)
    asked = frozenset(content_words(query))
    # Where a time is asked for, what was said then is wanted, not what was said last.
    dated = any(hit.dated for _, hit in found)
    once = _collapsed([_judge(page, hit, asked) for page, hit in found], dated=dated)
    # Stable: of equals the index's order stands.
    known = before.id if before is not None else None
    once.sort(key=lambda item: (item.hollow, item.page.id == known, -item.hit.score))
    return once if dated else _newest_first(once)


def _said(text: str) -> str:
    """Return a side without its speaker's name."""
    match = SPEAKER.match(text)
    return text[match.end() if match else 0 :][:_READ].strip()


@lru_cache(maxsize=_KEPT)
def _read(user_input: str, agent_response: str) -> _Reading:
    user, agent = _said(user_input), _said(agent_response)
    asks = bool(user) and is_question(user)
    is_short = len(user.split()) <= _STATEMENT and len(user) <= _STATEMENT * 10
    return _Reading(
        asks,
        is_ignorance(agent) if asks or not user else False,
        bool(agent),
        frozenset(f"{user_input}\n{agent_response}".lower().split()),
        frozenset(content_words(user)) if is_short or asks else frozenset(),
        bool(user) and is_short and not asks,
    )


def _judge(page: Page, hit: Hit, asked: frozenset[str]) -> Judged:
    reading = _read(page.user_input[:_READ], page.agent_response[:_READ])
    hollow = reading.ignorant
    if reading.asks and not reading.answered:
        # It may tell something besides: "Did you know that I moved to Rome?"
        hollow = len(reading.content - asked) <= _NEW_WORDS
    if reading.asks and hollow and hit.score > 0:
        hit = replace(hit, score=hit.score * _ASKS)
    return Judged(page, hit, hollow, reading)


def _collapsed(items: Sequence[Judged], *, dated: bool) -> list[Judged]:
    """Return the newest of pages that say the same, with the best score among them.

    dated: return the best instead, as the question names a time.
    """
    groups: list[tuple[frozenset[str], list[Judged]]] = []
    for item in items:
        words = item.reading.words
        least, most = _ALIKE * len(words), len(words) / _ALIKE
        for other, group in groups:
            if least <= len(other) <= most and _alike(words, other):
                group.append(item)
                break
        else:
            groups.append((words, [item]))
    return [_one_of(group, dated=dated) for _, group in groups]


def _alike(words: frozenset[str], others: frozenset[str]) -> bool:
    """Return whether two pages of about as many words say the same."""
    if len(words & others) < _ALIKE * len(words | others):
        return False
    # Another number is another fact.
    return not any(sign.isdigit() for word in words ^ others for sign in word)


def _one_of(group: Sequence[Judged], *, dated: bool) -> Judged:
    if len(group) == 1:
        return group[0]
    best = max(group, key=lambda item: (item.hit.dated, item.hit.score))
    chosen = best if dated else max(group, key=lambda item: (item.page.timestamp, item.page.seq))
    reasons = (*chosen.hit.reasons, f"said {len(group)} times")
    return replace(chosen, hit=replace(chosen.hit, score=best.hit.score, reasons=reasons))


def _newest_first(items: list[Judged]) -> list[Judged]:
    """Return pages with statements on the same matter in order of their time, newest first.

    They take one another's places, and with them the scores.
    """
    ordered = list(items)
    by_words: dict[frozenset[str], list[int]] = {}
    for place, item in enumerate(items):
        if item.reading.is_statement and item.hit.held and not item.hollow:
            by_words.setdefault(frozenset(item.hit.held), []).append(place)
    for places in by_words.values():  # of statements that hold the same words of the question
        while len(places) > 1:
            first, *others = places
            group = [first, *(o for o in others if _on_one_matter(items[first], items[o]))]
            places = [o for o in others if o not in group]
            newest = sorted(group, key=lambda at: items[at].page.timestamp, reverse=True)
            for place, at in zip(group, newest, strict=True):
                score = items[place].hit.score
                ordered[place] = replace(items[at], hit=replace(items[at].hit, score=score))
    return ordered


def _on_one_matter(one: Judged, other: Judged) -> bool:
    """Return whether two statements that hold the same words of a question tell the same of it."""
    words, others = one.reading.content, other.reading.content
    common, share = len(words & others), min(one.hit.share or 0.0, other.hit.share or 0.0)
    if max(len(words), len(others)) - common > _OWN_WORDS:
        return False
    return share >= (_MATTER if common >= _SAME_WORDS else _WHOLE) and common > 0
