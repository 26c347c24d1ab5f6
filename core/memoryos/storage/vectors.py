"""Embeds texts in batches: vectors of pages, segments and knowledge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memoryos.model import Knowledge, Page, Segment
from memoryos.ports import Embedder, Vectors
from memoryos.storage.codec import Derived, encode, pack_vectors
from memoryos.storage.journal import passage_texts
from memoryos.storage.port import Record

AT_ONCE = 256
"""Texts given to an embedder in one call."""


def embed_all(embedder: Embedder, texts: Sequence[str]) -> list[Vectors]:
    """Return a vector for each text, asked for in batches. Raises ModelError."""
    rows: list[Vectors] = []
    for start in range(0, len(texts), AT_ONCE):
        rows.extend(embedder.embed_documents(texts[start : start + AT_ONCE]))
    return rows


def embedded_text(keywords: Sequence[str], summary: str) -> str:
    """Return the text that is embedded for a topic or segment: e_s and e_p of Eq. 3."""
    return f"{' '.join(keywords)}\n{summary}"


def page_vectors(pages: Sequence[Page], embedder: Embedder) -> dict[int, bytes]:
    """Return the vectors of pages' passages as they are stored, by position. Raises ModelError."""
    texts = list(map(passage_texts, pages))
    rows = embed_all(embedder, [text for some in texts for text in some])
    found, start = {}, 0
    for page, some in zip(pages, texts, strict=True):
        found[page.seq] = pack_vectors(np.stack(rows[start : start + len(some)]))
        start += len(some)
    return found


def embedded(values: Sequence[Derived], embedder: Embedder) -> list[Record]:
    """Return derived values as records, segments and knowledge with vectors. Raises ModelError."""
    texts = {v.id: v.text for v in values if isinstance(v, Knowledge)}
    texts |= {v.id: embedded_text(v.keywords, v.summary) for v in values if isinstance(v, Segment)}
    vectors = dict(zip(texts, embed_all(embedder, list(texts.values())), strict=True))
    return [encode(value, vectors.get(value.id)) for value in values]
