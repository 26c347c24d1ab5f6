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
    """The pages of the sealed blocks by position, column by column, each (m,) but `lengths`."""

    blocks: tuple[int, ...]
    """Their numbers, ascending."""
    seqs: Seqs
    first: Seqs
    """Position where the page stood before it was replaced, the first of all, else 0."""
    sessions: NDArray[np.int64]
    """A number per session: equal for pages of one session."""
    timestamps: NDArray[np.float64]
    """Unix seconds."""
    counts: Seqs
    """Passages per page."""
    lengths: Floats
    """Words per passage, page by page: as many as all `counts` together."""


@dataclass(frozen=True, slots=True)
class Values:
    """A number for each of some passages, (m,), in no order."""

    seqs: Seqs
    """Positions of their pages."""
    passages: Seqs
    """Which of its page each is, from 0."""
    values: Floats


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
    ) -> dict[int, Values]:
        """Return, by term id, the counts of the passages that hold it in `blocks`, in order.

        Raises StaleBlocks when one of `blocks` is sealed no more.
        """
        ...

    def products(self, scope: Scope, target: Floats, seqs: Sequence[int] | None = None) -> Values:
        """Return the inner products of passages with `target`.

        seqs: of these pages, None for all.  Left out are pages without vectors of target's
        dimension.
        """
        ...

    def nearest(self, scope: Scope, target: Floats, limit: int) -> Values:
        """Return the same of nearly the `limit` passages of the highest products, by HNSW."""
        ...

    def vectors(self, scope: Scope, seqs: Sequence[int], dimension: int) -> list[bytes]:
        """Return the packed vectors of those of `seqs` that have any, by position."""
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
