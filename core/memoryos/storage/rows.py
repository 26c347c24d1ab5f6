"""Shared by the database stores: keys of scopes, rows to pages and records, filters of pages.

Rows are not trusted: a checksum tells whether one is as it was written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import operator
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from memoryos.model import DOCUMENT, NO_SEGMENT, ErasureReceipt, Page, Scope
from memoryos.storage.codec import (
    EPOCH,
    FORMAT,
    check_fields,
    decode,
    decode_messages,
    decode_time,
    dumps,
    from_micros,
    is_id,
    is_text,
    message_body,
    plain_messages,
    read_pages,
    receipt_of,
)
from memoryos.storage.port import (
    Concerned,
    Condition,
    PageDraft,
    PageFilter,
    PageMoved,
    PageQuery,
    Record,
)

_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading a value raises that is not as it was written."""
_log = logging.getLogger("memoryos.storage")


def scope_digest(scope: Scope) -> bytes:
    """Return 16 bytes that stand for both ids, byte for byte."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in (scope.user_id.encode(), scope.assistant_id.encode()):
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.digest()


def session_number(session_id: str) -> int:
    """Return a number that stands for a session in the search index."""
    return zlib.crc32(session_id.encode())


def fresh_drafts(drafts: Sequence[PageDraft], known: Mapping[str, Page]) -> dict[str, PageDraft]:
    """Return, by id, the drafts to write: those new to the scope and those that replace a page.

    `known` are the pages the scope holds under the drafts' ids. Raises PageMoved.
    """
    fresh: dict[str, PageDraft] = {}
    for draft in drafts:
        if draft.replaces is not None:
            old = known.get(draft.id)
            if old is None or old.seq != draft.replaces:
                raise PageMoved
            fresh[draft.id] = draft
        elif draft.id not in known:
            fresh.setdefault(draft.id, draft)
    return fresh


def page_of(draft: PageDraft, seq: int, old: Page | None) -> Page:
    """Return a draft as a page of the journal.

    One that takes the place of a filed page waits to be filed anew: its chain tells that it was.
    """
    is_document = DOCUMENT in draft.metadata
    return Page(
        id=draft.id,
        user_input=draft.user_input,
        agent_response=draft.agent_response,
        timestamp=draft.timestamp,
        session_id=draft.session_id,
        metadata=draft.metadata,
        messages=draft.messages,
        chain_id=old.chain_id if old and not is_document else None,
        segment_id=NO_SEGMENT if is_document else None,
        seq=seq,
    )


def matching(pages: Iterable[Page], query: PageQuery) -> list[Page]:
    """Return the pages that meet all conditions of a query but its ids and positions."""
    return [page for page in pages if _matches(page, query)]


def _matches(page: Page, query: PageQuery) -> bool:
    return (
        page.seq > query.after_seq
        and (query.up_to_seq is None or page.seq <= query.up_to_seq)
        and (query.session_id is None or page.session_id == query.session_id)
        and (query.segment_id is None or page.segment_id == query.segment_id)
        and (query.chain_id is None or page.chain_id == query.chain_id)
        and not (query.waiting and page.segment_id is not None)
        and (query.since is None or page.timestamp >= query.since)
        and (query.before is None or page.timestamp < query.before)
    )


def passes(page: Page, where: PageFilter) -> bool:
    """Return whether a page meets all conditions of a filter."""
    return (
        (where.session_id is None or page.session_id == where.session_id)
        and (where.segment_id is None or page.segment_id == where.segment_id)
        and (where.since is None or page.timestamp >= where.since)
        and (where.before is None or page.timestamp < where.before)
        and all(_holds(page.metadata.get(c.name), c) for c in where.metadata)
    )


def _holds(value: Any, condition: Condition) -> bool:
    if condition.comparison == "has":
        return value is not None
    if condition.comparison == "in":
        return not isinstance(value, (list, dict)) and value in condition.values
    bound = condition.values[0]
    if isinstance(bound, str):
        return isinstance(value, str) and _COMPARISONS[condition.comparison](value, bound)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and bool(_COMPARISONS[condition.comparison](value, bound))


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


_ANALYST = dumps("analyst") + ":"


def concerned_texts(concerned: Concerned) -> tuple[list[str], list[str] | None, str]:
    """Return what the JSON of a record that is `concerned` holds, to be searched for as it stands.

    One of the first texts; or, unless the second is None, the last text and none of the second.
    """
    by = concerned.not_by
    marks = None if by is None else [_ANALYST + dumps(name) for name in by]
    return list(map(dumps, concerned.ids)), marks, _ANALYST


def is_concerned(record: Record, concerned: Concerned) -> bool:
    """Return whether a record is one of those."""
    names, marks, analyst = concerned_texts(concerned)
    body = dumps(record.body)
    if any(name in body for name in names):
        return True
    return marks is not None and analyst in body and not any(mark in body for mark in marks)


def checksum(*values: object) -> int:
    """Return the CRC-32 of a row's values, by which changed bits are found.

    A text counts as its UTF-8 bytes.
    """
    return zlib.crc32(b"\0".join([v if type(v) is bytes else str(v).encode() for v in values]))


def checksums(rows: Iterable[Iterable[object]]) -> list[int]:
    """Return the checksum of each of some rows."""
    return [checksum(*row) for row in rows]


def read_record(
    owner: object, row: Sequence[Any], stored: int | None, format_: object
) -> Record | None:
    """Return the record of a row; None, and a line in the log, if it cannot be read.

    Args:
        owner: what the table calls the scope; part of the checksum.
        row: kind, id, body as text, vector, live.
        stored: the row's checksum; None in a row of an older version, whose fields are checked.
        format_: the version of the record.
    """
    kind, id_, body, vector, live = row
    try:
        if stored is not None and stored != checksum(owner, *row[:4], int(live)):
            raise ValueError("it is not as it was written")
        record = Record(kind, id_, json.loads(body), vector, bool(live))
        if stored is None or format_ != FORMAT:
            check_fields(decode(record))
    except _DAMAGE as error:
        _say_once(f"the {kind!s:.20} {id_!s:.40} cannot be read and is set aside: {error}")
        return None
    return record


def is_record(owner: object, row: Sequence[Any], stored: int | None, format_: object) -> bool:
    """Return whether `read_record` gives a record of a row; one as we wrote it is not parsed."""
    try:
        as_written = stored is not None and stored == checksum(owner, *row[:4], int(row[4]))
    except _DAMAGE:
        as_written = False
    if as_written and format_ == FORMAT:
        return True
    return read_record(owner, row, stored, format_) is not None


def decode_pages(rows: Iterable[Sequence[Any]]) -> list[Page]:
    """Return the pages of rows of a store's table `pages`, ids as text.

    A row: seq, id, session_id, microseconds since 1970, user_input, agent_response, metadata (JSON
    or None), messages (as `encode_messages` makes them), chain_id, segment_id, and whether it is
    as it was written. A page that is not is given as far as it can be read, and marked.
    """
    return read_pages(rows, _mended_page)


def is_readable(said: Sequence[Any]) -> bool:
    """Return whether what a page's row says can be read as it stands: it has no checksum.

    said: id, session_id, microseconds since 1970, user_input, agent_response, metadata, messages.
    """
    id_, session_id, timestamp, user, agent, metadata, messages = said
    if (
        type(timestamp) is not int
        or not is_id(id_)
        or not all(map(is_text, (session_id, user, agent)))
    ):
        return False
    try:
        decode_time(timestamp, messages)
        return (
            isinstance(json.loads(metadata or "{}"), dict)
            and is_text(metadata or "")
            and all(
                is_id(message.role) and is_text(dumps(message_body(message)))
                for message in decode_messages(messages, user, agent)
            )
        )
    except _DAMAGE:
        return False


def _mended_page(row: Sequence[Any]) -> Page:
    """Return a page whose row has changed since it was written, as far as it can be read."""
    seq, id_, session_id, timestamp, user, agent, metadata, messages, chain, segment, _ = row
    user, agent = _mended_text(user), _mended_text(agent)
    time = None
    try:
        time = from_micros(timestamp)
        time = decode_time(timestamp, messages)
    except _DAMAGE:
        time = EPOCH if time is None else time
    try:
        data = json.loads(metadata) if metadata else {}
        data = data if isinstance(data, dict) else {}
        dumps(data).encode()
    except _DAMAGE:
        data = {}
    if segment == NO_SEGMENT:  # and not a turn, whatever became of its metadata
        data.setdefault(DOCUMENT, "")
    try:
        said = decode_messages(messages, user, agent)
        for message in said:
            if not is_id(message.role) or not is_text(dumps(message_body(message))):
                raise ValueError(message.role)
    except _DAMAGE:
        said = plain_messages(user, agent)
    id_ = _mended_text(id_)
    _say_once(f"the page {id_} is not as it was journalled: its file was changed or is damaged")
    return Page(
        id=id_,
        user_input=user,
        agent_response=agent,
        timestamp=time,
        session_id=_mended_text(session_id),
        metadata=data,
        messages=said,
        chain_id=None if chain is None else _mended_text(chain),
        segment_id=None if segment is None else _mended_text(segment),
        seq=seq,
        damaged=True,
    )


@lru_cache(maxsize=1000)
def _say_once(what: str) -> None:
    _log.warning("%s", what)


def _mended_text(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
    return text.replace("\0", "\ufffd")


def read_receipts(rows: Iterable[tuple[str]]) -> list[ErasureReceipt]:
    """Return the receipts of rows of JSON.

    One that cannot be read is passed over, with a line in the log.
    """
    found = []
    for (body,) in rows:
        try:
            receipt = receipt_of(json.loads(body))
            check_fields(receipt)
        except _DAMAGE as error:
            _say_once(f"a receipt cannot be read: {error}")
        else:
            found.append(receipt)
    return found
