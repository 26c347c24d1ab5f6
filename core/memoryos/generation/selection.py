"""In what order passages go into a context block: by score, and each for what it adds."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence

from memoryos.model import Passage, RecalledPage

_FURTHER = 6.0
"""By how much less a further passage of a long turn counts than its first: other turns come first.
Chosen by the answers' words in 1,000 tokens on BEAM's chats 1 to 10…"""
_REPEATED = 7.0
"""…and so is this, by how much less a passage counts all of whose words were shown before."""
_WORD = re.compile(r"\w{4,}")
"""Words that are told from others; it need not be exact."""


def by_worth(pages: Sequence[RecalledPage]) -> Iterator[tuple[RecalledPage, Passage]]:
    """Yield the passages of recalled pages, each time the one of most worth after those before it.

    Pages come by score; a short page is one passage, and stands where its score puts it. What a
    page has beyond the score of its best passage counts for all of its passages.
    """
    rows = [
        (passage.score + item.score - item.passages[0].score, item, passage)
        for item in pages
        for passage in item.passages
    ]
    words: dict[int, frozenset[str]] = {}
    shown: set[str] = set()
    begun: set[int] = set()
    heap = [(-score, number) for number, (score, _, _) in enumerate(rows)]
    heapq.heapify(heap)
    while heap:
        before, number = heapq.heappop(heap)
        score, item, passage = rows[number]
        if passage.side is not None:
            if number not in words:
                words[number] = frozenset(_WORD.findall(passage.text.lower()))
            known = len(words[number] & shown) / max(len(words[number]), 1)
            worth = score - _REPEATED * known - _FURTHER * (item.page.seq in begun)
            if heap and -worth > before and -worth > heap[0][0]:
                heapq.heappush(heap, (-worth, number))  # worth less since it was put there
                continue
            shown |= words[number]
            begun.add(item.page.seq)
        yield item, passage
