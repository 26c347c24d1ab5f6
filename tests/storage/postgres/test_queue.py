"""Consolidation by other processes: queued once, done once, tried again, taken from the dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput, ModelUnavailable
from memoryos.storage.postgres import PostgresStore
from memoryos.updating.queue import work

TURNS = [(f"I like hobby number {n} and my dog Rex.", "Nice!", None) for n in range(20)]


def jobs(uri: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(uri) as db:
        return db.execute(
            "SELECT status::text, lock, queueing_lock, args, scheduled_at, attempts "
            "FROM memoryos.procrastinate_jobs ORDER BY id"
        ).fetchall()


@pytest.fixture
def web(postgres_uri: str) -> Iterator[Engine]:
    """The engine of a web process: it only asks."""
    with Engine.open(postgres_uri, config={"promotion": "queue"}) as engine:
        yield engine


@pytest.fixture
def worker(postgres_uri: str) -> Iterator[Callable[[], Engine]]:
    engines: list[Engine] = []

    def start(**arguments: Any) -> Engine:
        engines.append(Engine.open(postgres_uri, config={"promotion": "manual"}, **arguments))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def test_web_processes_only_ask(web: Engine, worker: Any, postgres_uri: str) -> None:
    memory = web.memory("tom")
    memory.add_many(TURNS)
    memory.add("one more", "yes")
    web.close()
    ((status, lock, queueing_lock, args, _, _),) = jobs(postgres_uri)
    assert (status, lock) == ("todo", queueing_lock)
    assert "tom" not in str(args)
    other = worker()
    assert not other.memory("tom").segments()
    assert other.memory("tom").stats().waiting == 21
    work(other.store, other.modules.consolidator, until_empty=True)
    assert other.memory("tom").segments()
    assert other.memory("tom").stats().waiting < 10
    assert jobs(postgres_uri) == []


def test_a_scope_is_queued_once(postgres_uri: str) -> None:
    store = PostgresStore(postgres_uri)
    try:
        from memoryos.model import Scope  # noqa: PLC0415

        for _ in range(3):
            store.enqueue(Scope("tom"))
            store.enqueue(Scope("ann\x00"))
        assert len(jobs(postgres_uri)) == 2
    finally:
        store.close()


class AwayModel:
    name = "away"

    def complete(self, messages: Any, **options: Any) -> Any:
        raise ModelUnavailable("nobody there")

    def stream(self, messages: Any, **options: Any) -> Any:
        raise ModelUnavailable("nobody there")


def test_what_fails_waits_longer_each_time(web: Engine, worker: Any, postgres_uri: str) -> None:
    web.memory("tom").add_many(TURNS)
    web.close()
    other = worker(chat_model=AwayModel())
    work(other.store, other.modules.consolidator, until_empty=True)
    ((status, _, _, args, scheduled, _),) = jobs(postgres_uri)
    assert status == "todo"
    assert args["attempt"] == 1
    assert scheduled is not None
    assert other.memory("tom").stats().waiting == 20


def test_a_dead_workers_task_is_taken_up(web: Engine, worker: Any, postgres_uri: str) -> None:
    web.memory("tom").add_many(TURNS)
    web.close()
    with psycopg.connect(postgres_uri, options="-c search_path=memoryos") as db:
        db.execute(
            "INSERT INTO memoryos.procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '1 minute')"
        )
        db.execute(
            "UPDATE memoryos.procrastinate_jobs SET status = 'doing', "
            "worker_id = (SELECT max(id) FROM memoryos.procrastinate_workers)"
        )
    other = worker()
    work(other.store, other.modules.consolidator, until_empty=True)
    assert other.memory("tom").segments()
    assert jobs(postgres_uri) == []


def test_what_was_never_queued_is_found(worker: Any, postgres_uri: str) -> None:
    other = worker()
    other.memory("tom").add_many(TURNS)
    work(other.store, other.modules.consolidator, until_empty=True)
    assert other.memory("tom").segments()


def test_a_store_without_a_queue_says_so(sqlite_uri: str) -> None:
    with pytest.raises(InvalidInput, match="background"):
        Engine.open(sqlite_uri, config={"promotion": "queue"})
    with Engine.open(sqlite_uri) as engine, pytest.raises(InvalidInput, match="PostgreSQL"):
        work(engine.store, engine.modules.consolidator)
