"""What an engine is made of, as its memories use it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from memoryos.config import MemoryConfig
from memoryos.erasure import Eraser
from memoryos.errors import ModelError, StorageBusy
from memoryos.generation import Generator
from memoryos.model import Scope
from memoryos.ports import Clock, Embedder
from memoryos.retrieval import Retriever
from memoryos.stores.port import Store
from memoryos.updating import AnalystChoice
from memoryos.views import Views
from memoryos.worker import Consolidator, Worker

_log = logging.getLogger("memoryos.engine")


@dataclass(slots=True)
class Parts:
    """The composed engine, short of its verbs."""

    store: Store
    config: MemoryConfig
    clock: Clock
    views: Views
    retriever: Retriever
    generator: Generator
    eraser: Eraser
    consolidator: Consolidator
    worker: Worker | None
    embedder: Embedder
    analysts: AnalystChoice

    def after_add(self, scope: Scope) -> None:
        """See to what a new page may have made due, as the configuration has it."""
        if self.worker is not None:
            self.worker.hint(scope)
        elif self.config.promotion == "inline":
            try:
                self.consolidator.run(scope)
            except (ModelError, StorageBusy) as error:
                # The page is journalled; what is due stays due.
                _log.warning("consolidation waits for the next add: %s", error)

    def after_recall(self, scope: Scope, segment_ids: list[str]) -> None:
        """Count a recall towards the heat of the segments it found."""
        if segment_ids:
            self.consolidator.note_visits(scope, segment_ids)
            if self.worker is not None:
                self.worker.hint(scope)

    def run(self, scope: Scope) -> None:
        """Do everything that is pending in a scope now."""
        self.consolidator.run_now(scope)
