"""What a search found, judged by its words: questions are not answers, and the newest word counts.

The index ranks by what is near; that a page only asks, repeats another or was overtaken by a later
one is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

from memoryos.model import Page
from memoryos.retrieval.index import Hit, ScopeIndex, ServerIndex
from memoryos.retrieval.speakers import SPEAKER, Side, sides, weighed
from memoryos.text.asking import is_ignorance, is_question
from memoryos.text.tokenizer import content_words
from memoryos.text.tokenizer import words as words_of

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
"""Pages of which is kept what their words tell (some 5 MB)."""
_MARKS = 256
"""Bits of a mark, in which each word of a page has one."""


@dataclass(frozen=True)
class Reading:
    """What is told by the words of a page alone."""

    page_id: str
    timestamp: datetime
    asks: bool  # whether the user does nothing else
    ignorant: bool  # whether the answer says only that there is none
    answered: bool
    words: frozenset[str]
    marks: int  # a bit for each of the words, which some have in common
    is_statement: bool  # a short one, that a later one may overtake
    said: str  # by the user; empty where neither a question nor a statement
    sides: tuple[Side, ...]  # with their speakers; none where nobody is named

    @cached_property
    def content(self) -> frozenset[str]:
        """Content words of what was said. Few pages are asked for them."""
        return frozenset(content_words(self.said))


class Readings:
    """Cache of what the words of pages tell, for as long as their search index. Thread-safe.

    A recall judges more pages than it returns; those that were judged before are not read again.
    """

    def __init__(self) -> None:
        self._by_index: WeakKeyDictionary[ScopeIndex | ServerIndex, dict[int, Reading]] = (
            WeakKeyDictionary()
        )
        self._kept = 0
        self._lock = threading.Lock()

    def of(
        self,
        index: ScopeIndex | ServerIndex,
        seqs: Sequence[int],
        load: Callable[[list[int]], Mapping[int, Page]],
    ) -> dict[int, Reading]:
        """Return what pages tell, by position; not of those gone.

        load: reads pages by their positions.
        """
        with self._lock:
            kept = self._by_index.get(index, {})
            found = {seq: kept[seq] for seq in seqs if seq in kept}
        missing = [seq for seq in seqs if seq not in found]
        if not missing:
            return found
        new = {seq: _read(page) for seq, page in load(missing).items()}
        with self._lock:
            if self._kept + len(new) > _KEPT:
                self._by_index.clear()
                self._kept = 0
            self._by_index.setdefault(index, {}).update(new)
            self._kept += len(new)
        return found | new


class Judged(NamedTuple):
    """A page that was found: its hit, and what its words tell."""

    hit: Hit
    hollow: bool
    """Whether it says nothing: a question without an answer."""
    reading: Reading


def judged(found: Sequence[tuple[Reading, Hit]], query: str, before: Page | None) -> list[Judged]:
    """Return pages as they are to be shown: best first, what says nothing last, nothing twice.

    before: the turn that the question goes on from; it is known, and comes after the others.
    """
    asked, named = frozenset(content_words(query)), frozenset(words_of(query))
    hits = weighed([(reading.sides, hit) for reading, hit in found], named)
    # Where a time is asked for, what was said then is wanted, not what was said last.
    dated = any(hit.dated for hit in hits)
    items = [_judge(reading, hit, asked) for (reading, _), hit in zip(found, hits, strict=True)]
    once = _collapsed(items, dated=dated)
    # Stable: of equals the index's order stands.
    known = before.id if before is not None else None
    once.sort(key=lambda item: (item.hollow, item.reading.page_id == known, -item.hit.score))
    return once if dated else _newest_first(once)


def _said(text: str) -> str:
    """Return a side without its speaker's name."""
    match = SPEAKER.match(text)
    return text[match.end() if match else 0 :][:_READ].strip()


def _read(page: Page) -> Reading:
    user_input, agent_response = page.user_input[:_READ], page.agent_response[:_READ]
    user, agent = _said(user_input), _said(agent_response)
    asks = bool(user) and is_question(user)
    is_short = len(user) <= _STATEMENT * 10 and len(user.split()) <= _STATEMENT
    words = frozenset(f"{user_input}\n{agent_response}".lower().split())
    marks = 0
    for word in words:
        marks |= 1 << hash(word) % _MARKS
    return Reading(
        page.id,
        page.timestamp,
        asks,
        is_ignorance(agent) if asks or not user else False,
        bool(agent),
        words,
        marks,
        bool(user) and is_short and not asks,
        user if is_short or asks else "",
        sides(page, _READ),
    )


def _judge(reading: Reading, hit: Hit, asked: frozenset[str]) -> Judged:
    hollow = reading.ignorant
    if reading.asks and not reading.answered:
        # It may tell something besides: "Did you know that I moved to Rome?"
        hollow = len(reading.content - asked) <= _NEW_WORDS
    if reading.asks and hollow and hit.score > 0:
        hit = hit._replace(score=hit.score * _ASKS)
    return Judged(hit, hollow, reading)


def _collapsed(items: Sequence[Judged], *, dated: bool) -> list[Judged]:
    """Return the newest of pages that say the same, with the best score among them.

    dated: return the best instead, as the question names a time.
    """
    groups: list[list[Judged]] = []
    firsts: list[tuple[int, int, list[Judged]]] = []  # of each group; numbers tell most apart
    for item in items:
        reading = item.reading
        size, marks = len(reading.words), reading.marks
        least, most = _ALIKE * size, size / _ALIKE
        for alike in [
            group
            for other, its_marks, group in firsts
            # At least so many words are in one of them only.
            if least <= other <= most
            and (marks ^ its_marks).bit_count() <= (1 - _ALIKE) * (size + other)
        ]:
            if _alike(reading.words, alike[0].reading.words):
                alike.append(item)
                break
        else:
            groups.append([item])
            firsts.append((size, marks, groups[-1]))
    return [_one_of(group, dated=dated) for group in groups]


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
    chosen = best if dated else max(group, key=lambda item: (item.reading.timestamp, item.hit.seq))
    reasons = (*chosen.hit.reasons, f"said {len(group)} times")
    return chosen._replace(hit=chosen.hit._replace(score=best.hit.score, reasons=reasons))


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
        least = _common(items[places[0]].hit.share or 0.0)
        while least and len(places) > 1:
            first, *others = places
            content = items[first].reading.content
            group = [
                first,
                *(o for o in others if _on_one_matter(content, items[o].reading.content, least)),
            ]
            places = [o for o in others if o not in group]
            newest = sorted(group, key=lambda at: items[at].reading.timestamp, reverse=True)
            for place, at in zip(group, newest, strict=True):
                score = items[place].hit.score
                ordered[place] = items[at]._replace(hit=items[at].hit._replace(score=score))
    return ordered


def _common(share: float) -> int:
    """Return how many words statements on one matter have in common at least; 0: none are on one.

    share: of the weight of the question's words, what they hold.
    """
    if share >= _WHOLE:
        return 1
    return _SAME_WORDS if share >= _MATTER else 0


def _on_one_matter(words: frozenset[str], others: frozenset[str], least: int) -> bool:
    """Return whether two statements, by their content words, tell the same of a question."""
    longer = max(len(words), len(others))
    if longer - min(len(words), len(others)) > _OWN_WORDS:
        return False
    common = len(words & others)
    return common >= least and longer - common <= _OWN_WORDS
