"""What is known that bears on a question: facts and statements, by their words and meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from memoryos.model import Knowledge
from memoryos.ports import Vectors
from memoryos.retrieval.index import inner_products
from memoryos.retrieval.relevance import Among, Calibration, relevances
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
    vectors: Vectors,
    vector: Vectors | None,
    wanted: frozenset[str],
    words: Callable[[Sequence[Knowledge]], Sequence[frozenset[str]]],
    most: int,
) -> list[Known]:
    """Return knowledge that bears on a question, best first; of facts also the others.

    vectors: (items, dimension) float32; vector: (dimension,) the question's, None to go by words
    alone; wanted: the question's index terms; words: gives those of some items.
    """
    if not items:
        return []
    near: Sequence[Knowledge] = items
    if len(items) > _COMPARED * most:
        if vector is None:
            near = items[: _COMPARED * most]
        else:
            places = _nearest(vectors, vector, _COMPARED * most)
            near, vectors = [items[place] for place in places], vectors[places]
    cosines: Iterable[float | None]
    if vector is None:
        cosines = repeat(None, len(near))
    else:
        # Of each row the same number, whatever the others are; BLAS has no such promise.
        cosines = np.einsum("ij,j->i", vectors, vector).tolist()
    ranked = []
    whole = len(wanted)
    for item, held, cosine in zip(near, words(near), cosines, strict=True):
        share = len(wanted & held) / whole if whole else None
        score = (share or 0.0) + (cosine or 0.0)
        if score >= _BEARS or item.kind == "fact":
            # Of what is about as near, the newest word stands first.
            order = (-round(score, 1), -item.updated.timestamp(), item.id)
            ranked.append((order, Known(item, share, cosine)))
    ranked.sort(key=lambda each: each[0])
    return [known for _, known in ranked[:most]]


def _nearest(vectors: Vectors, vector: Vectors, most: int) -> list[int]:
    """Return the rows of `vectors` that are nearest to a vector, `most` of them, best first."""
    cosines = np.empty(len(vectors), np.float32)
    inner_products(np.ascontiguousarray(vectors), np.asarray(vector, np.float32), cosines)
    return np.argsort(-cosines, kind="stable")[:most].tolist()  # type: ignore[no-any-return]


def best_relevance(
    query: str, known: Sequence[Known], among: Among, calibrated: Calibration
) -> float:
    """Return the relevance of what bears most on the question; 0 where nothing is known.

    among: the passages of the scope.
    """
    bears = relevances([(each.share, each.cosine, False) for each in known], among, calibrated)
    best = max(bears, default=0.0)
    # A bare value ("Lisbon") is far from its question ("Where does Tom live?"), not from nonsense.
    if (
        best < _STATED
        and any(each.item.analyst in _BY_HAND for each in known)
        and language_of(query) is not None
    ):
        return _STATED
    return best
