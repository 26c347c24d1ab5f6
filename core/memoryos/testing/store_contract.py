"""What every store must do: a test class to subclass, with pytest.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path / "memories")
            yield store
            store.close()

        def another(self, store):
            return MyStore(store.path)

A store is right when all of it passes. Nothing here knows how a store keeps what it is given.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from memoryos.errors import EngineClosed
from memoryos.model import Scope
from memoryos.storage.port import Changes, Counts, Head, Lease, PageQuery, Store
from memoryos.testing.store_derived import DerivedContract
from memoryos.testing.store_documents import DocumentsContract
from memoryos.testing.store_filters import FilterContract
from memoryos.testing.store_journal import JournalContract
from memoryos.testing.store_samples import (
    ALIKE_IDS,
    EMBEDDER,
    NOON,
    SCOPE,
    blob,
    call,
    draft,
    fill,
    place,
    receipt,
    record,
)

_OTHER = Scope("ann", "assistant")


class StoreContract(JournalContract, DerivedContract, FilterContract, DocumentsContract):
    """The promises of `memoryos.storage.port.Store`. A subclass gives the fixture `store`."""

    @pytest.fixture
    def store(self) -> Store:
        """Return a new, empty store."""
        raise NotImplementedError("give a fixture `store` that returns an empty store")

    def another(self, store: Store) -> Store:
        """Return another handle on the same database, as another process has it.

        A store that lives in one process only returns itself.
        """
        return store

    @pytest.fixture
    def other(self, store: Store) -> Store:
        """Return a second handle."""
        return self.another(store)

    # ── scopes ───────────────────────────────────────────────────────────────────────────────

    def test_scopes_are_those_with_pages(self, store: Store) -> None:
        assert store.scopes() == []
        fill(store, _OTHER)
        fill(store)
        store.log_call(Scope("caller"), call("respond"))
        store.commit(Scope("deriver"), Head(), Changes(receipts=[receipt("e")]))
        assert set(store.scopes()) == {SCOPE, _OTHER}
        store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=["p1", "p2", "p3"]))
        assert store.scopes() == [_OTHER]
        fill(store)
        assert set(store.scopes()) == {SCOPE, _OTHER}

    def test_scopes_with_work_left(self, store: Store) -> None:
        fill(store, pages=1)
        fill(store, _OTHER, pages=1)
        assert set(store.scopes(waiting=True)) == {SCOPE, _OTHER}
        place(store, SCOPE, {"p1": ("s", "c")})
        assert set(store.scopes(waiting=True)) == {SCOPE, _OTHER}
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1)}, 1)
        assert store.scopes(waiting=True) == [_OTHER]
        store.append(SCOPE, [draft("p2")])
        assert set(store.scopes(waiting=True)) == {SCOPE, _OTHER}

    def test_ids_that_look_alike_are_not_alike(self, store: Store) -> None:
        scopes = [Scope(user, "x") for user in ALIKE_IDS] + [Scope("x", a) for a in ALIKE_IDS]
        for number, scope in enumerate(scopes):
            store.append(scope, [draft("p", f"text {number}")])
            store.commit(scope, store.head(scope), Changes(put=[record("trait", str(number))]))
            store.log_call(scope, call(str(number)))
        for number, scope in enumerate(scopes):
            assert [p.user_input for p in store.pages(scope, PageQuery())] == [f"text {number}"]
            assert [r.id for r in store.records(scope, ["trait"])] == [str(number)]
            assert [c.purpose for c in store.calls(scope)] == [str(number)]
        assert sorted(store.scopes(), key=repr) == sorted(scopes, key=repr)

    def test_the_border_between_two_ids_counts(self, store: Store) -> None:
        for user, assistant in (("ab", "c"), ("a", "bc"), ("abc", "c"), ("ab\x00", "c")):
            store.append(Scope(user, assistant), [draft("p", f"{user!r}+{assistant}")])
        assert len(store.scopes()) == 4
        for scope in store.scopes():
            (page,) = store.pages(scope, PageQuery())
            assert page.user_input == f"{scope.user_id!r}+{scope.assistant_id}"

    def test_sessions_that_look_alike_are_not_alike(self, store: Store) -> None:
        for number, session in enumerate(ALIKE_IDS):
            store.append(SCOPE, [draft(f"p{number}", session=session)])
        assert store.sessions(SCOPE) == list(ALIKE_IDS)
        for number, session in enumerate(ALIKE_IDS):
            pages = store.pages(SCOPE, PageQuery(session_id=session))
            assert [page.id for page in pages] == [f"p{number}"]

    def test_a_change_stays_in_its_scope(self, store: Store) -> None:
        fill(store)
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1)}, 1)
        store.commit(SCOPE, store.head(SCOPE), Changes(put=[record("trait", "t")]))
        store.log_call(SCOPE, call("respond"))
        pages, head = store.pages(SCOPE, PageQuery()), store.head(SCOPE)
        fill(store, _OTHER)
        everything = Changes(
            erase_pages=["p1", "p2", "p3"],
            delete=[("trait", "t")],
            erase_calls=True,
            receipts=[receipt("e")],
        )
        assert store.commit(_OTHER, store.head(_OTHER), everything)
        assert store.counts(_OTHER) == Counts()
        assert store.pages(SCOPE, PageQuery()) == pages
        assert store.head(SCOPE) == head
        assert store.vectors(SCOPE, 0, 9)[0] == [1]
        assert [item.id for item in store.records(SCOPE, ["trait"])] == ["t"]
        assert len(store.calls(SCOPE)) == 1
        assert store.receipts(SCOPE) == []

    # ── leases ───────────────────────────────────────────────────────────────────────────────

    def test_one_owner_at_a_time(self, store: Store, other: Store) -> None:
        fill(store)
        assert store.lease(SCOPE, "a", 60, NOON)
        assert store.lease(SCOPE, "a", 60, NOON)
        assert not other.lease(SCOPE, "b", 60, NOON)
        other.release(SCOPE, "b")
        assert not other.lease(SCOPE, "b", 60, NOON)
        assert store.leased(SCOPE) == other.leased(SCOPE)
        assert store.leased(SCOPE) == Lease("a", NOON + timedelta(seconds=60))
        store.release(SCOPE, "a")
        assert store.leased(SCOPE) is None
        assert other.lease(SCOPE, "b", 60, NOON)
        assert not store.lease(SCOPE, "a", 60, NOON)

    def test_a_lease_runs_out(self, store: Store) -> None:
        fill(store)
        assert store.lease(SCOPE, "a", 60, NOON)
        almost = NOON + timedelta(seconds=59)
        assert not store.lease(SCOPE, "b", 60, almost)
        assert store.lease(SCOPE, "a", 60, almost)
        assert not store.lease(SCOPE, "b", 60, NOON + timedelta(seconds=118))
        assert store.lease(SCOPE, "b", 60, NOON + timedelta(seconds=119))
        assert not store.lease(SCOPE, "a", 60, NOON + timedelta(seconds=120))

    def test_a_lease_that_has_run_out_is_told_of(self, store: Store) -> None:
        fill(store)
        assert store.leased(SCOPE) is None
        store.lease(SCOPE, "a", 1, NOON - timedelta(days=1))
        assert store.leased(SCOPE) == Lease("a", NOON - timedelta(days=1, seconds=-1))
        assert store.leased(_OTHER) is None

    def test_leases_are_by_scope(self, store: Store) -> None:
        fill(store)
        fill(store, _OTHER)
        assert store.lease(SCOPE, "a", 60, NOON)
        assert store.lease(_OTHER, "b", 60, NOON)

    # ── ledger, receipts, metadata ───────────────────────────────────────────────────────────

    def test_the_ledger_keeps_calls_in_order(self, store: Store) -> None:
        calls = [call(purpose, minute) for minute, purpose in enumerate("abc")]
        for item in calls:
            store.log_call(SCOPE, item)
        assert store.calls(SCOPE) == calls
        assert store.calls(SCOPE, NOON + timedelta(minutes=1)) == calls[1:]
        assert store.calls(SCOPE, NOON + timedelta(minutes=1, microseconds=1)) == calls[2:]
        assert store.calls(_OTHER) == []

    def test_receipts_come_back_as_given(self, store: Store) -> None:
        fill(store)
        for id_ in ("e2", "e1"):
            store.commit(SCOPE, store.head(SCOPE), Changes(receipts=[receipt(id_)]))
        assert store.receipts(SCOPE) == [receipt("e2"), receipt("e1")]

    def test_embedders_are_those_of_the_scopes_there_are(self, store: Store) -> None:
        assert store.embedders() == []
        fill(store, pages=1)
        assert store.embedders() == []
        store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, {1: blob(1)}, 1)
        assert store.embedders() == [EMBEDDER]
        store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=["p1"]))
        assert store.embedders() == []

    # ── many handles and threads ─────────────────────────────────────────────────────────────

    def test_a_second_handle_sees_what_the_first_has_stored(
        self, store: Store, other: Store
    ) -> None:
        assert other.head(SCOPE) == Head()
        pages = fill(store)
        assert other.pages(SCOPE, PageQuery()) == pages
        other.append(SCOPE, [draft("p4")])
        assert store.head(SCOPE).last_seq == 4
        assert other.commit(SCOPE, store.head(SCOPE), Changes(put=[record("trait", "t")]))
        assert [item.id for item in store.records(SCOPE, ["trait"])] == ["t"]
        assert not store.commit(SCOPE, Head(), Changes())

    def test_threads_append_without_loss(self, store: Store, other: Store) -> None:
        def append(number: int) -> None:
            for count in range(10):
                drafts = [draft(f"{number}-{count}"), draft(f"shared-{count}")]
                (store, other)[number % 2].append(SCOPE, drafts)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(append, range(4)))
        pages = store.pages(SCOPE, PageQuery())
        assert len({page.id for page in pages}) == len(pages) == 50
        assert [page.seq for page in pages] == sorted({page.seq for page in pages})
        assert store.head(SCOPE).last_seq == 50

    def test_of_commits_on_one_state_one_is_made(self, store: Store, other: Store) -> None:
        fill(store)
        start = threading.Barrier(4)

        def commit(handle: Store, head: Head) -> bool:
            start.wait()
            return handle.commit(SCOPE, head, Changes())

        with ThreadPoolExecutor(4) as pool:
            for _ in range(5):
                heads = [store.head(SCOPE)] * 4
                made = list(pool.map(commit, (store, other, store, other), heads))
                assert sorted(made) == [False, False, False, True]

    # ── close ────────────────────────────────────────────────────────────────────────────────

    def test_a_closed_store_says_so(self, store: Store) -> None:
        fill(store)
        store.close()
        store.close()
        with pytest.raises(EngineClosed):
            store.pages(SCOPE, PageQuery())
        with pytest.raises(EngineClosed):
            store.append(SCOPE, [draft("p9")])
