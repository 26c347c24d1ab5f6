"""What a page states: quotations of its speakers, of whom they speak in the first person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from memoryos.model import Owner, Page, Source
from memoryos.ports import FactDraft
from memoryos.text.language import Speech, languages
from memoryos.text.speech import quotations

_NAMED = re.compile(r"\s*(\w[\w.'’-]{0,30}(?: \w[\w.'’-]{0,30}){0,2})\s?[:：]\s+(?=\S)")
_LINES = re.compile(r"^\s*(\w[\w.'’-]{0,30}(?: \w[\w.'’-]{0,30}){0,2})\s?[:：] ", re.MULTILINE)


def statements(page: Page, language: str | None = None) -> tuple[FactDraft, ...]:
    """Return what a page states, user first, as quotations with their place in its sides.

    An assistant without a name is a machine: what it says of itself is not kept.

    Args:
        page: As analysts read it.
        language: ISO 639-1 code of the dialogue; None finds it out text by text.
    """
    return tuple(_of_sides(page, language))


def _of_sides(page: Page, language: str | None) -> Iterator[FactDraft]:
    sides: tuple[tuple[Owner, str, str | None], ...] = (
        ("user", page.user_input, page.user_name),
        ("agent", page.agent_response, page.agent_name),
    )
    heard = [(owner, text, name, speaker(text)) for owner, text, name in sides]
    named = (name or found[0] for _, _, name, found in heard)
    names = frozenset(word.lower() for name in named if name for word in name.split())
    for owner, text, name, (said_by, begins) in heard:
        name = name or said_by
        if not text.strip() or (owner == "agent" and not name) or _is_transcript(text):
            continue
        for found in quotations(text[begins:], language, names):
            start, end = begins + found.start, begins + found.end
            quote = text[start:end]
            source = Source(page.id, quote, quote, (start, end))
            yield FactDraft(owner, quote, (source,), kind="statement", speaker=name or "")


def speaker(text: str) -> tuple[str | None, int]:
    """Return the name before a message's first colon ("Ana: I'm vegan."), and where it begins.

    (None, 0) where it names nobody: a label such as "Correction:", a task such as "Translate:", or
    no name at all.
    """
    found = _NAMED.match(text[:120])
    if found is None:
        return None, 0
    name = found[1]
    return (name, found.end()) if _may_be_name(name) else (None, 0)


@lru_cache(maxsize=1 << 10)
def _may_be_name(text: str) -> bool:
    if not all(word[0].isupper() or not word[0].isascii() for word in text.split()):
        return False
    return not any(_is_label(text.lower(), each.speech) for each in languages().values())


def _is_label(word: str, said: Speech) -> bool:
    """Tell whether what stands before a colon is no name."""
    return (
        word in said.labels
        or word in said.commands
        or word in said.texts
        or f"{word}:" in said.announcements
    )


def _is_transcript(text: str) -> bool:
    """Tell whether a message hands over what several people said."""
    return len({match[1] for match in _LINES.finditer(text[:4_000])}) > 1
