"""What an item of the store is on a page of the journal, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from langgraph.store.base import Item, PutOp, SearchItem

from memoryos import Page
from memoryos.errors import InvalidInput
from memoryos.memory.documents import Document, Draft

Namespace = tuple[str, ...]
UserOf = Callable[[Namespace], "str | None"]
"""Names the user that a namespace belongs to, None for nobody. Once it names one, every namespace
below must be the same user's."""

NOBODY = ("shared", "langgraph")
"""(user_id, assistant_id) of the items that belong to nobody."""

KIND = "langgraph"
"""The kind of document that an item is, and the name of its fields in the page's metadata."""
EXPIRES = "langgraph_expires"
"""Name in the page's metadata of when an item expires, in seconds since 1970: the sweep asks it."""
_SESSION = "langgraph:"
_MARKS = ("users", "memories")


def user_of_namespace(namespace: Namespace) -> str | None:
    """Return the user of ("users" | "memories", USER, …) and of (USER, "memories", …), else None.

    These are the forms that LangGraph's and LangMem's documentation use. Anything else is nobody's:
    guessing could give one user's items to another.
    """
    if len(namespace) < 2:
        return None
    if namespace[0] in _MARKS:
        return namespace[1]
    return namespace[0] if namespace[1] == "memories" else None


@dataclass(frozen=True, slots=True)
class Stored:
    """An item as its page's metadata holds it."""

    namespace: Namespace
    key: str
    value: dict[str, Any]
    created: datetime
    updated: datetime
    ttl: float | None
    """Minutes; None never expires."""
    expires: datetime | None


def stored(page: Page) -> Stored:
    """Return the item on a page."""
    kept = page.metadata[KIND]
    expires = page.metadata.get(EXPIRES)
    return Stored(
        namespace=tuple(kept["namespace"]),
        key=kept["key"],
        value=kept["value"],
        created=page.timestamp,
        updated=max(page.timestamp, datetime.fromisoformat(kept["updated_at"])),
        ttl=kept.get("ttl"),
        expires=None if expires is None else datetime.fromtimestamp(expires, timezone.utc),
    )


def session_of(namespace: Namespace) -> str:
    """Return the session that a namespace's items are in: no conversation has it."""
    return _SESSION + ".".join(namespace)


def page_key(namespace: Namespace, key: str) -> str:
    """Return what identifies an item within its scope."""
    return json.dumps([*namespace, key], ensure_ascii=False)


def draft_of(op: PutOp, text: str, now: datetime) -> Draft:
    """Return the document that a put keeps. Raises InvalidInput for a TTL that is no time."""
    namespace = tuple(op.namespace)
    metadata: dict[str, Any] = {}
    kept: dict[str, Any] = {
        "namespace": list(namespace),
        "key": op.key,
        "value": dict(op.value or {}),
        "updated_at": now.isoformat(),
    }
    if op.ttl is not None:
        kept["ttl"] = checked_ttl(op.ttl)
        metadata[EXPIRES] = expiry(op.ttl, now).timestamp()
    metadata[KIND] = kept
    return Draft(page_key(namespace, op.key), session_of(namespace), text, metadata)


def refreshed(document: Document[Stored], now: datetime) -> Mapping[str, Any]:
    """Return the metadata of an item whose time begins again."""
    ttl = document.value.ttl
    assert ttl is not None
    return {**document.page.metadata, EXPIRES: expiry(ttl, now).timestamp()}


def checked_ttl(ttl: object) -> float:
    """Return a number of minutes. Raises InvalidInput."""
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 <= ttl < _MOST_MINUTES:
        raise InvalidInput(f"ttl must be a number of minutes, or None for ever, not {ttl!r}")
    return float(ttl)


_MOST_MINUTES = 60 * 24 * 366 * 1000


def expiry(ttl: float, now: datetime) -> datetime:
    """Return when an item expires that lives for `ttl` minutes from now on."""
    return now + timedelta(minutes=ttl)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def item_of(found: Stored) -> Item:
    """Return an item as LangGraph gives it; callers may change it."""
    return Item(
        value=deepcopy(found.value),
        key=found.key,
        namespace=found.namespace,
        created_at=found.created,
        updated_at=found.updated,
    )


def search_item_of(found: Stored, score: float | None) -> SearchItem:
    """Return an item as a search gives it; callers may change it."""
    return SearchItem(
        namespace=found.namespace,
        key=found.key,
        value=deepcopy(found.value),
        created_at=found.created,
        updated_at=found.updated,
        score=score,
    )
