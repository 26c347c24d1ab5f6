"""The README's two examples: twelve lines each, that run as they stand and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from memoryos import Engine


def test_the_examples_run(root, tmp_path):
    text = (root / "README.md").read_text("utf-8")
    section = text.split("### LlamaIndex\n")[1].split("\n### ")[0]
    chat_engine, agent = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    printed = {}
    for name, code in (("chat engine", chat_engine), ("agent", agent)):
        assert (
            len([line for line in code.splitlines() if line]) <= 12
        )  # the formatter's blank ones aside
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root / ".ci" / "offline")},
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        printed[name] = done.stdout
    # The mock repeats what it is shown: on Tuesday, what was said on Monday above the question.
    _, tuesday = printed["chat engine"].split("Quoted from memory")
    remembered, asked = tuesday.rsplit("user: ", 1)
    assert "Minka" in remembered
    assert "Minka" not in asked
    assert printed["agent"].strip()
    with Engine.open(f"sqlite:///{tmp_path / 'memoryos.db'}") as engine:
        sessions = engine.memory("ana").sessions()
        assert len(sessions) == 3  # two days of the chat engine, one of the agent
        assert "Minka" in engine.memory("ana").pages(sessions[0])[0].user_input
