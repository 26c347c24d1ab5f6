"""Closing an engine, and the interpreter's end, take seconds: whatever the model does."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.llm import OpenAIChat
from memoryos.testing.openai_script import Drip, Failure
from memoryos.testing.openai_server import OpenAIServer

ENDPOINTS: dict[str, Any] = {
    "answers 500": Failure(500),
    "hangs": Failure(500, delay=60),
    "drips": Drip(every=0.5),
    "never ends": Drip(piece=b" " * 65536, every=0.0),
    "is a bomb": Drip(piece=b" " * 1_000_000, every=0.0, times=300, encoding="gzip"),
}

CLOSES = textwrap.dedent(
    """
    import json, logging, re, sys, time
    from memoryos import Engine
    from memoryos.llm import OpenAIChat
    def peak():  # in megabytes
        return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024
    uri, url, users = sys.argv[1], sys.argv[2], int(sys.argv[3])
    logging.basicConfig()
    model = OpenAIChat("m", base_url=url, api_key="k", timeout=30)
    engine = Engine.open(uri, {"durability": "normal"}, chat_model=model)
    for user in range(users):
        memory = engine.memory(f"user {user}")
        memory.add_many([(f"I like town {n}.", "Good.") for n in range(20)])
    print("stored", flush=True)
    sys.stdin.readline()
    before, started = peak(), time.monotonic()
    engine.close()
    print(json.dumps({"seconds": time.monotonic() - started, "grown": peak() - before}))
    """
)


def close_with(kind: str, users: int, folder: Path, *, calling: bool) -> dict[str, Any]:
    """Close an engine, once it is `calling` or at once; return how long that took.

    And the process's end, the calls made, and the memory used.
    """
    with OpenAIServer(ENDPOINTS[kind]) as server:
        program = [sys.executable, "-c", CLOSES, f"sqlite:///{folder / 'm.db'}", server.url]
        process = subprocess.Popen(
            [*program, str(users)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "stored\n"
        until = time.monotonic() + 60
        while calling and not server.requests and time.monotonic() < until:
            time.sleep(0.05)
        assert bool(server.requests) or not calling
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        closed = time.monotonic()
        _, errors = process.communicate(timeout=60)
        found: dict[str, Any] = json.loads(line)
        found["exit"] = time.monotonic() - closed
        found["calls"] = len(server.requests)
        found["warnings"] = errors.count("WARNING")
        assert "Traceback" not in errors, errors
        assert process.returncode == 0
    return found


def check(kind: str, users: int, folder: Path, *, calling: bool) -> None:
    found = close_with(kind, users, folder, calling=calling)
    print(kind, found)
    # The model has thirty seconds for an answer. Where the machine is free this takes one.
    assert found["seconds"] <= 15
    assert found["exit"] <= 15
    assert found["calls"] <= 30
    assert found["grown"] <= 150, "megabytes"
    assert found["warnings"] <= 3
    with Engine.open(f"sqlite:///{folder / 'm.db'}", {"promotion": "manual"}) as engine:
        waiting = [engine.memory(scope.user_id).stats() for scope in engine.scopes()]
        assert [(stats.pages, stats.waiting) for stats in waiting] == [(20, 20)] * users
        started = time.monotonic()
        engine.memory("user 0").flush()  # no lease is in the way
        assert time.monotonic() - started < 30
        assert engine.memory("user 0").stats().waiting < 20


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_closing_with_six_users_due(kind: str, quick_folder: Path) -> None:
    check(kind, 6, quick_folder, calling=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_closing_with_a_hundred_users_due(kind: str, quick_folder: Path) -> None:
    check(kind, 100, quick_folder, calling=True)


def test_what_is_not_done_when_an_engine_closes_is_the_next_ones(quick_folder: Path) -> None:
    uri = f"sqlite:///{quick_folder / 'm.db'}"
    with OpenAIServer(ENDPOINTS["hangs"]) as server:
        model = OpenAIChat("m", base_url=server.url, api_key="k", timeout=30)
        engine = Engine.open(uri, chat_model=model)
        engine.memory("tom").add_many([(f"I like town {n}.", "Good.") for n in range(20)])
        started = time.monotonic()
        engine.close(timeout=0.5)
        assert time.monotonic() - started < 20
        model.close()
    with Engine.open(uri) as engine:
        engine.memory("tom").flush()
        assert engine.memory("tom").stats().waiting < 20


LEAVES = textwrap.dedent(
    """
    import asyncio, sys
    from memoryos import AsyncEngine, Engine
    from memoryos.llm import OpenAIChat
    how, uri, url = sys.argv[1:]
    model = OpenAIChat("m", base_url=url, api_key="k", timeout=30)
    async def main():
        engine = await AsyncEngine.open(uri, {"promotion": "manual"}, chat_model=model)
        memory = engine.memory("tom")
        await memory.add("I like chess.")
        try:
            await asyncio.wait_for(memory.respond("What do I like?"), 0.5)
        except asyncio.TimeoutError:
            print("cancelled", flush=True)
        if how == "closes":
            await engine.close()
    if how == "thread":
        engine = Engine.open(uri, chat_model=model)
        engine.memory("tom").add_many([("I like chess.", "Good.")] * 20)
        import time; time.sleep(1)
        print("leaves", flush=True)
    else:
        asyncio.run(main())
    """
)


@pytest.mark.parametrize("how", ["closes", "leaves", "thread"])
def test_the_interpreter_ends_while_a_model_hangs(how: str, quick_folder: Path) -> None:
    with OpenAIServer(ENDPOINTS["hangs"]) as server:
        uri = f"sqlite:///{quick_folder / 'm.db'}"
        process = subprocess.Popen(
            [sys.executable, "-c", LEAVES, how, uri, server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        started = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - started <= 20
        assert "Traceback" not in errors, errors
