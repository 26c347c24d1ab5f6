"""A server over a small memory: in this process for most tests, on a port for a browser."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from memoryos import Engine
from memoryos.frontends.web import WebSettings, web_app

BASE = "http://127.0.0.1:8765"
TOKEN, TOMS, ANAS = "token-of-all-users", "token-of-tom-alone", "token-of-ana-alone"
GUARDED = WebSettings(token=TOKEN, user_tokens={TOMS: "tom", ANAS: "ana"})

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Tom's memory, filed, and Ana's, which is not."""
    path = tmp_path_factory.mktemp("web") / "memories.db"
    with Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as opened:
        tom = opened.memory("tom", session_id="intro")
        for day in range(1, 22):
            tom.add(
                f"My name is Tom and I work as a data scientist in Porto, day {day}.",
                "A data scientist in Porto!",
                f"2025-05-{day:02}T10:00:00Z",
                {"mood": "good" if day % 2 else "bad"},
            )
        tom.session("travel").add("I flew to Lisbon.", "How was it?", "2025-06-01T10:00:00Z")
        tom.flush()
        opened.memory("ana").add("I keep bees in Oslo.", "Honey!", "2025-06-02T10:00:00Z")
    return path


@pytest.fixture
def engine(filled: Path, tmp_path: Path) -> Iterator[Engine]:
    """A copy of that database, open."""
    copy = shutil.copy(filled, tmp_path / "memories.db")
    with Engine.open(f"sqlite:///{copy}", {"promotion": "manual"}) as opened:
        yield opened


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """Make a client of a server over the store, with settings of its own."""
    opened: list[TestClient] = []

    def make(
        settings: WebSettings | None = None, *, raising: bool = True, **headers: str
    ) -> TestClient:
        app = web_app(engine, settings)
        made = TestClient(app, BASE, raising, headers=headers, follow_redirects=False)
        opened.append(made.__enter__())
        return made

    yield make
    for made in opened:
        made.__exit__(None, None, None)


def form_key(client: TestClient, path: str = "/doctor") -> str:
    """The key that a page's forms carry."""
    found = re.search(r'name="form_key" value="(\w+)"', client.get(path).text)
    assert found, path
    return found[1]


def ended(client: TestClient, path: str) -> str:
    """Wait until the job of a page has ended; return the page."""
    for _ in range(200):
        text = client.get(path).text
        if "data-events" not in text:
            return text
        time.sleep(0.05)
    raise AssertionError("the job does not end")


Served = Callable[..., str]


@pytest.fixture
def served(engine: Engine) -> Iterator[Served]:
    """Serve the store on a port of loopback; return the address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(settings: WebSettings | None = None, of: Engine | None = None) -> str:
        config = uvicorn.Config(
            web_app(of or engine, settings), port=0, log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join()
