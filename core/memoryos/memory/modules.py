"""The composed parts of an engine, as its memories use them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from memoryos.config import MemoryConfig
from memoryos.errors import MemoryOSError, ModelError, StorageBusy
from memoryos.generation.generator import Generator
from memoryos.model import Scope
from memoryos.ports import AnalystChoice, Clock, Embedder
from memoryos.retrieval.retriever import Retriever
from memoryos.retrieval.views import Views
from memoryos.storage.port import Store
from memoryos.updating.worker import Consolidator, Worker
from memoryos.upkeep.erasure import Eraser

_log = logging.getLogger("memoryos.engine")


@dataclass(eq=False)
class Modules:
    """Store, models and modules of an engine, shared by all its memories."""

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
        """Start the consolidation that new pages may have made due, as `promotion` says."""
        if self.worker is not None:
            self.worker.hint(scope)
        elif self.config.promotion == "inline":
            try:
                self.consolidator.run(scope)
            except (ModelError, StorageBusy) as error:
                # The page is journalled; what is due stays due.
                _log.warning("consolidation waits for the next add: %s", error)

    def after_recall(self, scope: Scope, page_ids: list[str]) -> None:
        """Count a recall towards the heat of the segments it found, one page of each."""
        if page_ids:
            self.consolidator.note_visits(scope, page_ids)
            if self.worker is not None:
                self.worker.hint(scope)

    def run(self, scope: Scope) -> None:
        """Do everything that is pending in a scope now."""
        self.consolidator.run_now(scope)

    def run_and_revisit(self, scope: Scope) -> None:
        """Do the same, and ask the model again about the pages that it failed at."""
        self.consolidator.run_now(scope, revisit=True)

    def close(self, timeout: float | None, *, finish: bool = True) -> None:
        """Stop the background work, within `timeout` seconds (see `Worker.close`)."""
        left = self.worker.close(timeout, finish=finish) if self.worker is not None else []
        try:
            self.consolidator.leases.give_back()
        except MemoryOSError as error:
            _log.info("leases run out by themselves: %s", error)
        if left and finish:
            _log.info("%d scopes are left for the next engine to finish", len(left))

    def before_fork(self) -> None:
        """Wait for writes under way and block new ones until `after_fork`."""
        self.store.before_fork()

    def after_fork(self, *, child: bool) -> None:
        """Go on in the parent; in the child also take new locks and another thread."""
        self.store.after_fork(child=child)
        if child:
            self.views.after_fork()
            self.consolidator.after_fork()
            if self.worker is not None:
                self.worker.after_fork()
