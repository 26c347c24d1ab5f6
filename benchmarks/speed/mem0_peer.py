"""mem0 with FAISS, and with Qdrant in local mode; `infer=False`, for there is no model."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.speed.corpus import DIMENSION, PrecomputedEmbedder, Turn
from benchmarks.speed.subject import RESULTS

_AT_ONCE = 5000


class Mem0:
    """mem0 as a library. Raises ImportError where it is not installed."""

    def __init__(self, embedder: PrecomputedEmbedder, folder: Path, vectors: str) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ["MEM0_DIR"] = str(folder)
        # Not before: it reads its settings when it is imported.
        memory_class = import_module("mem0").Memory

        self.name = {"faiss": "mem0 with FAISS", "qdrant": "mem0 with local Qdrant"}[vectors]
        folder.mkdir(parents=True, exist_ok=True)
        store: dict[str, Any] = {
            "collection_name": "memories",
            "path": str(folder / vectors),
            "embedding_model_dims": DIMENSION,
        }
        if vectors == "faiss":
            store["distance_strategy"] = "inner_product"
        else:
            store["on_disk"] = True
        unused = {"provider": "openai", "config": {"api_key": "none"}}
        self._memory = memory_class.from_config(
            {
                "vector_store": {"provider": vectors, "config": store},
                "embedder": unused,
                "llm": unused,
                "history_db_path": str(folder / "history.db"),
            }
        )
        self._embedder = embedder
        self._memory.embedding_model = _Embedding(embedder)

    def fill(self, pages: Sequence[Turn]) -> None:
        """Put vectors and payloads below mem0, as its own add would: one by one it takes hours.

        Local Qdrant commits every point by itself (30 ms each): it gets them in memory, where it
        searches anyway, and writes what is added later.
        """
        client = getattr(getattr(self._memory.vector_store, "client", None), "_client", None)
        kept = getattr(client, "collections", {}).get("memories")
        storage = getattr(kept, "storage", None)
        if kept is not None:
            kept.storage = None
        now = datetime.now(timezone.utc).isoformat()
        for start in range(0, len(pages), _AT_ONCE):
            part = pages[start : start + _AT_ONCE]
            payloads = [
                {
                    "data": page.text,
                    "hash": hashlib.md5(page.text.encode()).hexdigest(),  # noqa: S324  # mem0's own
                    "created_at": now,
                    "updated_at": now,
                    "user_id": "tom",
                    "role": "user",
                    "text_lemmatized": page.text.lower(),
                }
                for page in part
            ]
            rows = self._embedder.embed_documents([page.text for page in part]).tolist()
            ids = [str(uuid.uuid4()) for _ in part]
            self._memory.vector_store.insert(rows, payloads, ids)
        if kept is not None:
            kept.storage = storage

    def add(self, page: Turn) -> None:
        """Add one page as it is."""
        self._memory.add(page.text, user_id="tom", infer=False)

    def recall(self, question: str) -> int:
        """Search the user's memories."""
        found = self._memory.search(
            question, filters={"user_id": "tom"}, top_k=RESULTS, threshold=0.0
        )
        return len(found["results"])

    def close(self) -> None:
        """Let go of the files."""
        client = getattr(self._memory.vector_store, "client", None)
        if client is not None:
            client.close()
        self._memory.db.close()


class _Embedding:
    """The precomputed vectors as mem0 asks for them."""

    def __init__(self, embedder: PrecomputedEmbedder) -> None:
        self._embedder = embedder

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        del memory_action
        found: list[float] = self._embedder.embed_query(text).tolist()
        return found

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> Any:
        return [self.embed(text, memory_action) for text in texts]
