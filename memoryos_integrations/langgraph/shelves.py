"""The items of each user, as far as they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict

from memoryos import Memory
from memoryos.memory.documents import Documents
from memoryos.model import Scope
from memoryos_integrations.langgraph.items import KIND, Stored, stored

_MOST_SHELVES = 4096


class Shelves:
    """Gives the documents of a scope; the least recently used are let go. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_scope: OrderedDict[Scope, Documents[Stored]] = OrderedDict()

    def of(self, memory: Memory) -> Documents[Stored]:
        """Return the items of a memory's scope."""
        with self._lock:
            shelf = self._by_scope.get(memory.scope)
            if shelf is None:
                shelf = self._by_scope[memory.scope] = Documents(
                    memory, KIND, stored, lambda item: item.namespace
                )
                if len(self._by_scope) > _MOST_SHELVES:
                    self._by_scope.popitem(last=False)
            else:
                self._by_scope.move_to_end(memory.scope)
            return shelf
