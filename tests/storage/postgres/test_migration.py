"""Memories move between SQLite and PostgreSQL, both ways, whole, and again where it was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from memoryos import Engine
from memoryos.errors import StorageError
from memoryos.frontends.cli.app import app
from memoryos.model import Message, Scope
from memoryos.ports import Call
from memoryos.storage.port import Store
from memoryos.storage.postgres import PostgresStore
from memoryos.storage.sqlite import SQLiteStore
from memoryos.upkeep.export import export_lines
from memoryos.upkeep.migrate import migrate
from tests.conftest import ManualClock

USERS = ("tom", "ann\x00", "我")


@pytest.fixture
def full(tmp_path: Path, clock: ManualClock) -> Iterator[SQLiteStore]:
    """An SQLite database with all there can be in it."""
    config = {"promotion": "manual", "heat_threshold": 2.0}
    with Engine.open(f"sqlite:///{tmp_path}/full.db", config, clock=clock) as engine:
        for user in USERS:
            memory = engine.memory(user, "assistant", "morning")
            for n in range(8):
                memory.add(f"I love chess, and I moved to town {n}.", "A fine game!", key=f"k{n}")
            memory.add("My name is Ana and I live in Lisbon.", "Nice!", metadata={"z": 1, "a": {}})
            memory.add_messages([Message("user", "2+2?"), Message("tool", "4", tool_call_id="t")])
            memory.flush()
            memory.forget(page_id=memory.pages()[3].id)
            memory.add("waits for its vector", "yes")
            engine.store.log_call(
                Scope(user), Call("promote", "m", 10, 2, 0.25, "ok", clock.advance(minutes=1))
            )
    store = SQLiteStore(tmp_path / "full.db")
    yield store
    store.close()


@pytest.fixture
def postgres(postgres_uri: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_uri)
    yield store
    store.close()


def lines(store: Store) -> dict[Scope, list[Any]]:
    return {scope: list(export_lines(store, scope)) for scope in store.scopes()}


def test_there_and_back(full: SQLiteStore, postgres: PostgresStore, tmp_path: Path) -> None:
    done = migrate(full, postgres)
    assert (done.scopes, done.copied, done.there, done.differing) == (3, 3, 0, [])
    assert done.pages == sum(full.counts(scope).pages for scope in full.scopes())
    assert lines(postgres) == lines(full)
    assert postgres.vectors(Scope("tom"), 0, 99)[1] == full.vectors(Scope("tom"), 0, 99)[1]
    assert postgres.calls(Scope("tom")) == full.calls(Scope("tom"))
    assert postgres.receipts(Scope("tom")) == full.receipts(Scope("tom")) != []
    back = SQLiteStore(tmp_path / "back.db")
    try:
        assert migrate(postgres, back).copied == 3
        assert lines(back) == lines(full)
    finally:
        back.close()


def test_answers_are_the_same(full: SQLiteStore, postgres: PostgresStore, clock: Any) -> None:
    migrate(full, postgres)
    config = {"promotion": "manual"}
    with (
        Engine.open(full.uri, config, clock=clock) as one,
        Engine.open(postgres.uri, config, clock=clock) as other,
    ):
        for question in ("chess", "Where does Ana live?", "town 5"):
            found = [engine.memory("tom").recall(question) for engine in (one, other)]
            scores = [[(p.page.id, p.score, p.reasons) for p in f.pages] for f in found]
            assert scores[0] == scores[1]
            assert found[0].text() == found[1].text()


def test_a_second_run_goes_on(full: SQLiteStore, postgres: PostgresStore) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        migrate(full, postgres, stop)
    assert len(postgres.scopes()) == 2
    done = migrate(full, postgres)
    assert (done.copied, done.there) == (1, 2)
    assert migrate(full, postgres).there == 3
    assert lines(postgres) == lines(full)


def test_what_differs_is_left_alone(full: SQLiteStore, postgres: PostgresStore) -> None:
    with Engine.open(postgres.uri, {"promotion": "manual"}) as engine:
        engine.memory("tom").add("mine", "and only mine")
    done = migrate(full, postgres)
    assert (done.copied, done.differing) == (2, [Scope("tom")])
    assert postgres.counts(Scope("tom")).pages == 1


def test_a_copy_that_is_not_equal_is_an_error(
    full: SQLiteStore, postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = postgres.index_columns

    def damaged(scope: Scope, after: int) -> Any:
        columns = real(scope, after)
        return replace(columns, terms=bytes(len(columns.terms)))

    monkeypatch.setattr(postgres, "index_columns", damaged)
    with pytest.raises(StorageError, match="not like its source"):
        migrate(full, postgres)


def test_the_command(full: SQLiteStore, postgres_uri: str) -> None:
    runner = CliRunner()
    for expected in ("3 memories copied", "0 memories copied and checked, 3 were there already"):
        result = runner.invoke(app, ["migrate", str(full.path), postgres_uri])
        assert result.exit_code == 0, result.output
        assert expected in result.output
    with Engine.open(postgres_uri, {"promotion": "manual"}) as engine:
        engine.memory("tom").add("one more", "yes")
    result = runner.invoke(app, ["migrate", str(full.path), postgres_uri])
    assert result.exit_code == 1
    assert "tom" in result.output


def test_the_worker_command(postgres_uri: str) -> None:
    with Engine.open(postgres_uri, {"promotion": "queue"}) as engine:
        memory = engine.memory("tom")
        for n in range(20):
            memory.add(f"I like hobby number {n} and my dog Rex.", "Nice!")
    result = CliRunner().invoke(app, ["worker", "--once", "--db", postgres_uri])
    assert result.exit_code == 0, result.output
    with Engine.open(postgres_uri, {"promotion": "manual"}) as engine:
        assert engine.memory("tom").segments()
