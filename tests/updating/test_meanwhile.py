"""What happens to pages while an analyst reads them: what is gone or said anew is not filed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memory
from memoryos.model import Message
from memoryos.storage.codec import ALL_KINDS
from memoryos.updating.analysts.rules import RuleAnalyst

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
Happening = Callable[[Memory], object]


def forget(memory: Memory) -> object:
    return memory.forget(page_id=memory.page(key="town").id)


def say_anew(memory: Memory) -> object:
    messages = [Message("user", "I live in Yunford."), Message("assistant", "ok")]
    return memory.add_messages(messages, NOON, key="town")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Engine.open(
        f"sqlite:///{tmp_path / 'memories.db'}", config={"promotion": "manual"}
    ) as engine:
        yield engine.memory("tom")


@pytest.mark.parametrize("verb", ["consolidate"])
@pytest.mark.parametrize("happening", [forget, say_anew])
def test_what_changed_while_it_was_read_is_not_filed_as_it_was(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, verb: str, happening: Happening
) -> None:
    memory.add("I live in Quaxbury.", "ok", NOON, key="town")
    memory.add_many([("I like tea.", "ok", NOON)] * 12)
    due = [happening]
    reads = getattr(RuleAnalyst, verb)

    def read(self: RuleAnalyst, request: Any) -> Any:
        draft = reads(self, request)
        if due:
            due.pop()(memory)
        return draft

    monkeypatch.setattr(RuleAnalyst, verb, read)
    memory.flush()
    assert not due
    store = memory._modules.store
    assert "Quaxbury" not in {item.value for item in memory.knowledge()}
    if (verb, happening) != ("promote", say_anew):  # then it was filed before it was said anew
        bodies = [record.body for record in store.records(memory.scope, ALL_KINDS)]
        assert "Quaxbury" not in str(bodies)
