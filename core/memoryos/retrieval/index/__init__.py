"""The per-scope index in memory: a cache, rebuilt at any time from what the store keeps."""

from memoryos.retrieval.index.scope_index import ScopeIndex
from memoryos.retrieval.index.search import Hit, Wanted
from memoryos.retrieval.index.served_index import ServedIndex

__all__ = ["Hit", "ScopeIndex", "ServedIndex", "Wanted"]
