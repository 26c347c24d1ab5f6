"""Derived values and messages to JSON and back: the one place that knows the stored form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import numpy as np

from memoryos.model import (
    Chain,
    ErasureReceipt,
    Knowledge,
    KnowledgeKind,
    Message,
    Note,
    Owner,
    Page,
    Recalled,
    Segment,
    Source,
    Status,
    Topic,
    Trait,
    Visits,
)
from memoryos.ports import Vectors
from memoryos.storage.port import Kind, Record

Derived = Topic | Segment | Chain | Knowledge | Trait
Recorded = Derived | Visits | Note

KINDS: dict[Kind, type[Recorded]] = {
    "topic": Topic,
    "segment": Segment,
    "chain": Chain,
    "knowledge": Knowledge,
    "trait": Trait,
    "visits": Visits,
    "note": Note,
}
ALL_KINDS: Sequence[Kind] = tuple(KINDS)
JOURNALLED_KINDS: Sequence[Kind] = ("visits", "note")
"""Not derived: a rebuild reads them, and leaves them as they are."""
DERIVED_KINDS: Sequence[Kind] = tuple(kind for kind in KINDS if kind not in JOURNALLED_KINDS)
EDITION = 2
"""Of the filing: chains of an older one tell that their pages are to be filed anew."""
_KIND_OF: dict[type[Recorded], Kind] = {cls: kind for kind, cls in KINDS.items()}
FORMAT = 1
"""Version of the records that this version of the library writes."""
_STORED = {
    kind: [
        f.name
        for f in fields(cls)
        if f.name not in ("heat", "extra") and (kind, f.name) != ("segment", "name")
    ]
    for kind, cls in KINDS.items()
}
"""The fields of each kind; how hot a segment is, and its name, the others tell."""
_KNOWN = {kind: frozenset(names) for kind, names in _STORED.items()}
_RECEIPT = frozenset(f.name for f in fields(ErasureReceipt))
_SOURCE = frozenset(f.name for f in fields(Source)) - {"extra"}
_SCALARS = (str, int, float, bool, type(None))
_TIMES = ("created", "updated", "last_access", "derived", "at", "failed")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_PLAIN = {"role", "content"}


def micros(time: datetime) -> int:
    """Return an aware time as whole microseconds since 1970."""
    return (time - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Return the aware UTC time of whole microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return _ENCODER.encode(value)


def kind_of(value: Recorded) -> Kind:
    """Return the record kind of a value."""
    return _KIND_OF[type(value)]


def encode(value: Recorded, vector: Vectors | None = None) -> Record:
    """Return a value as a record."""
    kind = _KIND_OF[type(value)]
    body = {name: _plain(getattr(value, name)) for name in _STORED[kind]}
    if value.extra:
        body = {**value.extra, **body}
    return Record(kind, value.id, body, None if vector is None else to_blob(vector), _live(value))


def _live(value: Recorded) -> bool:
    if isinstance(value, Segment):
        return not value.evicted
    if isinstance(value, Topic):
        return value.revisit
    if isinstance(value, Chain):
        return value.edition < EDITION
    if isinstance(value, (Visits, Note)):
        return False
    return not isinstance(value, Knowledge) or value.status == "active"


def decode(record: Record) -> Recorded:
    """Return the value of a record."""
    body = dict(record.body)
    for name in _TIMES:
        if body.get(name) is not None:
            body[name] = datetime.fromisoformat(body[name])
    for name in ("page_ids", "keywords", "supersedes"):
        if name in body:
            body[name] = tuple(body[name])
    if "sources" in body:
        body["sources"] = tuple(map(_source, body["sources"]))
    if "recalls" in body:
        body["recalls"] = tuple(
            Recalled(datetime.fromisoformat(each["at"]), each["pages"]) for each in body["recalls"]
        )
    known = _KNOWN[record.kind]
    if not body.keys() <= known:
        body["extra"] = {name: body.pop(name) for name in body.keys() - known}
    return KINDS[record.kind](**body)


def moved(record: Record, position: Callable[[int], int]) -> Record:
    """Return a record with its position in the journal, where it has one, put differently.

    Args:
        record: Of any kind.
        position: Gives the new position for an old one; 0 is before the first page in both.
    """
    name = {"segment": "promoted_seq", "visits": "after_seq", "note": "after_seq"}.get(record.kind)
    if name is None:
        return record
    body = {**record.body, name: position(record.body[name])}
    if record.kind == "visits":  # known by its position
        id_ = f"v{body[name]}"
        return replace(record, id=id_, body={**body, "id": id_})
    return replace(record, body=body)


def _source(body: Mapping[str, Any]) -> Source:
    known = {name: value for name, value in body.items() if name in _SOURCE}
    if known.get("span") is not None:
        known["span"] = tuple(known["span"])
    return Source(**known, extra={name: body[name] for name in body.keys() - _SOURCE})


def to_blob(vector: Vectors) -> bytes:
    """Return a record's unit vector as it is stored: a byte for each number, as a page's are.

    Then one byte or more to make its length odd, the last of which counts them.
    """
    packed = pack_vectors(np.asarray(vector, np.float32)[np.newaxis])
    more = 1 + len(packed) % 2
    return packed + bytes([more] * more)


def from_blob(blob: bytes) -> Vectors:
    """Return the vector that `to_blob` was given; or of little-endian float32, as once stored."""
    if len(blob) % 2 == 0:
        return np.frombuffer(blob, dtype="<f4")
    dimension = len(blob) - blob[-1]
    (vector,) = unpack_vectors(blob[:dimension], dimension)
    return np.asarray(vector, np.float32)


def pack_vectors(vectors: Vectors) -> bytes:
    """Return a page's vectors, (passages, dimension) and each of unit length, as they are stored.

    A byte for each number, the largest being 127: a quarter of float32, and a vector's direction is
    off by some half of a hundredth.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    return np.rint(rows * (127 / np.where(largest > 0, largest, 1))).astype(np.int8).tobytes()


def unpack_vectors(blob: bytes, dimension: int) -> Vectors:
    """Return the unit vectors, (passages, dimension), that `pack_vectors` was given."""
    rows = np.frombuffer(blob, dtype=np.int8).reshape(-1, max(dimension, 1)).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


def plain_messages(user_input: str, agent_response: str) -> tuple[Message, ...]:
    """Return the messages of a page that was given as two texts."""
    if user_input and agent_response:
        return Message("user", user_input), Message("assistant", agent_response)
    sides = (("user", user_input), ("assistant", agent_response))
    return tuple(Message(role, said) for role, said in sides if said)


def is_plain(message: Message) -> bool:
    """Return whether a message has a role and content, and nothing else."""
    return (
        type(message) is Message
        and message.name is message.id is message.tool_call_id is None
        and message.tool_calls == ()
        and message.metadata == {}
    )


def encode_messages(page: Page) -> str | None:
    """Return as JSON what a page's columns do not say: its messages, and its time's offset to UTC.

    None when the messages are just its two sides, and the time is UTC's.
    """
    offset = page.timestamp.utcoffset()
    sides = [("user", page.user_input), ("assistant", page.agent_response)]
    said = [(message.role, message.content) for message in page.messages if is_plain(message)]
    bodies = None
    if len(said) != len(page.messages) or said != [side for side in sides if side[1]]:
        bodies = [message_body(message) for message in page.messages]
    if offset:
        return dumps({"offset": offset // _SECOND, "messages": bodies})
    return None if bodies is None else dumps(bodies)


def message_body(message: Message) -> dict[str, Any]:
    """Return a message as JSON, its empty fields left out."""
    body = {"role": message.role, "content": message.content}
    for name in ("name", "id", "tool_call_id"):
        if getattr(message, name) is not None:
            body[name] = getattr(message, name)
    if message.tool_calls:
        body["tool_calls"] = list(message.tool_calls)
    if message.metadata:
        body["metadata"] = dict(message.metadata)
    return body


def decode_messages(
    stored: str | None, user_input: str, agent_response: str
) -> tuple[Message, ...]:
    """Return the messages of a page from their stored form."""
    bodies = None if stored is None else json.loads(stored)
    if isinstance(bodies, dict):
        bodies = bodies["messages"]
    if bodies is None:
        return plain_messages(user_input, agent_response)
    return tuple(message_of(body) for body in bodies)


def decode_time(value: int, stored: str | None) -> datetime:
    """Return the time of a page, at the offset that the stored form of its messages tells."""
    time = from_micros(value)
    if stored is None or not stored.startswith("{"):
        return time
    return time.astimezone(timezone(json.loads(stored)["offset"] * _SECOND))


def message_of(body: Mapping[str, Any]) -> Message:
    """Return the message of its JSON body."""
    if isinstance(body, dict) and body.keys() == _PLAIN:
        return Message(body["role"], body["content"])
    return Message(**{**body, "tool_calls": tuple(body.get("tool_calls", ()))})


def read_pages(
    rows: Iterable[Sequence[Any]], mended: Callable[[Sequence[Any]], Page]
) -> list[Page]:
    """Return the pages of rows: a page's values in the order below, and whether they are intact.

    mended: makes the page of a row that is not.
    """
    return [
        mended(row)
        if not row[-1]
        else Page(
            id=id_,
            user_input=user,
            agent_response=agent,
            timestamp=decode_time(timestamp, messages),
            session_id=session_id,
            metadata=json.loads(metadata) if metadata else {},
            messages=decode_messages(messages, user, agent),
            chain_id=chain_id,
            segment_id=segment_id,
            seq=seq,
        )
        for row in rows
        for (
            seq,
            id_,
            session_id,
            timestamp,
            user,
            agent,
            metadata,
            messages,
            chain_id,
            segment_id,
            _,
        ) in (row,)
    ]


def receipt_body(receipt: ErasureReceipt) -> dict[str, Any]:
    """Return a receipt as JSON."""
    return {f.name: _plain(getattr(receipt, f.name)) for f in fields(receipt)}


def receipt_of(body: Mapping[str, Any]) -> ErasureReceipt:
    """Return the receipt of its JSON body."""
    at = datetime.fromisoformat(body["at"])
    ids = {name: tuple(body.get(name, ())) for name in ("page_ids", "knowledge_ids", "answers")}
    known = {name: value for name, value in body.items() if name in _RECEIPT}
    return ErasureReceipt(**{**known, **ids, "at": at})


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:  # most are, and the last test below is slow
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Source):
        body: dict[str, Any] = {n: getattr(value, n) for n in ("page_id", "quote", "text")}
        if value.span is not None:
            body["span"] = list(value.span)
        return {**value.extra, **body}
    if isinstance(value, Recalled):
        return {"at": value.at.isoformat(), "pages": dict(value.pages)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


# ── Checks of values that come from outside: an export file may be anything ───────────────────────

_MOST = 1 << 53


def check_fields(value: Recorded | ErasureReceipt | Source | Recalled) -> None:
    """Raise ValueError, naming the field, unless every field has a value of its type."""
    for item in fields(value):
        if not _CHECKS[item.name](getattr(value, item.name)):
            raise ValueError(f"{item.name} has a value that it cannot have")


def is_id(value: object) -> bool:
    """Return whether a value may be the id of a page or record: text without NUL."""
    return isinstance(value, str) and bool(value) and "\x00" not in value and is_text(value)


def is_text(value: object) -> bool:
    """Return whether a value is text that UTF-8 can hold."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


def _is_time(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _is_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(is_text(k) and _is_count(v) for k, v in value.items())


def _is_checked(value: object) -> bool:
    if not isinstance(value, tuple):
        return False
    for part in value:
        check_fields(part)
    return True


def _is_span(value: object) -> bool:
    return value is None or (
        isinstance(value, tuple)
        and len(value) == 2
        and all(map(_is_count, value))
        and value[0] <= value[1]
    )


def _all(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, tuple) and all(check(item) for item in value)


def _none_or(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


def _one_of(allowed: tuple[Any, ...]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in allowed


_CHECKS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("id", "segment_id", "page_id"), is_id),
    **dict.fromkeys(
        ("session_id", "summary", "analyst", "text", "quote", "name", "group", "level", "reason"),
        is_text,
    ),
    **dict.fromkeys(("speaker", "by"), is_text),
    **dict.fromkeys(("attribute", "value", "subject"), _none_or(is_text)),
    **dict.fromkeys(("request", "traces"), is_text),
    **dict.fromkeys(
        ("superseded_by", "corrects", "restores", "source", "evicted_by"), _none_or(is_id)
    ),
    **dict.fromkeys(("page_ids", "supersedes", "knowledge_ids", "answers"), _all(is_id)),
    "keywords": _all(is_text),
    **dict.fromkeys(
        ("visits", "interactions", "promoted_seq", "after_seq", "number", "edition"), _is_count
    ),
    "pages": lambda value: _is_count(value) or _is_counts(value),
    **dict.fromkeys(("revisit", "evicted"), lambda value: isinstance(value, bool)),
    **dict.fromkeys(("created", "updated", "last_access", "derived", "at"), _is_time),
    "failed": _none_or(_is_time),
    **dict.fromkeys(("erased", "rewritten"), _is_counts),
    "heat": lambda value: value == 0.0,
    "extra": lambda value: isinstance(value, Mapping),
    "owner": _one_of(get_args(Owner)),
    "status": _one_of(get_args(Status)),
    **dict.fromkeys(("sources", "recalls"), _is_checked),
    "kind": _one_of(get_args(KnowledgeKind)),
    "span": _is_span,
}
