"""The README's two examples: twelve lines each, that run as they stand and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from memoryos import Engine

APART = """
import os, sys
import llama_index.core
for number, code in enumerate(sys.argv[1:]):
    if number:
        print(end="\\f", flush=True)
    if os.fork() == 0:  # the last line of a process of its own, whose end is an ordinary one
        exec(code, {"__name__": "__main__"})
        sys.exit()
    if os.wait()[1]:
        sys.exit("it failed")
"""


def test_the_examples_run(root, tmp_path):
    text = (root / "README.md").read_text("utf-8")
    section = text.split("### LlamaIndex\n")[1].split("\n### ")[0]
    chat_engine, agent = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for code in (chat_engine, agent):  # the formatter's blank lines aside
        assert len([line for line in code.splitlines() if line]) <= 12
    # A process of its own for each, but LlamaIndex is loaded once.
    done = subprocess.run(
        [sys.executable, "-c", APART, chat_engine, agent],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root / ".ci" / "offline")},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    printed = dict(zip(("chat engine", "agent"), done.stdout.split("\f"), strict=True))
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
