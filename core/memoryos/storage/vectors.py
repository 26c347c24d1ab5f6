"""Embeds texts in batches: vectors of pages, segments and knowledge."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from memoryos.model import Knowledge, Page, Scope, Segment
from memoryos.ports import Embedder, Vectors
from memoryos.storage.codec import Recorded, decode, encode, pack_vectors, unpack_vectors
from memoryos.storage.journal import page_passages, passage_texts, terms_of
from memoryos.storage.port import (
    Changes,
    Head,
    NewVectors,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.transact import transact
from memoryos.text.terms import INDEXING

_SPEAKER = re.compile(r"(?:^|(?<=\s))(?:User|Assistant): ", re.MULTILINE)
"""Who speaks, in a summary: two topics are not alike because both are talked of."""
AT_ONCE = 256
"""Texts given to an embedder in one call."""


def embed_all(embedder: Embedder, texts: Sequence[str]) -> list[Vectors]:
    """Return a unit vector for each text, asked for in batches. Raises ModelError.

    Rounded as they are stored: what is worked out must not depend on who has stored them already.
    """
    rows: list[Vectors] = []
    for start in range(0, len(texts), AT_ONCE):
        some = embedder.embed_documents(texts[start : start + AT_ONCE])
        rows.extend(unpack_vectors(pack_vectors(some), embedder.dimension))
    return rows


def embedded_text(keywords: Sequence[str], summary: str) -> str:
    """Return the text that is embedded for a topic or segment: e_s and e_p of Eq. 3."""
    return f"{' '.join(keywords)}\n{_SPEAKER.sub('', summary)}"


def page_vectors(pages: Sequence[Page], embedder: Embedder) -> dict[int, bytes]:
    """Return the vectors of pages' passages as they are stored, by position. Raises ModelError."""
    texts = list(map(passage_texts, pages))
    rows = embed_all(embedder, [text for some in texts for text in some])
    found, start = {}, 0
    for page, some in zip(pages, texts, strict=True):
        found[page.seq] = pack_vectors(np.stack(rows[start : start + len(some)]))
        start += len(some)
    return found


def embedded(values: Sequence[Recorded], embedder: Embedder) -> list[Record]:
    """Return derived values as records, segments and knowledge with vectors. Raises ModelError."""
    texts = {v.id: v.text for v in values if isinstance(v, Knowledge)}
    texts |= {v.id: embedded_text(v.keywords, v.summary) for v in values if isinstance(v, Segment)}
    vectors = dict(zip(texts, embed_all(embedder, list(texts.values())), strict=True))
    return [encode(value, vectors.get(value.id)) for value in values]


def outdated(stored: StoredEmbedder | None, embedder: Embedder) -> bool:
    """Tell whether vectors of `stored` are to be made anew by `embedder`, without being asked.

    So it is when `embedder` has the other's name in its attribute `replaces`: both are built in and
    cost nothing.
    """
    return stored is not None and stored.name in getattr(embedder, "replaces", ())


def outdated_scopes(store: Store, embedder: Embedder) -> list[Scope]:
    """Return the scopes whose vectors are to be made anew; at no cost where there are none."""
    if not any(outdated(stored, embedder) for stored in store.embedders()):
        return []
    return [scope for scope in store.scopes() if outdated(store.head(scope).embedder, embedder)]


def replace_outdated(store: Store, scope: Scope, embedder: Embedder) -> None:
    """Let `embedder` take the place of one that is outdated; else do nothing. Raises StorageError.

    In one commit segments and knowledge get new vectors, and the pages' are taken away: they wait
    for new ones like pages just added, and recall goes by words until these are there.
    """

    def work(head: Head) -> tuple[Changes | None, None]:
        if not outdated(head.embedder, embedder):
            return None, None
        values = [decode(record) for record in store.records(scope, ("segment", "knowledge"))]
        mine = StoredEmbedder(embedder.name, embedder.dimension)
        return Changes(put=embedded(values, embedder), vectors=NewVectors(mine, {})), None

    transact(store, scope, "embedding anew", work)


def reindex(store: Store, scope: Scope, embedder: Embedder) -> None:
    """Index the scope's pages as this version does, unless they are; in one commit.

    Only passages that have no vector are embedded, and none of them where another embedder has made
    the others.  Until then recall goes by what is there. Raises ModelError, StorageError.
    """
    if store.head(scope).indexing == INDEXING:
        return

    def work(head: Head) -> tuple[Changes | None, None]:
        if head.indexing == INDEXING:
            return None, None
        pages = store.pages(scope, PageQuery())
        columns = store.index_columns(scope, 0)
        here = dict(zip(columns.seqs.tolist(), columns.terms_by_page(), strict=True))
        wanted = zip(pages, terms_of(pages), strict=True)
        terms = {page.seq: new for page, new in wanted if here.get(page.seq) != new}
        vectors = _completed(store, scope, head, pages, embedder)
        return Changes(terms=terms, vectors=vectors, indexing=INDEXING), None

    transact(store, scope, "reindex", work)


def _completed(
    store: Store, scope: Scope, head: Head, pages: Sequence[Page], embedder: Embedder
) -> NewVectors | None:
    """Return the vectors of all pages that are to have some, None if nothing of them changes."""
    if head.embedder is None or head.embedder.name != embedder.name:
        return None
    dimension = head.embedder.dimension
    seqs, blobs = store.vectors(scope, 0, head.embedded_seq)
    known = dict(zip(seqs, blobs, strict=True))
    embedded = [page for page in pages if page.seq <= head.embedded_seq]
    lacking = [
        page
        for page in embedded
        if len(known.get(page.seq, b"")) != dimension * len(page_passages(page))
    ]
    if not lacking:
        return None
    known |= page_vectors(lacking, embedder)
    return NewVectors(head.embedder, {page.id: known[page.seq] for page in embedded})
