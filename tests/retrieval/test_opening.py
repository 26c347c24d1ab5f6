"""Filling a scope's index from the store: in whatever way it is read, it is the same."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memoryos import Engine
from memoryos.errors import StorageError
from memoryos.model import Scope
from memoryos.retrieval import views
from memoryos.retrieval.index import ScopeIndex
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.storage.journal import checked_time
from memoryos.storage.port import Changes, Store
from memoryos.storage.sqlite import SQLiteStore
from memoryos.storage.sqlite import columns as sqlite_columns
from memoryos.testing.store_samples import EMBEDDER, SCOPE, draft, fill, plain

PAGES = 500


def filled(engine: Engine, pages: int = PAGES) -> Scope:
    memory = engine.memory("tom")
    memory.add_many([(f"turn {n} about plant {n % 7}", f"water {n % 11}") for n in range(pages)])
    memory.flush()
    return memory.scope


def cold_index(engine: Engine, scope: Scope) -> ScopeIndex:
    engine.modules.views.clear()
    index = engine.modules.views.get(scope).index
    assert isinstance(index, ScopeIndex)
    return index


def same(one: ScopeIndex, two: ScopeIndex) -> bool:
    a, b = one._now, two._now
    return (
        all(np.array_equal(getattr(a.columns, n), getattr(b.columns, n)) for n in ("seqs", "spans"))
        and a.columns.last_of_session == b.columns.last_of_session
        and len(a.lexical.runs) == len(b.lexical.runs)
        and all(map(np.array_equal, a.lexical.runs, b.lexical.runs))
        and np.array_equal(a.lexical.heap, b.lexical.heap)
        and np.array_equal(a.lexical.tail, b.lexical.tail)
        and np.array_equal(np.concatenate(a.dense.blocks), np.concatenate(b.dense.blocks))
        and np.array_equal(a.dense.mean, b.dense.mean)
        and np.array_equal(a.dense.pending, b.dense.pending)
    )


def test_vectors_read_by_a_thread_are_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = filled(engine)
    alone = cold_index(engine, scope)
    assert alone._now.lexical.runs
    monkeypatch.setattr(views, "_MANY", 1)
    threads = threading.active_count()
    assert same(cold_index(engine, scope), alone)
    assert threading.active_count() == threads


def test_vectors_in_whatever_order_go_to_their_pages(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = filled(engine)
    real = engine.store.joined_vectors
    wanted = cold_index(engine, scope)

    def turned(scope: Scope, after_seq: int, up_to_seq: int) -> VectorColumns:
        by_page = real(scope, after_seq, up_to_seq).by_page()
        return VectorColumns.of([*by_page][::-1], [*by_page.values()][::-1])

    monkeypatch.setattr(engine.store, "joined_vectors", turned)
    assert same(cold_index(engine, scope), wanted)


@pytest.mark.parametrize("first", ["columns", "vectors", "columns, with no thread"])
def test_a_page_erased_between_the_two_readings(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    scope = filled(engine)
    monkeypatch.setattr(views, "_MANY", 1 << 20 if first.endswith("no thread") else 1)
    memory = engine.memory("tom")
    gone = memory.pages()[100]
    real, read = engine.store.index_columns, engine.store.joined_vectors
    erased, over = threading.Event(), threading.Event()

    def columns_meanwhile(scope: Scope, after_seq: int) -> IndexColumns:
        monkeypatch.setattr(engine.store, "index_columns", real)
        if first == "vectors":
            assert over.wait(10)
            memory.forget(page_id=gone.id)
            return real(scope, after_seq)
        columns = real(scope, after_seq)
        memory.forget(page_id=gone.id)
        erased.set()
        return columns

    def vectors_meanwhile(scope: Scope, after_seq: int, up_to_seq: int) -> VectorColumns:
        monkeypatch.setattr(engine.store, "joined_vectors", read)
        if first != "vectors":
            assert erased.wait(10)
        found = read(scope, after_seq, up_to_seq)
        over.set()
        return found

    monkeypatch.setattr(engine.store, "index_columns", columns_meanwhile)
    monkeypatch.setattr(engine.store, "joined_vectors", vectors_meanwhile)
    index = cold_index(engine, scope)
    assert len(index) == (PAGES - 1 if first == "vectors" else PAGES)
    assert index._now.dense.pending.tolist() == ([] if first == "vectors" else [100])
    after = engine.modules.views.get(scope).index
    assert isinstance(after, ScopeIndex)
    assert same(after, cold_index(engine, scope))
    assert len(after) == PAGES - 1


def test_vectors_that_cannot_be_read_leave_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = filled(engine)
    wanted = cold_index(engine, scope)
    monkeypatch.setattr(views, "_MANY", 1)
    threads = threading.active_count()

    def broken(*_: object) -> VectorColumns:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "joined_vectors", broken)
        with pytest.raises(StorageError, match="the disk is gone"):
            cold_index(engine, scope)
    assert threading.active_count() == threads
    assert same(cold_index(engine, scope), wanted)


def test_vectors_that_come_later_are_read_in_blocks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = engine.memory("tom")
    memory.add("the first names the embedder", "yes")
    memory.flush()
    memory.add_many([(f"turn {n} about the garden", "yes") for n in range(PAGES)])
    index = engine.modules.views.get(memory.scope).index
    assert isinstance(index, ScopeIndex)
    assert index._now.dense.pending.size == PAGES
    memory.flush()
    monkeypatch.setattr(views, "_READ_AT_ONCE", 64)
    assert engine.modules.views.get(memory.scope).index is index
    assert not index._now.dense.pending.size
    late = np.concatenate(index._now.dense.blocks)
    fresh = np.concatenate(cold_index(engine, memory.scope)._now.dense.blocks)
    assert np.array_equal(late, fresh)


def test_a_file_in_utf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sqlite3.connect(tmp_path / "m.db")
    made.execute("PRAGMA encoding = 'UTF-16'")
    made.execute("CREATE TABLE made (x)")  # SQLite keeps the encoding from the first table on
    made.execute("DROP TABLE made")
    made.close()
    store = SQLiteStore(tmp_path / "m.db")
    terms = [bytes([0, 216, 65, 0, seq]) for seq in (1, 2, 3)]
    store.append(SCOPE, [draft(f"p{n}", terms=blob) for n, blob in enumerate(terms)])
    vectors = {seq: bytes([0, 216, 65, 0, 255, 255, 0, seq]) for seq in (1, 2, 3)}
    assert store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, vectors, 3)
    assert store.joined_vectors(SCOPE, 0, 9).by_page() == vectors
    monkeypatch.setattr(sqlite_columns, "_FEW", 2)
    assert plain(store.index_columns(SCOPE, 0))[3] == terms
    with store._db.reading() as db:
        assert db.execute("PRAGMA encoding").fetchone()[0].startswith("UTF-16")
    store.close()


TIMES = [
    "2023-05-08T13:56:00.000001",
    "2023-05-08T13:56:00.999999",
    "2011-01-01T00:00:00.100000",
    "2099-12-31T23:59:59.333333",
]
OLD_TIMES = [
    "1970-01-01T00:00:00.000001",
    "1969-07-20T20:17:40.123457",
    "0001-01-01T00:00:00.000001",
    "9999-12-31T23:59:59.999999",
]


def times(store: Store, given: list[str]) -> None:
    """Journal a page for each time, one of them replaced and one erased."""
    drafts = [
        replace(draft(f"p{n}", terms=bytes([n, 0, 255, 216, n])[: n % 6]), timestamp=at)
        for n, at in enumerate(map(checked_time, given), 1)
    ]
    pages = store.append(SCOPE, drafts)
    store.append(SCOPE, [replace(drafts[1], replaces=pages[1].seq)])
    assert store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=[pages[2].id]))


@pytest.mark.parametrize("given", [TIMES, OLD_TIMES, [*TIMES * 3, *OLD_TIMES]])
@pytest.mark.parametrize("at_once", [1, 3, 4096])
def test_columns_joined_by_sqlite_are_those_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], at_once: int
) -> None:
    store = SQLiteStore(tmp_path / "m.db")
    times(store, given)
    rows = plain(store.index_columns(SCOPE, 0))
    assert len(rows[0]) == len(given) - 1
    monkeypatch.setattr(sqlite_columns, "_FEW", 1)
    monkeypatch.setattr(sqlite_columns, "_AT_ONCE", at_once)
    assert plain(store.index_columns(SCOPE, 0)) == rows
    assert plain(store.index_columns(SCOPE, 3)) == tuple(column[1:] for column in rows)
    assert len(store.index_columns(SCOPE, 99)) == 0
    if given is TIMES:  # nothing was left to rows
        monkeypatch.setattr(sqlite_columns, "_rows", None)
        with store._db.reading() as db:
            joined = sqlite_columns._joined_columns(db, 1 << 32, (1 << 32) + 99)
        assert plain(joined) == rows
    store.close()


def test_columns_are_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SQLiteStore(tmp_path / "m.db")
    pages = fill(store, pages=6)
    before = plain(store.index_columns(SCOPE, 0))
    monkeypatch.setattr(sqlite_columns, "_FEW", 1)
    monkeypatch.setattr(sqlite_columns, "_AT_ONCE", 3)
    real = sqlite_columns._joined_columns

    def replaced_meanwhile(db: sqlite3.Connection, first: int, last: int) -> IndexColumns:
        monkeypatch.setattr(sqlite_columns, "_joined_columns", real)
        found = real(db, first, last)
        store.append(SCOPE, [draft("p1", "new", replaces=pages[0].seq)])
        return found

    monkeypatch.setattr(sqlite_columns, "_joined_columns", replaced_meanwhile)
    assert plain(store.index_columns(SCOPE, 0)) == before
    assert store.index_columns(SCOPE, 0).seqs.tolist() == [2, 3, 4, 5, 6, 7]
    store.close()


@pytest.mark.skipif(not hasattr(sqlite3.Connection, "setlimit"), reason="Python 3.11 sets limits")
def test_columns_that_sqlite_cannot_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SQLiteStore(tmp_path / "m.db")
    store.append(SCOPE, [draft(f"p{n}", terms=bytes(400)) for n in range(9)])
    rows = plain(store.index_columns(SCOPE, 0))
    monkeypatch.setattr(sqlite_columns, "_FEW", 1)
    with store._db.reading() as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    assert plain(store.index_columns(SCOPE, 0)) == rows
    store.close()


def test_a_small_memory_is_searched_without_faiss() -> None:
    """Loading it is a fifth of what a command takes."""
    code = (
        "import sys\n"
        "from memoryos import Engine\n"
        "with Engine.open('sqlite:///:memory:', {'promotion': 'manual'}) as engine:\n"
        "    memory = engine.memory('tom')\n"
        "    memory.add('I moved to Seattle.', 'How is it?')\n"
        "    memory.flush()\n"
        "    assert memory.recall('Where do I live?').pages\n"
        "assert 'faiss' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
