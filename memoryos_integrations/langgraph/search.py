"""A search over a prefix of namespaces: one recall for each user that the prefix may name."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from langgraph.store.base import SearchOp

from memoryos.memory.documents import Document, Documents
from memoryos_integrations.langgraph.expiry import Expiry
from memoryos_integrations.langgraph.filters import compiled
from memoryos_integrations.langgraph.items import Stored

Hit = tuple[Document[Stored], "float | None"]
Found = tuple[Documents[Stored], Document[Stored], "float | None"]
_LEAST_COMPARED = 64
"""Items whose relevance is worked out, at the least: the pages of a result then agree."""


def found_in(
    shelf: Documents[Stored], op: SearchOp, enough: int, now: datetime, expiry: Expiry
) -> list[Hit]:
    """Return the `enough` first items of one user's that a search gives, with their scores."""
    passes = compiled(op.filter)
    prefix = tuple(op.namespace_prefix)
    depth = len(prefix)
    documents = shelf.within(lambda namespace: namespace[:depth] == prefix)

    def is_wanted(document: Document[Stored]) -> bool:
        return expiry.is_alive(document, now, shelf) and passes(document.value.value)

    query = (op.query or "").strip()
    if not query:
        return [(document, None) for document in _newest(documents, enough, is_wanted)]
    documents = {
        seq: document
        for seq, document in documents.items()
        if document.value.expires is None or expiry.is_alive(document, now, shelf)
    }
    if op.filter:
        documents = {
            seq: document for seq, document in documents.items() if passes(document.value.value)
        }
    # As many are compared for this page of the result as for those before it.
    compared = max(_LEAST_COMPARED, 1 << (enough - 1).bit_length())
    hits: list[Hit] = list(shelf.search(query, compared, documents)[:enough])
    if len(hits) < enough:
        there = {document.page.seq for document, _ in hits}
        others = _newest(
            documents, enough - len(hits), lambda document: document.page.seq not in there
        )
        hits += [(document, None) for document in others]
    return hits


def _newest(
    documents: Mapping[int, Document[Stored]],
    enough: int,
    is_wanted: Callable[[Document[Stored]], bool],
) -> list[Document[Stored]]:
    """Return the wanted documents that were put last, the newest first."""
    wanted = (
        documents[seq] for seq in sorted(documents, reverse=True) if is_wanted(documents[seq])
    )
    return list(islice(wanted, enough))


def newest(found: Sequence[Found], enough: int) -> list[Found]:
    """Return what several users' searches gave, in one order: by score, then the newest."""
    key: Callable[[Found], Any] = lambda hit: (  # noqa: E731  # used twice
        hit[2] is not None,
        hit[2] or 0.0,
        hit[1].value.updated,
    )
    return heapq.nlargest(enough, found, key=key)
