"""Pages that a former version has indexed are indexed anew, from the journal."""

from __future__ import annotations

from collections.abc import Sequence

from memoryos.model import Page, Scope
from memoryos.ports import Embedder
from memoryos.storage.journal import page_passages, terms_of
from memoryos.storage.port import Changes, Head, NewVectors, PageQuery, Store
from memoryos.storage.transact import transact
from memoryos.storage.vectors import page_vectors
from memoryos.text.terms import INDEXING


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
        vectors = _vectors(store, scope, head, pages, embedder)
        return Changes(terms=terms, vectors=vectors, indexing=INDEXING), None

    transact(store, scope, "reindex", work)


def _vectors(
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
