"""An embedder with no model, no download and no key: hashed words and character n-grams.

Near in it means alike in spelling: it finds inflections, typos and compounds that stemmed words
miss, in any script.  It knows no synonyms; a model does.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import log, sqrt
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from memoryos.text.tokenizer import content_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GRAMS = (3, 4, 5)
_WORD_SHARE = 0.5
"""Weight of a word as a whole, beside 1 for all of its n-grams together."""
_CACHED_WORDS = 16_384
"""Words whose vectors are kept (24 MB at 384 dimensions)."""


@lru_cache(maxsize=_CACHED_WORDS)
def _word_vector(word: str, dimension: int) -> NDArray[np.float32]:
    """Return the vector of one word, (dimension,): its signed hashed n-grams and itself."""
    bounded = f" {word} "
    grams = [bounded[i : i + n] for n in _GRAMS for i in range(len(bounded) - n + 1)]
    weights = dict.fromkeys(grams, 1 / sqrt(max(len(grams), 1)))
    weights[word] = weights.get(word, 0.0) + _WORD_SHARE
    vector = np.zeros(dimension, dtype=np.float32)
    for gram, weight in weights.items():
        hashed = crc32(gram.encode("utf-8", "surrogatepass"))
        vector[(hashed & 0x7FFFFFFF) % dimension] += weight if hashed >> 31 else -weight
    vector.flags.writeable = False  # shared by every text that holds the word
    return vector


class HashingEmbedder:
    """Signed hashed character 3- to 5-grams and words (Weinberger et al. 2009, feature hashing).

    dimension: length of the vectors (float32, unit length; all zero for a text without words).
    Deterministic across processes, platforms and versions of Python.  Thread-safe.
    """

    def __init__(self, dimension: int = 384) -> None:
        if dimension < 1:
            raise ValueError("dimension must be at least 1")
        self.dimension = dimension
        self.name = f"hashing-{dimension}"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, (n, dimension) float32."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            counts = Counter(content_words(text))
            if counts:
                weights = np.array([1 + log(c) for c in counts.values()], dtype=np.float32)
                words = [_word_vector(word, self.dimension) for word in counts]
                # As `stack` would, in half the time.
                stacked = np.concatenate(words).reshape(len(words), self.dimension)
                np.dot(weights, stacked, out=vectors[row])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(norms > 0, norms, 1)
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text, (dimension,) float32."""
        return self.embed_documents([text]).reshape(self.dimension)
