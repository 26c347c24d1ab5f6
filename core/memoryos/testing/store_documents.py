"""The store contract on documents: pages that are no turns (`memoryos.model.DOCUMENT`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memoryos.model import DOCUMENT, NO_SEGMENT, ErasureReceipt
from memoryos.storage.port import Changes, PageDraft, PageQuery, Store
from memoryos.testing.store_samples import EMBEDDER, SCOPE, blob, draft, receipt


def _document(id_: str, text: str = "kept") -> PageDraft:
    return replace(draft(id_, text), metadata={DOCUMENT: "test", "n": 1})


def _receipt(ids: Sequence[str]) -> ErasureReceipt:
    return replace(receipt("e" + "".join(ids)), page_ids=tuple(ids))


class DocumentsContract:
    """What a store promises of documents. `StoreContract` is the whole."""

    def test_documents_wait_for_nothing(self, store: Store) -> None:
        document, turn = store.append(SCOPE, [_document("n"), draft("t")])
        assert (document.segment_id, turn.segment_id) == (NO_SEGMENT, None)
        assert [waiting.seq for waiting in store.waiting(SCOPE)] == [turn.seq]
        assert store.counts(SCOPE).waiting == 1
        assert store.documents.positions(SCOPE) == [document.seq]
        again = store.append(SCOPE, [replace(_document("n", "other"), replaces=document.seq)])[0]
        assert again.segment_id == NO_SEGMENT
        assert store.documents.positions(SCOPE) == [again.seq]
        # A turn that takes the place of a document waits like any.
        turned = store.append(SCOPE, [replace(draft("n"), replaces=again.seq)])[0]
        assert turned.segment_id is None
        assert store.documents.positions(SCOPE) == []

    def test_metadata_is_replaced_in_place(self, store: Store) -> None:
        document, turn = store.append(SCOPE, [_document("n"), draft("t")])
        before = store.head(SCOPE)
        store.documents.retouch(
            SCOPE, {document.seq: {DOCUMENT: "test", "n": [2, "ü"]}, turn.seq: {"n": 3}}
        )
        store.documents.retouch(SCOPE, {document.seq + 100: {"n": 4}})
        pages = store.pages(SCOPE, PageQuery())
        assert [page.metadata for page in pages] == [
            {DOCUMENT: "test", "n": [2, "ü"]},
            turn.metadata,
        ]
        assert [page.seq for page in pages] == [document.seq, turn.seq]
        assert not any(page.damaged for page in pages)  # its checksum was made anew
        assert store.head(SCOPE) == before

    def test_discarding(self, store: Store) -> None:
        pages = store.append(SCOPE, [_document("a"), draft("t"), _document("b"), _document("c")])
        head = store.head(SCOPE)
        vectors = {page.seq: blob(page.seq) for page in pages}
        assert store.put_vectors(SCOPE, head, EMBEDDER, vectors, head.last_seq)
        seqs = [page.seq for page in pages[:3]]
        ids, version = store.documents.discard(SCOPE, [*seqs, 999], _receipt)
        assert sorted(ids) == ["a", "b"]  # a turn is not discarded
        assert [page.id for page in store.pages(SCOPE, PageQuery())] == ["t", "c"]
        assert store.vectors(SCOPE, 0, 100)[0] == [pages[1].seq, pages[3].seq]
        assert list(store.index_columns(SCOPE, 0).seqs) == [pages[1].seq, pages[3].seq]
        after = store.head(SCOPE)
        assert (after.version, after.epoch) == (version, head.epoch)
        assert version == head.version + 1
        assert [sorted(r.page_ids) for r in store.receipts(SCOPE)] == [["a", "b"]]
        # What is gone is gone: nothing again, and no receipt of it.
        assert store.documents.discard(SCOPE, seqs, _receipt)[0] == []
        assert len(store.receipts(SCOPE)) == 1
        left = [pages[3].seq]
        assert store.documents.discard(SCOPE, left, _receipt, durable=False)[0] == ["c"]
        assert len(store.receipts(SCOPE)) == 2

    def test_a_commit_that_met_a_discarding_fails(self, store: Store) -> None:
        (document,) = store.append(SCOPE, [_document("a")])
        head = store.head(SCOPE)
        store.documents.discard(SCOPE, [document.seq], _receipt)
        assert not store.commit(SCOPE, head, Changes(receipts=[receipt("e2")]))
        assert store.scopes() == []

    def test_no_documents_in_a_scope_that_is_not_there(self, store: Store) -> None:
        assert store.documents.positions(SCOPE) == []
        store.documents.retouch(SCOPE, {1: {}})
        assert store.documents.discard(SCOPE, [1], _receipt) == ([], 0)
