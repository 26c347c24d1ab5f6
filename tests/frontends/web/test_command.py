"""`memoryos ui` as a process, and the container's files, which run the same command."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from memoryos.frontends.cli.app import command
from tests.frontends.web.conftest import TOKEN


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Iterator[object]:
    """Start the command; give the process and its address."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **more: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "memoryos", "ui", "--no-open", "--port", "0", *arguments],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": str(root / ".ci" / "offline"),
                "PYTHONUNBUFFERED": "1",
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        assert process.stdout
        for line in process.stdout:
            if found := re.search(r"http://\S+:(\d+)/", line):
                return process, f"http://127.0.0.1:{found[1]}"
        raise AssertionError("it does not serve")

    yield begin
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def get(address: str, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_serves_until_it_is_interrupted(start, filled: Path) -> None:
    process, address = start("--db", str(filled))
    status, text = get(address, "/")
    assert status == 200
    assert "tom" in text
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.wait(timeout=20)
    assert time.monotonic() - began < 15
    assert "Traceback" not in process.stdout.read()


def test_for_other_machines_it_wants_a_token(start, filled: Path) -> None:
    with pytest.raises(AssertionError, match="does not serve"):
        start("--db", str(filled), "--host", "0.0.0.0")
    _, address = start("--db", str(filled), "--host", "0.0.0.0", MEMORYOS_TOKEN=TOKEN)
    assert get(address, "/api/scopes")[0] == 401
    assert get(address, "/api/scopes", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_a_store_that_is_not_there_is_said(start) -> None:
    with pytest.raises(AssertionError, match="does not serve"):
        start("--db", "none.db")


WITHOUT = """
import os, sys
from memoryos.errors import MissingExtra
from memoryos.frontends.web import WebSettings, serve
for missing in ("jinja2", "starlette", "python_multipart", "uvicorn"):
    assert missing not in sys.modules
    if os.fork() == 0:
        sys.modules[missing] = None
        try:
            serve(None, WebSettings())
        except MissingExtra as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()
"""


def test_without_the_extra_its_name_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("[ui]'") == 4, done


def commands_of_compose(root: Path) -> dict[str, list[str]]:
    services = yaml.safe_load((root / "compose.yaml").read_text("utf-8"))["services"]
    return {
        name: shlex.split(service["command"])
        for name, service in services.items()
        if service.get("build")
    }


def test_the_containers_commands_are_commands(root: Path) -> None:
    docker = (root / "Dockerfile").read_text("utf-8")
    own = re.search(r"^CMD (\[.*\])$", docker, re.MULTILINE)
    assert own
    every = {**commands_of_compose(root), "Dockerfile": yaml.safe_load(own[1])}
    assert every.keys() == {"app", "worker", "Dockerfile"}
    for name, *arguments in every.values():
        command().commands[name].make_context(name, arguments)


def test_the_container_copies_what_there_is(root: Path) -> None:
    docker = (root / "Dockerfile").read_text("utf-8")
    ignored = (root / ".dockerignore").read_text("utf-8").split()
    copied = re.findall(r"^COPY (.+) \S+$", docker, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (root / name).exists()
        assert f"!{name}" in ignored


def test_compose_wants_its_secrets_and_publishes_on_loopback(root: Path) -> None:
    text = (root / "compose.yaml").read_text("utf-8")
    assert text.count("${POSTGRES_PASSWORD:?") == 2
    assert "${MEMORYOS_TOKEN:?" in text
    services = yaml.safe_load(text)["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8765:8765"]
    assert services["app"]["environment"]["MEMORYOS_DB"].startswith("postgresql://")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_composes_commands_work_together(start, root: Path, tmp_path: Path) -> None:
    """What compose.yaml starts, on a server of the test's own: Docker itself is not here."""
    from tests.storage.postgres.server import Server  # noqa: PLC0415  # starts PostgreSQL

    commands = commands_of_compose(root)
    server = Server()
    worker = None
    try:
        store = {"MEMORYOS_DB": server.uri()}
        _, *options = commands["app"]
        _, address = start(*options, MEMORYOS_TOKEN=TOKEN, **store)
        worker = subprocess.Popen(
            [sys.executable, "-m", "memoryos", *commands["worker"]],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **store},
        )
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        for number in range(40):
            body = f'{{"user_input": "I keep bees in Oslo, day {number}."}}'.encode()
            path = f"{address}/api/pages?user_id=tom"
            urllib.request.urlopen(urllib.request.Request(path, body, head), timeout=60).close()
        for _ in range(300):
            status, text = get(address, "/api/stats?user_id=tom", **head)
            assert status == 200
            if json.loads(text)["segments"]:
                break
            time.sleep(0.2)
        assert json.loads(text)["pages"] == 40
        assert json.loads(text)["segments"] > 0
    finally:
        if worker is not None:
            worker.terminate()
            worker.wait()
        server.close()
