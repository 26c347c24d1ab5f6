"""The README's examples, run as they stand, against a model on loopback."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.testing.openai_server import OpenAIServer

EXAMPLES = {
    "langchain_classic_agent.py": "Thought: Do I need to use a tool? No\nAI: A fine name.",
    "langchain_create_agent.py": "A fine name.",
    "langchain_lcel.py": "A fine name.",
}


@pytest.mark.filterwarnings(
    "ignore::langchain_core._api.deprecation.LangChainDeprecationWarning",
    "ignore:unclosed:ResourceWarning",
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_at_most_twelve_lines(
    root: Path, tmp_path: Path, monkeypatch: Any, capsys: Any, name: str
) -> None:
    example = root / "docs" / "examples" / name
    code = example.read_text("utf-8").split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    monkeypatch.chdir(tmp_path)
    with Engine.open("sqlite:///memories.db") as engine:
        engine.memory("tom", session_id="sunday").add("I got a cat called Minka.", "How nice.")
    with OpenAIServer(EXAMPLES[name]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        used = runpy.run_path(str(example))
        asked = str(server.chats[-1].body["messages"])
    used.get("engine", used["memories"].engine if "memories" in used else None).close()
    assert capsys.readouterr().out == "A fine name.\n"
    assert "Minka" in asked
    with Engine.open("sqlite:///memories.db") as engine:
        recorded = [(p.user_input, p.agent_response) for p in engine.memory("tom").pages("monday")]
    if "lcel" not in name:
        assert "I got a cat" in asked
        assert recorded == [("My cat is called Minka.", "A fine name.")]
