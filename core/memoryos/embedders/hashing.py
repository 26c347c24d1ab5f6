"""An embedder with no model, no download and no key: hashed words and character n-grams.

Near in it means alike in spelling: it finds inflections, typos and compounds that stemmed words
miss, in any script.  It knows no synonyms; a model does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from memoryos.tiers.text import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray


class HashingEmbedder:
    """Signed hashed character 3- to 5-grams and words (Weinberger et al. 2009, feature hashing).

    dimension: length of the vectors (float32, unit length; all zero for a text without words).
    Deterministic across processes, platforms and versions of Python.
    """

    def __init__(self, dimension: int = 384) -> None:
        if dimension < 1:
            raise ValueError("dimension must be at least 1")
        self.dimension = dimension
        self.name = f"hashing-{dimension}"
        self._grams: dict[str, tuple[list[int], list[float]]] = {}

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, (n, dimension) float32."""
        return np.stack([self.embed_query(text) for text in texts]) if texts else np.zeros(
            (0, self.dimension), np.float32
        )

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text, (dimension,) float32."""
        vector = np.zeros(self.dimension, dtype=np.float32)
        for token, count in Counter(tokens(text)).items():
            weight = 1 + np.log(count)
            bounded = f" {token} "
            grams = [bounded[i : i + n] for n in (3, 4, 5) for i in range(len(bounded) - n + 1)]
            for gram, share in [(token, 1.0), *((g, 0.5) for g in grams)]:
                h = crc32(gram.encode("utf-8", "surrogatepass"))
                sign = 1.0 if h & 0x80000000 else -1.0
                vector[(h & 0x7FFFFFFF) % self.dimension] += sign * share * weight
        norm = float(np.linalg.norm(vector))
        return vector / np.float32(norm) if norm else vector
