"""Streamable HTTP: all tools, the bearer token, a client that goes away."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from memoryos_integrations.mcp.http import is_loopback
from tests.mcp.conftest import Start, seen_by_servers, starting

TOKEN = "a-long-random-text"
SAID = {"user_input": "I'm Tom, I work as a data scientist.", "agent_response": "Hello Tom."}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(start: Start, folder: Path, *arguments: str, **more: str) -> Iterator[str]:
    """Run the server; yield its URL."""
    port = free_port()
    parameters = start("--http", "--port", port, *arguments, **more)
    with (
        (folder / "stdout").open("wb") as out,
        (folder / "stderr").open("wb") as errors,
        subprocess.Popen(
            [parameters.command, *parameters.args],
            env=parameters.env,
            cwd=parameters.cwd,
            stdout=out,
            stderr=errors,
        ) as process,
    ):
        try:
            for _ in range(600):
                if process.poll() is not None:
                    break
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert (folder / "stdout").read_bytes() == b""
    assert "Traceback" not in (folder / "stderr").read_text()


@pytest.fixture(scope="module")
def plain(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server without settings."""
    folder = tmp_path_factory.mktemp("plain")
    with served(starting(seen_by_servers(root, folder), folder), folder) as url:
        yield url


@pytest.fixture
async def url(plain: str) -> str:
    """That server, with an empty memory."""
    async with Client(plain) as client:
        await client.call_tool("forget_memory", {"everything": True})
    return plain


async def test_all_tools_over_http(url: str) -> None:
    async with Client(url) as client:
        added = await client.call_tool("add_memory", SAID)
        page_id = added.structured_content["page_id"]
        found = await client.call_tool("retrieve_memory", {"query": "data scientist"})
        assert found.structured_content["retrieved_pages"][0]["page_id"] == page_id
        assert not (await client.call_tool("get_user_profile", {})).is_error
        assert (await client.call_tool("explain_memory", {"id": "none"})).is_error
        fact = await client.call_tool("remember", {"text": "Tom is allergic to peanuts."})
        put_right = {"memory_id": fact.structured_content["id"], "text": "Tom eats peanuts."}
        new = await client.call_tool("correct", put_right)
        assert new.structured_content["knowledge"] == "Tom eats peanuts."
        assert (await client.call_tool("add_memory", {"user_input": 5})).is_error
        await client.read_resource("memoryos://status")
    async with Client(url) as another:
        several = [{**SAID, "user_input": f"{SAID['user_input']} {n}"} for n in range(20)]
        await asyncio.gather(*(another.call_tool("add_memory", said) for said in several))
        found = await another.call_tool("retrieve_memory", {"query": "Tom", "max_results": 50})
        assert found.structured_content["total_pages_found"] == 21
        gone = await another.call_tool("forget_memory", {"everything": True})
        assert gone.structured_content["erased"]["pages"] == 21
    # 5 MB is more than the protocol's limit for a body: refused, and the server goes on.
    async with httpx.AsyncClient(timeout=30) as http:
        assert (await http.post(url, content=b"x" * 5_000_000)).status_code == 413
    async with Client(url) as after:
        assert not (await after.call_tool("add_memory", SAID)).is_error


async def test_a_token_is_demanded_where_there_is_one(start: Start, tmp_path: Path) -> None:
    with served(start, tmp_path, "--host", "0.0.0.0", MEMORYOS_MCP_TOKEN=TOKEN) as url:
        async with httpx.AsyncClient() as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
                answer = await http.post(url, json={}, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert TOKEN not in answer.text
        async with (
            httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert not (await client.call_tool("add_memory", SAID)).is_error


async def test_a_client_that_goes_away_mid_call(url: str) -> None:
    async with Client(url) as client:
        call = asyncio.create_task(client.call_tool("add_memory", SAID))
        await asyncio.sleep(0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
    async with Client(url) as client:
        assert not (await client.call_tool("add_memory", SAID)).is_error


@asynccontextmanager
async def connected(url: str, **headers: str) -> AsyncIterator[Client]:
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def live_as(client: Client, name: str) -> None:
    """Be one of several users at the same time, and see nothing of the others."""
    for n in range(5):
        said = {"user_input": f"{name} keeps bees in hive {n}", "agent_response": "Noted."}
        assert not (await client.call_tool("add_memory", said)).is_error
    found = await client.call_tool("retrieve_memory", {"query": "who keeps bees in a hive?"})
    said = [page["user_input"] for page in found.structured_content["retrieved_pages"]]
    assert said
    listed = (await client.call_tool("list_memories", {})).structured_content["exchanges"]
    assert len(listed) == 5
    read = (await client.read_resource("memoryos://sessions/default")).contents[0].text
    asked = (await client.get_prompt("recall", {"question": "bees?"})).messages[0].content.text
    for text in (*said, *(page["user_input"] for page in listed), read, asked):
        others = set(NAMES) - {name}
        assert name in text
        assert not any(other in text for other in others)


NAMES = ("annabel", "bartholomew", "evangeline")  # no random id holds one


async def test_three_users_at_once_each_with_a_token(
    start: Start, tmp_path: Path, write_config: Callable[..., Path]
) -> None:
    config = write_config(user_tokens={f"token-of-{name}": name for name in NAMES})
    with served(start, tmp_path, "--host", "0.0.0.0", "--config", str(config)) as url:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    connected(url, Authorization=f"Bearer token-of-{name}")
                )
                for name in NAMES
            ]
            await asyncio.gather(*map(live_as, clients, NAMES))
            gone = await clients[0].call_tool("forget_memory", {"everything": True})
            assert gone.structured_content["erased"]["pages"] == 5
            left = await clients[1].call_tool("list_memories", {})
            assert len(left.structured_content["exchanges"]) == 5
        async with httpx.AsyncClient() as http:
            for wrong in ("Bearer token-of-", "Bearer", "token-of-ann", "Bearer token-of-ann x"):
                answer = await http.post(url, json={}, headers={"Authorization": wrong})
                assert answer.status_code == 401


async def test_three_users_at_once_named_by_a_proxy(
    start: Start, tmp_path: Path, write_config: Callable[..., Path]
) -> None:
    config = write_config(user_header="X-Forwarded-User")
    with served(start, tmp_path, "--config", str(config), MEMORYOS_MCP_TOKEN=TOKEN) as url:
        proxy = {"Authorization": f"Bearer {TOKEN}"}
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    connected(url, **proxy, **{"X-Forwarded-User": name})
                )
                for name in NAMES
            ]
            await asyncio.gather(*map(live_as, clients, NAMES))
        two = [*proxy.items(), ("X-Forwarded-User", "ann"), ("X-Forwarded-User", "bob")]
        nobody = {**proxy, "X-Forwarded-User": ""}
        unknown = {"X-Forwarded-User": "ann"}
        async with httpx.AsyncClient() as http:
            for headers, status in ((proxy, 400), (nobody, 400), (two, 400), (unknown, 401)):
                answer = await http.post(url, json={}, headers=headers)
                assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_another_site_cannot_reach_the_server_through_a_browser(plain: str) -> None:
    answer = httpx.post(plain, json={}, headers={"Host": "evil.example"})
    assert answer.status_code in (403, 421)
    answer = httpx.post(plain, json={}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
