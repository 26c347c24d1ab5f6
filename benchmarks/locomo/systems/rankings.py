"""What one would write in an afternoon: word search, vector search, their fusion, the newest turns.

Each ranks the same page texts and shows pages in the engine's own format, dates included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.locomo.data import Conversation, DialoguePage
from benchmarks.locomo.systems.system import MOST_PAGES, RankedReader, Reader, held
from memoryos.ports import Embedder, TokenCounter
from memoryos.text.sentences import split
from memoryos.text.terms import tokens

Scores = NDArray[np.float64]
Ranker = Callable[[str], Scores]
"""From a question to a score for each page; higher is nearer."""

_K1, _B = 1.2, 0.75
_RRF = 60
"""The constant of reciprocal rank fusion (Cormack et al. 2009)."""


class RankingSystem:
    """A memory made of one ranker."""

    def __init__(
        self, name: str, make: Callable[[Conversation], Ranker], count: TokenCounter
    ) -> None:
        self.name = name
        self._make = make
        self._count = count

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:
        """Index the pages."""
        ranker = self._make(conversation)
        shown = [page_block(page) for page in conversation.pages]

        def rank(question: str) -> Iterable[tuple[int, str]]:
            best = np.argsort(-ranker(question), kind="stable")[:MOST_PAGES]
            return [(row, shown[row]) for row in best.tolist()]

        return held(RankedReader(rank, self._count))


class PassageSystem:
    """BM25 over passages: whole sentences of one turn, about 400 characters."""

    name = "BM25 passages"

    def __init__(self, count: TokenCounter) -> None:
        self._count = count

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:
        """Index the passages."""
        cut = [
            (row, replace(page, turns=(replace(turn, said=passage),)))
            for row, page in enumerate(conversation.pages)
            for turn in page.turns
            for passage in passages(turn.said)
        ]
        ranker = bm25(replace(conversation, pages=tuple(passage for _, passage in cut)))

        def rank(question: str) -> Iterable[tuple[int, str]]:
            best = np.argsort(-ranker(question), kind="stable")[: 4 * MOST_PAGES]
            return [(cut[place][0], page_block(cut[place][1])) for place in best.tolist()]

        return held(RankedReader(rank, self._count))


def passages(text: str, most: int = 400) -> list[str]:
    """Return a text as runs of whole sentences of about `most` characters; at least one."""
    found: list[str] = []
    for sentence in split(text):
        if found and len(found[-1]) + len(sentence) < most:
            found[-1] += f" {sentence}"
        else:
            found.append(sentence)
    return found or [text]


def page_block(page: DialoguePage) -> str:
    """Return a page with its date, as the engine shows it."""
    return f"[{page.timestamp:%Y-%m-%d %H:%M}]\n{page.text}"


def newest(conversation: Conversation) -> Ranker:
    """Rank by position alone: what a buffer of the last turns remembers."""
    positions = np.arange(len(conversation.pages), dtype=np.float64)
    return lambda _question: positions


def bm25(conversation: Conversation) -> Ranker:
    """Rank by words: Okapi BM25 over stemmed words without stop words."""
    counts = [Counter(tokens(page.text)) for page in conversation.pages]
    lengths = np.array([sum(count.values()) for count in counts], np.float64)
    norm = _K1 * (1 - _B + _B * lengths / lengths.mean())

    def rank(question: str) -> Scores:
        scores = np.zeros(len(counts))
        for word in dict.fromkeys(tokens(question)):
            tf = np.array([count[word] for count in counts], np.float64)
            df = np.count_nonzero(tf)
            idf = np.log1p((len(counts) - df + 0.5) / (df + 0.5))
            scores += idf * tf * (_K1 + 1) / (tf + norm)
        return scores

    return rank


def dense(embedder: Embedder) -> Callable[[Conversation], Ranker]:
    """Rank by meaning: the cosine of page and question."""

    def make(conversation: Conversation) -> Ranker:
        vectors = embedder.embed_documents([page.text for page in conversation.pages])
        return lambda question: np.asarray(vectors @ embedder.embed_query(question), np.float64)

    return make


def fused(
    makers: Sequence[Callable[[Conversation], Ranker]],
) -> Callable[[Conversation], Ranker]:
    """Rank by reciprocal rank fusion of several rankers."""

    def make(conversation: Conversation) -> Ranker:
        rankers = [maker(conversation) for maker in makers]

        def rank(question: str) -> Scores:
            total = np.zeros(len(conversation.pages))
            for ranker in rankers:
                order = np.argsort(-ranker(question), kind="stable")
                total[order] += 1 / (_RRF + 1 + np.arange(order.size))
            return total

        return rank

    return make
