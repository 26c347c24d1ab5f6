"""A server that is there and says nothing: no verb waits for it without end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from memoryos import Engine
from memoryos.errors import StorageBusy
from memoryos.storage.postgres import connection
from memoryos.storage.postgres.silence import WatchedConnection
from tests.storage.postgres.server import empty_database, server


class Proxy:
    """Forwards TCP connections to the server's socket; `stalled`, it forwards nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.stalled = threading.Event()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if not self.stalled.is_set():
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in (self._listening, *self._open):
            each.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    empty_database()
    proxy = Proxy(f"{server().folder}/.s.PGSQL.5432")
    yield proxy
    proxy.close()


@pytest.fixture
def engine(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(connection, "_MORE_SILENCE", 1.0)
    uri = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?connect_timeout=2"
    engine = Engine.open(uri, {"promotion": "manual", "lock_seconds": 0.5})
    yield engine
    proxy.stalled.clear()
    engine.close()


@pytest.mark.parametrize("verb", ["add", "recall", "pages", "flush", "forget", "scopes"])
def test_a_silent_server_is_given_up(verb: str, engine: Engine, proxy: Proxy) -> None:
    memory = engine.memory("tom")
    memory.add("I like chess.", "Good.")
    verbs = {
        "add": lambda: memory.add("And tea.", "Noted."),
        "recall": lambda: memory.recall("chess"),
        "pages": memory.pages,
        "flush": memory.flush,
        "forget": lambda: memory.forget(everything=True),
        "scopes": engine.scopes,
    }
    proxy.stalled.set()
    started = time.monotonic()
    with pytest.raises(StorageBusy):
        verbs[verb]()
    assert time.monotonic() - started < 8
    proxy.stalled.clear()
    for _ in range(3):  # connections that were silent are not used again
        assert [page.user_input for page in memory.pages()] == ["I like chess."]


def test_opening_gives_a_silent_server_up(proxy: Proxy) -> None:
    proxy.stalled.set()
    started = time.monotonic()
    with pytest.raises(StorageBusy):
        Engine.open(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?connect_timeout=2")
    assert time.monotonic() - started < 25


def test_connections_have_the_deadline(proxy: Proxy) -> None:
    uri = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
    with Engine.open(uri, {"promotion": "manual", "lock_seconds": 3}) as other:
        other.memory("ann").add("hello")
        with other.store._db.pool().connection() as db:  # type: ignore[attr-defined]
            assert isinstance(db, WatchedConnection)
            assert db.silence == 13.0
            (limit,) = db.execute("SHOW statement_timeout").fetchone() or ()
            assert limit == "8s", "the server speaks first"
