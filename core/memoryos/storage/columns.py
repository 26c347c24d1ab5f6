"""Columns of pages that the search index is loaded from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class IndexColumns:
    """What the search index needs of n pages, in journal order; arrays are (n,)."""

    seqs: NDArray[np.int64]
    sessions: NDArray[np.int64]
    """A number per session: equal for pages of one session."""
    timestamps: NDArray[np.float64]
    """Unix seconds."""
    first: NDArray[np.int64]
    """Position where the page stood before it was replaced, the first of all, else 0."""
    terms: bytes
    """Packed terms of all pages (`memoryos.text.terms`), one after the other."""
    sizes: NDArray[np.int64]
    """How many bytes of `terms` are each page's."""

    @classmethod
    def of(
        cls,
        seqs: Sequence[int] = (),
        sessions: Sequence[int] = (),
        timestamps: Sequence[float] = (),
        terms: Sequence[bytes] = (),
        first: Sequence[int] = (),
    ) -> IndexColumns:
        """Return columns of plain sequences, all of one length; `terms`: a blob for each page."""
        return cls(
            np.array(seqs, np.int64),
            np.array(sessions, np.int64),
            np.array(timestamps, np.float64),
            np.array(first, np.int64),
            b"".join(terms),
            np.fromiter(map(len, terms), np.int64, len(terms)),
        )

    @classmethod
    def joined(cls, parts: Sequence[IndexColumns]) -> IndexColumns:
        """Return the columns of parts that follow one another."""
        if len(parts) < 2:
            return parts[0] if parts else cls.of()
        return cls(
            np.concatenate([part.seqs for part in parts]),
            np.concatenate([part.sessions for part in parts]),
            np.concatenate([part.timestamps for part in parts]),
            np.concatenate([part.first for part in parts]),
            b"".join([part.terms for part in parts]),
            np.concatenate([part.sizes for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.seqs)

    def cut(self, n: int) -> tuple[IndexColumns, IndexColumns]:
        """Return (the columns of the first `n` pages, those of the others)."""
        end = int(self.sizes[:n].sum())
        return self._part(slice(n), self.terms[:end]), self._part(slice(n, None), self.terms[end:])

    def _part(self, pages: slice, terms: bytes) -> IndexColumns:
        return IndexColumns(
            self.seqs[pages],
            self.sessions[pages],
            self.timestamps[pages],
            self.first[pages],
            terms,
            self.sizes[pages],
        )

    def terms_by_page(self) -> list[bytes]:
        """Return the packed terms of each page."""
        ends = accumulate(self.sizes.tolist(), initial=0)
        return [self.terms[start:end] for start, end in pairwise(ends)]


@dataclass(frozen=True, slots=True, eq=False)
class VectorColumns:
    """The vectors of n pages, in whatever order; arrays are (n,)."""

    seqs: NDArray[np.int64]
    sizes: NDArray[np.int64]
    """How many bytes of `vectors` are each page's."""
    vectors: bytes
    """What `codec.pack_vectors` made of each page's passages, one page after the other."""

    @classmethod
    def of(cls, seqs: Sequence[int] = (), vectors: Sequence[bytes] = ()) -> VectorColumns:
        """Return columns of plain sequences."""
        sizes = np.fromiter(map(len, vectors), np.int64, len(vectors))
        return cls(np.array(seqs, np.int64), sizes, b"".join(vectors))

    def by_page(self) -> dict[int, bytes]:
        """Return the vectors of each page, by position."""
        ends = accumulate(self.sizes.tolist(), initial=0)
        parts = [self.vectors[start:end] for start, end in pairwise(ends)]
        return dict(zip(self.seqs.tolist(), parts, strict=True))
