"""This project's engine as a subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.corpus import PrecomputedEmbedder, Turn
from memoryos import Engine

_AT_ONCE = 1000


class EngineSubject:
    """An engine on SQLite. Its own worker is off unless asked for, so that nothing else runs."""

    name = "memoryos"

    def __init__(
        self,
        folder: Path,
        embedder: PrecomputedEmbedder,
        *,
        promotion: str = "manual",
        **config: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "memories.db"
        self.engine = Engine.open(
            f"sqlite:///{self.path}", config={"promotion": promotion, **config}, embedder=embedder
        )
        self.memory = self.engine.memory("tom", session_id="talk")
        self._other = self.memory.session("question")

    def fill(self, pages: Sequence[Turn]) -> None:
        """Journal the pages and give them their vectors, as the worker would."""
        for start in range(0, len(pages), _AT_ONCE):
            self.memory.add_many([(p.user, p.agent) for p in pages[start : start + _AT_ONCE]])
        self.embed()

    def embed(self) -> None:
        """Give every page its vector, without consolidating."""
        updater = self.engine.modules.consolidator._updater  # noqa: SLF001  # no verb does only this
        updater.embed(self.memory.scope)

    def add(self, page: Turn) -> None:
        """Journal one page, durably."""
        self.memory.add(page.user, page.agent)

    def recall(self, question: str) -> int:
        """Recall from every tier."""
        return len(self._other.recall(question).pages)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()
