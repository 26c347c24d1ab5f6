"""Base class of embedding models: prefixes, deduplicated batches, a cache, unit length."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from memoryos.embedders.prefixes import Prefixes
from memoryos.errors import ModelAnswerInvalid
from memoryos.ports import Vectors

CACHED_VECTORS = 2048
"""Vectors kept per embedder, least recently used first out (12 MB at 1,536 dimensions)."""


class CachingEmbedder(ABC):
    """An embedder that asks its model only for what it has not just embedded. Thread-safe.

    A text without words is the zero vector and never reaches the model.
    """

    def __init__(self, name: str, prefixes: Prefixes, dimension: int | None) -> None:
        self.name = name
        self._prefixes = prefixes
        self._dimension = dimension
        self._cache: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_cache": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """Length of a vector; the first time it may take a call. Raises ModelError."""
        if self._dimension is None:
            self._dimension = self._find_dimension()
        return self._dimension

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an (n, dimension) array, one unit vector per text. Raises ModelError."""
        return self._embed(self._prefixes.document, texts)

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) unit vector. Raises ModelError."""
        vector: Vectors = self._embed(self._prefixes.query, [text])[0]
        return vector

    @abstractmethod
    def _vectors(self, texts: Sequence[str]) -> Vectors:
        """Return the model's vectors for distinct, non-empty texts, as they come."""

    def _find_dimension(self) -> int:
        """Return the length of the model's vectors; asks for one unless there is a better way."""
        return int(self._vectors(["dimension"]).shape[1])

    def _embed(self, prefix: str, texts: Sequence[str]) -> Vectors:
        keys = [_key(prefix + text) if text.strip() else None for text in texts]
        known = self._cached(keys)
        missing = {
            key: prefix + text
            for key, text in zip(keys, texts, strict=True)
            if key is not None and key not in known
        }
        if missing:
            fresh = self._normalised(self._vectors(list(missing.values())), len(missing))
            new = dict(zip(missing, fresh, strict=True))
            self._keep(new)
            known.update(new)
        result = np.zeros((len(keys), self.dimension), np.float32)
        for row, key in enumerate(keys):
            if key is not None:
                result[row] = known[key]
        return result

    def _normalised(self, raw: Vectors, rows: int) -> Vectors:
        """Return unit vectors. Raises ModelAnswerInvalid for what cannot be the model's vectors."""
        vectors = np.asarray(raw, np.float32)
        if vectors.ndim != 2 or vectors.shape[0] != rows or not np.isfinite(vectors).all():
            raise ModelAnswerInvalid(f"embedder {self.name!r} gave no usable vector for some text")
        if self._dimension is None:
            self._dimension = int(vectors.shape[1])
        if vectors.shape[1] != self._dimension:
            raise ModelAnswerInvalid(
                f"embedder {self.name!r} gave vectors of {vectors.shape[1]} numbers, not of "
                f"{self._dimension}; check dimension= and the model behind base_url"
            )
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        unit: Vectors = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
        return unit

    def _cached(self, keys: Sequence[bytes | None]) -> dict[bytes, Vectors]:
        found = {}
        with self._lock:
            for key in keys:
                if key is not None and key in self._cache:
                    self._cache.move_to_end(key)
                    found[key] = self._cache[key]
        return found

    def _keep(self, vectors: dict[bytes, Vectors]) -> None:
        with self._lock:
            for key, vector in vectors.items():
                self._cache[key] = vector.copy()  # a view would keep the whole batch alive
                self._cache.move_to_end(key)
            while len(self._cache) > CACHED_VECTORS:
                self._cache.popitem(last=False)


def _key(text: str) -> bytes:
    """Return the cache key of a text: a digest of 16 bytes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
