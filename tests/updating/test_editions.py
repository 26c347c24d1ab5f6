"""A database of an older edition: its pages are all there, and what its rules asserted is gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from memoryos import Engine

DUMP = Path(__file__).with_name("memories_of_6b781b4.sql")
"""Five turns, from which its rules made "home: Postgres" and "role: doctor"."""


def test_an_older_database_is_filed_anew_and_asserts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text("utf-8"))
    with Engine.open(f"sqlite:///{path}", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        assert "Postgres" in memory.profile().text
        memory.flush()
        assert [page.user_input for page in memory.pages()][:2] == [
            "My name is Tom and I live in Lisbon.",
            "I've moved to Postgres.",
        ]
        assert memory.stats().waiting == 0
        assert memory.profile().text == ""
        assert memory.knowledge(kind="fact", status="all") == []
        assert [item.text for item in memory.knowledge()] == [
            "My name is Tom and I live in Lisbon.",
            "I've moved to Postgres.",
            "I'm allergic to peanuts.",
        ]
        changed = memory.rebuild()
        assert (changed.added, changed.removed, changed.rewritten) == ({}, {}, {})
