"""What a user would pick instead: the memories of LangGraph and LlamaIndex."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import VectorMemoryBlock
from llama_index.core.schema import TextNode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

from benchmarks.speed.corpus import DIMENSION, PrecomputedEmbedder, Turn
from benchmarks.speed.subject import RESULTS

_AT_ONCE = 1000
_NAMESPACE = ("tom", "memories")


class LangGraphStore:
    """A LangGraph store with a vector index, on SQLite (with sqlite-vec) or in memory."""

    def __init__(self, embedder: PrecomputedEmbedder, folder: Path | None) -> None:
        index: Any = {
            "dims": DIMENSION,
            "embed": lambda texts: embedder.embed_documents(texts).tolist(),
            "fields": ["text"],
        }
        self._db: sqlite3.Connection | None = None
        self.store: SqliteStore | InMemoryStore
        if folder is None:
            self.name = "LangGraph InMemoryStore"
            self.store = InMemoryStore(index=index)
        else:
            self.name = "LangGraph SqliteStore"
            folder.mkdir(parents=True, exist_ok=True)
            self._db = _extensible(folder / "store.db")
            self.store = SqliteStore(self._db, index=index)
            self.store.setup()

    def fill(self, pages: Sequence[Turn]) -> None:
        """Put the pages in batches."""
        for start in range(0, len(pages), _AT_ONCE):
            part = pages[start : start + _AT_ONCE]
            self.store.batch([PutOp(_NAMESPACE, uuid.uuid4().hex, {"text": p.text}) for p in part])

    def add(self, page: Turn) -> None:
        """Put one page."""
        self.store.put(_NAMESPACE, uuid.uuid4().hex, {"text": page.text})

    def recall(self, question: str) -> int:
        """Search the namespace."""
        return len(self.store.search(_NAMESPACE, query=question, limit=RESULTS))

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()


def _extensible(path: Path) -> sqlite3.Connection:
    """Return a connection that can load sqlite-vec: many builds of Python make none."""
    module: Any = sqlite3
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        module = import_module("pysqlite3")
    connection: sqlite3.Connection = module.connect(
        str(path), check_same_thread=False, isolation_level=None
    )
    return connection


class _Embedding(BaseEmbedding):
    """The precomputed vectors as LlamaIndex asks for them."""

    vectors: Any

    def _get_query_embedding(self, query: str) -> list[float]:
        found: list[float] = self.vectors.embed_query(query).tolist()
        return found

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_query_embedding(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class LlamaIndexBlock:
    """LlamaIndex's vector memory block on Qdrant in local mode (it needs a store of texts)."""

    name = "LlamaIndex VectorMemoryBlock"

    def __init__(self, embedder: PrecomputedEmbedder) -> None:
        self._embedder = embedder
        # In memory: a folder can be opened by one client only, and the block uses the other one.
        client = QdrantClient(":memory:")
        other = AsyncQdrantClient(":memory:")
        theirs: Any = other._client  # noqa: SLF001  # what they hold in memory is one
        theirs.collections = cast("Any", client._client).collections  # noqa: SLF001
        self._store = QdrantVectorStore("memories", client=client, aclient=other)
        self._block = VectorMemoryBlock(
            vector_store=self._store,
            embed_model=_Embedding(vectors=embedder),
            similarity_top_k=RESULTS,
        )
        self._loop = asyncio.new_event_loop()

    def fill(self, pages: Sequence[Turn]) -> None:
        """Put nodes into the block's store."""
        for start in range(0, len(pages), _AT_ONCE):
            part = pages[start : start + _AT_ONCE]
            rows = self._embedder.embed_documents([page.text for page in part]).tolist()
            self._store.add(
                [TextNode(text=p.text, embedding=row) for p, row in zip(part, rows, strict=True)]
            )

    def add(self, page: Turn) -> None:
        """Put one turn's two messages."""
        messages = [
            ChatMessage(role="user", content=page.user),
            ChatMessage(role="assistant", content=page.agent),
        ]
        self._loop.run_until_complete(self._block.aput(messages))

    def recall(self, question: str) -> int:
        """Get what the block has to say to a message."""
        message = ChatMessage(role="user", content=question)
        return len(self._loop.run_until_complete(self._block.aget([message])))

    def close(self) -> None:
        """End the loop."""
        self._loop.close()
