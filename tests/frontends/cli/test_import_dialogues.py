"""`memoryos import` of whole files in LoCoMo's form: one of ours, and LoCoMo's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine

Run = Callable[..., Any]


def test_whole_conversations_come_in_without_a_complaint(run: Run, dialogue: Path) -> None:
    report = run("import", dialogue, "--json").json
    assert (report["new"], report["problems"]) == (36, [])
    assert [scope["sessions"] for scope in run("stats", "--json").json] == [4, 4]
    assert run("import", dialogue, "--json").json["new"] == 0
    with Engine.open("sqlite:///memoryos.db") as engine:
        pages = engine.memory("dialogue-1").pages()
        # One session is of nine turns: the last has a page to itself.
        assert [page.messages[0].id for page in pages if not page.agent_response] == ["D2:9"]
        (found, *_) = engine.memory("dialogue-1").recall("What tore the mainsail?").pages
        assert [message.id for message in found.page.messages] == ["D4:3", "D4:4"]


@pytest.mark.benchdata
def test_conversation_0_of_locomo_has_214_pages(run: Run, locomo: Path) -> None:
    Path("conversation-0.json").write_text(json.dumps(json.loads(locomo.read_bytes())[:1]))
    report = run("import", "conversation-0.json", "--format", "locomo", "--json").json
    assert (report["new"], report["problems"]) == (214, [])
    assert run("stats", "--json").json[0]["sessions"] == 19
    assert run("import", "conversation-0.json", "--json").json["new"] == 0
