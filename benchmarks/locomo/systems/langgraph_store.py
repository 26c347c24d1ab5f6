"""LangGraph's long-term memory: its SqliteStore with a vector index."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from langgraph.store.base import PutOp
from langgraph.store.sqlite import SqliteStore

from benchmarks.locomo.data import Conversation
from benchmarks.locomo.systems.langchain_memory import LangChainEmbeddings
from benchmarks.locomo.systems.system import MOST_PAGES, RankedReader, Reader
from memoryos.ports import Embedder, TokenCounter


class LangGraphSystem:
    """`SqliteStore`: each page is an item, found by `search`."""

    name = "LangGraph SqliteStore"

    def __init__(self, embedder: Embedder, count: TokenCounter) -> None:
        self._embedder = embedder
        self._count = count

    @contextmanager
    def read(self, conversation: Conversation) -> Iterator[Reader]:
        """Put the pages under the user's namespace."""
        index: Any = {
            "dims": self._embedder.dimension,
            "embed": LangChainEmbeddings(self._embedder),
            "fields": ["text"],
        }
        namespace = ("user", "memories")
        # It embeds questions as documents; kept beforehand, all at once, they cost a tenth.
        self._embedder.embed_documents([q.text for q in conversation.with_evidence()])
        with closing(_connection()) as connection:
            store = SqliteStore(connection, index=index)
            store.setup()
            store.batch(
                PutOp(namespace, str(number), {"text": page.text})
                for number, page in enumerate(conversation.pages)
            )

            def rank(question: str) -> Iterable[tuple[int, str]]:
                items = store.search(namespace, query=question, limit=MOST_PAGES)
                return [(int(item.key), item.value["text"]) for item in items]

            yield RankedReader(rank, self._count)


def _connection() -> Any:
    """Return a connection that can load sqlite-vec: many builds of Python's sqlite3 cannot."""
    module = importlib.import_module("sqlite3")
    if not hasattr(module.Connection, "enable_load_extension"):
        module = importlib.import_module("pysqlite3")
    return module.connect(":memory:", check_same_thread=False, isolation_level=None)
