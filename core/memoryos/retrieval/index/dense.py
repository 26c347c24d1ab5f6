"""Vectors of one scope and their inner products with a question's, by FAISS.

Blocks of float32 under FAISS's inner-product kernel rather than in a `faiss.IndexFlatIP`: the
ranking needs the score of every page, which the kernel gives in a third of the time of the flat
search of the best 20; and a sealed block never moves, so that readers need no lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memoryos.retrieval.index.columns import joined, missing, removed
from memoryos.storage.codec import unpack_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memoryos.storage.columns import VectorColumns

    Matrix = NDArray[np.float32]

_BLOCK = 4096
"""Rows of a block grown page by page."""
_FEW = 256
"""Rows up to which FAISS is not asked: loading it is a fifth of a command's time."""
_BULK = 1024
"""From this many rows on, what arrives together stays a block of its own."""
_SAMPLE = 4096
"""Rows of one arrival that the mean vector is taken from."""


@dataclass(frozen=True, slots=True)
class DenseSnapshot:
    """The vectors at one moment; safe to read from any thread."""

    blocks: tuple[Matrix, ...]
    size: int  # rows in all
    mean: NDArray[np.float32]  # (dimension,) mean vector of the scope
    pending: NDArray[np.int64]  # rows without a vector, ascending

    def products(self, vector: NDArray[np.float32], centring: float) -> NDArray[np.float32]:
        """Return (size,) inner products with `vector` less a share of the scope's mean vector."""
        target = vector - np.float32(centring) * self.mean
        scores = np.empty(self.size, dtype=np.float32)
        start = 0
        for block in self.blocks:
            inner_products(block, target, scores[start : start + len(block)])
            start += len(block)
        return scores

    def cosines(self, rows: Sequence[int], vector: NDArray[np.float32]) -> list[float]:
        """Return the cosine of a few rows to `vector`."""
        if len(self.blocks) == 1:
            return (self.blocks[0][rows] @ vector).tolist()  # type: ignore[no-any-return]
        found = []
        for row in rows:
            position = row
            for block in self.blocks:
                if position < len(block):
                    found.append(float(block[position] @ vector))
                    break
                position -= len(block)
        return found


def inner_products(block: Matrix, vector: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill `out` with the inner product of each row of `block` with `vector`.

    Not np.dot: its threads wait for one another when the cores are busy (7 ms for 1).
    """
    if len(block) <= _FEW:
        np.einsum("ij,j->i", block, vector, out=out)
        return
    import faiss  # noqa: PLC0415  # takes a tenth of a second, and only dense recall needs it

    pointer = faiss.swig_ptr
    kernel = faiss.fvec_inner_products_ny  # type: ignore[attr-defined]  # its stubs lack it
    kernel(pointer(out), pointer(vector), pointer(block), vector.size, len(block))


def rows_of(
    parts: Sequence[VectorColumns],
    seqs: NDArray[np.int64],
    counts: NDArray[np.intp],
    dimension: int,
) -> tuple[list[Matrix], NDArray[np.intp]]:
    """Return (the vectors of pages' passages, places of those that have none) as `append` has them.

    parts: what a store holds, of these pages and others; seqs, counts: (n,) the pages' positions
    and how many passages each has.  A page with another number of vectors has none: it was changed
    between the reading of its words and of its vectors, and will be read again.
    """
    total = int(counts.sum())
    known = np.concatenate([part.seqs for part in parts]) if parts else seqs[:0]
    sizes = np.concatenate([part.sizes for part in parts]) if parts else seqs[:0]
    m = len(known)
    if np.array_equal(known, seqs[:m]) and np.array_equal(sizes, counts[:m] * dimension):
        blocks = [unpack_vectors(part.vectors, dimension) for part in parts if part.vectors]
        done = int(counts[:m].sum())
        if done < total:
            blocks.append(np.zeros((total - done, dimension), dtype=np.float32))
        return blocks, np.arange(done, total)
    held = {seq: blob for part in parts for seq, blob in part.by_page().items()}
    rows = np.zeros((total, dimension), dtype=np.float32)
    absent = np.zeros(total, dtype=bool)
    end = 0
    for seq, count in zip(seqs.tolist(), counts.tolist(), strict=True):
        start, end = end, end + count
        blob = held.get(seq, b"")
        if len(blob) == count * dimension:
            rows[start:end] = unpack_vectors(blob, dimension)
        else:
            absent[start:end] = True
    return [rows], np.flatnonzero(absent)


class DenseIndex:
    """Vectors in blocks; a passage whose embedding is pending holds zeros until it arrives.

    dimension: length of every vector.  Written by one thread at a time; readers hold snapshots.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._sealed: list[Matrix] = []
        self._sealed_rows = 0
        self._tail = np.zeros((0, dimension), dtype=np.float32)
        self._tail_rows = 0
        self._pending = np.empty(0, dtype=np.int64)
        self._sum = np.zeros(dimension, dtype=np.float64)

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return sum(block.nbytes for block in self._sealed) + self._tail.nbytes

    def snapshot(self) -> DenseSnapshot:
        """Return the vectors as they are now."""
        blocks = tuple(self._sealed)
        if self._tail_rows:
            blocks = (*blocks, self._tail[: self._tail_rows])
        size = self._sealed_rows + self._tail_rows
        mean = (self._sum / max(size - self._pending.size, 1)).astype(np.float32)
        return DenseSnapshot(blocks, size, mean, self._pending)

    def append(self, blocks: Sequence[Matrix], pending: NDArray[np.intp]) -> None:
        """Add the vectors of new passages: matrices of (m, dimension).

        pending: ascending places, from 0 among them all, of those that wait for theirs.
        """
        if pending.size:
            first = self._sealed_rows + self._tail_rows
            self._pending = np.append(self._pending, pending.astype(np.int64) + first)
        every = max(1, sum(map(len, blocks)) // _SAMPLE)
        for block in blocks:
            self._append_block(block, every)

    def _append_block(self, block: Matrix, every: int) -> None:
        sample = block[::every]
        self._sum += sample.sum(axis=0, dtype=np.float64) * (len(block) / max(len(sample), 1))
        if len(block) >= _BULK:
            self._seal()
            self._sealed.append(block)
            self._sealed_rows += len(block)
        else:
            self._append_to_tail(block)

    def _seal(self) -> None:
        if self._tail_rows:
            self._sealed.append(self._tail[: self._tail_rows].copy())
            self._sealed_rows += self._tail_rows
            self._tail = np.zeros((0, self.dimension), dtype=np.float32)
            self._tail_rows = 0

    def _append_to_tail(self, block: Matrix) -> None:
        end = self._tail_rows + len(block)
        if end > _BLOCK:
            self._seal()
            end = len(block)
        if end > len(self._tail):
            grown = np.zeros((max(2 * len(self._tail), end, 16), self.dimension), dtype=np.float32)
            grown[: self._tail_rows] = self._tail[: self._tail_rows]
            self._tail = grown
        self._tail[self._tail_rows : end] = block
        self._tail_rows = end

    def assign(self, rows: NDArray[np.int64], vectors: Matrix) -> None:
        """Set the vectors of rows that are there already; vectors: (m, dimension)."""
        start = 0
        for block in [*self._sealed, self._tail[: self._tail_rows]]:
            inside = (rows >= start) & (rows < start + len(block))
            if inside.any():
                here = rows[inside] - start
                self._sum += (vectors[inside] - block[here]).sum(axis=0, dtype=np.float64)
                block[here] = vectors[inside]
            start += len(block)
        self._pending = removed(self._pending, rows)

    def take_out(self, rows: NDArray[np.intp]) -> None:
        """Leave rows without a vector again: their pages were replaced."""
        held = missing(rows, self._pending)
        if held.size:
            self.assign(held, np.zeros((held.size, self.dimension), dtype=np.float32))
            self._pending = joined(self._pending, held)
