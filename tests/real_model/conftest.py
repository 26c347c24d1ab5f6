"""A real llama.cpp server with a real small model on 127.0.0.1.

`python tests/real_model/fetch.py FOLDER` brings both; REAL_MODEL_DIR names the folder.  A server
that cannot be started fails the tests: none is skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from memoryos.llm import OpenAIChat
from tests.real_model.fetch import fetch

CONTEXT = 2_048
THREADS = 1  # more than there are free cores makes llama.cpp wait for itself
START_SECONDS = 120
FOLDER = Path(os.environ.get("REAL_MODEL_DIR") or Path(tempfile.gettempdir()) / "real-model")


@pytest.fixture(scope="session")
def real_url() -> Iterator[str]:
    """Serve the model while the tests run; the address that clients take as base_url."""
    fetch(FOLDER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = FOLDER / f"server-{port}.log"
    serve = Path(__file__).parent / "serve.py"
    command = [FOLDER / "venv/bin/python", serve, FOLDER / "model.gguf", port, CONTEXT, THREADS]
    with log.open("wb") as output:
        server = subprocess.Popen(
            list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, env=_environment()
        )
    try:
        _await(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()
        log.unlink()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if b"ok" in answer.read():
                    return
        except OSError:
            time.sleep(0.5)
    print(log.read_text("utf-8", "replace")[-2_000:], file=sys.stderr)
    pytest.fail("the real model's server did not start", pytrace=False)


@pytest.fixture
def model(real_url: str) -> Iterator[OpenAIChat]:
    """The model as the engine takes it."""
    made = OpenAIChat("smollm2", "", real_url, timeout=180, max_retries=0)
    yield made
    made.close()
