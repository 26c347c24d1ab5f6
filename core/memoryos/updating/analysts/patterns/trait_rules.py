"""Traits that plain words show; where they do not, there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from memoryos.model import Page, Source
from memoryos.ports import TraitDraft
from memoryos.text.sentences import SCANNED, split
from memoryos.text.tokenizer import words
from memoryos.updating.analysts.patterns.facts import Reading, Statement, believable
from memoryos.updating.analysts.patterns.trait_words import CHINESE_TOPICS, STATEMENTS, TOPIC_WORDS

REPEATED = 3
"""Pages on which the user speaks of a topic before it counts as an interest."""
OFTEN = 6
"""Pages from which the interest is high."""
DIFFERENT = 2
"""Different words of the topic there must be: one word alone may mean many things."""

_QUOTES = 3
"""Quotes kept of a trait."""

_TRAITS_OF_WORD: dict[str, tuple[str, ...]] = {}
for _name, _words in TOPIC_WORDS.items():
    for _word in _words:
        _TRAITS_OF_WORD[_word] = (*_TRAITS_OF_WORD.get(_word, ()), _name)
_TOPIC_WORDS = frozenset(_TRAITS_OF_WORD)


_SELF = re.compile(r"\b(?:I|I['’]\w+|my|we|yo|mi|mis|me|soy|estoy|tengo)\b|我", re.IGNORECASE)
_YOU = re.compile(r"\b(?:you|your|yours|tú|tu|tus|te|usted)\b|你", re.IGNORECASE)


@dataclass(slots=True)
class _Interest:
    seen: dict[str, None] = field(default_factory=dict)
    pages: list[tuple[Page, str]] = field(default_factory=list)
    """Pages with the first word of the topic on each."""


def interests(pages: Iterable[Page]) -> Iterator[TraitDraft]:
    """Yield the interests that the user keeps coming back to."""
    found: dict[str, _Interest] = {}
    for page in pages:
        said = _told(page)
        here: dict[str, dict[str, None]] = {}
        for word in _TOPIC_WORDS.intersection(words(said)):
            for name in _TRAITS_OF_WORD[word]:
                here.setdefault(name, {})[word] = None
        if not said.isascii():
            for name, topic in CHINESE_TOPICS.items():
                for match in topic.finditer(said):
                    here.setdefault(name, {})[match[0]] = None
        for name, spoken in here.items():
            interest = found.setdefault(name, _Interest())
            ordered = sorted(spoken)
            interest.seen |= dict.fromkeys(ordered)
            interest.pages.append((page, ordered[0]))
    for name in TOPIC_WORDS:  # in the table's order, whatever the order of the talk
        if name in found and (draft := _interest(name, found[name])):
            yield draft


def _told(page: Page) -> str:
    """Return what the user says of interest; talking to a person, only what is of themselves.

    What people ask an assistant is of interest to them; what they ask and tell a friend may be so
    to the friend.
    """
    said = page.user_input[:SCANNED]
    if page.user_name is None or page.agent_name is None:
        return said
    return " ".join(
        sentence
        for sentence in split(said)
        if not sentence.endswith(("?", "？"))
        and _SELF.search(sentence)
        and not _YOU.search(sentence)
    )


def _interest(name: str, interest: _Interest) -> TraitDraft | None:
    if len(interest.pages) < REPEATED or len(interest.seen) < DIFFERENT:
        return None
    spoken = ", ".join(f"“{word}”" for word in list(interest.seen)[:5])
    return TraitDraft(
        name=name,
        level="high" if len(interest.pages) >= OFTEN else "medium",
        reason=f"{spoken} ({len(interest.pages)}×)",
        sources=tuple(
            Source(page.id, _quote(page, word)) for page, word in interest.pages[-_QUOTES:]
        ),
    )


def _quote(page: Page, word: str) -> str:
    """Return the sentence of the user that holds `word`."""
    sentences = split(page.user_input)
    return next((s for s in sentences if word in s.lower()), sentences[0] if sentences else "")


def statements(reading: Reading, found: Sequence[Statement]) -> Iterator[TraitDraft]:
    """Yield the traits that the user states of themselves; `found` are the text's statements."""
    for statement in found:
        for start in statement.starts:
            for name, level, regex in STATEMENTS:
                if not regex.match(reading.plain, start, statement.end):
                    continue
                if believable(reading, statement):
                    quote = reading.quote(statement.sentence)
                    yield TraitDraft(name, level, f"“{quote}”", (Source(reading.page.id, quote),))


def merged(drafts: Iterable[TraitDraft]) -> tuple[TraitDraft, ...]:
    """Return one draft a trait: the latest level and reason, with all sources of that level."""
    kept: dict[str, TraitDraft] = {}
    for draft in drafts:
        before = kept.pop(draft.name, None)
        sources = draft.sources
        if before is not None and before.level == draft.level:
            sources = tuple(dict.fromkeys((*before.sources, *sources)))
        kept[draft.name] = TraitDraft(draft.name, draft.level, draft.reason, sources)
    return tuple(kept.values())
