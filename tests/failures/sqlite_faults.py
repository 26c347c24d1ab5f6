"""Make SQLite fail where you say: at the n-th statement, by an error or as if the power were cut.

    with failing_sqlite() as faults:
        engine = Engine.open(uri)
        faults.arm(5)
        with pytest.raises(StorageError):
            engine.memory("tom").add("hello")
        assert faults.fired

A power cut stops every connection that is open, so that nothing is rolled back or closed in order;
`faults.restart()` is the machine coming back.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock
from weakref import WeakSet

_IO_ERROR = 10
"""SQLite's result code for it."""


class PowerCut(BaseException):
    """The machine is off; not an error that a program could handle."""


class Faults:
    """When statements fail. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[_FailingConnection] = []
        self._left: int | None = None
        self._cut = False
        self._late = False
        self.dead = False
        """Whether the power is off."""
        self.fired = False
        """Whether the failure that was asked for has come."""
        self.statements: list[str] = []
        """Beginnings of the statements since `arm`, the failed one last."""

    def arm(self, at: int, *, power_cut: bool = False, late: bool = False) -> None:
        """Fail the `at`-th statement from now on, counted from 1; `late`: just after it is done."""
        with self._lock:
            self._left, self._cut, self._late = at, power_cut, late
            self.fired, self.statements = False, []

    def disarm(self) -> None:
        """Fail no more."""
        with self._lock:
            self._left = None

    def restart(self) -> None:
        """Drop the connections of before the power cut; what they had not committed is gone."""
        with self._lock:
            self._left, self.dead = None, False
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.lives = False
            connection.drop()

    def register(self, connection: _FailingConnection) -> None:
        """Take note of a connection that was opened."""
        with self._lock:
            self._connections.append(connection)

    def statement(self, connection: _FailingConnection, sql: str, *, done: bool) -> None:
        """Fail if it is time to: called before a statement, and when it is done."""
        with self._lock:
            if self.dead or not connection.lives:
                raise PowerCut
            if self._left is None:
                return
            if not done:
                self._left -= 1
                self.statements.append(" ".join(sql.split())[:60])
            if self._left != 0 or done != self._late:
                return
            self._left = None
            self.fired = True
            self.dead = self._cut
        if self._cut:
            raise PowerCut
        error = sqlite3.OperationalError("disk I/O error (by a test)")
        error.sqlite_errorcode = _IO_ERROR  # type: ignore[attr-defined]  # Python 3.11 has it
        raise error


class _FailingConnection(sqlite3.Connection):
    """A connection that asks before and after each statement whether to fail."""

    faults: Faults
    lives = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.faults.statement(self, sql, done=False)
        return self._done(sql, super().execute(sql, *arguments))

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.faults.statement(self, sql, done=False)
        return self._done(sql, super().executemany(sql, *arguments))

    def _done(self, sql: str, cursor: sqlite3.Cursor) -> sqlite3.Cursor:
        self._cursors.add(cursor)
        try:
            self.faults.statement(self, sql, done=True)
        except BaseException:
            cursor.close()  # who is told of an error has no cursor
            raise
        return cursor

    def drop(self) -> None:
        """Close it with its cursors: one that a traceback still holds would keep its locks."""
        for cursor in list(self._cursors):
            with suppress(sqlite3.ProgrammingError):  # the connection may be closed already
                cursor.close()
        self.close()


@contextmanager
def failing_sqlite() -> Iterator[Faults]:
    """Let every SQLite connection that is opened meanwhile fail on demand."""
    faults = Faults()
    connect = sqlite3.connect

    def failing(*arguments: Any, **options: Any) -> _FailingConnection:
        if faults.dead:
            raise PowerCut
        connection: _FailingConnection = connect(*arguments, **options, factory=_FailingConnection)
        connection.faults = faults
        faults.register(connection)
        return connection

    with mock.patch.object(sqlite3, "connect", failing):
        yield faults
