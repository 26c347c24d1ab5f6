"""The default embedder: it knows meanings, with no model to load but a table in the package.

A text's vector is the sum of its words' vectors, which were made once from a model of sentences:
model2vec's distillation of all-MiniLM-L6-v2 (`static_model/NOTICE`, `benchmarks/distil.py`).  The
hashed spellings of `HashingEmbedder` stand beside it, for misspelt words and for languages that the
model does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memoryos.embedders.hashing import HashingEmbedder
from memoryos.embedders.wordpiece import WordPiece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FOLDER = Path(__file__).parent / "static_model"
_MEANING = 256
"""Length of the part that tells the meaning."""
_SPELLING = 128
"""Length of the part that tells the spelling; with 256 it finds no more."""
_SPELLING_WEIGHT = 0.4
"""Length of the second part where the first one's is 1."""
_AT_ONCE = 4096
"""Pieces of a text whose vectors are added up together: a megabyte of text takes 4 MB."""


@dataclass(frozen=True, slots=True)
class _Model:
    pieces: WordPiece
    rows: NDArray[np.int8]
    """(pieces, 256); each times its scale is the piece's vector."""
    scales: NDArray[np.float32]
    """(pieces,)"""

    def add(self, text: str, out: NDArray[np.float32]) -> None:
        """Add the vectors of the pieces of `text` to `out`, (256,)."""
        ids = self.pieces.ids(text)
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            out += self.scales.take(part) @ self.rows.take(part, axis=0).astype(np.float32)


@lru_cache(maxsize=1)
def _model() -> _Model:
    """Return the model, read when first needed; every embedder of the process uses the same.

    There is no lock that a fork could leave held: at worst two threads read it at once.
    """
    pieces = (_FOLDER / "pieces.txt").read_text(encoding="utf-8").splitlines()
    rows: NDArray[np.int8] = np.load(_FOLDER / "rows.npy")
    scales = np.load(_FOLDER / "scales.npy").astype(np.float32)
    return _Model(WordPiece(pieces), rows, scales)


class StaticEmbedder:
    """Meanings of words from a table in the package, and their spellings: `Engine.open`'s default.

    Vectors have 384 numbers (float32, unit length; all zero for a text without words): 256 for the
    meaning, 128 for the spelling at 0.4 of its length.  English words mostly; of other languages it
    knows some. Reading the table takes some 60 ms at the first text, a short text
    0.1 ms. Nothing is downloaded. Thread-safe, and safe to fork.
    """

    name = "static-minilm-384-2"
    dimension = _MEANING + _SPELLING
    replaces = ("hashing-384", "static-minilm-384")
    """Former defaults: a store of theirs is embedded anew without being asked."""

    def __init__(self) -> None:
        self._spelling = HashingEmbedder(_SPELLING)

    def __repr__(self) -> str:
        return "StaticEmbedder()"

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, (n, 384) float32."""
        model = _model()
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for text, row in zip(texts, vectors, strict=True):
            model.add(text, row[:_MEANING])
        vectors[:, :_MEANING] = _unit(vectors[:, :_MEANING])
        np.multiply(
            self._spelling.embed_documents(texts), _SPELLING_WEIGHT, out=vectors[:, _MEANING:]
        )
        return _unit(vectors)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of one text, (384,) float32."""
        return self.embed_documents([text]).reshape(self.dimension)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
