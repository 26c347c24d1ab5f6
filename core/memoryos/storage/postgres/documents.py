"""What the PostgreSQL store does with documents alone (`memoryos.storage.port.DocumentRows`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from memoryos.model import NO_SEGMENT, ErasureReceipt, Scope
from memoryos.storage.codec import dumps, receipt_body
from memoryos.storage.postgres.connection import SQL, Connection, Connections
from memoryos.storage.postgres.rows import digest, scope_key
from memoryos.storage.postgres.search import unseal
from memoryos.storage.rows import checksum

_NONE = digest(NO_SEGMENT)
_METADATA = 6
"""Place of the metadata in a row of `documents_to_retouch`."""


class PostgresDocuments:
    """The documents of a database. Raises StorageError or one of its kinds."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def positions(self, scope: Scope) -> list[int]:
        key = scope_key(scope)
        rows = self._db.reading(lambda db: db.execute(SQL["documents"], (key, _NONE)).fetchall())
        return [seq for (seq,) in rows]

    def retouch(self, scope: Scope, metadata: Mapping[int, Mapping[str, Any]]) -> None:
        key = scope_key(scope)
        arguments = (key, list(metadata), _NONE)

        def work(db: Connection) -> None:
            found = db.execute(SQL["documents_to_retouch"], arguments, binary=True).fetchall()
            with db.cursor() as cursor:
                cursor.executemany(SQL["retouch_document"], _retouched(key, found, metadata))

        self._db.writing(work, again=True)

    def discard(
        self,
        scope: Scope,
        seqs: Sequence[int],
        receipt: Callable[[Sequence[str]], ErasureReceipt],
        *,
        durable: bool = True,
    ) -> tuple[list[str], int]:
        key = scope_key(scope)

        def work(db: Connection) -> tuple[list[str], int]:
            if not durable:
                db.execute(SQL["wait_for_no_disk"])
            row = db.execute(SQL["next_version"], (key,)).fetchone()
            if row is None:
                return [], 0
            arguments = (key, list(seqs), _NONE)
            found = db.execute(SQL["documents_at"], arguments, binary=True).fetchall()
            gone = {seq: id_.decode() for seq, id_ in found}
            if gone:
                delete_seqs(db, key, list(gone))
                body = dumps(receipt_body(receipt(list(gone.values()))))
                db.execute(SQL["insert_receipt"], (key, body))
                db.execute(SQL["unname_scope"], {"scope": key})
            return list(gone.values()), row[0]

        return self._db.writing(work, again=False)


def _retouched(
    key: UUID, rows: Iterable[tuple[Any, ...]], metadata: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of `retouch_document` for rows of `documents_to_retouch`.

    A damaged row stays as it is: a new checksum would hide the damage.
    """
    for *said, written in rows:
        if written is None or written == checksum(key, *said):
            said[_METADATA] = dumps(metadata[said[0]])
            yield said[_METADATA], checksum(key, *said), key, said[0]


def delete_seqs(db: Connection, key: UUID, seqs: Sequence[int]) -> None:
    """Delete pages with their words and vectors."""
    if seqs:
        for name in ("delete_pages", "delete_terms", "delete_vectors"):
            db.execute(SQL[name], (key, list(seqs)))
        unseal(db, key, seqs)
