"""A server as clients start it: `memoryos-mcp` as a process of its own, with no network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.stdio import StdioServerParameters

from memoryos.testing.openai_server import OpenAIServer, Reply

TOM = ("I'm Tom, I work as a data scientist in San Francisco.", "Nice to meet you, Tom.")
PUBLISHED = {
    "user_id": "tom",
    "openai_api_key": "",
    "openai_base_url": "",
    "data_storage_path": "./memoryos_data",
    "assistant_id": "helper",
    "short_term_capacity": 3,
    "mid_term_capacity": 2000,
    "long_term_knowledge_capacity": 100,
    "retrieval_queue_capacity": 7,
    "mid_term_heat_threshold": 5.0,
    "mid_term_similarity_threshold": 0.6,
    "llm_model": "gpt-4o-mini",
    "embedding_model_name": "all-MiniLM-L6-v2",
}
"""The published server's config file, with its key left empty."""


Start = Callable[..., StdioServerParameters]


def seen_by_servers(root: Path, folder: Path) -> dict[str, str]:
    """The environment of a server process."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(root / ".ci" / "offline"),
        "PYTHONWARNINGS": "error",
    }


def starting(environment: dict[str, str], folder: Path) -> Start:
    """Return how a client starts the server in a folder, with arguments."""

    def parameters(*arguments: object, **more: str) -> StdioServerParameters:
        return StdioServerParameters(
            command=sys.executable,
            args=["-m", "memoryos_integrations.mcp", *map(str, arguments)],
            env={**environment, **more},
            cwd=str(folder),
        )

    return parameters


@pytest.fixture
def environment(root: Path, tmp_path: Path) -> dict[str, str]:
    """What a server process gets to see."""
    return seen_by_servers(root, tmp_path)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Write the published config with some settings changed; return its path."""

    def write(**changed: Any) -> Path:
        path = tmp_path / "config.json"
        path.write_text(json.dumps({**PUBLISHED, **changed}))
        return path

    return write


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Start:
    """Return how a client starts the server with arguments."""
    return starting(environment, tmp_path)


@pytest.fixture
def openai() -> Iterator[OpenAIServer]:
    """A model endpoint on loopback: slow, and of no use for consolidation."""
    with OpenAIServer(chat=Reply("no JSON at all", delay=2)) as server:
        yield server
