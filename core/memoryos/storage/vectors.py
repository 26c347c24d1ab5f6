"""Vectors of what is stored: texts are embedded in batches, here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from memoryos.model import Knowledge, Page, Segment
from memoryos.ports import Embedder, Vectors
from memoryos.storage.codec import Recorded, encode, to_blob
from memoryos.storage.journal import indexed_text
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
    """Return the words whose embedding stands for a topic or a segment in Eq. 3."""
    return f"{' '.join(keywords)}\n{summary}"


def page_vectors(pages: Sequence[Page], embedder: Embedder) -> dict[int, bytes]:
    """Return the vectors of pages as they are stored, by position. Raises ModelError."""
    rows = embed_all(embedder, [indexed_text(page) for page in pages])
    return {page.seq: to_blob(row) for page, row in zip(pages, rows, strict=True)}


def embedded(values: Sequence[Recorded], embedder: Embedder) -> list[Record]:
    """Return derived values as records, segments and knowledge with vectors. Raises ModelError."""
    texts = {v.id: v.text for v in values if isinstance(v, Knowledge)}
    texts |= {v.id: embedded_text(v.keywords, v.summary) for v in values if isinstance(v, Segment)}
    vectors = dict(zip(texts, embed_all(embedder, list(texts.values())), strict=True))
    return [encode(value, vectors.get(value.id)) for value in values]
