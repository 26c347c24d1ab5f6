"""Protocol of a store: the Storage module of the paper (§3.2).

A store keeps, per scope, a journal of pages and a set of derived records, and nothing else. All
that is derived changes through one verb, `commit`, which applies a whole `Changes` in one
transaction if nobody else has changed the scope since it was read. Implementations pass
`memoryos.testing.StoreContract`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from memoryos.errors import StorageBusy
from memoryos.model import ErasureReceipt, Message, Page, Scope
from memoryos.ports import Call
from memoryos.storage.columns import IndexColumns, VectorColumns
from memoryos.text.terms import INDEXING

Kind = Literal["topic", "segment", "chain", "knowledge", "trait", "visits", "note"]
"""Kinds of records: five that are derived, and two that belong to the journal as the pages do."""


@dataclass(frozen=True, slots=True)
class PageDraft:
    """A page about to be journalled."""

    id: str
    """Any text without NUL."""
    user_input: str
    agent_response: str
    timestamp: datetime
    session_id: str
    metadata: Mapping[str, Any]
    messages: tuple[Message, ...]
    terms: bytes
    """Packed index terms, passage by passage (`memoryos.storage.journal.terms_of`)."""
    replaces: int | None = None
    """Position of the page of this id that this one replaces; None: a page held already stays."""


@dataclass(frozen=True, slots=True)
class StoredEmbedder:
    """Name and dimension of the embedder that made a scope's vectors."""

    name: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Head:
    """State of a scope: its newest position, version and epoch. One row, cheap to read."""

    last_seq: int = 0
    """Journal position of the newest page ever added."""
    embedded_seq: int = 0
    """All pages up to this position have their vectors."""
    version: int = 0
    """Rises with every commit."""
    epoch: int = 0
    """Rises when something was taken away: caches start again."""
    embedder: StoredEmbedder | None = None
    """Who made the scope's vectors; None before the first."""
    indexing: int = INDEXING
    """Version of passages and terms that all its pages are indexed by."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Filter of pages. Conditions are joined by "and"; an empty query is all, oldest first."""

    ids: Sequence[str] | None = None
    seqs: Sequence[int] | None = None
    session_id: str | None = None
    segment_id: str | None = None
    chain_id: str | None = None
    waiting: bool = False
    """Only pages that no page-out has taken."""
    after_seq: int = 0
    """Only pages with a greater position."""
    up_to_seq: int | None = None
    """Only pages up to this position."""
    since: datetime | None = None
    """Only pages at or after this time."""
    before: datetime | None = None
    """Only pages before this time."""
    newest_first: bool = False
    limit: int | None = None


Scalar = str | int | float | bool | None
Bound = Literal["gt", "gte", "lt", "lte"]
Comparison = Literal["in", "has", Bound]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a value of a page's metadata has to be; lists and mappings there only "has" finds."""

    name: str
    comparison: Comparison
    values: tuple[Scalar, ...]
    """"has": none; any value but null is there. "in": one of these; None is also a value that is
    missing. Else one bound: a number, to which numbers but not booleans are compared, or a text, to
    which texts are, by code points."""


@dataclass(frozen=True, slots=True)
class PageFilter:
    """Pages that a recall may show. Conditions are joined by "and"."""

    session_id: str | None = None
    segment_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    metadata: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Concerned:
    """Records whose body names one of some ids, or an analyst other than these."""

    ids: Sequence[str]
    not_by: Sequence[str] | None = None
    """Names of analysts; None: the ids alone decide."""


@dataclass(frozen=True, slots=True)
class Record:
    """A derived value as a store keeps it."""

    kind: Kind
    id: str
    """Any text without NUL."""
    body: Mapping[str, Any]
    """JSON (see `memoryos.storage.codec`)."""
    vector: bytes | None = None
    """As `codec.to_blob` makes it, where the kind has one."""
    live: bool = True
    """Whether daily work needs it: not what is evicted, archived, superseded or read for good."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The chain and segment of a page; None makes the page wait for page-out again."""

    page_id: str
    segment_id: str | None
    chain_id: str | None


@dataclass(frozen=True, slots=True)
class NewVectors:
    """The vectors of all a scope's pages, by page id, and who made them.

    As `Store.vectors` gives them: packed, one for each passage.
    """

    embedder: StoredEmbedder
    by_page: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of one transaction to a scope."""

    put: Sequence[Record] = ()
    delete: Sequence[tuple[Kind, str]] = ()
    assign: Sequence[Assignment] = ()
    erase_pages: Sequence[str] = ()
    """Ids of pages that leave the journal with their vectors and terms."""
    erase_calls: bool = False
    """Also empty the scope's ledger."""
    add_pages: Sequence[PageDraft] = ()
    """Pages to journal in the same transaction, first, as `append` does."""
    vectors: NewVectors | None = None
    """Vectors that take the place of all that the scope has."""
    terms: Mapping[int, bytes] = field(default_factory=dict)
    """Index terms that take the place of those at these positions."""
    indexing: int | None = None
    """Version of passages and terms that with this all pages are indexed by; None: as before."""
    receipts: Sequence[ErasureReceipt] = ()
    erase_unreadable: bool = False
    """Also delete the records that `Store.unreadable` counts."""
    erase_all: bool = False
    """Delete all pages, records and calls of the scope, without reading any; receipts stay."""

    @property
    def takes_away(self) -> bool:
        """Whether what caches hold may be gone afterwards."""
        gone = self.delete or self.erase_pages or self.erase_unreadable or self.erase_all
        return bool(self.vectors or self.terms or gone)

    @property
    def removes(self) -> bool:
        """Whether words leave the store, no trace of which may stay."""
        return bool(
            self.delete
            or self.erase_pages
            or self.erase_calls
            or self.erase_unreadable
            or self.erase_all
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A page that waits for page-out: all that planning needs of it."""

    seq: int
    session_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of pages and sessions in a scope's journal, and of its records by kind."""

    pages: int = 0
    sessions: int = 0
    waiting: int = 0
    unembedded: int = 0
    records: Mapping[Kind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one owner to consolidate a scope, until a time."""

    owner: str
    expires: datetime


class DocumentRows(Protocol):
    """What a store does with documents alone (`memoryos.model.DOCUMENT`): nothing hangs on them."""

    def positions(self, scope: Scope) -> list[int]:
        """Return the journal positions of the scope's documents, ascending."""

    def retouch(self, scope: Scope, metadata: Mapping[int, Mapping[str, Any]]) -> None:
        """Replace the metadata of documents, by position; a power cut may bring back the old."""

    def discard(
        self,
        scope: Scope,
        seqs: Sequence[int],
        receipt: Callable[[Sequence[str]], ErasureReceipt],
        *,
        durable: bool = True,
    ) -> tuple[list[str], int]:
        """Erase the documents at some positions, with words and vectors, in one transaction.

        Unlike `commit` it has no index read anew, and only the next `forget` or opening writes
        SQLite's file anew. receipt: makes that of the ids that were there, if any. durable: as in
        `append`. Returns the ids, and the scope's version after that.
        """


class PageMoved(StorageBusy):
    """The page to replace was changed or erased meanwhile; read it again and try again."""


class Store(Protocol):
    """One database of many scopes. Thread-safe. Every method may raise StorageError."""

    uri: str
    traces: str
    """What the medium keeps of removed words for a while, and how to be rid of it; "" for nothing.
    Erasure receipts say it."""

    @property
    def documents(self) -> DocumentRows:
        """What concerns documents alone."""

    # the journal
    def append(self, scope: Scope, drafts: Sequence[PageDraft]) -> list[Page]:
        """Journal pages in one durable transaction; return them as stored, in the same order.

        Where a page takes the place of another, version rises: who read that one begins again.
        Raises PageMoved, and stores nothing, if a page to replace is not at its position.
        """

    def pages(self, scope: Scope, query: PageQuery) -> list[Page]:
        """Return the pages that match, in journal order (or newest first)."""

    def positions(self, scope: Scope, where: PageFilter, after_seq: int = 0) -> NDArray[np.int64]:
        """Return the positions after `after_seq` of the pages that match, ascending.

        No page is read for it.
        """

    def positions_of(self, scope: Scope, ids: Sequence[str]) -> dict[str, int]:
        """Return the positions of those of the pages of some ids that are there."""

    def sessions(self, scope: Scope) -> list[str]:
        """Return the scope's session ids in order of their first page."""

    def counts(self, scope: Scope) -> Counts:
        """Count the journal."""

    def waiting(self, scope: Scope) -> list[Waiting]:
        """Return the pages that wait for page-out, in journal order."""

    # the search index's raw material
    def head(self, scope: Scope) -> Head:
        """Return the scope's head; zeros if it does not exist."""

    def index_columns(self, scope: Scope, after_seq: int) -> IndexColumns:
        """Return what the index needs of the pages after a position, as of one moment."""

    def vectors(
        self, scope: Scope, after_seq: int, up_to_seq: int
    ) -> tuple[list[int], list[bytes]]:
        """Return positions and vectors of the pages in (after_seq, up_to_seq], by position.

        Of each page as many vectors as it has passages, packed by `codec.pack_vectors`.
        """

    def joined_vectors(self, scope: Scope, after_seq: int, up_to_seq: int) -> VectorColumns:
        """Return the same as columns, for an index to be filled with."""

    def put_vectors(
        self,
        scope: Scope,
        head: Head,
        embedder: StoredEmbedder,
        vectors: Mapping[int, bytes],
        up_to_seq: int,
    ) -> bool:
        """Store vectors by position and move `embedded_seq` to `up_to_seq`.

        False, and nothing stored, if epoch, embedded_seq or embedder are no longer those of `head`.
        Positions whose page is gone are passed over.
        """

    # what is derived
    def records(
        self,
        scope: Scope,
        kinds: Sequence[Kind],
        *,
        ids: Sequence[str] | None = None,
        after_version: int = 0,
        live: bool | None = None,
        concerned: Concerned | None = None,
    ) -> list[Record]:
        """Return derived records of some kinds: all, or by id, after a version, live or not live.

        With `concerned` those alone, not together with `ids`; as the text of their bodies tells it,
        so that a few others may be among them.

        Those that cannot be read are set aside: they are left out here, and kept in the store.
        """

    def unreadable(self, scope: Scope, *, journalled: bool = False) -> int:
        """Count the derived records (or the `journalled`) that are damaged or of a newer form."""

    def commit(self, scope: Scope, head: Head, changes: Changes) -> bool:
        """Apply all changes in one transaction; version rises, and epoch if anything is removed.

        False, and nothing done, if version or epoch are no longer those of `head`, if a page to
        assign is gone, or if pages that have come since would miss their place among `vectors` that
        come with `add_pages`. Raises PageMoved, and does nothing, as `append` does. Removal leaves
        no readable trace in the store's files when this returns.
        """

    # many processes
    def lease(self, scope: Scope, owner: str, seconds: float, now: datetime) -> bool:
        """Take or renew the right to consolidate the scope; False if another owner holds it."""

    def release(self, scope: Scope, owner: str) -> None:
        """Give the lease back, if `owner` holds it."""

    def leased(self, scope: Scope) -> Lease | None:
        """Return the scope's lease, also one that has run out; None if nobody holds it."""

    def scopes(self, *, waiting: bool = False) -> list[Scope]:
        """Return the scopes that hold pages or notes, or those of them with pending work.

        That is pages that wait for page-out, for a vector, or to be indexed as this version does.
        """

    # ledger, receipts, metadata
    def log_call(self, scope: Scope, call: Call) -> None:
        """Write one line of the ledger."""

    def calls(self, scope: Scope, since: datetime | None = None) -> list[Call]:
        """Return the ledger, oldest first."""

    def receipts(self, scope: Scope) -> list[ErasureReceipt]:
        """Return the scope's erasure receipts, oldest first."""

    def embedders(self) -> list[StoredEmbedder]:
        """Return the embedders of the stored vectors; several only after an interrupted rebuild."""

    def before_fork(self) -> None:
        """Finish the write that is under way and begin no other until the fork is over."""

    def after_fork(self, *, child: bool) -> None:
        """Go on; a child leaves its parent's connections and locks alone and makes its own."""

    def close(self) -> None:
        """Close every connection. Idempotent."""


@runtime_checkable
class FileStore(Protocol):
    """Optional protocol of a store that is a file: backup and integrity check."""

    def backup(self, path: str) -> None:
        """Copy the whole store, as of one moment, to a new file, while others read and write."""

    def repair(self) -> None:
        """Write a damaged file anew with all that can be read; the damaged one stays beside it."""

    def problems(self) -> list[str]:
        """Return what is wrong with the file and its schema, in words; nothing when all is well."""


@runtime_checkable
class QueueStore(Protocol):
    """Optional protocol of a store: a queue of scopes for `memoryos worker` to consolidate."""

    def enqueue(self, scope: Scope) -> None:
        """Queue the scope's consolidation, unless it is queued already."""
