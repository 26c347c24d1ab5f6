"""Group commit: writes that wait at the same time go into one transaction, and wait for one sync.

The thread that comes first leads: it runs its own write.  Those that come meanwhile wait, and the
first of them leads the next group, which is all that wait then.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from memoryos.errors import EngineClosed, StorageBusy
from memoryos.storage.port import PageMoved

Result = TypeVar("Result")
_MOST = 64
"""Writes in one transaction: beyond them the first would wait too long."""


class _Write:
    """A write that waits for its turn, and what became of it."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.leads = False
        """Whether its thread runs the writes of others too; one does at a time."""
        self.turn = threading.Lock()
        """Held until the write is done, or its thread is to lead."""
        self.turn.acquire()


class GroupCommit:
    """Runs writes, those of a moment in one transaction. Thread-safe.

    transaction: lends a connection for a transaction that is durable when the block is left.
    """

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    ) -> None:
        self._transaction = transaction
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the parent's threads that wait are not in this process."""
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []
        self._led = False
        """Whether a thread leads."""

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of `work` once what it wrote is durable.

        work: writes through the connection it is given. It may be called twice, the first call
        rolled back; what it raises is raised here, and undoes this write alone.
        """
        write = _Write(work)
        try:
            with self._lock:
                if self._led:
                    self._waiting.append(write)
                else:
                    self._led = write.leads = True
            if not write.leads:
                write.turn.acquire()
            if not write.done:
                self._lead(write)
        except BaseException:
            self._leave(write)  # interrupted
            raise
        if write.error is not None:
            raise write.error
        result: Result = write.result
        return result

    def _lead(self, own: _Write) -> None:
        with self._lock:
            others, self._waiting = self._waiting[: _MOST - 1], self._waiting[_MOST - 1 :]
        try:
            self._commit([own, *others])
        finally:
            self._hand_over(own, others)

    def _commit(self, group: Sequence[_Write]) -> None:
        try:
            with self._transaction() as db:
                results = [write.work(db) for write in group]
        except Exception as error:  # noqa: BLE001  # raised where the write came from
            of_the_file = isinstance(error, (StorageBusy, EngineClosed))
            if of_the_file and not isinstance(error, PageMoved):
                for write in group:  # trying each would wait as long
                    write.error, write.done = error, True
                return
            if len(group) == 1:
                group[0].error, group[0].done = error, True
                return
            for write in group:  # of one of them, which is not known, or the disk is full
                self._commit([write])
        else:
            for write, result in zip(group, results, strict=True):
                write.result, write.done = result, True

    def _hand_over(self, leader: _Write, others: Sequence[_Write]) -> None:
        """Wake the threads of a group, and the one that is to lead the next."""
        with self._lock:
            # Of an interrupted leader; what was written twice is there once.
            self._waiting = [write for write in others if not write.done] + self._waiting
            following = self._waiting.pop(0) if self._waiting else None
            leader.leads, self._led = False, following is not None
            if following is not None:
                following.leads = True
        for write in others:
            if write.done:
                write.turn.release()
        if following is not None:
            following.turn.release()

    def _leave(self, write: _Write) -> None:
        """Take out a write whose thread was interrupted; if it is in a group, it stays there."""
        with self._lock:
            if write in self._waiting:
                self._waiting.remove(write)
            leads = write.leads
        if leads:
            self._hand_over(write, [])
