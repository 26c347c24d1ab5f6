"""Export, import and rebuild: the whole of a scope taken out, put in, or derived again.

An export is JSON Lines: a header, then pages, records and receipts. Positions in the journal are
written as ordinals, for another store has positions of its own. Vectors are not exported: they are
made again from the same words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from memoryos.errors import InvalidInput, StorageError
from memoryos.model import ErasureReceipt, Note, Page, Scope
from memoryos.ports import Embedder
from memoryos.storage.codec import (
    ALL_KINDS,
    KINDS,
    check_fields,
    decode,
    is_id,
    message_body,
    message_of,
    moved,
    receipt_body,
    receipt_of,
)
from memoryos.storage.journal import (
    ROOM,
    checked_id,
    checked_time,
    drafts_of,
    message_page,
)
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    NewVectors,
    PageDraft,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.transact import snapshot, transact
from memoryos.storage.vectors import embedded, page_vectors

FORMAT = 1
"""Version of the export format."""
_TOLD_EVERY = 200
"""Lines between two reports of an export's progress."""
Progress = Callable[[int, int], None]
"""Called with (done, total) pages."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Changes of a rebuild by kind: numbers added, removed and rewritten."""

    added: dict[str, int]
    removed: dict[str, int]
    rewritten: dict[str, int]


def write_export(
    store: Store, scope: Scope, path: str | Path, progress: Progress | None = None
) -> int:
    """Write a scope to a file, whole or not at all; return the number of lines.

    `progress` is called with (done, total) pages now and then; what it raises ends the export.
    """
    target = Path(path)
    draft = target.with_name(target.name + ".part")
    lines, total = 0, 0
    try:
        draft.unlink(missing_ok=True)
        with open(draft, "w", encoding="utf-8", opener=_for_its_owner) as file:
            for line in export_lines(store, scope):
                file.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
                total = int(line.get("pages", total))  # the first line says how many there are
                if progress is not None and lines % _TOLD_EVERY == 0:
                    progress(min(lines, total), total)
                lines += 1
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"path {str(path)!r} cannot be written: {error.strerror}") from error
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return lines


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def export_lines(store: Store, scope: Scope) -> Iterator[dict[str, Any]]:
    """Yield a scope line by line, as of one moment."""
    pages, records = snapshot(
        store,
        scope,
        "export",
        lambda _: (store.pages(scope, PageQuery()), store.records(scope, ALL_KINDS)),
    )
    yield {
        "memoryos": FORMAT,
        "user_id": scope.user_id,
        "assistant_id": scope.assistant_id,
        "pages": len(pages),
    }
    ordinals = [page.seq for page in pages]
    for page in pages:
        yield {"page": _page_body(page)}
    for record in sorted(records, key=lambda r: (r.kind, r.id)):
        here = moved(record, lambda seq: int(np.searchsorted(ordinals, seq, "right")))
        yield {record.kind: dict(here.body)}
    for receipt in store.receipts(scope):
        yield {"receipt": receipt_body(receipt)}


@dataclass(slots=True)
class Import:
    """A checked export file: what it will do to a scope."""

    pages: list[Page]
    places: dict[str, tuple[str | None, str | None]]
    """page id → (segment_id, chain_id), in the order of `pages`."""
    records: list[Record]
    receipts: list[dict[str, Any]]
    known: set[tuple[str, str]] = field(default_factory=set)


def read_export(path: str | Path, most_bytes: int) -> Import:
    """Read and check a whole export file. Raises InvalidInput naming the line; stores nothing."""
    found = Import([], {}, [], [])
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    _read_line(found, json.loads(line), number, most_bytes)
                except InvalidInput as error:
                    raise InvalidInput(f"path {str(path)!r}, line {number}: {error}") from None
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    raise InvalidInput(
                        f"path {str(path)!r}, line {number} is not of a memoryos export: {error!r}"
                    ) from None
    except OSError as error:
        raise InvalidInput(f"path {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"path {str(path)!r} is not UTF-8 text: {error.reason}") from None
    if not found.pages and not found.records and number_of_lines(path) == 0:
        raise InvalidInput(f"path {str(path)!r} is empty: not a memoryos export")
    return found


def number_of_lines(path: str | Path) -> int:
    """Return how many lines a file has."""
    with Path(path).open("rb") as file:
        return sum(1 for _ in file)


def apply_import(store: Store, scope: Scope, found: Import, embedder: Embedder) -> int:
    """Put an export into a scope in one transaction; return how many pages are new.

    Into an empty scope everything goes as it was. Where the scope has pages of its own, pages it
    does not hold are journalled and wait to be filed, receipts are kept (so that what they name is
    not learned again), notes that it does not hold are taken in, and nothing else is.
    """
    drafts = drafts_of(found.pages)

    def work(head: Head) -> tuple[Changes, int]:
        here = store.counts(scope).pages
        known = {receipt.id for receipt in store.receipts(scope)}
        coming = (receipt_of(body) for body in found.receipts)
        # Only commits write receipts, and one since `head` makes this one fail.
        receipts = [receipt for receipt in coming if receipt.id not in known]
        if not here:
            changes = _as_it_was(found, drafts, receipts, head, embedder)
        else:
            changes = Changes(add_pages=drafts, receipts=receipts)  # notes: see `Memory.import_`
        return changes, here

    here = transact(store, scope, "import", work)
    return store.counts(scope).pages - here if here else len(drafts)


def _as_it_was(
    found: Import,
    drafts: Sequence[PageDraft],
    receipts: Sequence[ErasureReceipt],
    head: Head,
    embedder: Embedder,
) -> Changes:
    """Return what makes an empty scope the exported one."""
    # Positions in a fresh journal go on from the last one that the scope ever gave.
    first = head.last_seq
    placed = [
        decode(moved(record, lambda ordinal: first + ordinal if ordinal else 0))
        for record in found.records
    ]
    records = embedded(placed, embedder)
    vectors = None
    if found.pages:
        mine = StoredEmbedder(embedder.name, embedder.dimension)
        numbered = [replace(page, seq=seq) for seq, page in enumerate(found.pages)]
        rows = page_vectors(numbered, embedder)
        vectors = NewVectors(mine, {page.id: rows[page.seq] for page in numbered})
    assign = [
        Assignment(id_, *place) for id_, place in found.places.items() if place != (None, None)
    ]
    return Changes(add_pages=drafts, put=records, assign=assign, vectors=vectors, receipts=receipts)


def new_notes(store: Store, scope: Scope, found: Import) -> list[Note]:
    """Return the notes of an export that a scope does not hold, in their order."""
    known = {record.id for record in store.records(scope, ["note"])}
    coming = [decode(record) for record in found.records if record.id not in known]
    notes = [note for note in coming if isinstance(note, Note)]
    return sorted(notes, key=lambda note: note.number)


def checked_again(page: Page, most_bytes: int) -> Page:
    """Return a stored page as it is journalled elsewhere, under its id."""
    return message_page(
        page.messages,
        id_=page.id,
        timestamp=page.timestamp,
        session_id=page.session_id,
        metadata=page.metadata,
        most_bytes=ROOM * most_bytes,  # it may have been mended when it came
    )


def difference(old: Sequence[Record], new: Sequence[Record]) -> Difference:
    """Return how two sets of derived records differ, by kind; the time of making aside."""
    before = {(r.kind, r.id): _content(r) for r in old}
    after = {(r.kind, r.id): _content(r) for r in new}
    added: dict[str, int] = {}
    removed: dict[str, int] = {}
    rewritten: dict[str, int] = {}
    for kind, _ in after.keys() - before.keys():
        added[kind] = added.get(kind, 0) + 1
    for kind, _ in before.keys() - after.keys():
        removed[kind] = removed.get(kind, 0) + 1
    for key in before.keys() & after.keys():
        if before[key] != after[key]:
            rewritten[key[0]] = rewritten.get(key[0], 0) + 1
    return Difference(added, removed, rewritten)


def _content(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.body.items() if name != "derived"}


def _page_body(page: Page) -> dict[str, Any]:
    return {
        "id": page.id,
        "session_id": page.session_id,
        "timestamp": page.timestamp.isoformat(),
        "messages": [message_body(message) for message in page.messages],
        "metadata": dict(page.metadata),
        "segment_id": page.segment_id or None,  # a document tells itself by its metadata
        "chain_id": page.chain_id,
    }


def _read_line(found: Import, line: dict[str, Any], number: int, most_bytes: int) -> None:
    if number == 1:
        if line.get("memoryos") != FORMAT:
            raise InvalidInput(
                f"not a memoryos export of format {FORMAT}, but {line.get('memoryos')!r}"
            )
        return
    ((kind, body),) = line.items()
    if kind == "page":
        id_, place = body["id"], (body.get("segment_id"), body.get("chain_id"))
        if not is_id(id_) or not all(is_id(value) for value in place if value is not None):
            raise InvalidInput("a page's id, segment_id or chain_id is not an id")
        if id_ in found.places:
            raise InvalidInput(f"the page {id_!r} stands twice")
        found.places[id_] = place
        found.pages.append(
            message_page(
                [message_of(message) for message in body["messages"]],
                id_=id_,
                timestamp=checked_time(body["timestamp"]),
                session_id=checked_id(body["session_id"], "session_id"),
                metadata=body.get("metadata"),
                most_bytes=ROOM * most_bytes,
            )
        )
    elif kind == "receipt":
        check_fields(receipt_of(body))
        found.receipts.append(body)
    elif kind in KINDS:
        value = decode(Record(kind, "", body))
        check_fields(value)
        if (kind, value.id) in found.known:
            raise InvalidInput(f"the {kind} {value.id!r} stands twice")
        found.known.add((kind, value.id))
        found.records.append(Record(kind, value.id, body))
    else:
        raise InvalidInput(f"{kind!r} is not a kind of line that an export has")
