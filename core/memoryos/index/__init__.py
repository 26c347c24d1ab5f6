"""The per-scope index in memory: a cache, rebuilt at any time from what the store keeps."""

from memoryos.index.scope_index import Hit, IndexRow, ScopeIndex

__all__ = ["Hit", "IndexRow", "ScopeIndex"]
