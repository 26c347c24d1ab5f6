"""Checks of derived values and receipts that come from outside: an export file may be anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from memoryos.model import ErasureReceipt, Owner, Source, Status
from memoryos.stores.codec import Derived

_MOST = 1 << 53


def check_fields(value: Derived | ErasureReceipt | Source) -> None:
    """Raise ValueError, naming the field, unless every field has a value of its type."""
    for item in fields(value):
        if not _CHECKS[item.name](getattr(value, item.name)):
            raise ValueError(f"{item.name} has a value that it cannot have")


def is_id(value: object) -> bool:
    """Return whether a value may be the id of a page or record: text without NUL."""
    return isinstance(value, str) and bool(value) and "\x00" not in value and _is_text(value)


def _is_text(value: object) -> bool:
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
    return isinstance(value, Mapping) and all(
        _is_text(k) and _is_count(v) for k, v in value.items()
    )


def _is_sources(value: object) -> bool:
    if not isinstance(value, tuple):
        return False
    for source in value:
        check_fields(source)
    return True


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
        _is_text,
    ),
    **dict.fromkeys(("attribute", "value", "subject"), _none_or(_is_text)),
    "request": _is_text,
    "superseded_by": _none_or(is_id),
    **dict.fromkeys(("page_ids", "supersedes", "knowledge_ids"), _all(is_id)),
    "keywords": _all(_is_text),
    **dict.fromkeys(("pages", "visits", "interactions", "promoted_seq"), _is_count),
    **dict.fromkeys(("revisit", "evicted"), lambda value: isinstance(value, bool)),
    **dict.fromkeys(("created", "updated", "last_access", "derived", "at"), _is_time),
    **dict.fromkeys(("erased", "rewritten"), _is_counts),
    "heat": lambda value: value == 0.0,
    "owner": _one_of(get_args(Owner)),
    "status": _one_of(get_args(Status)),
    "sources": _is_sources,
}
