"""How much a page bears on a question, from 0 to 1.

A score tells what is nearest within one memory, not whether that is near.  The share of the
question's words that a page holds, by their weight, and the cosine of its best passage do.  The
numbers are fitted on LoCoMo 0-4, BEAM 1-10 and the own sets (benchmarks/recall): questions that the
memory answers against those of other conversations, things never said and nonsense.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from memoryos.text.language import languages

_LITTLE = 0.1
"""Weight of a name of user or agent, as a part of a word's: of them it is always spoken."""
_CALENDAR = 0.2
"""Weight of a word of the calendar: it tells when (`ranking.date_bonus`), not what."""
_BEFORE = 0.2
"""Likewise of a word of the turn before a follow-up: its answer's words are among them."""
_OTHERS = 200
"""Passages that hold none of the words, added to a scope's: in a memory of one page each word that
it holds would be worth nothing beside one that it does not."""
_USUAL = 300
"""Passages of the scope by which the cosine is judged…"""
_SPREAD = 0.13
"""…and what the best of many is higher by chance: this times the root of 2 ln(passages)."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of two logistics: words with meaning, and meaning alone."""

    offset: float
    share: float
    share_squared: float
    cosine: float
    both: float  # of share times cosine
    steep: float  # of meaning alone; 0 where cosines tell nothing of meaning
    enough: float  # cosine, as of a usual scope, that is as likely as not to be an answer


_WORDS = Calibration(-2.82, 6.77, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Without vectors, or with spellings only."""
_STATIC = Calibration(-5.27, 9.21, -3.71, 3.87, 1.39, 20.0, 0.78)
_MODEL = _STATIC
"""Of models of sentences, known and unknown."""


def calibration(embedder: str | None) -> Calibration:
    """Return the coefficients for an embedder's name as a store records it; None is none."""
    if embedder is None or embedder.startswith("hashing"):
        return _WORDS
    return _STATIC if embedder.startswith("static") else _MODEL


def relevance(
    share: float | None, cosine: float | None, passages: int, calibrated: Calibration
) -> float:
    """Return how much a page bears on a question.

    share: of the weight of the question's words, what the page holds, 0 to 1, None where the
    question has no words; cosine: of its best passage to the question, None where there are no
    vectors; passages: of the scope.
    """
    # A passage whose embedding is pending has a cosine of exactly 0.
    use = calibrated if cosine else _WORDS
    held, near = min(max(share or 0.0, 0.0), 1.0), cosine or 0.0
    logit = use.offset + held * (use.share + held * use.share_squared)
    unlike = 1 - _logistic(logit + near * (use.cosine + held * use.both))
    if use.steep:
        chance = math.sqrt(2 * math.log(_USUAL)) - math.sqrt(2 * math.log(max(passages, 1)))
        unlike *= 1 - _logistic(use.steep * (near + _SPREAD * chance - use.enough))
    return 1 - unlike


def word_shares(
    words: Sequence[str],
    held: Sequence[int],
    passages: int,
    names: frozenset[str],
    own: int | None = None,
) -> list[float]:
    """Return of each word of a question its share of the weight of them all.

    words: lower-cased; held: passages that hold each, of `passages`; names: of user and agent;
    own: how many of the words are the question's, those behind are the turn's before it.  A word
    that nobody ever said has the full weight of a rare one.
    """
    calendar = _calendar_words()
    weights = []
    for word, holders in zip(words, held, strict=True):
        weight = math.log1p((passages + _OTHERS - holders + 0.5) / (holders + 0.5))
        if word in names:
            weight *= _LITTLE
        elif word in calendar or _is_date_number(word):
            weight *= _CALENDAR
        weights.append(weight)
    if own is not None:
        weights[own:] = [_BEFORE * weight for weight in weights[own:]]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def _is_date_number(word: str) -> bool:
    """Return whether a word is a day's or a recent year's number."""
    digits = word[:-2] if word[-2:] in {"st", "nd", "rd", "th"} else word
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
        return False
    number = int(digits)
    return 1 <= number <= 31 or 1900 <= number <= 2100


@lru_cache(maxsize=1)
def _calendar_words() -> frozenset[str]:
    """Return the names of months, weekdays and stretches of time in every language."""
    found: set[str] = {"ago"}
    for language in languages().values():
        dates = language.dates
        for lines in (dates.months, dates.weekdays, dates.units, dates.numbers):
            found.update(word for line in lines for word in line)
    return frozenset(found)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-min(max(value, -60.0), 60.0)))
