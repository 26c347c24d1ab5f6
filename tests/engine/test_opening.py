"""Filling a scope's index from the store: in whatever way it is read, it is the same."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from memoryos import Engine, views
from memoryos.errors import StorageError
from memoryos.index import ScopeIndex
from memoryos.model import Scope
from memoryos.stores.port import IndexColumns
from memoryos.stores.sqlite import SQLiteStore
from memoryos.testing.store_material import EMBEDDER, SCOPE, fill

PAGES = 500


def filled(engine: Engine, pages: int = PAGES) -> Scope:
    memory = engine.memory("tom")
    memory.add_many([(f"turn {n} about plant {n % 7}", f"water {n % 11}") for n in range(pages)])
    memory.flush()
    return memory.scope


def cold_index(engine: Engine, scope: Scope) -> ScopeIndex:
    engine._parts.views.clear()
    index = engine._parts.views.get(scope).index
    assert isinstance(index, ScopeIndex)
    return index


def same(one: ScopeIndex, two: ScopeIndex) -> bool:
    a, b = one._now, two._now
    return (
        all(np.array_equal(getattr(a.columns, n), getattr(b.columns, n)) for n in ("seqs", "spans"))
        and a.columns.last_of_session == b.columns.last_of_session
        and len(a.lexical.runs) == len(b.lexical.runs)
        and all(map(np.array_equal, a.lexical.runs, b.lexical.runs))
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

    def turned(scope: Scope, after_seq: int, up_to_seq: int) -> tuple[list[int], bytes]:
        seqs, joined = real(scope, after_seq, up_to_seq)
        rows = np.frombuffer(joined, "<f4").reshape(len(seqs), -1)
        return seqs[::-1], rows[::-1].tobytes()

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

    def vectors_meanwhile(scope: Scope, after_seq: int, up_to_seq: int) -> tuple[list[int], bytes]:
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
    after = engine._parts.views.get(scope).index
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

    def broken(*_: object) -> tuple[list[int], bytes]:
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
    index = engine._parts.views.get(memory.scope).index
    assert isinstance(index, ScopeIndex)
    assert index._now.dense.pending.size == PAGES
    memory.flush()
    monkeypatch.setattr(views, "_READ_AT_ONCE", 64)
    assert engine._parts.views.get(memory.scope).index is index
    assert not index._now.dense.pending.size
    late = np.concatenate(index._now.dense.blocks)
    fresh = np.concatenate(cold_index(engine, memory.scope)._now.dense.blocks)
    assert np.array_equal(late, fresh)


def test_vectors_of_a_file_in_utf16(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / "m.db")
    made.execute("PRAGMA encoding = 'UTF-16'")
    made.execute("CREATE TABLE made (x)")  # SQLite keeps the encoding from the first table on
    made.execute("DROP TABLE made")
    made.close()
    store = SQLiteStore(tmp_path / "m.db")
    fill(store, pages=3)
    vectors = {seq: bytes([0, 216, 65, 0, 255, 255, 0, seq]) for seq in (1, 2, 3)}
    assert store.put_vectors(SCOPE, store.head(SCOPE), EMBEDDER, vectors, 3)
    assert store.joined_vectors(SCOPE, 0, 9) == ([1, 2, 3], b"".join(vectors.values()))
    with store._db.reading() as db:
        assert db.execute("PRAGMA encoding").fetchone()[0].startswith("UTF-16")
    store.close()
