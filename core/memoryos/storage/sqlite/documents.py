"""What the SQLite store does with documents alone (`memoryos.storage.port.DocumentRows`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from memoryos.model import ErasureReceipt, Scope
from memoryos.storage.codec import dumps, receipt_body
from memoryos.storage.rows import checksum
from memoryos.storage.sql import named_queries
from memoryos.storage.sqlite.connection import Connections
from memoryos.storage.sqlite.repair import fetch_damaged
from memoryos.storage.sqlite.rows import SEQ_MASK, SHIFT, delete_slots, is_intact

_SQL = named_queries("memoryos.storage.sqlite")
_METADATA = 5
"""Place of the metadata in what a page's checksum counts after its position."""


class SQLiteDocuments:
    """The documents of a database. Raises StorageError or one of its kinds."""

    def __init__(self, connections: Connections, find_scope: Callable[[Scope], int | None]) -> None:
        self._db = connections
        self._find_scope = find_scope

    def positions(self, scope: Scope) -> list[int]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return []
        return [slot & SEQ_MASK for (slot,) in self._db.fetch(_SQL["documents"], (scope_id,))]

    def retouch(self, scope: Scope, metadata: Mapping[int, Mapping[str, Any]]) -> None:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return
        wanted = {"slots": dumps([scope_id << SHIFT | seq for seq in metadata])}
        with self._db.writing(durable=False) as db:
            found = fetch_damaged(db, _SQL["pages_by_slots"], wanted)
            db.executemany(_SQL["retouch_document"], _retouched(scope_id, found, metadata))

    def discard(
        self,
        scope: Scope,
        seqs: Sequence[int],
        receipt: Callable[[Sequence[str]], ErasureReceipt],
        *,
        durable: bool = True,
    ) -> tuple[list[str], int]:
        scope_id = self._find_scope(scope)
        if scope_id is None:
            return [], 0
        wanted = {"slots": dumps([scope_id << SHIFT | seq for seq in seqs])}
        with self._db.writing(durable=durable) as db:
            gone = dict(db.execute(_SQL["documents_at"], wanted).fetchall())
            ids = list(gone.values())
            (version,) = db.execute(_SQL["next_version"], (scope_id,)).fetchone()
            if gone:
                delete_slots(db, gone)
                db.execute(_SQL["note_removal"])
                made = receipt(ids)
                written = (scope_id, made.id, dumps(receipt_body(made)))
                db.execute(_SQL["insert_receipt"], (*written, checksum(*written)))
                db.execute(_SQL["unname_scope"], {"scope": scope_id})
        return ids, version


def _retouched(
    scope_id: int, rows: Iterable[tuple[Any, ...]], metadata: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[str, int, int]]:
    """Yield the arguments of `retouch_document` for rows of `pages`.

    A damaged row stays as it is: a new checksum would hide the damage.
    """
    for slot, *said, _, _, _, written in rows:
        if is_intact(slot, scope_id, said, written):
            said[_METADATA] = dumps(metadata[slot & SEQ_MASK])
            yield said[_METADATA], checksum(slot, scope_id, *said), slot
