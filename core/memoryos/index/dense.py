"""Vectors of one scope and their cosines to a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class DenseIndex:
    """A matrix that grows at its end; rows without a vector are zero, so their cosine is 0.

    dimension: length of every vector.  Written by one thread at a time, read by any number: a
    reader takes `rows(n)`, whose first n rows are complete by then.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._matrix = np.zeros((0, dimension), dtype=np.float32)
        self._size = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self._matrix.nbytes

    def append(self, block: NDArray[np.float32]) -> None:
        """Add the vectors of new pages; block: (m, dimension)."""
        size = self._size + len(block)
        if size > len(self._matrix):
            grown = np.zeros((max(size, len(self._matrix) * 3 // 2), self.dimension), np.float32)
            grown[: self._size] = self._matrix[: self._size]
            self._matrix = grown
        self._matrix[self._size : size] = block
        self._size = size

    def assign(self, rows: NDArray[np.intp], vectors: NDArray[np.float32]) -> None:
        """Set the vectors of rows that are there already; vectors: (m, dimension)."""
        self._matrix[rows] = vectors

    def rows(self, n: int) -> NDArray[np.float32]:
        """Return the first n rows, without a copy."""
        return self._matrix[:n]


def block_of(vectors: Sequence[bytes | None], dimension: int) -> NDArray[np.float32]:
    """Return stored vectors as one (m, dimension) matrix, zero where a page has none yet.

    Raises ValueError when a blob is not `dimension` float32 long.
    """
    zero = bytes(4 * dimension)
    joined = b"".join([zero if vector is None else vector for vector in vectors])
    return np.frombuffer(joined, dtype="<f4").reshape(len(vectors), dimension)
