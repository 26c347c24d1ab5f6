"""The per-scope index in memory: a cache, rebuilt at any time from what the store keeps."""

from memoryos.index.scope_index import ScopeIndex
from memoryos.index.search import Hit
from memoryos.index.served_index import ServedIndex

__all__ = ["Hit", "ScopeIndex", "ServedIndex"]
