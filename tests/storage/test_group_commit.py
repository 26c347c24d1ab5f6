"""Adds that wait at the same time are committed together, and fail alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput, StorageBusy
from memoryos.storage.port import PageMoved
from memoryos.storage.sqlite.grouping import GroupCommit


class Disk:
    """Transactions over a list; the first waits for `go` before it is committed."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.commits = 0
        self.begun, self.go = threading.Event(), threading.Event()
        self.fails: BaseException | None = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        if self.fails is not None:
            raise self.fails
        before = list(self.rows)
        try:
            yield self.rows
            self.begun.set()
            assert self.go.wait(10)
            self.commits += 1
        except BaseException:
            self.rows[:] = before
            raise


def put(value: int, error: type[Exception] = InvalidInput) -> Callable[[Any], int]:
    def work(rows: list[Any]) -> int:
        rows.append(value)
        if value < 0:
            raise error
        return value

    return work


def start(
    grouped: GroupCommit,
    pool: ThreadPoolExecutor,
    disk: Disk,
    n: int,
    error: type[Exception] = InvalidInput,
) -> list[Future[int]]:
    """Start n writes behind one that is being committed; return when all of them wait."""
    first = pool.submit(grouped.run, put(0))
    assert disk.begun.wait(10)
    sign = [1, -1]
    rest = [pool.submit(grouped.run, put(value * sign[value == 3], error)) for value in range(1, n)]
    while len(grouped._waiting) < n - 1:
        assert not any(each.done() for each in rest)  # nothing is acknowledged before its commit
    return [first, *rest]


@pytest.mark.parametrize("error", [InvalidInput, PageMoved, RuntimeError])
def test_waiting_writes_share_a_commit_and_fail_alone(error: type[Exception]) -> None:
    disk = Disk()
    grouped = GroupCommit(disk.transaction)
    with ThreadPoolExecutor(9) as pool:
        writes = start(grouped, pool, disk, 3)
        disk.go.set()
        assert [each.result(10) for each in writes] == [0, 1, 2]
        assert disk.commits == 2

        disk.go.clear()
        disk.begun.clear()
        writes = start(grouped, pool, disk, 6, error)  # the fourth raises
        disk.go.set()
        with pytest.raises(error):
            writes.pop(3).result(10)
        assert [each.result(10) for each in writes] == [0, 1, 2, 4, 5]
    assert sorted(disk.rows) == [0, 0, 1, 1, 2, 2, 4, 5]


def test_a_file_that_is_locked_is_waited_for_once() -> None:
    disk = Disk()
    grouped = GroupCommit(disk.transaction)
    with ThreadPoolExecutor(9) as pool:
        first, *rest = start(grouped, pool, disk, 6)
        disk.fails = StorageBusy("locked")
        disk.go.set()
        assert first.result(10) == 0
        assert all(isinstance(each.exception(10), StorageBusy) for each in rest)
        disk.fails = None
        assert grouped.run(put(7)) == 7


def test_an_interrupted_leader_leaves_no_write_behind() -> None:
    disk = Disk()
    grouped = GroupCommit(disk.transaction)

    def interrupted(rows: list[Any]) -> int:
        disk.begun.set()
        assert disk.go.wait(10)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(9) as pool:
        leader = pool.submit(grouped.run, interrupted)
        assert disk.begun.wait(10)
        rest = [pool.submit(grouped.run, put(value)) for value in (1, 2)]
        while len(grouped._waiting) < 2:
            pass
        disk.go.set()
        assert isinstance(leader.exception(10), KeyboardInterrupt)
        assert [each.result(10) for each in rest] == [1, 2]
    assert sorted(disk.rows) == [1, 2]


def test_threads_that_add_at_once_store_each_turn_once(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/m.db", {"promotion": "manual"}) as engine:

        def add(number: int) -> str:
            memory = engine.memory(f"user-{number % 5}")
            return memory.add(f"number {number}", key=f"{number % 50}").id

        with ThreadPoolExecutor(20) as pool:
            ids = list(pool.map(add, range(100)))
        assert ids[:50] == ids[50:]  # the same keys
        for user in range(5):
            pages = engine.memory(f"user-{user}").pages()
            assert sorted(int(page.user_input.split()[1]) % 50 for page in pages) == list(
                range(user, 50, 5)
            )
