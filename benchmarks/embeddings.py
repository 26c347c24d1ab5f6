"""Embeddings kept in a file from run to run: a model on a CPU takes minutes, a file seconds."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memoryos.ports import Embedder, Vectors

CACHE = Path("~/.cache/memoryos-benchmarks").expanduser()
"""Outside the repository: vectors of a data set's texts are not ours to publish."""


class KeptEmbedder:
    """An embedder that keeps its vectors in a file. Thread-safe; named as the one it stands for."""

    def __init__(self, embedder: Embedder, folder: Path = CACHE) -> None:
        self.name = embedder.name
        self._embedder = embedder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(
            folder / "embeddings.db", check_same_thread=False, isolation_level=None
        )
        self._file.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, vector BLOB)")
        self._known: dict[bytes, Vectors] = {}

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an (n, dimension) array. Raises ModelError."""
        keys = [self._key("document", text) for text in texts]
        with self._lock:
            missing = {k: t for k, t in zip(keys, texts, strict=True) if self._kept(k) is None}
        if missing:
            self._keep(list(missing), self._embedder.embed_documents(list(missing.values())))
        if not keys:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self._known[key] for key in keys])

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) array. Raises ModelError."""
        key = self._key("query", text)
        with self._lock:
            kept = self._kept(key)
        if kept is None:
            kept = self._embedder.embed_query(text)
            self._keep([key], kept[None])
        return kept

    def _key(self, kind: str, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}\0{kind}\0{text}".encode()).digest()

    def _kept(self, key: bytes) -> Vectors | None:
        if key not in self._known:
            row = self._file.execute("SELECT vector FROM kept WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            self._known[key] = np.frombuffer(row[0], "<f4")
        return self._known[key]

    def _keep(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        with self._lock:
            self._file.execute("BEGIN")
            self._file.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?)",
                [(k, v.astype("<f4").tobytes()) for k, v in zip(keys, vectors, strict=True)],
            )
            self._file.execute("COMMIT")
            self._known.update(zip(keys, vectors, strict=True))
