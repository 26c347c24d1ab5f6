"""The examples of the README run as they stand, and do what they say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from memoryos import Engine

EXAMPLES = ("llama_index_chat_engine.py", "llama_index_agent.py")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, root, tmp_path):
    path = root / "docs" / "examples" / name
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 12
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root / ".ci" / "offline")},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    with Engine.open(f"sqlite:///{tmp_path / 'memories.db'}") as engine:
        memory = engine.memory("tom")
        assert "Biscuit" in memory.pages("monday")[0].user_input
    if "chat_engine" in name:
        assert "User: My dog is called Biscuit" in done.stdout  # the mock repeats what it is shown
