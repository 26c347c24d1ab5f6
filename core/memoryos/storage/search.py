"""Optional protocol of a store: search in its server, for scopes too large for memory.

The words of full blocks of positions lie in the server by term (they are sealed); the pages of no
sealed block are unsealed, and their words are read by who asks. Vectors are compared in the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from memoryos.errors import StorageBusy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memoryos.model import Scope
    from memoryos.storage.columns import IndexColumns
    from memoryos.storage.port import Head

    Seqs = NDArray[np.int64]
    Floats = NDArray[np.float32]


class StaleBlocks(StorageBusy):
    """A page of a sealed block was replaced or erased meanwhile; read the scope again."""


@dataclass(frozen=True, slots=True)
class SealedPages:
    """The pages of the sealed blocks, column by column, each (m,), by position."""

    blocks: tuple[int, ...]
    """Their numbers, ascending."""
    seqs: Seqs
    first: Seqs
    """Position where the page stood before it was replaced, the first of all, else 0."""
    sessions: NDArray[np.int64]
    """A number per session: equal for pages of one session."""
    timestamps: NDArray[np.float64]
    """Unix seconds."""
    lengths: Floats
    """Words per page."""


class PageSearch(Protocol):
    """Search in the server. Thread-safe. Every method may raise StorageError."""

    def sealed(self, scope: Scope) -> SealedPages:
        """Return the pages whose words the server looks up."""
        ...

    def unsealed(self, scope: Scope, blocks: Sequence[int]) -> IndexColumns:
        """Return the pages of no block of `blocks`, with their terms."""
        ...

    def postings(
        self, scope: Scope, terms: Sequence[int], blocks: Sequence[int]
    ) -> dict[int, tuple[Seqs, Floats]]:
        """Return, by term id, (positions ascending, counts) of the pages that hold it in `blocks`.

        Raises StaleBlocks when one of `blocks` is sealed no more.
        """
        ...

    def products(
        self, scope: Scope, target: Floats, seqs: Sequence[int] | None = None
    ) -> tuple[Seqs, Floats]:
        """Return (positions, inner products with `target`) of pages, in no order.

        seqs: of these, None for all.  Left out are pages without a vector of target's dimension.
        """
        ...

    def nearest(self, scope: Scope, target: Floats, limit: int) -> tuple[Seqs, Floats]:
        """Return the same of nearly the `limit` pages of the highest inner products, by HNSW."""
        ...

    def vectors(self, scope: Scope, seqs: Sequence[int], dimension: int) -> list[bytes]:
        """Return vectors (float32 little-endian) of those of `seqs` that have one, by position."""
        ...

    def has_near(self, scope: Scope, dimension: int) -> bool:
        """Return whether the scope has an index for `nearest`; without one it is slow."""
        ...

    def arrange(self, scope: Scope, head: Head) -> None:
        """Seal what is full and make or drop the index for `nearest`; may take minutes."""
        ...

    def stale(self, scope: Scope) -> list[int]:
        """Return the numbers of sealed blocks that are out of step with their pages' terms."""
        ...

    def unseal(self, scope: Scope, blocks: Sequence[int]) -> None:
        """Remove sealed blocks; `arrange` builds them again."""
        ...


@runtime_checkable
class SearchStore(Protocol):
    """Optional protocol of a store that can search in its server."""

    @property
    def search(self) -> PageSearch:
        """The search."""
        ...
