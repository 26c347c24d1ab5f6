"""What callers see when the server is away, busy, read-only, foreign or newer: a clear error."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest

from memoryos import Engine
from memoryos.errors import (
    EngineClosed,
    InvalidInput,
    NotADatabase,
    SchemaTooNew,
    StorageBusy,
    StorageError,
    StorageReadOnly,
)
from memoryos.model import Scope
from memoryos.storage.port import Changes, Head, PageQuery
from memoryos.storage.postgres import PostgresStore
from memoryos.testing.store_samples import SCOPE, draft, fill
from tests.storage.postgres.server import Server, another_database, server

MANUAL = {"promotion": "manual"}


@pytest.fixture
def store(postgres_uri: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_uri, lock_seconds=20)
    yield store
    store.close()


def cut(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'memoryos' AND pid <> pg_backend_pid()"
        )


# ── away ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_connection_is_replaced_unseen(
    store: PostgresStore, postgres_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "psycopg.pool")
    for number in range(1, 4):
        cut(postgres_uri)
        store.append(SCOPE, [draft(f"p{number}")])
        cut(postgres_uri)
        assert store.counts(SCOPE).pages == number


def test_a_restart_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "psycopg.pool")
    own = Server()
    try:
        store = PostgresStore(own.uri(), lock_seconds=30)
        fill(store)
        own.stop("immediate")
        starter = threading.Timer(1.0, own.start)
        starter.start()
        assert store.append(SCOPE, [draft("p4")])[0].seq > 3
        starter.join()
        assert store.counts(SCOPE).pages == 4
        own.stop()
        store._db._lock_seconds = 0.5
        with pytest.raises(StorageBusy, match="trying again is safe"):
            store.counts(SCOPE)
        with pytest.raises(StorageBusy, match="did not answer"):
            PostgresStore(own.uri())
        own.start()
        store._db._lock_seconds = 20
        assert store.counts(SCOPE).pages == 4
        store.close()
    finally:
        own.close()


def test_a_commit_that_nobody_knows_of_is_said_to_be_so(
    store: PostgresStore, postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Any, *args: Any) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    fill(store)
    head = store.head(SCOPE)
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Transaction, "__exit__", lost)
        with pytest.raises(StorageBusy, match="whether it was made is not known"):
            store.commit(SCOPE, head, Changes())


def test_nobody_there() -> None:
    with pytest.raises(StorageBusy, match="localhost"):
        Engine.open("postgresql://tom:secret@localhost:1/memories?connect_timeout=2")


def test_no_such_database(postgres_uri: str) -> None:
    uri = server().uri("nothing_here")
    with pytest.raises(StorageError, match="does not exist") as raised:
        Engine.open(uri)
    assert not isinstance(raised.value, StorageBusy)


def test_a_password_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    uri = "postgresql://tom:s3cret@localhost:1/memories?password=s3cret&connect_timeout=2"
    with pytest.raises(StorageBusy) as raised:
        Engine.open(uri)
    assert "s3cret" not in str(raised.value) + caplog.text
    with Engine.open(server().uri().replace("postgres:@", "postgres:s3cret@"), MANUAL) as engine:
        assert "s3cret" not in repr(engine)


@pytest.mark.parametrize("query", ["pool_size=0", "pool_size=many", "nonsense=1"])
def test_a_wrong_uri_is_said_to_be_one(query: str) -> None:
    with pytest.raises(InvalidInput, match="uri"):
        Engine.open(f"postgresql://localhost/memories?{query}")


@pytest.mark.timeout(60)
def test_texts_longer_than_a_socket_holds(store: PostgresStore) -> None:
    """What travels together must not wait for ever to be sent."""
    text = "é" * 500_000
    (old,) = store.append(SCOPE, [draft("p", text, text)])
    (new,) = store.append(SCOPE, [draft("p", text, text[1:], replaces=old.seq)])
    assert store.pages(SCOPE, PageQuery()) == [new]
    many = [draft(f"q{n}", text[:100_000], terms=bytes(100_000)) for n in range(40)]
    assert store.commit(SCOPE, store.head(SCOPE), Changes(add_pages=many))
    assert store.counts(SCOPE).pages == 41


# ── busy ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_lock_that_is_not_given_in_time(postgres_uri: str) -> None:
    store = PostgresStore(postgres_uri, lock_seconds=0.5)
    fill(store)
    with psycopg.connect(postgres_uri) as other:
        other.execute("SELECT 1 FROM memoryos.scopes FOR UPDATE")
        with pytest.raises(StorageBusy, match="nothing was stored"):
            store.append(SCOPE, [draft("p4")])
        # Who only reads waits for nobody, and neither does another scope.
        assert store.counts(SCOPE).pages == 3
        fill(store, Scope("ann"))
    assert store.append(SCOPE, [draft("p4")])[0].id == "p4"
    store.close()


def test_no_connection_left_in_the_pool(postgres_uri: str) -> None:
    store = PostgresStore(postgres_uri + "&pool_size=1", lock_seconds=0.3)
    with store._db.pool().connection(), pytest.raises(StorageBusy):
        store.counts(SCOPE)
    assert store.counts(SCOPE).pages == 0
    store.close()


# ── read-only ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_recall_works_on_a_standby() -> None:
    """A real one: it streams from its primary, and takes over when it is promoted."""
    primary = Server(settings="max_wal_senders = 4\nwal_level = replica\nhot_standby = on")
    folder = Path(mkdtemp(prefix="memoryos-standby-", dir=primary.folder.parent))
    try:
        with Engine.open(primary.uri(), MANUAL) as engine:
            memory = engine.memory("tom")
            for n in range(12):
                memory.add(f"I bought book number {n} about chess.", "Nice!")
            memory.flush()
            wanted = memory.recall("chess book 3")
            text = wanted.text()
        os.chown(folder, primary.folder.stat().st_uid, primary.folder.stat().st_gid)
        folder.chmod(0o700)
        source = ["-h", str(primary.folder), "-U", "postgres"]
        primary.run("pg_basebackup", *source, "-D", str(folder), "-R", "-X", "stream", "-c", "fast")
        (folder / ".s.PGSQL.5432.lock").unlink()  # the primary's socket lies among its data
        listen = f'-h "" -k {folder}'
        control = ["-w", "-D", str(folder)]
        primary.run("pg_ctl", *control, "-l", f"{folder}/log", "-o", listen, "start")
        try:
            uri = f"postgresql://postgres@/postgres?host={folder}"
            with Engine.open(uri, MANUAL) as engine:
                found = engine.memory("tom").recall("chess book 3")
                assert [p.page.id for p in found.pages] == [p.page.id for p in wanted.pages]
                assert found.text() == text
                with pytest.raises(StorageReadOnly, match="read-only"):
                    engine.memory("tom").add("one more", "yes")
                primary.run("pg_ctl", *control, "promote")
                engine.memory("tom").add("one more", "yes")
                assert engine.memory("tom").stats().pages == 13
        finally:
            primary.run("pg_ctl", *control, "-m", "immediate", "stop")
    finally:
        primary.close()
        rmtree(folder)


def test_writing_is_refused_where_reading_is_all(postgres_uri: str) -> None:
    with Engine.open(postgres_uri, MANUAL) as engine:
        engine.memory("tom").add("I love chess.", "A fine game!")
    read_only = postgres_uri + "&options=-c%20default_transaction_read_only%3Don"
    with Engine.open(read_only, MANUAL) as engine:
        assert engine.memory("tom").recall("chess").pages
        with pytest.raises(StorageReadOnly, match="recall works"):
            engine.memory("tom").add("one more", "yes")


# ── schema ───────────────────────────────────────────────────────────────────────────────────────


def test_many_processes_open_a_new_database_at_once() -> None:
    uri = another_database()
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(PostgresStore, [uri] * 8))
    for store in stores:
        assert store.head(SCOPE) == Head()
        store.close()


def test_a_newer_schema(postgres_uri: str) -> None:
    PostgresStore(postgres_uri).close()
    with psycopg.connect(postgres_uri, autocommit=True) as db:
        [(version,)] = db.execute("SELECT version FROM memoryos.schema_version").fetchall()
        db.execute("UPDATE memoryos.schema_version SET version = 99")
        try:
            with pytest.raises(SchemaTooNew, match="99"):
                PostgresStore(postgres_uri)
        finally:
            db.execute("UPDATE memoryos.schema_version SET version = %s", (version,))


def test_a_schema_of_another_program() -> None:
    uri = another_database()
    with psycopg.connect(uri, autocommit=True) as db:
        db.execute("CREATE SCHEMA memoryos")
    with pytest.raises(NotADatabase, match="another program"):
        PostgresStore(uri)


def test_an_encoding_that_cannot_hold_every_text() -> None:
    uri = another_database("TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StorageError, match="UTF8"):
        PostgresStore(uri)


def test_every_key_and_index_begins_with_the_scope(postgres_uri: str) -> None:
    PostgresStore(postgres_uri).close()
    with psycopg.connect(postgres_uri) as db:
        found = db.execute(
            "SELECT indexrelid::regclass::text, attname FROM pg_index "
            "JOIN pg_class ON pg_class.oid = indrelid "
            "JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] "
            "WHERE relnamespace = 'memoryos'::regnamespace "
            "AND relname NOT LIKE 'procrastinate%'"
        ).fetchall()
    others = {name: column for name, column in found if column != "scope"}
    assert len(found) > 10
    assert others == {"memoryos.embedders_pkey": "embedder"}  # a reference table of a few rows


def test_a_users_requests_go_by_index(store: PostgresStore, postgres_uri: str) -> None:
    from memoryos.storage.postgres.connection import SQL  # noqa: PLC0415
    from memoryos.storage.postgres.rows import scope_key, select_pages  # noqa: PLC0415

    for user in range(60):
        drafts = [draft(f"p{n}", session=("old", "new")[n > 20], minute=n) for n in range(40)]
        store.append(Scope(f"user-{user}"), drafts)
    key = scope_key(Scope("user-7"))
    queries = [
        select_pages(key, PageQuery(**conditions))
        for conditions in (
            {"ids": ["p1", "p2"]},
            {"seqs": [1, 2]},
            {"session_id": "old", "newest_first": True, "limit": 7},
            {"segment_id": "s"},
            {"waiting": True},
            {"after_seq": 3, "limit": 256},
        )
    ]
    queries += [
        (SQL["head"], (key,)),
        (SQL["waiting"], (key,)),
        (SQL["index_columns"], (key, 0)),
        (SQL["vectors"], (key, 0, 99)),
        (
            SQL["records_by_id"],
            {"scope": key, "kinds": ["chain"], "ids": [b"x"] * 3, "after": 0, "live": None},
        ),
        (SQL["calls"], (key, 0)),
        (SQL["receipts"], (key,)),
    ]
    with psycopg.connect(postgres_uri, autocommit=True) as db:
        db.execute("ANALYZE memoryos.pages, memoryos.scopes, memoryos.terms")

        def plan(number: int) -> str:
            statement, arguments = queries[number]
            lines = db.execute(b"EXPLAIN " + statement, arguments).fetchall()
            return "\n".join(line for (line,) in lines)

        assert "pages_by_session" in plan(2)
        # Sixty scopes fit into a block or two, which are quicker read than looked up in an index.
        db.execute("SET enable_seqscan = off")
        for number in range(len(queries)):
            assert "Seq Scan" not in plan(number)
            assert "Index Cond: (" in plan(number)
            assert "scope = " in plan(number).partition("Index Cond: ")[2]


# ── one process and another ──────────────────────────────────────────────────────────────────────


def test_a_closed_store_says_so_to_who_waits(store: PostgresStore) -> None:
    store.close()
    with pytest.raises(EngineClosed):
        store.counts(SCOPE)


def test_a_forked_child_has_connections_of_its_own(postgres_uri: str) -> None:
    with Engine.open(postgres_uri, MANUAL) as engine:
        engine.memory("tom").add("in the parent", "yes")

        def child() -> None:
            engine.memory("tom").add("in the child", "yes")
            os._exit(0 if engine.memory("tom").stats().pages == 2 else 1)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(30)
        assert process.exitcode == 0
        engine.memory("tom").add("in the parent again", "yes")
        assert engine.memory("tom").stats().pages == 3
