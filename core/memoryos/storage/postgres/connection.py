"""Connections to one PostgreSQL database: a pool, migrations, and what to do when one breaks.

Driver errors are translated here and nowhere else. A connection that is lost (a restart, a
failover, a cut) is replaced, and what was under way is done again where doing it twice is doing it
once; so callers see a StorageBusy only when the server stays away, or when nobody can know whether
a commit was made.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from pgvector import HalfVector, Vector
from pgvector.psycopg.halfvec import HalfVectorBinaryDumper
from pgvector.psycopg.vector import VectorBinaryDumper
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types import TypeInfo
from psycopg_pool import ConnectionPool, PoolTimeout

from memoryos.errors import (
    EngineClosed,
    InvalidInput,
    MemoryOSError,
    NotADatabase,
    SchemaTooNew,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageReadOnly,
)
from memoryos.storage.postgres.silence import ServerSilent, WatchedConnection
from memoryos.storage.sql import migrations, named_queries

_log = logging.getLogger("memoryos.storage")
PACKAGE = "memoryos.storage.postgres"
SQL = {name: text.encode() for name, text in named_queries(PACKAGE).items()}
POOL_SIZE = 8
"""Connections that one process holds at most, unless the URI says `pool_size=…`."""
_CONNECT_SECONDS = 10
_MOST_PAUSE = 1.0
_MORE_TIME, _MORE_SILENCE = 5.0, 10.0
"""Seconds beyond `lock_seconds` after which the server ends a statement, and we the connection."""
_OPENING_PAUSES = (0.2, 1.0, 2.0, None)
"""Opening does not wait for a server that may not be there for longer than a restart takes."""
_left_by_fork: list[Any] = []
"""A forked child must neither use nor close its parent's connections, so they are kept here."""

Connection = WatchedConnection
T = TypeVar("T")


_NO_URI = "uri must be like postgresql://user:password@host:5432/database, special signs as %40"
_PORT = re.compile(r"(\[[^]]*\]|[^:]*)(:\d*)?")
"""A host and its port: what is not a number may be a password with its @ forgotten."""


class Address:
    """A `postgresql://…` URI: what to connect to, what to show of it, and the size of the pool."""

    def __init__(self, uri: str) -> None:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise InvalidInput(_NO_URI) from None
        if not all(map(_PORT.fullmatch, parts.netloc.rpartition("@")[2].split(","))):
            raise InvalidInput(_NO_URI)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        size = query.pop("pool_size", str(POOL_SIZE))
        if not size.isdigit() or not int(size):
            raise InvalidInput(f"uri must have a whole number as pool_size, not {size!r}")
        self.pool_size = int(size)
        # urlencode would write a blank as "+", which libpq does not read.
        self.conninfo = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))
        try:
            self.given = given = conninfo_to_dict(self.conninfo)
        except psycopg.Error:  # whose message repeats the URI
            raise InvalidInput(_NO_URI) from None
        query.pop("password", None)
        user, at, host = parts.netloc.rpartition("@")
        shown = user.partition(":")[0] + at + host
        self.shown = urlunsplit(parts._replace(netloc=shown, query=urlencode(query, safe="/")))
        """The URI without a password, for messages and logs."""
        self.options: dict[str, Any] = {
            name: value
            for name, value in (
                ("application_name", "memoryos"),
                ("connect_timeout", _CONNECT_SECONDS),
                ("keepalives_idle", 30),
                ("keepalives_interval", 10),
                ("keepalives_count", 3),
                ("tcp_user_timeout", 60_000),
            )
            if name not in given
        }


class Connections:
    """Migrates the database, then lends connections. Thread-safe and fork-safe."""

    def __init__(self, uri: str, *, durability: str, lock_seconds: float) -> None:
        self.address = Address(uri)
        self._lock_seconds = lock_seconds
        self._silence = lock_seconds + _MORE_SILENCE
        self._settings = {
            "lock": f"{max(1, int(lock_seconds * 1000))}ms",
            "all": f"{max(1, int((lock_seconds + _MORE_TIME) * 1000))}ms",
            "sync": "on" if durability == "full" else "off",
        }
        self._closed = False
        self._guard = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        self._vector_oids = self._prepare()

    def reading(self, work: Callable[[Connection], T]) -> T:
        """Do what only reads; sees all that was committed before."""
        return self._run(lambda connection, _: work(connection), again=True)

    def writing(self, work: Callable[[Connection], T], *, again: bool) -> T:
        """Do `work` in one transaction: committed at the end, rolled back on any error.

        `again`: doing it twice is doing it once, so that it may be repeated when the connection is
        lost in the commit and nobody knows whether it was made.
        """

        def run(connection: Connection, state: _State) -> T:
            # Statements whose results nobody has asked for yet travel together.
            with connection.pipeline(), connection.transaction():
                result = work(connection)
                # All must have arrived before the commit is sent: psycopg's own ways to see to it
                # (3.3: Pipeline.sync, and the commit) wait for ever when more than a socket holds
                # is still to be sent.
                connection.execute(SQL["arrive"]).fetchone()
                state.committing = True
            return result

        return self._run(run, again=again)

    def before_fork(self) -> None:
        """Let no other thread be at the pool while the process forks."""
        self._guard.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Go on in the parent; start with no connections in the child."""
        if not child:
            self._guard.release()
            return
        _left_by_fork.append(self._pool)
        self._pool, self._guard = None, threading.Lock()

    def close(self) -> None:
        """Close every connection of this process. Idempotent."""
        with self._guard:
            self._closed = True
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _prepare(self) -> tuple[int, int]:
        """Migrate the database; return the numbers of its types `vector` and `halfvec`."""
        for pause in _OPENING_PAUSES:
            try:
                return self._prepared()
            except psycopg.Error as error:
                if pause is None or not _is_lost(error):
                    raise translate(error, self.address.shown) from error
            time.sleep(pause)
        raise AssertionError

    def _prepared(self) -> tuple[int, int]:
        address = self.address
        with Connection.connect(address.conninfo, autocommit=True, **address.options) as connection:
            connection.silence = self._silence
            connection.execute(SQL["settings"], self._settings)
            migrate(connection, address.shown)
            vector = TypeInfo.fetch(connection, "vector")
            halfvec = TypeInfo.fetch(connection, "halfvec")
        if vector is None or halfvec is None:
            raise StorageError(
                f"{address.shown} has no types `vector` and `halfvec` on its search_path: "
                "CREATE EXTENSION vector (pgvector 0.7 or newer) in the schema public"
            )
        return vector.oid, halfvec.oid

    def _run(self, work: Callable[[Connection, _State], T], *, again: bool) -> T:
        deadline = time.monotonic() + self._lock_seconds
        pause = 0.05
        while True:
            state = _State()
            pool = self.pool()
            try:
                with pool.connection(timeout=max(deadline - time.monotonic(), 0.1)) as connection:
                    return work(connection, state)
            except psycopg.Error as error:
                if self._closed:
                    raise EngineClosed from error
                lost = _is_lost(error)
                unknown = lost and state.committing and not again
                if unknown or not (lost or _is_race(error)) or time.monotonic() > deadline:
                    raise translate(error, self.address.shown, unknown=unknown) from error
                _log.info("a connection to %s is tried again: %s", self.address.shown, error)
                silent = isinstance(error, ServerSilent)
            time.sleep(pause)
            pause = min(2 * pause, _MOST_PAUSE)
            if silent:
                self.drop(pool)
            elif lost:
                pool.check()

    def drop(self, pool: ConnectionPool[Connection]) -> None:
        """Begin with new connections: to ask those of a silent server takes as long again each."""
        with self._guard:
            if self._pool is not pool:
                return
            self._pool = None
        pool.close(timeout=0)

    def pool(self) -> ConnectionPool[Connection]:
        """Return the pool of this process."""
        with self._guard:
            if self._closed:
                raise EngineClosed
            if self._pool is None:
                self._pool = self._open_pool()
            return self._pool

    def _open_pool(self) -> ConnectionPool[Connection]:
        return ConnectionPool(
            self.address.conninfo,
            connection_class=Connection,
            kwargs={"autocommit": True, **self.address.options},
            min_size=1,
            max_size=self.address.pool_size,
            max_idle=60.0,
            open=True,
            configure=self.configure,
            name="memoryos",
            num_workers=2,
        )

    def configure(self, connection: Connection) -> None:
        """Give a connection the settings that all of the pool have."""
        connection.silence = self._silence
        connection.execute(SQL["settings"], self._settings)
        connection.execute(SQL["look_here_first"])
        vector, halfvec = self._vector_oids
        dumper = type("Dumper", (VectorBinaryDumper,), {"oid": vector})
        connection.adapters.register_dumper(Vector, dumper)
        half_dumper = type("HalfDumper", (HalfVectorBinaryDumper,), {"oid": halfvec})
        connection.adapters.register_dumper(HalfVector, half_dumper)


class _State:
    """Progress of a transaction, to know whether it may be repeated."""

    committing = False


def migrate(connection: Connection, shown: str) -> None:
    """Bring the schema to the newest version; of many processes one does it, the others wait."""
    known = migrations(PACKAGE)
    newest = known[-1][0]
    if _version(connection, shown) == newest:
        return
    with connection.transaction():
        connection.execute(SQL["take_migration_lock"])
        version = _version(connection, shown)
        if version is None:
            connection.execute(SQL["create_schema"])
        elif version > newest:
            raise SchemaTooNew(
                f"{shown} has schema {version}, this version knows {newest}: "
                "upgrade memoryos-integrations to open it"
            )
        for number, script in known:
            if number > (version or 0):
                connection.execute(script.encode())
        connection.execute(SQL["set_schema_version"], (newest,))


def make_queue(connection: Connection, script: str) -> None:
    """Make procrastinate's tables where there are none; of many processes one does it."""
    if connection.execute(SQL["queue_table"]).fetchone() == (True,):
        return
    with connection.transaction():
        connection.execute(SQL["take_migration_lock"])
        if connection.execute(SQL["queue_table"]).fetchone() == (False,):
            connection.execute(script.encode())


def _version(connection: Connection, shown: str) -> int | None:
    schema, table, encoding = _one(connection.execute(SQL["schema_table"]).fetchall())
    if encoding != "UTF8":
        raise StorageError(
            f"{shown} is encoded in {encoding}, which cannot hold every text: "
            "create the database with ENCODING 'UTF8'"
        )
    if not table:
        if schema:
            raise NotADatabase(
                f"{shown} has a schema `memoryos` of another program; choose another database"
            )
        return None
    (version,) = _one(connection.execute(SQL["schema_version"]).fetchall())
    return int(version)


def _one(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    (row,) = rows
    return row


def _is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection is gone, or could not be made because the server is away."""
    if isinstance(error, (PoolTimeout, pg.InsufficientResources)) or _is_refused(error):
        return False
    away = (pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow, pg.IdleSessionTimeout)
    if isinstance(error, away):
        return True
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (state is None or state[:2] == "08")


def _is_refused(error: psycopg.Error) -> bool:
    """Return whether the server refused the connection (password, database, limits)."""
    refused = ("authentication failed", "does not exist", "no pg_hba.conf entry")
    message = str(error)
    return isinstance(error, psycopg.OperationalError) and any(text in message for text in refused)


def _is_race(error: psycopg.Error) -> bool:
    """Return whether the transaction lost against another (serialisation, deadlock)."""
    return isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected))


def translate(error: psycopg.Error, shown: str, *, unknown: bool = False) -> MemoryOSError:
    """Return our error for one of the driver's. What it says of rows and values is left out."""
    if unknown:
        return StorageBusy(
            f"the connection to {shown} was lost in the commit: whether it was made is not known; "
            "look before trying again"
        )
    message = error.diag.message_primary or str(error).partition("\n")[0]
    if isinstance(error, pg.ReadOnlySqlTransaction):
        return StorageReadOnly(f"{shown} is read-only (a standby?): recall works, writing does not")
    if isinstance(error, pg.InsufficientPrivilege):
        return StorageReadOnly(f"{shown} refuses this role: {message}")
    if isinstance(error, (pg.DiskFull, pg.OutOfMemory)):
        return StorageFull(f"no space is left on {shown}; nothing of this call was stored")
    if _is_refused(error):
        return StorageError(f"{shown} cannot be opened: {message}")
    retryable = (psycopg.OperationalError, pg.LockNotAvailable, pg.QueryCanceled)
    if isinstance(error, retryable) or _is_race(error):
        return StorageBusy(
            f"{shown} did not answer in time ({message}); nothing was stored, trying again is safe"
        )
    return StorageError(f"{shown}: {message}")
