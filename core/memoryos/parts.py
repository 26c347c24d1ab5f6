"""What an engine is made of, as its memories use it."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from dataclasses import dataclass
from functools import partial

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


@dataclass(eq=False)
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

    def before_fork(self) -> None:
        """Bring the store to rest."""
        self.store.before_fork()

    def after_fork(self, *, child: bool) -> None:
        """Go on in the parent; in the child also take new locks and another thread."""
        self.store.after_fork(child=child)
        if child:
            self.views.after_fork()
            self.consolidator.after_fork()
            if self.worker is not None:
                self.worker.after_fork()


_open_parts: weakref.WeakSet[Parts] = weakref.WeakSet()
_forking: list[Parts] = []
_SECONDS_AT_EXIT = 5.0
"""How long a step that is under way (a model's answer, say) may hold up the interpreter's end."""


def keep_through_forks(parts: Parts) -> None:
    """See the parts of an open engine through forks and the interpreter's end."""
    _open_parts.add(parts)


def let_go(parts: Parts) -> None:
    """Leave alone the parts of an engine that is closed."""
    _open_parts.discard(parts)


@atexit.register
def _stop_workers() -> None:
    """Keep threads from being inside SQLite or FAISS while the interpreter is taken down."""
    for parts in list(_open_parts):
        if parts.worker is not None:
            parts.worker.close(_SECONDS_AT_EXIT)


def _before_fork() -> None:
    _forking.extend(_open_parts)
    for parts in _forking:
        parts.before_fork()


def _after_fork(*, child: bool) -> None:
    for parts in _forking:
        parts.after_fork(child=child)
    _forking.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=partial(_after_fork, child=False),
        after_in_child=partial(_after_fork, child=True),
    )
