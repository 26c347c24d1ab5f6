"""What is known that bears on a question: facts and statements, by their words and meaning."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Knowledge
from memoryos.ports import Vectors
from memoryos.retrieval.index import inner_products
from memoryos.retrieval.relevance import Among, Calibration, relevances
from memoryos.text.terms import term_id, tokens
from memoryos.text.tokenizer import language_of

_COMPARED = 8
"""Times as many entries as are shown, that are nearest in meaning, are compared by their words."""
_BEARS = 0.45
"""Share of the question's words that a statement has, plus its cosine, from where it is shown."""

_DIGITS, _ABOUT = 1, 0.1
"""Of what is about as near, to so many digits, the newest comes first."""

_ID = "I"
"""A term's id: 32 bits."""
_BY_HAND = ("user", "agent")
"""Who state a fact themselves, to be kept in mind…"""
_STATED = 0.1
"""…so that it bears at least so much on whatever is asked in a known language."""


class Known(NamedTuple):
    """A piece of knowledge, and how near it is to a question."""

    item: Knowledge
    share: float | None  # of the question's words, those it has; None where there are none
    cosine: float | None  # None without vectors


class Side:
    """What is known of one side, user or agent, laid out to be compared with questions.

    Its entries' words and kinds stand in arrays: to look at each entry itself takes longer than to
    compare it.
    """

    def __init__(
        self,
        items: Sequence[Knowledge],
        vectors: Vectors,
        words: Callable[[Knowledge], bytes],
    ) -> None:
        """vectors: (items, dimension) float32; words: gives the `word_ids` of an entry's text."""
        self.items = items
        self.vectors = vectors
        self._words = words
        self._ids: list[bytes | None] = [None] * len(items)
        self._facts = np.array([item.kind == "fact" for item in items], bool)

    def bearing(
        self,
        asked: bytes,
        vector: Vectors | None,
        most: int,
        among: NDArray[np.intp] | None = None,
    ) -> list[Known]:
        """Return knowledge that bears on a question, best first; of facts also the others.

        asked: the question's `word_ids`; vector: (dimension,) the question's, None, or of another
        dimension, to go by words alone; among: places, ascending, of the entries that are compared;
        None: all.
        """
        if vector is not None and self.vectors.shape[1] != len(vector):
            vector = None
        near = self._near(vector, _COMPARED * most, among)
        if not near:
            return []
        scores = shares = np.zeros(len(near))
        if asked:
            scores = shares = self._shared(near, asked) * 4 / len(asked)
        cosines: list[float] | None = None
        if vector is not None:
            # Of each row the same number, whatever the others are; BLAS has no such promise.
            products = np.einsum("ij,j->i", self.vectors.take(near, axis=0), vector)
            scores, cosines = shares + products, products.tolist()
        rows = np.flatnonzero((scores >= _BEARS) | self._facts[near])
        if len(rows) > most:  # what is below the worst of those by more than they are rounded
            worst = np.partition(scores[rows], -most)[-most]
            rows = rows[scores[rows] > worst - 1.1 * _ABOUT]
        ranked = []
        for row, score in zip(rows.tolist(), scores[rows].tolist(), strict=True):
            item = self.items[near[row]]
            # Of what is about as near, the newest word stands first.
            ranked.append((-round(score, _DIGITS), -item.updated.timestamp(), item.id, row, item))
        ranked.sort()  # ids differ
        return [
            Known(item, float(shares[row]) if asked else None, cosines[row] if cosines else None)
            for *_, row, item in ranked[:most]
        ]

    def _near(self, vector: Vectors | None, most: int, among: NDArray[np.intp] | None) -> list[int]:
        """Return the places of the entries that are nearest to a question, `most` of them."""
        places = np.arange(len(self.items)) if among is None else among
        if len(places) <= most or vector is None:
            return places[:most].tolist()  # type: ignore[no-any-return]
        cosines = np.empty(len(self.vectors), np.float32)
        inner_products(np.ascontiguousarray(self.vectors), np.asarray(vector, np.float32), cosines)
        if among is not None:
            cosines = cosines[among]
        # Only what may be among them is sorted.
        least = -np.partition(-cosines, most - 1)[most - 1]
        rows = np.flatnonzero(cosines >= least)
        rows = rows[np.argsort(-cosines[rows], kind="stable")[:most]]
        return places[rows].tolist()  # type: ignore[no-any-return]

    def _shared(self, places: Sequence[int], asked: bytes) -> NDArray[np.intp]:
        """Return (places,) how many words of a question some entries have."""
        kept = self._ids
        found: list[bytes] = []
        for place in places:
            ids = kept[place]
            if ids is None:
                ids = kept[place] = self._words(self.items[place])
            found.append(ids)
        all_ids = np.frombuffer(b"".join(found), _ID)
        ends = np.cumsum(np.fromiter(map(len, found), np.intp, len(found))) // 4
        wanted = np.frombuffer(asked, _ID)[:, np.newaxis]
        held = np.flatnonzero((all_ids == wanted).any(axis=0))
        return np.bincount(ends.searchsorted(held, "right"), minlength=len(found))


def word_ids(text: str) -> bytes:
    """Return the ids of the index terms of a text, each once, as uint32 side by side."""
    return array(_ID, {term_id(term) for term in tokens(text)}).tobytes()


def best_relevance(
    query: str, known: Sequence[Known], among: Among, calibrated: Calibration
) -> float:
    """Return the relevance of the fact that bears most on the question; 0 where there is none.

    A statement is told by its page, which is judged itself: as a shorter text it would be nearer to
    any question.  among: the passages of the scope.
    """
    known = [each for each in known if each.item.kind == "fact"]
    # Of those with the same share of the words the nearest bears most; 0 is no cosine.
    nearest: dict[tuple[float | None, bool], float] = {}
    for _, share, cosine in known:
        kind, near = (share, bool(cosine)), cosine or 0.0
        nearest[kind] = max(near, nearest.get(kind, near))
    told = [(share, near, False) for (share, _), near in nearest.items()]
    bears = relevances(told, among, calibrated)
    best = max(bears, default=0.0)
    # A bare value ("Lisbon") is far from its question ("Where does Tom live?"), not from nonsense.
    if (
        best < _STATED
        and any(each.item.analyst in _BY_HAND for each in known)
        and language_of(query) is not None
    ):
        return _STATED
    return best
