"""How much a page bears on a question, from 0 to 1.

A score tells what is nearest within one memory, not whether that is near.  The share of the
question's words that a page holds, by their weight, and the cosine of its best passage do.  The
numbers are fitted on LoCoMo 0-4, BEAM 1-10 and the own sets (benchmarks/recall): questions that the
memory answers against those of other conversations, things never said and nonsense.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
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
_USUAL, _UNKNOWN, _MOST_IN_COMMON = 0.12, 40, 0.4
"""Cosine of things that have nothing to do with one another, and how many passages' worth of belief
it has: what all passages of a scope have in common with a question (its people's names, a language
that the embedder does not know) is no meaning.  Yet a memory may be of one matter only: so much is
taken off at most."""
_MANY, _FEW = 300, 10
"""Passages of the scope by which the cosine is judged…"""
_SPREAD = 0.59
"""…and what the best of many is higher by chance: this times the root of 2 ln(passages + few)."""
_HELD = 0.1
"""Share from which a word in common is one at all."""
_DATED = 0.15
"""How much a page bears on a question that names its time, whatever it says."""

_HINT = 0.12
"""What meaning alone is worth at most to a sentence of a known language: said in quite other words
("What's my profession?", "I work as a nurse") it is nearer than most, yet as far as what was never
said, so that it is let pass and stands below whatever shares a word. Nonsense has such cosines too,
by its spelling."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of two logistics: words with meaning, and meaning alone."""

    offset: float
    any_share: float  # of a word in common at all, which nonsense has not
    share: float
    share_squared: float
    cosine: float
    both: float  # of share times cosine
    steep: float  # of meaning alone; 0 where cosines tell nothing of meaning
    enough: float  # cosine, as of a usual scope, that is as likely as not to be an answer
    hinted: float = 0.0  # cosine from about which on meaning alone is worth a hint


_WORDS = Calibration(-4.4, 2.0, 6.77, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Without vectors, or with spellings only."""
_STATIC = Calibration(-7.8, 2.0, 8.85, -4.2, 3.1, 7.35, 29.0, 1.2, 0.18)
_MODEL = Calibration(-8.23, 2.0, 7.7, -3.6, 9.95, 7.47, 25.0, 1.06, 0.21)
"""Of models of sentences, known and unknown."""


@dataclass(frozen=True, slots=True)
class Among:
    """What a page was found among."""

    passages: int
    usual: float | None = None  # mean of their cosines to the question; None without vectors
    speaks: bool = False  # whether the question is in a known language, no nonsense

    @property
    def in_common(self) -> float:
        """Part of each cosine that all have in common, beyond what is usual."""
        if self.usual is None:
            return 0.0
        beyond = self.passages * (self.usual - _USUAL) / (self.passages + _UNKNOWN)
        return min(beyond, _MOST_IN_COMMON)


def calibration(embedder: str | None) -> Calibration:
    """Return the coefficients for an embedder's name as a store records it; None is none."""
    if embedder is None or embedder.startswith("hashing"):
        return _WORDS
    return _STATIC if embedder.startswith("static") else _MODEL


def relevances(
    of_pages: Iterable[tuple[float | None, float | None, bool]],
    among: Among,
    calibrated: Calibration,
) -> list[float]:
    """Return how much each of some pages bears on a question.

    of_pages: of each (share, cosine, dated): of the weight of the question's words, what the page
    holds, 0 to 1, None where the question has no words; the cosine of its best passage to the
    question, None where there are no vectors; whether its time is one that the question names.
    """
    in_common = among.in_common
    chance = _SPREAD * (_by_chance(_MANY) - _by_chance(max(among.passages, 1)))
    bears = []
    for share, cosine, dated in of_pages:
        # A passage whose embedding is pending has a cosine of exactly 0.
        use = calibrated if cosine else _WORDS
        held = min(max(share or 0.0, 0.0), 1.0)
        near = (cosine or 0.0) - in_common
        # By words alone (the page may not be embedded yet) any word that is held will do.
        enough = _HELD if cosine else 1e-9
        logit = use.offset + use.any_share * min(held / enough, 1.0)
        logit += held * (use.share + held * use.share_squared)
        unlike = 1 - _logistic(logit + near * (use.cosine + held * use.both))
        if use.steep:
            unlike *= 1 - _logistic(use.steep * (near + chance - use.enough))
        found = 1 - unlike * (1 - _DATED if dated else 1)
        if use.steep and among.speaks:
            found = max(found, _HINT * _logistic(use.steep * (near - use.hinted)))
        bears.append(found)
    return bears


def _by_chance(passages: int) -> float:
    return math.sqrt(2 * math.log(passages + _FEW))


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
