"""The tests of the adapters pass with PostgreSQL where they say SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ANOTHER_PROCESS = (
    # What these start opens the SQLite file by its name: it knows of no plugin.
    "tests/llama_index/test_agents.py::test_a_context_saved_to_json_is_resumed_in_another_process",
    "tests/llama_index/test_examples.py",
    "tests/llama_index/test_serialising.py::test_a_pickle_travels_to_another_process",
    "tests/mcp/test_http.py",
    "tests/mcp/test_listening.py",
    "tests/mcp/test_settings.py",
    "tests/mcp/test_stdio.py",
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("folder", ["langchain", "langgraph", "llama_index", "mcp"])
def test_an_adapters_tests_pass_on_postgres(root: Path, folder: str) -> None:
    left_out = [f"--deselect={test}" for test in ANOTHER_PROCESS]
    swapped = ("-p", "tests.storage.postgres.swapped")
    command = ["-m", "pytest", *swapped, f"tests/{folder}", "-q", *left_out]
    done = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
