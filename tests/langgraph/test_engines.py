"""What the store may be given for an engine, and values too long for a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memoryos import AsyncEngine, Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.langgraph import MemoryOSStore


def test_a_storage_uri_in_place_of_an_engine(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/memories.db"
    MemoryOSStore(storage_uri=uri, user_id=7).put(("a",), "k", {"food": "pizza"})
    item = MemoryOSStore(storage_uri=uri, user_id="7").get(("a",), "k")
    assert item is not None
    assert item.value == {"food": "pizza"}


@pytest.mark.parametrize("wrong", ["sqlite:///x.db", Engine, 7, object(), AsyncEngine])
def test_anything_else_is_told_what_was_expected(wrong: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Engine\.open"):
        MemoryOSStore(wrong)
    with pytest.raises(InvalidInput, match="storage_uri"):
        MemoryOSStore()


def test_a_value_longer_than_a_text_comes_back_exactly() -> None:
    with Engine.open("sqlite:///:memory:", {"max_text_bytes": 1000}) as engine:
        store = MemoryOSStore(engine, "tom")
        values = {"short": {"text": "a"}, "long": {"text": "bees " * 1000}}
        for key, value in values.items():
            store.put(("files",), key, value)
        for key, value in values.items():
            item = store.get(("files",), key)
            assert item is not None
            assert item.value == value
        assert {item.key for item in store.search(("files",), query="bees")} == {"short", "long"}
        with pytest.raises(InvalidInput, match="metadata"):
            store.put(("files",), "longer", {"text": "x" * 20_000})
