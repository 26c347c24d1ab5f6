"""What is known that bears on a question: facts and statements, by their words and meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Knowledge
from memoryos.retrieval.relevance import Among, Calibration, relevance
from memoryos.text.tokenizer import language_of

_COMPARED = 8
"""Times as many entries as are shown, that are nearest in meaning, are compared by their words."""
_BEARS = 0.45
"""Share of the question's words that a statement has, plus its cosine, from where it is shown."""

_BY_HAND = ("user", "agent")
"""Who state a fact themselves, to be kept in mind…"""
_STATED = 0.1
"""…so that it bears at least so much on whatever is asked in a known language."""


class Known(NamedTuple):
    """A piece of knowledge, and how near it is to a question."""

    item: Knowledge
    share: float | None  # of the question's words, those it has; None where there are none
    cosine: float | None  # None without vectors


def bearing(
    items: Sequence[Knowledge],
    cosines: NDArray[np.float32] | None,
    wanted: frozenset[str],
    words: Callable[[Knowledge], frozenset[str]],
    most: int,
) -> list[Known]:
    """Return knowledge that bears on a question, best first; of facts also the others.

    cosines: (items,), None without vectors; wanted: the question's index terms; words: gives an
    item's.
    """
    if not items:
        return []
    scores = np.zeros(len(items), np.float32) if cosines is None else cosines
    near = np.argsort(-scores, kind="stable")[: _COMPARED * most].tolist()
    if len(items) <= _COMPARED * most:
        near = list(range(len(items)))
    ranked = []
    for place in near:
        item = items[place]
        share = len(wanted & words(item)) / len(wanted) if wanted else None
        cosine = None if cosines is None else float(cosines[place])
        score = (share or 0.0) + (cosine or 0.0)
        if item.kind == "fact" or score >= _BEARS:
            # Of what is about as near, the newest word stands first.
            order = (-round(score, 1), -item.updated.timestamp(), item.id)
            ranked.append((order, Known(item, share, cosine)))
    ranked.sort(key=lambda each: each[0])
    return [known for _, known in ranked[:most]]


def best_relevance(
    query: str, known: Sequence[Known], among: Among, calibrated: Calibration
) -> float:
    """Return the relevance of what bears most on the question; 0 where nothing is known.

    among: the passages of the scope.
    """
    return max((_relevance(query, each, among, calibrated) for each in known), default=0.0)


def _relevance(query: str, known: Known, among: Among, calibrated: Calibration) -> float:
    found = relevance(known.share, known.cosine, among, calibrated)
    # A bare value ("Lisbon") is far from its question ("Where does Tom live?"), not from nonsense.
    if known.item.analyst in _BY_HAND and language_of(query) is not None:
        return max(found, _STATED)
    return found
