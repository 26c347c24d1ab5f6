"""What every test runs in: no network, no keys, a fixed clock, a time zone that is not UTC."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

LEAKING = (
    "OPENAI_",
    "AZURE_OPENAI_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "MEMORYOS_",
    "LLAMA_",
    "TIKTOKEN_",
)
"""Prefixes of environment variables that would change what a test does."""

LOOPBACK = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}

for name in [name for name in os.environ if name.startswith(LEAKING)]:
    del os.environ[name]
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TZ"] = "America/Bogota"  # a naive local time is then five hours off, and shows
if hasattr(time, "tzset"):
    time.tzset()

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


@pytest.fixture(autouse=True, scope="session")
def no_names_from_outside() -> Iterator[None]:
    """Names outside loopback do not resolve, as on a machine without a network.

    pytest-socket (see addopts) refuses connections; without this a look-up would still go out, and
    its failure would depend on the machine.
    """
    resolve = socket.getaddrinfo

    def only_loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOOPBACK:
            raise socket.gaierror(socket.EAI_NONAME, f"tests have no network: {name!r}")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_loopback)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parent.parent


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    """A database file of the test's own."""
    return f"sqlite:///{tmp_path / 'memories.db'}"


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> datetime:
        """Move by timedelta(**delta); return the new time."""
        self.now += timedelta(**delta)
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    """A clock at noon UTC of 2025-06-01."""
    return ManualClock(datetime(2025, 6, 1, 12, tzinfo=timezone.utc))
