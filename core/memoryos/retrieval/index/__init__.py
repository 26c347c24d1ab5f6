"""The per-scope index in memory: a cache, rebuilt at any time from what the store keeps."""

from memoryos.retrieval.index.dense import inner_products
from memoryos.retrieval.index.scope_index import ScopeIndex
from memoryos.retrieval.index.search import Hit, Ranked, Wanted
from memoryos.retrieval.index.server_index import ServerIndex

__all__ = ["Hit", "Ranked", "ScopeIndex", "ServerIndex", "Wanted", "inner_products"]
