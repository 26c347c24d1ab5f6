"""Search in the server, for large scopes: words by term in sealed blocks, vectors by pgvector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector
from psycopg import sql

from memoryos.model import Scope
from memoryos.storage.columns import IndexColumns
from memoryos.storage.port import Head
from memoryos.storage.postgres.connection import PACKAGE, Connection, Connections
from memoryos.storage.postgres.connection import SQL as STORE_SQL
from memoryos.storage.postgres.rows import blob_of, scope_key
from memoryos.storage.search import SealedPages, StaleBlocks, Values
from memoryos.storage.sql import named_queries
from memoryos.text.terms import TERM_DTYPE

if TYPE_CHECKING:
    from memoryos.storage.search import Floats, Seqs

_TEXTS = named_queries(PACKAGE, "search.sql")
SQL = {name: text.encode() for name, text in _TEXTS.items()}
BLOCK = 4096
"""Positions of a block. The rows of existing blocks go by it."""
NEAR_FROM = 100_000
"""Positions of a scope, all with their vectors, from which on it has an HNSW index of its own;
below that all vectors are compared."""
_NEAR_DIMENSIONS = 2000
"""The most that pgvector's HNSW can index."""
_LAST = (1 << 32) - 1
"""The last position that a posting can name; later pages stay unsealed."""
_NEAR = "vectors_near_"
_END = (1 << 63) - 1

_PAGE = np.dtype(
    [
        ("seq", "<i8"),
        ("first", "<i8"),
        ("session", "<i8"),
        ("timestamp", "<f8"),
        ("passages", "<i8"),
    ]
)
_POSTING = np.dtype([("seq", "<u4"), ("passage", "<u4"), ("count", "u1")])
_COSINE = np.dtype([("seq", ">i8"), ("passage", ">i4"), ("cosine", ">f4")])


class PostgresSearch:
    """`PageSearch` on the connections of a store."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def sealed(self, scope: Scope) -> SealedPages:
        rows = self._rows(SQL["sealed"], (scope_key(scope),))
        pages = np.frombuffer(b"".join(pages for _, pages, _ in rows), dtype=_PAGE)
        return SealedPages(
            blocks=tuple(block for block, _, _ in rows),
            seqs=pages["seq"].astype(np.int64),
            first=pages["first"].astype(np.int64),
            sessions=pages["session"].astype(np.int64),
            timestamps=pages["timestamp"].astype(np.float64),
            counts=pages["passages"].astype(np.int64),
            lengths=np.frombuffer(b"".join(lengths for _, _, lengths in rows), "<f4"),
        )

    def unsealed(self, scope: Scope, blocks: Sequence[int]) -> IndexColumns:
        key = scope_key(scope)
        # What lies between sealed blocks, before the first and after the last: mostly one range.
        firsts = [0, *((block + 1) * BLOCK for block in blocks)]
        ends = [*(block * BLOCK for block in blocks), _END]
        rows = []
        for first, end in zip(firsts, ends, strict=True):
            if first < end:
                rows += self._rows(SQL["unsealed"], (key, first, end - 1))
        return IndexColumns.of(*zip(*rows, strict=True))

    def postings(
        self, scope: Scope, terms: Sequence[int], blocks: Sequence[int]
    ) -> dict[int, Values]:
        arguments = {"scope": scope_key(scope), "terms": list(terms), "blocks": list(blocks)}
        rows = self._rows(SQL["postings"], arguments)
        if sum(term is None for _, term, _ in rows) != len(blocks):
            raise StaleBlocks("the scope was changed during the search; try again")
        parts: dict[int, list[bytes]] = {}
        for _, term, pages in sorted(row for row in rows if row[1] is not None):
            parts.setdefault(term, []).append(pages)
        found = {}
        for term, blobs in parts.items():
            postings = np.frombuffer(b"".join(blobs), dtype=_POSTING)
            found[term] = Values(
                postings["seq"].astype(np.int64),
                postings["passage"].astype(np.int64),
                postings["count"].astype(np.float32),
            )
        return found

    def products(self, scope: Scope, target: Floats, seqs: Sequence[int] | None = None) -> Values:
        arguments = {
            "scope": scope_key(scope),
            "target": Vector(target),
            "dimension": len(target),
            "seqs": None if seqs is None else list(seqs),
        }
        if seqs is None:
            return _products(self._rows(SQL["products"], arguments), target)
        return _products(self._rows(SQL["products_of"], arguments), target)

    def nearest(self, scope: Scope, target: Floats, limit: int) -> Values:
        arguments = {"scope": scope_key(scope), "target": Vector(target), "limit": limit}
        statement = _composed("nearest", dimension=sql.Literal(len(target)))
        rows = self._db.reading(lambda db: db.execute(statement, arguments, binary=True).fetchall())
        return _products(rows, target)

    def vectors(self, scope: Scope, seqs: Sequence[int], dimension: int) -> list[bytes]:
        arguments = {"scope": scope_key(scope), "seqs": list(seqs), "dimension": dimension}
        return [blob_of(sent) for (sent,) in self._rows(SQL["vectors_of"], arguments)]

    def has_near(self, scope: Scope, dimension: int) -> bool:
        key = scope_key(scope)
        rows = self._rows(SQL["near_indexes"], (_near_name(key, dimension),))
        return any(valid for _, valid in rows)

    def arrange(self, scope: Scope, head: Head) -> None:
        key = scope_key(scope)
        # One block in a transaction: who writes to the scope waits for no more.
        while self._unsealed(key, head.last_seq):
            self._db.writing(lambda db: _seal_next(db, key), again=True)
        dimension = head.embedder.dimension if head.embedder else 0
        self._arrange_near(key, head.embedded_seq, dimension)

    def stale(self, scope: Scope) -> list[int]:
        return self._db.reading(lambda db: _stale(db, scope_key(scope)))

    def unseal(self, scope: Scope, blocks: Sequence[int]) -> None:
        key, numbers = scope_key(scope), list(blocks)
        self._db.writing(lambda db: _unseal(db, key, numbers), again=True)

    def _unsealed(self, key: UUID, last: int) -> bool:
        sealed = [block for (block,) in self._rows(SQL["sealed_blocks"], (key,))]
        return _next_block(sealed, last) is not None

    def _arrange_near(self, key: UUID, size: int, dimension: int) -> None:
        """Make the scope's HNSW index where it is due, and drop those that are not."""
        wanted = size >= NEAR_FROM and 0 < dimension <= _NEAR_DIMENSIONS
        name = _near_name(key, dimension) if wanted else None
        if self._db.reading(lambda db: _near(db, key)) != _valid(name):
            self._db.reading(lambda db: self._change_near(db, key, name, dimension))

    def _change_near(self, db: Connection, key: UUID, wanted: str | None, dimension: int) -> None:
        # Writers go on meanwhile; so it cannot be done in a transaction, and an index whose making
        # was stopped stays there, not valid, until the next time.
        if db.execute(SQL["take_near_lock"]).fetchone() != (True,):
            return  # another process is at it
        try:
            db.execute(SQL["take_time"])
            db.silence = None  # until it is configured again
            there = _near(db, key)
            for name, valid in there.items():
                if name != wanted or not valid:
                    statement = _composed("drop_near", name=sql.Identifier(name))
                    db.execute(statement)
            if wanted is not None and not there.get(wanted):
                statement = _composed(
                    "make_near",
                    name=sql.Identifier(wanted),
                    dimension=sql.Literal(dimension),
                    scope=sql.Literal(key),
                )
                db.execute(statement)
        finally:
            if not db.closed:
                self._db.configure(db)
                db.execute(SQL["leave_near_lock"])

    def _rows(self, statement: bytes, arguments: Any) -> list[tuple[Any, ...]]:
        return self._db.reading(lambda db: db.execute(statement, arguments, binary=True).fetchall())


def unseal(db: Connection, key: UUID, seqs: Iterable[int]) -> None:
    """Take away the words of the blocks that positions lie in, whose pages change or go."""
    _unseal(db, key, sorted({seq // BLOCK for seq in seqs}))


def _unseal(db: Connection, key: UUID, blocks: list[int]) -> None:
    db.execute(SQL["unseal_blocks"], (key, blocks))
    db.execute(SQL["unseal_postings"], (key, blocks))


def _next_block(sealed: Sequence[int], last: int) -> int | None:
    """Return the first full block that is not among `sealed`, of positions up to `last`."""
    known = frozenset(sealed)
    full = (min(last, _LAST) + 1) // BLOCK
    return next((block for block in range(full) if block not in known), None)


def _seal_next(db: Connection, key: UUID) -> None:
    """Seal one full block of the scope, if there is one; who writes to the scope waits."""
    row = db.execute(STORE_SQL["lock_scope"], (key,)).fetchone()
    sealed = [block for (block,) in db.execute(SQL["sealed_blocks"], (key,)).fetchall()]
    block = _next_block(sealed, row[0] if row else 0)
    if block is None:
        return
    pages, lengths, terms, packed = _block(db, key, block)
    db.execute(SQL["seal_block"], (key, block, pages, lengths))
    db.execute(SQL["seal_postings"], (key, block, terms, packed))


def _block(db: Connection, key: UUID, block: int) -> tuple[bytes, bytes, list[int], list[bytes]]:
    """Return what a block holds: pages, words of each passage, term ids, postings of each."""
    bounds = (key, block * BLOCK, (block + 1) * BLOCK - 1)
    rows = db.execute(SQL["pages_to_seal"], bounds, binary=True).fetchall()
    seqs, sessions, timestamps, blobs, first = zip(*rows, strict=True) if rows else ((),) * 5
    pages = np.zeros(len(rows), dtype=_PAGE)
    pages["seq"], pages["first"], pages["session"] = seqs, first, sessions
    pages["timestamp"] = timestamps
    terms, packed, pages["passages"], lengths = _packed(pages["seq"], blobs)
    return pages.tobytes(), lengths.astype("<f4").tobytes(), terms, packed


def _stale(db: Connection, key: UUID) -> list[int]:
    """Return the sealed blocks that do not hold what they would if they were sealed now."""
    stale = []
    for block, pages, lengths in db.execute(SQL["sealed"], (key,), binary=True).fetchall():
        rows = db.execute(SQL["postings_of_block"], (key, block), binary=True).fetchall()
        held = (pages, lengths, [term for term, _ in rows], [packed for _, packed in rows])
        if held != _block(db, key, block):
            stale.append(block)
    return stale


def _packed(
    seqs: Seqs, blobs: Sequence[bytes]
) -> tuple[list[int], list[bytes], NDArray[Any], NDArray[Any]]:
    """Return (term ids, packed postings of each, passages of each page, words of each passage)."""
    sizes = np.array([len(blob) // TERM_DTYPE.itemsize for blob in blobs], dtype=np.int64)
    records = np.frombuffer(b"".join(blobs), dtype=TERM_DTYPE)
    pages = np.repeat(np.arange(len(seqs)), sizes)
    between = records["tf"] == 0
    counts = np.bincount(pages[between], minlength=len(seqs)) + 1 if len(seqs) else sizes
    rows = (pages + np.cumsum(between))[~between]
    pages, records = pages[~between], records[~between]
    lengths = np.bincount(rows, records["tf"], minlength=int(counts.sum()))
    within = rows - (np.cumsum(counts) - counts)[pages]
    order = np.argsort(records["id"], kind="stable")
    postings = np.zeros(len(records), dtype=_POSTING)
    postings["seq"] = seqs[pages[order]]
    postings["passage"] = within[order]
    postings["count"] = records["tf"][order]
    terms, starts = np.unique(records["id"][order], return_index=True)
    joined, width = postings.tobytes(), _POSTING.itemsize
    ends = np.append(starts, len(postings))[1:].tolist()
    parts = [
        joined[width * start : width * end]
        for start, end in zip(starts.tolist(), ends, strict=True)
    ]
    return terms.tolist(), parts, counts, lengths


def _products(rows: Sequence[tuple[Any, ...]], target: Floats) -> Values:
    """Return the cosines that the server found, times the target's length."""
    found = np.frombuffer(rows[0][0] or b"", dtype=_COSINE)
    cosines = np.nan_to_num(found["cosine"].astype(np.float32), copy=False)  # no number: no length
    return Values(
        found["seq"].astype(np.int64),
        found["passage"].astype(np.int64),
        cosines * np.linalg.norm(target).astype(np.float32),
    )


def _near(db: Connection, key: UUID) -> dict[str, bool]:
    """Return the scope's HNSW indexes, and whether each is whole."""
    return dict(db.execute(SQL["near_indexes"], (f"{_NEAR}{key.hex}%",)).fetchall())


def _valid(name: str | None) -> dict[str, bool]:
    return {} if name is None else {name: True}


def _near_name(key: UUID, dimension: int) -> str:
    return f"{_NEAR}{key.hex}_{dimension}"


def _composed(name: str, /, **parts: sql.Composable) -> sql.Composed:
    """Return a statement that names an index or a size, which no parameter can."""
    return sql.SQL(_TEXTS[name]).format(**parts)
