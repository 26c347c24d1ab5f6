"""Matches a model's name of a trait to one of the 90 dimensions.

The names are in the prompt and in the form; where there is no form, a model may use its own.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from memoryos.tiers.traits import TRAITS

LEVELS = ("high", "medium", "low")

_GENERIC = re.compile(
    r"\b(?:interests?|concerns?|needs?|activity|appreciation|dimension|trait|for|in|of|the|a|an|to|and"
    r"|desire|preference|want|value)\b"
)
_SAME = {
    "extroversion": "Extraversion",
    "introversion": "",
    "openness experience": "Openness",
    "emotional stability": "",
    "movies": "Film Interest",
    "cinema": "Film Interest",
    "books": "Literature Interest",
    "reading": "Literature Interest",
    "cooking": "Food Interest",
    "technology": "Tech Interest",
    "nature": "Outdoor Interest",
    "pets": "Animal Concern",
    "finance": "Financial Management Interest",
    "humour": "Sense of Humor",
    "humor": "Sense of Humor",
}


def trait_named(name: str) -> str | None:
    """Return the dimension that `name` means; None where it is none of them, or two alike."""
    wanted = _core(name)
    if not wanted:
        return None
    if wanted in _SAME:
        return _SAME[wanted] or None
    exact = {full.casefold(): full for full in TRAITS}.get(" ".join(name.casefold().split()))
    if exact:
        return exact
    near = get_close_matches(wanted, _by_core(), n=1, cutoff=0.85)
    return _by_core()[near[0]] if near else None


def level_named(level: str) -> str | None:
    """Return "high", "medium" or "low"; None for anything else."""
    word = level.strip().casefold()
    return word if word in LEVELS else None


def _core(name: str) -> str:
    """Return what tells a dimension from others: "Need for Order" and "order" are alike."""
    words = re.sub(r"[\W_]+", " ", name[:80].casefold())
    return " ".join(_GENERIC.sub(" ", words).split())


@lru_cache(maxsize=1)
def _by_core() -> dict[str, str]:
    found: dict[str, str] = {}
    twice = set()
    for name in TRAITS:
        core = _core(name)
        if core in found:
            twice.add(core)
        found[core] = name
    return {core: name for core, name in found.items() if core and core not in twice}
