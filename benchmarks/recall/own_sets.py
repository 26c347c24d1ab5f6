"""Sets written for this project, in three languages: paraphrases, follow-ups, things never said.

Each language is one memory of 300 pages: what the paraphrases and follow-ups ask for, among
everyday talk that a seeded generator makes of templates, word lists and handwritten near-misses.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "paraphrases"
LANGUAGES = ("en", "es", "zh")
PAGES = 300
"""Of each language; most of them answer no question of any set."""
SEED = 17
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement, and a question about it that shares no content word with it."""

    subject: str
    said: str
    asked: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A follow-up that cannot be understood without the turn before it."""

    said: str
    """The message that answers."""
    others: tuple[str, ...]
    """Messages on the same subject, or with the same words, that do not answer."""
    before: tuple[str, str]
    """The turn before: the user's message and the agent's."""
    asked: str


@dataclass(frozen=True, slots=True)
class Language:
    """The sets of one language, and the memory that they are asked of."""

    code: str
    pairs: tuple[Pair, ...]
    exchanges: tuple[Exchange, ...]
    small_talk: tuple[str, ...]
    never_said: tuple[str, ...]
    nonsense: tuple[str, ...]
    pages: tuple[tuple[str, str], ...]
    """The user's message and the agent's, oldest first."""


@cache
def language(code: str) -> Language:
    """Return the sets of a language: "en", "es" or "zh"."""
    follow_ups, unknown = _file("followups")[code], _file("unknown")[code]
    pairs = tuple(Pair(*fields) for fields in _file("paraphrases")[code])
    exchanges = tuple(
        Exchange(one["said"], tuple(one["others"]), tuple(one["before"]), one["asked"])
        for one in follow_ups["exchanges"]
    )
    material = _file("distractors")[code]
    rng = random.Random(f"{SEED}-{code}")
    told = [pair.said for pair in pairs]
    told += [text for exchange in exchanges for text in (exchange.said, *exchange.others)]
    pages = [(text, rng.choice(material["acks"])) for text in told]
    pages += distractors(material, PAGES - len(pages), rng)
    rng.shuffle(pages)
    return Language(
        code,
        pairs,
        exchanges,
        tuple(follow_ups["small_talk"]),
        tuple(unknown["never_said"]),
        tuple(unknown["nonsense"]),
        tuple(pages),
    )


def distractors(
    material: Mapping[str, Any], count: int, rng: random.Random
) -> list[tuple[str, str]]:
    """Return `count` different pages: every near-miss once, then the templates in turn.

    material: acks, the agent's short answers; slots, a word list for each {slot}; templates and
    traps, each a user's message or a list of it and the agent's answer.
    """
    made = {_page(trap, material, rng) for trap in material["traps"]}
    texts = {user for user, _ in made}
    pages = sorted(made)
    number = 0
    while len(pages) < count:
        template = material["templates"][number % len(material["templates"])]
        page = _page(template, material, rng)
        number += 1
        if page[0] not in texts:
            texts.add(page[0])
            pages.append(page)
    return pages[:count]


def _page(
    template: str | Sequence[str], material: Mapping[str, Any], rng: random.Random
) -> tuple[str, str]:
    user, agent = (template, "") if isinstance(template, str) else template
    agent = agent or rng.choice(material["acks"])
    chosen: dict[str, str] = {}

    def word(slot: re.Match[str]) -> str:
        # The answer names what the message named: a slot has one word throughout a page.
        return chosen.setdefault(slot[1], rng.choice(material["slots"][slot[1]]))

    user, agent = _SLOT.sub(word, user), _SLOT.sub(word, agent)
    return user[0].upper() + user[1:], agent


def _file(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content
