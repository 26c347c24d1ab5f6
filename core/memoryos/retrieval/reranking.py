"""What a search found, judged by its words: questions are not answers, and the newest word counts.

The index ranks by what is near; that a page only asks, repeats another or was overtaken by a later
one is told by its text, which is read for the pages that were found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from memoryos.model import Page
from memoryos.retrieval.index import Hit
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
_SPEAKER = re.compile(r"\s*([^\W\d_][\w .'-]{0,30}):\s")


@dataclass(frozen=True, slots=True)
class Judged:
    """A page that was found, and its hit."""

    page: Page
    hit: Hit
    hollow: bool
    """Whether it says nothing: a question without an answer."""


def judged(found: Sequence[tuple[Page, Hit]], query: str, before: Page | None) -> list[Judged]:
    """Return pages as they are to be shown: best first, what says nothing last, nothing twice.

    before: the turn that the question goes on from; it is known, and comes after the others.
    """
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
    match = _SPEAKER.match(text)
    return text[match.end() if match else 0 :][:_READ].strip()


def _judge(page: Page, hit: Hit, asked: frozenset[str]) -> Judged:
    user, agent = _said(page.user_input), _said(page.agent_response)
    if not user or not is_question(user):
        return Judged(page, hit, hollow=not user and is_ignorance(agent))
    hollow = is_ignorance(agent)
    if not agent:  # a question may tell something besides: "Did you know that I moved to Rome?"
        hollow = len(frozenset(content_words(user)) - asked) <= _NEW_WORDS
    score = hit.score * _ASKS if hollow and hit.score > 0 else hit.score
    return Judged(page, replace(hit, score=score), hollow=hollow)


def _collapsed(items: Sequence[Judged], *, dated: bool) -> list[Judged]:
    """Return the newest of pages that say the same, with the best score among them.

    dated: return the best instead, as the question names a time.
    """
    groups: list[tuple[frozenset[str], list[Judged]]] = []
    for item in items:
        words = frozenset(
            f"{item.page.user_input[:_READ]}\n{item.page.agent_response[:_READ]}".lower().split()
        )
        same = next((group for other, group in groups if _alike(words, other)), None)
        if same is None:
            groups.append((words, [item]))
        else:
            same.append(item)
    return [_one_of(group, dated=dated) for _, group in groups]


def _alike(words: frozenset[str], others: frozenset[str]) -> bool:
    if words == others:
        return True
    few, many = sorted((len(words), len(others)))
    if few < _ALIKE * many or len(words & others) < _ALIKE * len(words | others):
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
    words = [_statement(item) for item in items]
    done: set[int] = set()
    for first, own in enumerate(words):
        if first in done or not own:
            continue
        group = [first]
        group += [
            other
            for other in range(first + 1, len(items))
            if other not in done and _on_one_matter(items[first], own, items[other], words[other])
        ]
        done.update(group)
        newest = sorted(group, key=lambda at: items[at].page.timestamp, reverse=True)
        for place, at in zip(group, newest, strict=True):
            score = items[place].hit.score
            ordered[place] = replace(items[at], hit=replace(items[at].hit, score=score))
    return ordered


def _statement(item: Judged) -> frozenset[str]:
    """Return the content words of a short statement of the user; none of anything else."""
    said = _said(item.page.user_input)
    if not said or not item.hit.held or item.hollow or is_question(said):
        return frozenset()
    if len(said.split()) > _STATEMENT or len(said) > _STATEMENT * 10:
        return frozenset()
    return frozenset(content_words(said))


def _on_one_matter(
    one: Judged, words: frozenset[str], other: Judged, others: frozenset[str]
) -> bool:
    if not others or set(one.hit.held or ()) != set(other.hit.held or ()):
        return False
    common, share = len(words & others), min(one.hit.share or 0.0, other.hit.share or 0.0)
    if max(len(words), len(others)) - common > _OWN_WORDS:
        return False
    return share >= (_MATTER if common >= _SAME_WORDS else _WHOLE) and common > 0
