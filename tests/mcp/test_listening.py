"""The server is there at once, says so while its memory is still opening, and ends when told to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from memoryos import AsyncEngine, Engine
from memoryos.errors import StorageError
from memoryos_integrations.mcp import build_server, serving

Start = Callable[..., StdioServerParameters]
SAID = {"user_input": "I'm Tom, I work as a data scientist.", "agent_response": "Hello Tom."}


async def test_a_server_listens_while_its_engine_opens(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "AT_ONCE", 0.05)
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    go = asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[AsyncEngine]:
        await go.wait()
        async with AsyncEngine.open(sqlite_uri) as engine:
            yield engine

    async with Client(build_server(slow)) as client:
        assert len((await client.list_tools()).tools) > 5
        early = await client.call_tool("add_memory", SAID)
        assert early.is_error
        assert "still being opened" in early.content[0].text
        go.set()
        monkeypatch.setattr(serving, "PATIENCE", 30)
        assert not (await client.call_tool("add_memory", SAID)).is_error
    with Engine.open(sqlite_uri) as engine:
        assert engine.memory("me").stats().pages == 1


async def test_what_fails_late_is_told_to_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "AT_ONCE", 0.01)

    @asynccontextmanager
    async def failing() -> AsyncIterator[AsyncEngine]:
        await asyncio.sleep(0.1)
        raise StorageError("the disk is on fire")
        yield

    async with Client(build_server(failing)) as client:
        for _ in range(2):
            answer = await client.call_tool("add_memory", SAID)
            assert answer.is_error
            assert "the disk is on fire" in answer.content[0].text


async def test_a_server_that_ends_before_its_engine_is_open_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "AT_ONCE", 0.01)
    monkeypatch.setattr(serving, "FAREWELL", 0.01)

    @asynccontextmanager
    async def never() -> AsyncIterator[AsyncEngine]:
        await asyncio.Event().wait()
        yield

    began = time.perf_counter()
    async with Client(build_server(never)) as client:
        await client.list_tools()
    assert time.perf_counter() - began < 20


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("arguments", [(), ("--http", "--port", "0")])
def test_ctrl_c_ends_it_at_once(start: Start, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    parameters = start(*arguments)
    with (
        (tmp_path / "stderr").open("wb") as errors,
        subprocess.Popen(
            [parameters.command, *parameters.args],
            env=parameters.env,
            cwd=parameters.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        database = tmp_path / "memoryos.db"
        for _ in range(600):
            if database.exists():
                break
            time.sleep(0.05)
        time.sleep(0.5)
        began = time.perf_counter()
        process.send_signal(signal.SIGINT)
        stuck = threading.Timer(30, process.kill)  # stdin stays open: only the signal can end it
        stuck.start()
        process.wait()
        stuck.cancel()
        assert time.perf_counter() - began < 20
        assert process.returncode != -signal.SIGKILL
    assert "Traceback" not in (tmp_path / "stderr").read_text()
