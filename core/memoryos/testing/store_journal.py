"""The part of the store contract about the journal: pages in, pages found, counted and listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from memoryos.model import Message, Page, Scope
from memoryos.storage.codec import plain_messages
from memoryos.storage.port import Changes, Counts, Head, PageMoved, PageQuery, Store, Waiting
from memoryos.testing.store_samples import (
    EMBEDDER,
    HOSTILE_TEXTS,
    NOON,
    SCOPE,
    blob,
    draft,
    fill,
    place,
)


def _ids(pages: list[Page]) -> list[str]:
    return [page.id for page in pages]


class JournalContract:
    """What a store promises of its journal. `StoreContract` is the whole."""

    # ── append ───────────────────────────────────────────────────────────────────────────────

    def test_an_empty_scope_has_nothing(self, store: Store) -> None:
        assert store.pages(SCOPE, PageQuery()) == []
        assert store.sessions(SCOPE) == []
        assert store.counts(SCOPE) == Counts()
        assert store.waiting(SCOPE) == []
        assert store.head(SCOPE) == Head()

    def test_append_returns_pages_as_stored(self, store: Store) -> None:
        drafts = [draft("p2", "second", "yes"), draft("p1", "first", minute=5)]
        stored = store.append(SCOPE, drafts)
        assert _ids(stored) == ["p2", "p1"]
        assert [page.seq for page in stored] == [1, 2]
        assert store.pages(SCOPE, PageQuery()) == stored
        first = stored[0]
        assert (first.user_input, first.agent_response) == ("second", "yes")
        assert (first.timestamp, first.session_id) == (NOON, "default")
        assert (first.segment_id, first.chain_id) == (None, None)
        assert first.messages == plain_messages("second", "yes")

    def test_append_of_nothing(self, store: Store) -> None:
        assert store.append(SCOPE, []) == []
        assert store.counts(SCOPE).pages == 0

    @pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
    def test_texts_come_back_exactly(self, store: Store, text: str) -> None:
        given = draft("p", text, text[::-1], session=text[:900], metadata={text[:900]: text})
        (stored,) = store.append(SCOPE, [given])
        (read,) = store.pages(SCOPE, PageQuery(ids=["p"]))
        assert stored == read
        assert (read.user_input, read.agent_response) == (text, text[::-1])
        assert read.session_id == text[:900]
        assert read.metadata == {text[:900]: text}
        assert store.sessions(SCOPE) == [text[:900]]

    def test_metadata_and_messages_come_back_exactly(self, store: Store) -> None:
        metadata = {
            "nested": {"list": [1, 2.5, -0.0, 1e300, True, None, "\x00 and \ud7ff"], "": {}},
            "large": 2**63 + 1,
        }
        messages = (
            Message("system", "be kind"),
            Message("user", [{"type": "text", "text": "hi"}, {"type": "image", "url": "x\x00"}]),
            Message("assistant", "", tool_calls=({"id": "1", "name": "f", "args": {"a": [None]}},)),
            Message("tool", "42", id="t", tool_call_id="1", metadata={"k": {"deep": []}}),
            Message("assistant", "42!", name="Ann"),
        )
        given = draft("p", "hi", "42!", metadata=metadata, messages=messages)
        store.append(SCOPE, [given])
        (read,) = store.pages(SCOPE, PageQuery())
        assert read.metadata == metadata
        assert read.messages == messages

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1, 1, 1, tzinfo=timezone.utc),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
            datetime(2025, 3, 30, 1, 2, 3, 4, tzinfo=timezone.utc),
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
        ],
        ids=str,
    )
    def test_times_come_back_to_the_microsecond(self, store: Store, at: datetime) -> None:
        store.append(SCOPE, [draft("p", at=at)])
        (read,) = store.pages(SCOPE, PageQuery())
        assert read.timestamp == at
        assert read.timestamp.utcoffset() == timedelta(0)
        assert store.pages(SCOPE, PageQuery(since=at)) == [read]
        assert store.pages(SCOPE, PageQuery(before=at)) == []

    @pytest.mark.parametrize("id_", ["a'b", 'a"b', "ü💡", "../a", "null", "0", "x" * 1000])
    def test_page_ids_may_be_any_text(self, store: Store, id_: str) -> None:
        store.append(SCOPE, [draft(id_, terms=b""), draft("other", "1"), draft("a", "2")])
        assert store.pages(SCOPE, PageQuery(ids=["a\x00b", "other\x00"])) == []
        place(store, SCOPE, {id_: ("s", "c")})
        (read,) = store.pages(SCOPE, PageQuery(ids=[id_]))
        assert (read.id, read.segment_id, read.chain_id) == (id_, "s", "c")
        assert store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=[id_]))
        assert _ids(store.pages(SCOPE, PageQuery())) == ["other", "a"]

    def test_a_known_id_is_not_stored_again(self, store: Store) -> None:
        (first,) = store.append(SCOPE, [draft("p", "first")])
        again = store.append(SCOPE, [draft("p", "second"), draft("q"), draft("p", "third")])
        assert _ids(again) == ["p", "q", "p"]
        assert again[0] == again[2] == first
        assert store.counts(SCOPE).pages == 2

    def test_a_new_id_given_twice_is_stored_once(self, store: Store) -> None:
        pages = store.append(SCOPE, [draft("p", "first"), draft("p", "second")])
        assert pages[0] == pages[1]
        assert pages[0].user_input == "first"
        assert store.counts(SCOPE).pages == 1

    def test_positions_are_never_given_twice(self, store: Store) -> None:
        fill(store, pages=2)
        store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=["p1", "p2"]))
        assert store.head(SCOPE).last_seq == 2
        (page,) = store.append(SCOPE, [draft("p1")])
        assert page.seq == 3

    # ── replace ──────────────────────────────────────────────────────────────────────────────

    def test_a_page_is_replaced_at_the_journals_end(self, store: Store) -> None:
        old, kept = store.append(SCOPE, [draft("p", "old"), draft("q")])
        place(store, SCOPE, {"p": ("s", "c")})
        before = store.head(SCOPE)
        (new,) = store.append(SCOPE, [draft("p", "new", replaces=old.seq, terms=b"new")])
        # Who was at work on the old words cannot commit; the new ones wait to be filed.
        assert not store.commit(SCOPE, before, Changes())
        assert (new.user_input, new.seq) == ("new", 3)
        assert (new.segment_id, new.chain_id) == (None, "c")
        assert store.pages(SCOPE, PageQuery()) == [kept, new]
        columns = store.index_columns(SCOPE, 0)
        assert columns.seqs.tolist() == [2, 3]
        assert columns.terms_by_page() == [b"q", b"new"]
        assert columns.first.tolist() == [0, old.seq]

    def test_a_page_replaced_again_tells_where_it_stood_first(self, store: Store) -> None:
        (page,) = store.append(SCOPE, [draft("p", "one")])
        for words in ("two", "three"):
            (page,) = store.append(SCOPE, [draft("p", words, replaces=page.seq)])
        columns = store.index_columns(SCOPE, 0)
        assert (columns.seqs.tolist(), columns.first.tolist()) == ([3], [1])

    def test_a_replaced_pages_vector_goes(self, store: Store) -> None:
        fill(store, pages=2)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1), 2: blob(2)}, 2)
        store.append(SCOPE, [draft("p1", "new", replaces=1)])
        assert store.vectors(SCOPE, 0, 9) == ([2], [blob(2)])
        assert store.counts(SCOPE).unembedded == 1

    @pytest.mark.parametrize("replaces", [1, 3])
    def test_a_page_that_moved_is_not_replaced(self, store: Store, replaces: int) -> None:
        store.append(SCOPE, [draft("p", "old")])
        store.append(SCOPE, [draft("p", "newer", replaces=1)])
        before = store.pages(SCOPE, PageQuery())
        with pytest.raises(PageMoved):
            store.append(SCOPE, [draft("q"), draft("p", "mine", replaces=replaces)])
        assert store.pages(SCOPE, PageQuery()) == before
        assert store.head(SCOPE).last_seq == 2

    def test_an_unknown_page_is_not_replaced(self, store: Store) -> None:
        with pytest.raises(PageMoved):
            store.append(SCOPE, [draft("p", replaces=1)])
        assert store.counts(SCOPE).pages == 0

    # ── queries ──────────────────────────────────────────────────────────────────────────────

    @pytest.fixture
    def filled(self, store: Store) -> Store:
        """Twelve pages of three sessions, some of them placed."""
        store.append(
            SCOPE,
            [draft(f"p{n}", session="abc"[n % 3], minute=(n * 7) % 12) for n in range(1, 13)],
        )
        place(store, SCOPE, {f"p{n}": ("s1" if n < 5 else "s2", f"c{n % 4}") for n in range(1, 9)})
        return store

    @pytest.mark.parametrize(
        "conditions",
        [
            {},
            {"ids": []},
            {"ids": ["p9", "p2", "p2", "nobody"]},
            {"seqs": []},
            {"seqs": [11, 3, 3, 99]},
            {"ids": ["p1", "p2"], "seqs": [2, 3]},
            {"session_id": "a"},
            {"session_id": "nobody"},
            {"segment_id": "s1"},
            {"chain_id": "c1"},
            {"waiting": True},
            {"after_seq": 4},
            {"up_to_seq": 4},
            {"up_to_seq": 0},
            {"after_seq": 3, "up_to_seq": 6},
            {"after_seq": 6, "up_to_seq": 3},
            {"since": NOON + timedelta(minutes=5)},
            {"before": NOON + timedelta(minutes=5)},
            {"since": NOON + timedelta(minutes=3), "before": NOON + timedelta(minutes=8)},
            {"session_id": "a", "waiting": True},
            {"session_id": "b", "segment_id": "s2"},
            {"segment_id": "s2", "waiting": True},
            {"segment_id": "s2", "chain_id": "c1", "session_id": "c"},
            {"session_id": "a", "after_seq": 3, "since": NOON + timedelta(minutes=2)},
            {"waiting": True, "before": NOON + timedelta(minutes=6), "up_to_seq": 11},
            {"seqs": [1, 2, 9, 10], "waiting": True},
            {"ids": ["p1", "p5", "p9"], "segment_id": "s2"},
        ],
        ids=str,
    )
    def test_conditions_are_joined_by_and(self, filled: Store, conditions: dict[str, Any]) -> None:
        everything = filled.pages(SCOPE, PageQuery())
        wanted = [page for page in everything if _meets(page, PageQuery(**conditions))]
        for limit in (None, 0, 1, 3, 100):
            query = PageQuery(**conditions, limit=limit)
            assert filled.pages(SCOPE, query) == wanted[:limit]
            newest = replace(query, newest_first=True)
            assert filled.pages(SCOPE, newest) == wanted[::-1][:limit]

    def test_sessions_in_order_of_their_first_page(self, filled: Store) -> None:
        assert filled.sessions(SCOPE) == ["b", "c", "a"]

    def test_counts(self, filled: Store) -> None:
        assert filled.counts(SCOPE) == Counts(pages=12, sessions=3, waiting=4, unembedded=12)

    def test_waiting_in_journal_order(self, filled: Store) -> None:
        assert filled.waiting(SCOPE) == [
            Waiting(9, "a"),
            Waiting(10, "b"),
            Waiting(11, "c"),
            Waiting(12, "a"),
        ]

    # ── index columns and vectors ────────────────────────────────────────────────────────────

    def test_index_columns_after_a_position(self, filled: Store) -> None:
        columns = filled.index_columns(SCOPE, 8)
        assert columns.seqs.tolist() == [9, 10, 11, 12]
        assert columns.terms_by_page() == [b"p9", b"p10", b"p11", b"p12"]
        pages = filled.pages(SCOPE, PageQuery(after_seq=8))
        assert columns.timestamps.tolist() == [page.timestamp.timestamp() for page in pages]
        assert columns.sessions[0] == columns.sessions[3]
        assert len(set(columns.sessions.tolist())) == 3
        assert columns.first.tolist() == [0, 0, 0, 0]
        assert len(filled.index_columns(SCOPE, 12)) == 0

    def test_vectors_of_a_range(self, store: Store) -> None:
        fill(store, pages=5)
        vectors = {seq: blob(seq) for seq in (1, 2, 3)}
        assert store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, vectors, 3)
        assert store.vectors(SCOPE, 0, 9) == ([1, 2, 3], [blob(1), blob(2), blob(3)])
        assert store.vectors(SCOPE, 1, 2) == ([2], [blob(2)])
        assert store.vectors(SCOPE, 3, 9) == ([], [])
        head = store.head(SCOPE)
        assert (head.embedded_seq, head.embedder, head.last_seq) == (3, EMBEDDER, 5)
        assert store.counts(SCOPE).unembedded == 2

    def test_vectors_joined(self, store: Store) -> None:
        fill(store, pages=6)
        # Of as many passages as their number; bytes of every kind.
        vectors = {seq: bytes([127, 0, 0, 129, 127, 10, 216, 127, 5, 127]) for seq in range(1, 6)}
        vectors = {seq: blob[: 2 * seq] for seq, blob in vectors.items()}
        assert store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, vectors, 5)
        found = store.joined_vectors(SCOPE, 1, 9)
        assert found.by_page() == {seq: vectors[seq] for seq in (2, 3, 4, 5)}
        assert len(found.vectors) == 2 * (2 + 3 + 4 + 5)
        assert store.joined_vectors(SCOPE, 2, 3).by_page() == {3: vectors[3]}
        assert store.vectors(SCOPE, 2, 4) == ([3, 4], [vectors[3], vectors[4]])
        assert store.counts(SCOPE).unembedded == 1
        for nothing in (
            store.joined_vectors(SCOPE, 5, 9),
            store.joined_vectors(Scope("nobody"), 0, 9),
        ):
            assert (nothing.seqs.tolist(), nothing.vectors) == ([], b"")

    def test_fewer_passages_take_the_place_of_more(self, store: Store) -> None:
        fill(store, pages=1)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1) * 3}, 1)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(2) * 2}, 1)
        assert store.vectors(SCOPE, 0, 9) == ([1], [blob(2) * 2])

    def test_scopes_indexed_by_another_version_wait(self, store: Store) -> None:
        fill(store, pages=1)
        place(store, SCOPE, {"p1": ("s", "c")})
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1)}, 1)
        assert store.head(SCOPE).indexing == Head().indexing
        assert store.scopes(waiting=True) == []
        for indexing, waiting in ((0, [SCOPE]), (Head().indexing, [])):
            assert store.commit(SCOPE, store.head(SCOPE), Changes(indexing=indexing))
            assert store.head(SCOPE).indexing == indexing
            assert store.scopes(waiting=True) == waiting

    def test_vectors_of_pages_that_are_gone_are_passed_over(self, store: Store) -> None:
        fill(store, pages=3)
        store.append(SCOPE, [draft("p2", replaces=2)])
        vectors = {seq: blob(seq) for seq in (1, 2, 3)}
        assert store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, vectors, 3)
        assert store.vectors(SCOPE, 0, 9)[0] == [1, 3]

    @pytest.mark.parametrize(
        "change",
        [
            lambda head: replace(head, epoch=head.epoch + 1),
            lambda head: replace(head, embedded_seq=0),
            lambda head: replace(head, embedder=None),
            lambda head: replace(head, embedder=replace(EMBEDDER, name="other")),
        ],
        ids=["epoch", "embedded_seq", "no embedder", "other embedder"],
    )
    def test_vectors_for_another_state_are_refused(
        self, store: Store, change: Callable[[Head], Head]
    ) -> None:
        fill(store)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1)}, 1)
        head = store.head(SCOPE)
        assert not store.put_vectors(SCOPE, change(head), EMBEDDER, {2: blob(2)}, 2)
        assert store.head(SCOPE) == head
        assert store.vectors(SCOPE, 0, 9)[0] == [1]
        newer = replace(head, version=head.version + 1, last_seq=head.last_seq + 1)
        assert store.put_vectors(SCOPE, newer, EMBEDDER, {2: blob(2)}, 2)


def _meets(page: Page, query: PageQuery) -> bool:
    """Return whether a page meets all conditions."""
    return all(
        (
            query.ids is None or page.id in query.ids,
            query.seqs is None or page.seq in query.seqs,
            query.session_id is None or page.session_id == query.session_id,
            query.segment_id is None or page.segment_id == query.segment_id,
            query.chain_id is None or page.chain_id == query.chain_id,
            not query.waiting or page.segment_id is None,
            page.seq > query.after_seq,
            query.up_to_seq is None or page.seq <= query.up_to_seq,
            query.since is None or page.timestamp >= query.since,
            query.before is None or page.timestamp < query.before,
        )
    )
