"""Long-term memory: merging and supersession of facts (paper §3.2, §3.3: MTM–LPM update).

A fact that says the same as a known one adds its sources to it; one that says otherwise of the same
subject supersedes it, and the older stays as history; beyond capacity the stalest is archived.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from memoryos.model import Knowledge, Owner, Profile, Source, Trait
from memoryos.ports import FactDraft, TraitDraft
from memoryos.text.language import any_of, languages
from memoryos.text.terms import tokens
from memoryos.tiers.traits import TRAITS

_LEAST_ECHO = 12
"""Characters; shorter turns are said again by chance."""
SAME = 0.8
"""Share of words that two statements of the same fact have in common (Jaccard)."""
_NEGATION = frozenset(
    "not n't no never without quit stopped ya nunca jamás sin tampoco ne pas jamais plus kein "
    "keine keinen nicht nie não sem non mai senza не нет никогда без cannot niet geen nooit لا لم "
    "ليس لست नहीं".split()
)
_NEGATING_SIGNS = (
    "不",
    "没",
    "沒",
    "别",
    "無",
    "无",
    "ません",
    "ていない",
    "ではない",
    "않",
    "없",
    "아니",
)
_WORD = re.compile(r"\w*?n't\b|\w+", re.UNICODE)


def same_statement(one: str, other: str) -> bool:
    """Return whether two sentences state the same: telling words, numbers and negations."""
    a, b = telling(one), telling(other)
    if a == b:
        return True
    if a[1:] != b[1:] or not (a[0] | b[0]):
        return False
    return len(a[0] & b[0]) / len(a[0] | b[0]) >= SAME


Telling = tuple[frozenset[str], frozenset[str], bool]
"""What tells statements apart: words, numbers, and whether one of them denies."""


@lru_cache(maxsize=1)
def _number_words() -> frozenset[str]:
    """Return "two", "three" and so on in every language, but what is a word of another kind too."""
    every = languages().values()
    others = {word for language in every for word in language.stop_words}
    named = {line[0] for language in every for line in language.dates.numbers[1:]}
    return frozenset(word for word in named - others if len(word) > 1)


@lru_cache(maxsize=1)
def _now() -> re.Pattern[str]:
    """Return the pattern of the words by which a statement says that another no longer holds."""
    every = languages().values()
    spaced = any_of(word for each in every if each.spaced for word in each.speech.now)
    others = any_of(word for each in every if not each.spaced for word in each.speech.now)
    return re.compile(rf"(?<!\w){spaced}(?!\w)|{others}", re.IGNORECASE)


@lru_cache(maxsize=1 << 11)
def telling(text: str) -> Telling:
    """Return what a sentence says in telling words, numbers and negation."""
    lowered = text.casefold().replace("’", "'")
    words = _WORD.findall(lowered)
    numbers = frozenset(
        word
        for word in words
        if word in _number_words() or (not word.isalpha() and any(map(str.isdigit, word)))
    )
    negated = any(word in _NEGATION or word.endswith("n't") for word in words)
    negated ^= any(mark in lowered for mark in _NEGATING_SIGNS)
    return frozenset(tokens(_now().sub(" ", text))), numbers, negated


class LongTerm:
    """The knowledge of one scope while facts are added; collects the changed entries."""

    def __init__(
        self,
        known: Iterable[Knowledge],
        times: Mapping[str, datetime],
        capacity: int,
        forgotten: frozenset[str] = frozenset(),
    ) -> None:
        """Start from the active knowledge.

        `times` gives the time of each source page by its id; `forgotten` are ids of facts that the
        user had erased, which are not learned again.
        """
        self._forgotten = forgotten
        # In an order that does not depend on when they were loaded.
        ordered = sorted(known, key=lambda item: (item.created, item.id))
        self._known = {item.id: item for item in ordered}
        self._times = times
        self._capacity = capacity
        self.changed: dict[str, Knowledge] = {}

    def add(self, draft: FactDraft, analyst: str, derived: datetime) -> Knowledge | None:
        """Add one fact; return it as it now stands, merged with what said the same before.

        None if the user had it erased.
        """
        sources = tuple(
            replace(source, text=source.text or draft.text)
            for source in draft.sources
            if self._forgotten.isdisjoint(
                (
                    knowledge_id(draft.owner, draft.text, [source]),
                    _meaning_id(draft.owner, draft.subject or draft.attribute, source),
                )
            )
        )
        if not sources:
            return None
        said = [self._times[source.page_id] for source in sources]
        same = (i for i in self._known.values() if i.status == "active" and states(i, draft))
        item = next(same, None)
        if item is not None and (item.attribute or not draft.attribute):
            return self._keep(merged(item, sources, max(said)))
        fact = Knowledge(
            id=knowledge_id(draft.owner, draft.text, sources),
            owner=draft.owner,
            text=draft.text,
            sources=sources,
            analyst=analyst,
            created=min(said),
            updated=max(said),
            derived=derived,
        )
        if item is not None:  # known, and now an attribute besides
            fact = merged(item, sources, max(said))
        subject = draft.subject or draft.attribute
        fact = replace(fact, attribute=draft.attribute, value=draft.value, subject=subject)
        for item in list(self._known.values()):
            if item.status != "active" or item.owner != fact.owner or item.id == fact.id:
                continue
            if item.id in draft.supersedes or self._contradicts(item, fact):
                older, newer = (item, fact) if item.updated <= fact.updated else (fact, item)
                older = replace(older, status="superseded", superseded_by=newer.id)
                newer = replace(newer, supersedes=_with(newer.supersedes, older.id))
                fact = older if older.id == fact.id else newer
                self._keep(newer if older.id == fact.id else older)
                if fact.status == "superseded":
                    break
        return self._keep(fact)

    def archive_overflow(self) -> None:
        """Archive the stalest active knowledge of each owner beyond capacity; attributes last."""
        for owner in ("user", "agent"):
            active = [
                item
                for item in self._known.values()
                if item.owner == owner and item.status == "active"
            ]
            active.sort(key=lambda item: (item.attribute is not None, item.updated, item.id))
            for item in active[: max(0, len(active) - self._capacity)]:
                self._keep(replace(item, status="archived"))

    @staticmethod
    def _contradicts(item: Knowledge, fact: Knowledge) -> bool:
        return (
            fact.attribute is not None
            and item.attribute == fact.attribute
            and (item.value or "").casefold() != (fact.value or "").casefold()
        )

    def _keep(self, item: Knowledge) -> Knowledge:
        self._known[item.id] = self.changed[item.id] = item
        return item


def states(item: Knowledge, draft: FactDraft) -> bool:
    """Return whether knowledge, current or not, says what a draft says."""
    if item.owner != draft.owner:
        return False
    if draft.attribute and item.attribute == draft.attribute:
        return (item.value or "").casefold() == (draft.value or "").casefold()
    return same_statement(item.text, draft.text)


def is_echo(quote: str, said: str, earlier: str) -> bool:
    """Return whether a message only hands on an earlier turn, from which `quote` was learned.

    It does if the whole of that turn stands in it, and more. Who says the same again in a message
    of its own says it again.
    """
    whole, here = " ".join(earlier.split()).casefold(), " ".join(said.split()).casefold()
    inside = " ".join(quote.split()).casefold() in whole
    return inside and len(whole) >= _LEAST_ECHO and len(here) > len(whole) and whole in here


def merged(item: Knowledge, sources: Sequence[Source], said: datetime) -> Knowledge:
    """Return knowledge with more sources; each page counts once."""
    here = {source.page_id for source in item.sources}
    fresh = tuple(source for source in sources if source.page_id not in here)
    return replace(item, sources=item.sources + fresh, updated=max(item.updated, said))


def without_pages(item: Knowledge, page_ids: frozenset[str]) -> Knowledge | None:
    """Return knowledge without the sources on some pages, or None when none is left.

    Its words become those of its newest remaining source, for the old ones may have been erased.
    """
    left = tuple(source for source in item.sources if source.page_id not in page_ids)
    if left == item.sources:
        return item
    if not left:
        return None
    return replace(item, sources=left, text=left[-1].text)


def restored(id_: str, known: Mapping[str, Knowledge]) -> list[Knowledge]:
    """Return what changes when knowledge is made current again; nothing if it is.

    What had come in its place is superseded in its turn, and stays as history. What is not known,
    for its turn is about to be filed anew, is superseded by nothing any more.
    """
    item = known.get(id_)
    if item is not None and item.status == "active":
        return []
    newest = item and standing(item, known)
    changed = {
        other.id: replace(other, supersedes=tuple(i for i in other.supersedes if i != id_))
        for other in known.values()
        if id_ in other.supersedes
    }
    if item is None:
        return list(changed.values())
    current = replace(item, status="active", superseded_by=None)
    if newest is not None and newest is not item and newest.status == "active":
        current = replace(current, supersedes=_with(current.supersedes, newest.id))
        newest = changed.get(newest.id, newest)
        changed[newest.id] = replace(newest, status="superseded", superseded_by=id_)
    return [*changed.values(), current]


def standing(item: Knowledge, known: Mapping[str, Knowledge]) -> Knowledge:
    """Return what stands in the place of knowledge today: itself, if nothing has replaced it."""
    newest, seen = item, {item.id}
    while (after := known.get(newest.superseded_by or "")) is not None and after.id not in seen:
        newest = after
        seen.add(newest.id)
    return newest


def in_words_of_sources(item: Knowledge) -> Knowledge | None:
    """Return knowledge in the very words of its newest source; None if they do not say its value.

    For what a model has put into words that are to be forgotten.
    """
    quote = item.sources[-1].quote
    if item.value is not None and item.value.casefold() not in quote.casefold():
        return None
    sources = tuple(replace(source, text=source.quote) for source in item.sources)
    subject = item.attribute or None
    return replace(item, text=quote, sources=sources, subject=subject) if quote else None


def marks(item: Knowledge) -> tuple[str, ...]:
    """Return ids by which a fact is known again, however a later reading may put it."""
    found = [item.id]
    for source in item.sources:
        found.append(knowledge_id(item.owner, source.text or item.text, [source]))
        found.append(_meaning_id(item.owner, item.subject, source))
    return tuple(dict.fromkeys(found))


def _meaning_id(owner: Owner, subject: str | None, source: Source) -> str:
    """Return an id of what a source says of a subject, or by a quote, whatever the words."""
    meant = f"subject\x1f{subject}" if subject else f"quote\x1f{source.quote}"
    return knowledge_id(owner, meant, [source])


def knowledge_id(owner: Owner, text: str, sources: Sequence[Source]) -> str:
    """Return an id that the same fact from the same page has in every run."""
    mark = "\x1f".join((owner, text, sources[0].page_id))
    return "k" + blake2b(mark.encode(), digest_size=9).hexdigest()


def trait_of(
    draft: TraitDraft,
    known: Trait | None,
    times: Mapping[str, datetime],
    analyst: str,
    derived: datetime,
) -> Trait:
    """Return a trait as its newest reading has it, on all the sources so far."""
    updated = max(times[source.page_id] for source in draft.sources)
    sources = draft.sources
    if known is not None:
        here = {source.page_id for source in draft.sources}
        sources = tuple(s for s in known.sources if s.page_id not in here) + draft.sources
        if known.updated > updated:
            return replace(known, sources=sources)
    group = TRAITS[draft.name]
    return Trait(draft.name, group, draft.level, draft.reason, sources, analyst, updated, derived)


def _with(ids: tuple[str, ...], id_: str) -> tuple[str, ...]:
    return ids if id_ in ids else (*ids, id_)


def held_at(
    known: Iterable[Knowledge], said: Mapping[str, datetime], moment: datetime
) -> list[Knowledge]:
    """Return what had been said by a moment, and what of it was current then.

    Args:
        known: All knowledge, whatever its status now.
        said: When each source page was said, by its id.
        moment: The time asked for.
    """
    by_id = {item.id: item for item in known}
    held = []
    for item in by_id.values():
        if item.created > moment:
            continue
        sources = tuple(s for s in item.sources if said.get(s.page_id, moment) <= moment)
        times = [said[s.page_id] for s in sources if s.page_id in said]
        then = replace(item, sources=sources, updated=max(times, default=item.created))
        after = by_id.get(item.superseded_by or "")
        if after is not None and after.created > moment:
            then = replace(then, status="active", superseded_by=None)
        held.append(then)
    return held


def profile_of(knowledge: Iterable[Knowledge], traits: Iterable[Trait]) -> Profile:
    """Return who the user and the agent are, as far as is known; newest statements win."""
    sides: dict[str, dict[str, str]] = {"user": {}, "agent": {}}
    sources, since = {}, {}
    for item in sorted(knowledge, key=lambda item: (item.updated, item.id)):
        if item.attribute and item.value:
            sides[item.owner][item.attribute] = item.value
            sources[f"{item.owner}.{item.attribute}"] = item.id
            since[f"{item.owner}.{item.attribute}"] = item.updated
    ranked = tuple(sorted(traits, key=lambda trait: (trait.group, trait.name)))
    return Profile(sides["user"], sides["agent"], ranked, sources, since)
