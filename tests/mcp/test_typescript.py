"""A client that is not ours: the official TypeScript SDK, on Node 20. Fetches the SDK from npm."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEEN = {
    "server": "MemoryOS",
    "names": [
        "add_memory",
        "correct",
        "explain_memory",
        "forget_memory",
        "get_user_profile",
        "list_memories",
        "remember",
        "retrieve_memory",
    ],
    "resources": [
        "memoryos://config",
        "memoryos://profile",
        "memoryos://sessions",
        "memoryos://status",
    ],
    "pages": 20,
    "user": "me",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its SDK installed."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "client.mjs"):
        shutil.copy(Path(__file__).parent / "typescript" / name, folder)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=240,
    )
    return folder / "client.mjs"


def run(client: Path, environment: dict[str, str], *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        ["node", str(client), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The server, with a database of its own."""
    return [sys.executable, "-m", "memoryos_integrations.mcp", "--db", str(tmp_path / "m.db")]


def test_stdio(client: Path, environment: dict[str, str], command: list[str]) -> None:
    assert run(client, environment, "stdio", *command) == SEEN


def test_http(client: Path, environment: dict[str, str], command: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command += ["--http", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, **environment}) as server:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            assert run(client, environment, "http", f"http://127.0.0.1:{port}/mcp") == SEEN
        finally:
            server.terminate()
