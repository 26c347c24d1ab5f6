"""The part of the store contract about what is derived: records, and `commit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from memoryos.storage.port import (
    Assignment,
    Changes,
    Concerned,
    Head,
    Kind,
    NewVectors,
    PageMoved,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.testing.store_samples import (
    EMBEDDER,
    HOSTILE_TEXTS,
    SCOPE,
    blob,
    call,
    draft,
    fill,
    plain,
    receipt,
    record,
)

_KINDS: tuple[Kind, ...] = ("topic", "segment", "chain", "knowledge", "trait")


def _commit(store: Store, **changes: Any) -> bool:
    return store.commit(SCOPE, store.head(SCOPE), Changes(**changes))


def _keys(records: list[Record]) -> list[tuple[str, str]]:
    return [(item.kind, item.id) for item in records]


class DerivedContract:
    """What a store promises of derived records and of `commit`. `StoreContract` is the whole."""

    # ── records ──────────────────────────────────────────────────────────────────────────────

    def test_no_records_at_first(self, store: Store) -> None:
        assert store.records(SCOPE, _KINDS) == []
        assert store.records(SCOPE, _KINDS, ids=["x"]) == []

    def test_records_come_back_as_put(self, store: Store) -> None:
        put = [
            record("segment", "a", {"n": 1, "deep": [{"x": None}]}, vector=b"\x00\x01\xff" * 4),
            record("knowledge", "a", {"text": "older"}, live=False),
            record("trait", "a", {}),
        ]
        assert _commit(store, put=put)
        assert store.records(SCOPE, ["segment"]) == put[:1]
        assert store.records(SCOPE, ["knowledge"]) == put[1:2]
        assert sorted(_keys(store.records(SCOPE, _KINDS))) == sorted(_keys(put))
        assert store.records(SCOPE, []) == []

    @pytest.mark.parametrize("text", HOSTILE_TEXTS[:-1], ids=range(len(HOSTILE_TEXTS) - 1))
    def test_record_texts_come_back_exactly(self, store: Store, text: str) -> None:
        put = record("knowledge", text, {"text": text, "nul": "\x00", text: [text]})
        assert _commit(store, put=[put, record("knowledge", "k")])
        assert store.records(SCOPE, ["knowledge"], ids=[text]) == [put]
        assert _commit(store, delete=[("knowledge", text)])
        assert _keys(store.records(SCOPE, ["knowledge"])) == [("knowledge", "k")]

    def test_a_record_read_is_not_the_record_kept(self, store: Store) -> None:
        body = {"list": [1]}
        _commit(store, put=[record("trait", "t", body)])
        body["list"].append(2)
        (read,) = store.records(SCOPE, ["trait"])
        assert read.body == {"list": [1]}

    def test_put_replaces_a_record_of_the_same_kind_and_id(self, store: Store) -> None:
        _commit(store, put=[record("segment", "s", {"v": 1}, vector=b"1234")])
        _commit(store, put=[record("segment", "s", {"v": 2}, live=False)])
        assert store.records(SCOPE, ["segment"]) == [record("segment", "s", {"v": 2}, live=False)]

    def test_records_by_id(self, store: Store) -> None:
        _commit(store, put=[record("segment", "a"), record("segment", "b"), record("chain", "a")])
        found = store.records(SCOPE, ["segment", "chain"], ids=["a", "none", "a"])
        assert sorted(_keys(found)) == [("chain", "a"), ("segment", "a")]
        assert store.records(SCOPE, ["segment"], ids=[]) == []
        assert store.records(SCOPE, ["segment"], ids=["a\x00"]) == []

    def test_records_that_name_an_id_or_another_analyst(self, store: Store) -> None:
        bodies: list[dict[str, Any]] = [
            {"id": "k0", "analyst": "rules", "sources": ["p1"]},
            {"id": "k1", "analyst": "rules", "sources": ["p12"], "text": '"analyst":"x" and p1'},
            {"id": "k2", "analyst": "gpt", "sources": ["p2"]},
            {"id": "k3", "pages": {"p1": 2}},
            {"id": 'ñ"', "analyst": "user", "sources": []},
        ]
        put = [Record("knowledge", body["id"], body, None, True) for body in bodies]
        store.commit(SCOPE, Head(), Changes(put=put))

        def found(ids: list[str], not_by: list[str] | None = None) -> list[str]:
            concerned = Concerned(ids, not_by)
            records = store.records(SCOPE, ["knowledge"], concerned=concerned)
            return [record.id for record in records]

        assert found(["p1"]) == ["k0", "k3"]
        assert found(["p12", "p2"]) == ["k1", "k2"]
        assert found(['ñ"']) == ['ñ"']
        assert found([]) == []
        assert found([], ["rules", "user"]) == ["k2"]
        assert found(["p12"], ["rules", "gpt"]) == ["k1", 'ñ"']
        assert found([], []) == ["k0", "k1", "k2", 'ñ"']
        assert store.records(SCOPE, ["topic"], concerned=Concerned(["p1"])) == []

    def test_records_after_a_version_in_order_of_writing(self, store: Store) -> None:
        _commit(store, put=[record("trait", "z"), record("trait", "b")])
        _commit(store, put=[record("trait", "a")])
        version = store.head(SCOPE).version
        _commit(store, put=[record("trait", "y"), record("trait", "b")])
        after = store.records(SCOPE, ["trait"], after_version=version)
        assert _keys(after) == [("trait", "b"), ("trait", "y")]
        everything = store.records(SCOPE, ["trait"])
        assert [item.id for item in everything] == ["z", "a", "b", "y"]
        assert store.records(SCOPE, ["trait"], after_version=version + 1) == []
        by_id = store.records(SCOPE, ["trait"], ids=["b", "z"], after_version=version)
        assert _keys(by_id) == [("trait", "b")]

    def test_live_records_only_or_the_others(self, store: Store) -> None:
        _commit(store, put=[record("segment", "a"), record("segment", "b", live=False)])
        assert _keys(store.records(SCOPE, ["segment"], live=True)) == [("segment", "a")]
        assert _keys(store.records(SCOPE, ["segment"], live=False)) == [("segment", "b")]
        assert store.records(SCOPE, ["segment"], ids=["b"], live=True) == []
        assert store.counts(SCOPE).records == {"segment": 2}

    # ── commit ───────────────────────────────────────────────────────────────────────────────

    def test_every_commit_raises_the_version(self, store: Store) -> None:
        fill(store)
        before = store.head(SCOPE)
        assert _commit(store)
        assert store.head(SCOPE) == replace(before, version=before.version + 1)

    @pytest.mark.parametrize(
        ("changes", "takes"),
        [
            ({"put": [record("trait", "t")]}, False),
            ({"assign": [Assignment("p1", "s", "c")]}, False),
            ({"add_pages": [draft("new")]}, False),
            ({"erase_calls": True}, False),
            ({"receipts": [receipt("e")]}, False),
            ({"delete": [("trait", "none")]}, True),
            ({"erase_pages": ["p1"]}, True),
            ({"vectors": NewVectors(EMBEDDER, {"p1": blob(1)})}, True),
            ({"terms": {1: b"new"}}, True),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_the_epoch_rises_when_something_is_taken(
        self, store: Store, changes: dict[str, Any], takes: bool
    ) -> None:
        fill(store)
        epoch = store.head(SCOPE).epoch
        assert _commit(store, **changes)
        assert store.head(SCOPE).epoch == epoch + takes

    @pytest.mark.parametrize(
        "change",
        [
            lambda head: replace(head, version=head.version - 1),
            lambda head: replace(head, version=head.version + 1),
            lambda head: replace(head, epoch=head.epoch + 1),
        ],
        ids=["older", "newer", "epoch"],
    )
    def test_a_commit_on_another_state_does_nothing(
        self, store: Store, change: Callable[[Head], Head]
    ) -> None:
        fill(store)
        _commit(store, put=[record("trait", "t")])
        before = _everything(store)
        changes = Changes(
            put=[record("trait", "t", {"new": 1}), record("chain", "c")],
            delete=[("trait", "t")],
            assign=[Assignment("p1", "s", "c")],
            erase_pages=["p2"],
            erase_calls=True,
            add_pages=[draft("p9")],
            receipts=[receipt("e")],
        )
        assert not store.commit(SCOPE, change(store.head(SCOPE)), changes)
        assert _everything(store) == before

    def test_new_pages_do_not_stop_a_commit(self, store: Store) -> None:
        fill(store)
        head = store.head(SCOPE)
        store.append(SCOPE, [draft("late")])
        assert store.commit(SCOPE, head, Changes(put=[record("trait", "t")]))

    def test_new_pages_stop_a_commit_that_adds_pages_with_vectors(self, store: Store) -> None:
        """For `vectors` are those of all pages, and the late one would never get its own."""
        head = store.head(SCOPE)
        store.append(SCOPE, [draft("late")])
        vectors = NewVectors(EMBEDDER, {"new": blob(1)})
        before = _everything(store)
        changes = Changes(add_pages=[draft("new")], vectors=vectors)
        assert not store.commit(SCOPE, head, changes)
        assert _everything(store) == before

    def test_a_page_to_assign_that_is_gone_stops_the_commit(self, store: Store) -> None:
        fill(store)
        before = _everything(store)
        places = [Assignment("p1", "s", "c"), Assignment("gone", "s", "c")]
        assert not _commit(
            store,
            put=[record("segment", "s")],
            assign=places,
            erase_pages=["p3"],
            add_pages=[draft("new")],
            receipts=[receipt("e")],
        )
        assert _everything(store) == before

    def test_assign_places_pages_and_takes_them_back(self, store: Store) -> None:
        fill(store)
        _commit(store, assign=[Assignment("p1", "s", "c"), Assignment("p3", "s", None)])
        placed = [(p.segment_id, p.chain_id) for p in store.pages(SCOPE, PageQuery())]
        assert placed == [("s", "c"), (None, None), ("s", None)]
        assert [item.seq for item in store.waiting(SCOPE)] == [2]
        _commit(store, assign=[Assignment("p1", None, None)])
        assert [item.seq for item in store.waiting(SCOPE)] == [1, 2]

    def test_delete_takes_records(self, store: Store) -> None:
        _commit(store, put=[record("trait", "a"), record("chain", "a"), record("trait", "b")])
        _commit(store, delete=[("trait", "a"), ("trait", "none")])
        assert sorted(_keys(store.records(SCOPE, _KINDS))) == [("chain", "a"), ("trait", "b")]

    def test_erased_pages_go_with_vectors_and_terms(self, store: Store) -> None:
        fill(store)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {n: blob(n) for n in (1, 2, 3)}, 3)
        assert _commit(store, erase_pages=["p2", "nobody"])
        assert [page.id for page in store.pages(SCOPE, PageQuery())] == ["p1", "p3"]
        assert store.pages(SCOPE, PageQuery(ids=["p2"])) == []
        assert store.index_columns(SCOPE, 0).seqs.tolist() == [1, 3]
        assert store.vectors(SCOPE, 0, 9)[0] == [1, 3]
        assert store.counts(SCOPE).unembedded == 0

    def test_erase_calls_empties_the_ledger(self, store: Store) -> None:
        store.log_call(SCOPE, call("respond"))
        assert _commit(store, put=[record("trait", "t")])
        assert len(store.calls(SCOPE)) == 1
        assert _commit(store, erase_calls=True)
        assert store.calls(SCOPE) == []

    def test_pages_records_places_and_vectors_in_one_commit(self, store: Store) -> None:
        assert _commit(
            store,
            add_pages=[draft("p1"), draft("p2")],
            assign=[Assignment("p2", "s", "c")],
            put=[record("segment", "s", vector=blob(7))],
            vectors=NewVectors(EMBEDDER, {"p1": blob(1), "p2": blob(2), "nobody": blob(3)}),
            receipts=[receipt("e1"), receipt("e2")],
        )
        pages = store.pages(SCOPE, PageQuery())
        assert [(p.id, p.seq, p.segment_id) for p in pages] == [("p1", 1, None), ("p2", 2, "s")]
        assert store.vectors(SCOPE, 0, 9) == ([1, 2], [blob(1), blob(2)])
        head = store.head(SCOPE)
        assert (head.last_seq, head.embedded_seq, head.embedder) == (2, 2, EMBEDDER)
        assert store.records(SCOPE, ["segment"])[0].vector == blob(7)
        assert [item.id for item in store.receipts(SCOPE)] == ["e1", "e2"]

    def test_known_pages_are_kept_by_a_commit(self, store: Store) -> None:
        (known,) = store.append(SCOPE, [draft("p1", "mine")])
        assert _commit(store, add_pages=[draft("p1", "theirs"), draft("p2")])
        assert store.pages(SCOPE, PageQuery(ids=["p1"])) == [known]
        assert store.head(SCOPE).last_seq == 2

    def test_a_commit_replaces_pages_as_append_does(self, store: Store) -> None:
        fill(store, pages=2)
        put = [record("trait", "t")]
        before = _everything(store)
        with pytest.raises(PageMoved):
            _commit(store, add_pages=[draft("p1", "new", replaces=2)], put=put)
        assert _everything(store) == before
        assert _commit(store, add_pages=[draft("p1", "new", replaces=1)], put=put)
        pages = store.pages(SCOPE, PageQuery())
        assert [(page.id, page.user_input) for page in pages] == [("p2", "text 2"), ("p1", "new")]

    def test_new_terms_take_the_place_of_those_at_their_positions(self, store: Store) -> None:
        fill(store)
        assert _commit(store, terms={2: b"new", 99: b"nobody's"})
        assert store.index_columns(SCOPE, 0).terms_by_page() == [b"p1", b"new", b"p3"]

    def test_new_vectors_take_the_place_of_all(self, store: Store) -> None:
        fill(store)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1), 2: blob(2)}, 2)
        other = StoredEmbedder("other", 2)
        assert _commit(store, vectors=NewVectors(other, {"p1": blob(9)}))
        assert store.vectors(SCOPE, 0, 9) == ([1], [blob(9)])
        head = store.head(SCOPE)
        assert (head.embedder, head.embedded_seq) == (other, 1)


def _everything(store: Store) -> tuple[Any, ...]:
    return (
        store.head(SCOPE),
        store.pages(SCOPE, PageQuery()),
        store.records(SCOPE, _KINDS),
        plain(store.index_columns(SCOPE, 0)),
        store.vectors(SCOPE, 0, 1000),
        store.calls(SCOPE),
        store.receipts(SCOPE),
    )
