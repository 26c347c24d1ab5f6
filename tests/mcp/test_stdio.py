"""Real stdio sessions with the official client, and with a raw pipe that sees every byte."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from memoryos import Engine
from memoryos.testing.openai_server import OpenAIServer

Start = Callable[..., StdioServerParameters]
SAID = {"user_input": "I'm Tom, I work as a data scientist.", "agent_response": "Hello Tom."}


async def test_a_session_of_the_official_client_runs_all_tools(
    start: Start, write_config: Callable[..., Path], tmp_path: Path
) -> None:
    async with Client(start("--config", write_config())) as client:
        assert client.server_info.name == "MemoryOS"
        assert "retrieve_memory" in (client.instructions or "")
        added = await client.call_tool("add_memory", SAID)
        page_id = added.structured_content["page_id"]
        found = await client.call_tool("retrieve_memory", {"query": "data scientist"})
        assert found.structured_content["retrieved_pages"][0]["page_id"] == page_id
        profile = await client.call_tool("get_user_profile", {})
        assert profile.structured_content["user_id"] == "tom"
        assert (await client.call_tool("explain_memory", {"id": "none"})).is_error
        fact = await client.call_tool("remember", {"text": "Tom is allergic to peanuts."})
        old = fact.structured_content["id"]
        put_right = {"memory_id": old, "text": "Tom may eat peanuts."}
        new = await client.call_tool("correct", put_right)
        told = await client.call_tool("explain_memory", {"id": new.structured_content["id"]})
        assert told.structured_content["superseded"] == ["Tom is allergic to peanuts."]
        gone = await client.call_tool("forget_memory", {"page_id": page_id})
        assert gone.structured_content["erased"]["pages"] == 1
        await client.call_tool("add_memory", SAID)
        status = json.loads((await client.read_resource("memoryos://status")).contents[0].text)
        assert status["pages"] == 1
    with Engine.open(f"sqlite:///{tmp_path / 'memoryos_data' / 'memoryos.db'}") as engine:
        assert engine.memory("tom", "helper").stats().pages == 1


WITHOUT_UVICORN = """
import runpy, sys
sys.modules["uvicorn"] = None  # as where it is not installed
sys.argv = ["memoryos-mcp", *sys.argv[1:]]
runpy.run_module("memoryos_integrations.mcp", run_name="__main__")
"""


async def test_twenty_calls_at_once_without_any_config_or_http_server(
    start: Start, tmp_path: Path
) -> None:
    parameters = start()
    parameters.args = ["-c", WITHOUT_UVICORN]
    async with Client(parameters) as client:
        answers = await asyncio.gather(
            *(
                client.call_tool("add_memory", {"user_input": f"topic{n}", "agent_response": "ok"})
                for n in range(20)
            )
        )
        assert not any(answer.is_error for answer in answers)
        asked = {"query": "topic", "max_results": 50, "min_relevance": 0}
        found = await client.call_tool("retrieve_memory", asked)
        assert found.structured_content["total_pages_found"] == 20
    with Engine.open(tmp_path / "memoryos.db") as engine:  # what `memoryos recall` opens there
        assert engine.memory("me").stats().pages == 20


class Pipe:
    """A client that sees every byte of the server's standard output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.seen: list[bytes] = []
        self._ids = 0

    def send(self, method: str, params: dict[str, Any], *, answer: bool = True) -> int:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if answer:
            self._ids += 1
            message["id"] = self._ids
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return self._ids

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.seen.append(line)
        return dict(json.loads(line))

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        id_ = self.send("tools/call", {"name": name, "arguments": arguments})
        while True:
            answer = self.receive()
            if answer.get("id") == id_:
                return dict(answer["result"])

    def begin(self) -> None:
        self.send(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "pipe", "version": "1"},
            },
        )
        assert self.receive()["result"]["serverInfo"]["name"] == "MemoryOS"
        self.send("notifications/initialized", {}, answer=False)


@contextmanager
def piped(parameters: StdioServerParameters, stderr: Path) -> Iterator[Pipe]:
    with (
        stderr.open("wb") as errors,
        subprocess.Popen(
            [parameters.command, *parameters.args],
            env=parameters.env,
            cwd=parameters.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            yield Pipe(process)
        finally:
            process.kill()


NOISY = """
import runpy, sys, warnings
import memoryos.llm
print("before the server has started", file=sys.stderr)
warnings.simplefilter("always")
ask = memoryos.llm.OpenAIChat.complete
def noisy(self, *args, **kwargs):
    print("a stray print")
    sys.stdout.flush()
    warnings.warn("a stray warning")
    return ask(self, *args, **kwargs)
memoryos.llm.OpenAIChat.complete = noisy
sys.argv = ["memoryos-mcp", *sys.argv[1:]]
runpy.run_module("memoryos_integrations.mcp", run_name="__main__")
"""


def test_a_model_that_is_slow_then_away_and_noisy_leaves_the_protocol_clean(
    start: Start,
    write_config: Callable[..., Path],
    tmp_path: Path,
    openai: OpenAIServer,
) -> None:
    config = write_config(openai_api_key="key", openai_base_url=openai.url, short_term_capacity=1)
    parameters = start("--config", config)
    parameters.args = ["-c", NOISY, *parameters.args[2:]]
    parameters.env = {**(parameters.env or {}), "PYTHONWARNINGS": "always"}
    with piped(parameters, tmp_path / "stderr") as pipe:
        pipe.begin()
        pipe.call("add_memory", **SAID)  # the first call loads what it needs
        seconds = []
        for n in range(30):
            if n == 15:
                asked = wait_for_strays(tmp_path / "stderr", 1)
                openai.close()  # from here on it refuses connections
            began = time.perf_counter()
            result = pipe.call("add_memory", user_input=f"turn {n}", agent_response="yes")
            seconds.append(time.perf_counter() - began)
            assert not result["isError"]
        assert wait_for_strays(tmp_path / "stderr", asked + 1) > asked  # it has tried again
        found = pipe.call("retrieve_memory", query="turn 7", max_results=100)
        assert found["structuredContent"]["total_pages_found"] == 31
        assert pipe.process.stdin is not None
        pipe.process.stdin.close()
        assert pipe.process.stdout is not None
        rest = pipe.process.stdout.read()
        assert pipe.process.wait(timeout=30) == 0
    for line in [*pipe.seen, *rest.splitlines()]:
        assert json.loads(line)["jsonrpc"] == "2.0"
    # The model takes two seconds; an add takes some hundredths where nothing else is running.
    assert sorted(seconds)[len(seconds) // 2] < 1.5


def wait_for_strays(stderr: Path, number: int) -> int:
    """Wait until the model has been asked that often; return how often it was."""
    for _ in range(600):
        found = stderr.read_text().count("a stray print")
        if found >= number:
            break
        time.sleep(0.05)
    assert found >= number
    return found


def test_neither_junk_nor_a_client_that_disappears_mid_call_loses_anything(
    start: Start, tmp_path: Path
) -> None:
    with piped(start(), tmp_path / "stderr") as pipe:
        pipe.begin()
        assert pipe.process.stdin is not None
        for junk in (b"not json\n", b"[1,2]\n", b'{"jsonrpc": "2.0"}\n', b"\xff\xfe\n", b"\n"):
            pipe.process.stdin.write(junk)
        pipe.process.stdin.flush()
        id_ = pipe.send("no/such/method", {})
        while (answer := pipe.receive()).get("id") != id_:
            pass
        assert "error" in answer
        big = pipe.call("add_memory", user_input="x" * 5_000_000, agent_response="y")
        assert not big["isError"]  # too long for one page: mended, as for every adapter
        assert not pipe.call("add_memory", **SAID)["isError"]
        pipe.send("tools/call", {"name": "add_memory", "arguments": {**SAID, "user_input": "last"}})
        assert pipe.process.stdin is not None
        assert pipe.process.stdout is not None
        pipe.process.stdin.close()
        pipe.process.stdout.close()
        pipe.process.wait(timeout=30)  # it ends by itself
    with Engine.open(f"sqlite:///{tmp_path}/memoryos.db") as engine:
        (scope,) = engine.scopes()
        pages = engine.memory(scope.user_id, scope.assistant_id).pages()
        assert pages[1].user_input == SAID["user_input"]
    assert "Traceback" not in (tmp_path / "stderr").read_text()


@pytest.mark.slow
async def test_a_second_process_on_the_same_folder(start: Start) -> None:
    async with Client(start()) as one, Client(start()) as two:
        await one.call_tool("add_memory", {"user_input": "from one", "agent_response": "ok"})
        found = await two.call_tool("retrieve_memory", {"query": "from one"})
        assert found.structured_content["total_pages_found"] == 1


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("memoryos-mcp")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert "memoryos-integrations" in done.stdout
