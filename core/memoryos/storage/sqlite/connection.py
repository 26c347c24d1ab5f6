"""Connections to one SQLite file: one for writing under a lock, a pool for reading.

Driver errors are translated here and nowhere else.
"""

from __future__ import annotations

import logging
import random
import re
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from memoryos.errors import (
    EngineClosed,
    InvalidInput,
    NotADatabase,
    SchemaTooNew,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageReadOnly,
)
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.files import identity, make_private
from memoryos.storage.sqlite.repair import altered_schema, copy_readable, fetch_damaged, mend_schema
from memoryos.storage.sqlite.schema import APPLICATION_ID, NEWEST, migrate

_log = logging.getLogger("memoryos.storage")
_SQL = named_queries("memoryos.storage.sqlite")
_LOST_TABLE = re.compile("the table .* is missing or altered")
_IDLE_READERS = 16
_SCRUB_SECONDS = 5.0
"""How long an erasure waits for readers of the write-ahead log, in this and other processes."""
_LONGEST_LOCK = (1 << 31) - 1
"""Milliseconds that SQLite can wait: beyond them it would not wait at all."""
_FORK_SECONDS = 5.0
"""How long a fork waits for the threads that read."""
Arguments = Sequence[Any] | Mapping[str, Any]
"""Of a statement, by place or by name."""
_left_by_fork: list[sqlite3.Connection] = []
"""A forked child must neither use nor close its parent's connections, so they are kept here."""


class Connections:
    """Opens and migrates the file, then lends connections. Thread-safe and fork-safe."""

    def __init__(self, path: Path, *, durability: str, lock_seconds: float) -> None:
        self.path = path
        self._synchronous = "FULL" if durability == "full" else "NORMAL"
        self._lock_seconds = lock_seconds
        self._lock_milliseconds = int(min(lock_seconds * 1000, _LONGEST_LOCK))
        self._closed = False
        self._file: tuple[int, int] | None = None
        """Device and number of the file that was opened."""
        self._writing = threading.RLock()
        self._pool_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._reading = 0
        self._writer: sqlite3.Connection | None = None
        with translated(self.path), self._writing:
            make_private(self.path)
            connection = self._connect()
            try:
                self._migrate(connection)
                if mend_schema(connection, self.path):
                    connection.close()
                    connection = self._connect()
                left = connection.execute(_SQL["last_removal"]).fetchone()[0]
            except BaseException:
                connection.close()
                raise
            self._writer = connection
            self._file = identity(self.path)
        if left is not None:
            self.scrub()  # the process that removed something did not come to it

    def reading(self) -> _Reading:
        """Return a context manager that lends a pooled connection for reading."""
        return _Reading(self)

    def fetch(self, statement: str, arguments: Arguments = ()) -> list[Any]:
        """Return all rows of one statement that reads."""
        with self.reading() as db:
            return fetch_damaged(db, statement, arguments)

    def lend(self) -> sqlite3.Connection:
        """Take a connection out of the pool; it must be given back."""
        self._check()
        with self._pool_lock:
            self._reading += 1
            connection = self._readers.pop() if self._readers else None
        if connection is not None:
            return connection
        try:
            return self._connect()
        except BaseException:
            self.give_back(None)
            raise

    def give_back(self, connection: sqlite3.Connection | None) -> None:
        """Put a connection back into the pool; None is one that could not be opened."""
        with self._pool_lock:
            self._reading -= 1
            if connection is not None:
                if len(self._readers) < _IDLE_READERS and not self._closed:
                    self._readers.append(connection)
                else:
                    connection.close()

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Lend the writer in one transaction: committed at the end, rolled back on any error.

        What can be derived again need not be `durable`: a power cut may take it, whole and with all
        that came after it, but nothing waits for the disk. The next durable commit keeps it too.
        """
        self._check()
        with self._writing, translated(self.path):
            self._check()
            self.check_file()
            if self._writer is None:
                self._writer = self._connect()
            connection = self._writer
            try:
                if not durable:
                    connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself (disk full), then there is nothing to end.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                if not durable:
                    connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def scrub(self) -> bool:
        """Overwrite removed data in the file and its log; False if readers held them too long.

        Freed cells and pages are overwritten as they are freed (secure_delete), but when SQLite
        balances its trees it leaves copies of cells in pages' free space, where they stay after the
        cells themselves were removed. Only writing the file anew is sure.
        """
        deadline = time.monotonic() + min(self._lock_seconds, _SCRUB_SECONDS)
        try:
            with self._writing, translated(self.path):
                self._check()
                if self._writer is None:
                    self._writer = self._connect()
                last = self._writer.execute(_SQL["last_removal"]).fetchone()[0]
                self._writer.execute("VACUUM")
            while self._checkpoint():
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
        except StorageError as error:
            _log.warning("could not write the file anew: %s", error)
            return False
        if last is not None:
            with self.writing() as connection:
                connection.execute(_SQL["scrubbed"], (last,))
        return True

    def _checkpoint(self) -> bool:
        """Empty the write-ahead log; return whether a reader keeps it from being emptied."""
        with self._writing, translated(self.path):
            self._check()
            assert self._writer is not None
            # While it waits for readers no one can write: rather come back soon.
            self._writer.execute("PRAGMA busy_timeout = 50")
            try:
                found = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._writer.execute(f"PRAGMA busy_timeout = {self._lock_milliseconds:d}")
        return bool(found[0])

    def backup(self, path: str) -> None:
        """Copy the database to a new file with SQLite's online backup."""
        target = Path(path)
        if target.exists():
            raise InvalidInput(f"path {path!r} is there already; choose another or move it away")
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        try:
            with self.reading() as source, translated(part):
                make_private(part)
                copy = sqlite3.connect(part)
                try:
                    source.backup(copy)
                finally:
                    copy.close()
            part.replace(target)
        except OSError as error:
            raise StorageError(f"path {path!r} cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def is_sound(self) -> bool:
        """Return whether the file is as SQLite wants it, and has all its tables."""
        with self.reading() as db:
            try:
                sound = bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))
                return sound and not any(map(_LOST_TABLE.match, altered_schema(db)))
            except sqlite3.DatabaseError:
                return False

    def repair(self) -> None:
        """Write the file anew if it is damaged; the damaged one stays as `….damaged`."""
        if self.is_sound():
            return
        kept = self.path.with_name(self.path.name + ".damaged")
        with self._writing, translated(self.path):
            self._checkpoint()  # all of the log is in the file then
            shutil.copyfile(self.path, kept)
        kept.chmod(0o600)
        self.rescue()

    def rescue(self, without: int | None = None) -> None:
        """Write the file anew with all rows that can be read; those that cannot are left behind.

        `without`: number of a scope that is left behind too, but for its receipts.
        """
        part = self.path.with_name(self.path.name + ".rescue")
        _log.error("%s is damaged: it is written anew with all that can be read", self.path)
        try:
            with self._writing, translated(self.path):
                self._check()
                self.check_file()
                if self._writer is None:
                    self._writer = self._connect()
                until = time.monotonic() + self._lock_seconds
                copy_readable(self.path, part, self._writer, without, until=until)
        finally:
            part.unlink(missing_ok=True)

    def before_fork(self) -> None:
        """Wait until no thread is inside SQLite, and keep it so until `after_fork`.

        A transaction left open could never be ended by the child, and SQLite's own locks, which are
        the process's, would stay held there for ever.
        """
        self._writing.acquire()
        deadline = time.monotonic() + _FORK_SECONDS
        while True:
            self._pool_lock.acquire()
            if not self._reading or time.monotonic() > deadline:
                return
            self._pool_lock.release()
            time.sleep(0.0005)

    def after_fork(self, *, child: bool) -> None:
        """Go on in the parent; start with no connections in the child."""
        if not child:
            self._pool_lock.release()
            self._writing.release()
            return
        _left_by_fork.extend([*self._readers, *([self._writer] if self._writer else [])])
        self._readers, self._writer, self._reading = [], None, 0
        self._writing, self._pool_lock = threading.RLock(), threading.Lock()

    def close(self) -> None:
        """Close every connection of this process. Idempotent."""
        with self._writing, self._pool_lock:
            self._closed = True
            mine = [*self._readers, *([self._writer] if self._writer else [])]
            self._readers, self._writer = [], None
            for connection in mine:
                connection.close()

    def _check(self) -> None:
        if self._closed:
            raise EngineClosed

    def check_file(self) -> None:
        """Raise StorageError unless the file is still the one that was opened.

        What is written to a file that has no name any more is gone with the process.
        """
        if self._file is not None and identity(self.path) != self._file:
            raise StorageError(
                f"{self.path} was removed, or another file put in its place, while it was open: "
                "nothing was stored; close this engine and open a new one"
            )

    def _connect(self) -> sqlite3.Connection:
        self.check_file()
        connection = sqlite3.connect(
            self.path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            self._to_wal(connection)
            connection.execute(f"PRAGMA busy_timeout = {self._lock_milliseconds:d}")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute("PRAGMA mmap_size = 268435456")
        except BaseException:
            connection.close()
            raise
        return connection

    def _to_wal(self, connection: sqlite3.Connection) -> None:
        # Processes that turn one new file to WAL at once hold what the others wait for, and SQLite
        # does not see it: each gives up what it holds and comes again, instead of waiting inside.
        until = time.monotonic() + self._lock_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _result_code(error) not in (_BUSY, _LOCKED) or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0.001, 0.01))  # noqa: S311  # no secret
            else:
                return

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")  # or another's migration could come between two looks
        try:
            if self._schema(connection) == NEWEST:
                return
        finally:
            connection.execute("ROLLBACK")
        try:
            connection.execute("BEGIN IMMEDIATE")
            version = self._schema(connection)
            if version > NEWEST:
                raise SchemaTooNew(
                    f"{self.path} has schema {version}, this version knows {NEWEST}: "
                    "upgrade memoryos-integrations to open it"
                )
            migrate(connection, version)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _schema(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        if mark != APPLICATION_ID:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables or version:
                raise NotADatabase(
                    f"{self.path} is an SQLite database of another program; choose another path"
                )
        return version


class _Reading:
    """A connection lent for a `with` block. A class, as a generator takes three times as long."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: Connections) -> None:
        self._owner = owner

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = self._owner.lend()
        except sqlite3.Error as error:
            raise _translate(error, self._owner.path) from error
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._owner.give_back(self._connection)
        if isinstance(error, sqlite3.Error):
            self._owner.check_file()
            raise _translate(error, self._owner.path) from error


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise our StorageError in place of any of the driver's of the block.

    One is a UnicodeDecodeError: of a message about a schema that is damaged.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _translate(error, path) from error


def _translate(error: Exception, path: Path) -> StorageError:
    """Return our error for one of the driver's, told by its result code."""
    code = _result_code(error)
    if code in (_BUSY, _LOCKED):
        return StorageBusy(
            f"another process held the lock of {path} for too long; nothing was stored, "
            "trying again is safe"
        )
    if code == _FULL:
        return StorageFull(f"no space is left for {path}; nothing of this call was stored")
    if code in (_NOT_A_DATABASE, _CORRUPT):
        return NotADatabase(f"{path} is not a MemoryOS database or is damaged ({error})")
    if code in (_READ_ONLY, _CANNOT_OPEN):
        return StorageReadOnly(
            f"{path} cannot be opened for writing; check that its folder exists and is writable"
        )
    if code == _IO_ERROR:
        return StorageError(
            f"{path} could not be read or written ({error}): check its free space, its quota and "
            "the disk; nothing of this call was stored"
        )
    if "decode" in str(error):  # the message goes on with the words
        return NotADatabase(f"{path} is damaged: it holds text that is not UTF-8")
    return StorageError(f"{path}: {error}")


_BUSY, _LOCKED, _READ_ONLY, _IO_ERROR, _CORRUPT = 5, 6, 8, 10, 11
_FULL, _CANNOT_OPEN, _NOT_A_DATABASE = 13, 14, 26
"""SQLite's primary result codes (sqlite.org/rescode.html): `sqlite3` names them from 3.11 on."""
_CODES_BY_TEXT = {
    "locked": _BUSY,
    "busy": _BUSY,
    "full": _FULL,
    "not a database": _NOT_A_DATABASE,
    "malformed": _CORRUPT,
    "readonly": _READ_ONLY,
    "unable to open": _CANNOT_OPEN,
    "disk I/O": _IO_ERROR,
}


def _result_code(error: Exception) -> int | None:
    """Return SQLite's primary result code; None for an error that Python's driver itself raised."""
    if sys.version_info >= (3, 11):
        code: int | None = getattr(error, "sqlite_errorcode", None)
        return None if code is None else code & 0xFF  # the upper bits of an extended code tell why
    return next((code for text, code in _CODES_BY_TEXT.items() if text in str(error)), None)
