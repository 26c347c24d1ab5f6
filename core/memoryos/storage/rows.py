"""Shared by the database stores: keys of scopes, drafts to pages, filters of pages."""

from __future__ import annotations

import hashlib
import operator
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from memoryos.model import DOCUMENT, NO_SEGMENT, Page, Scope
from memoryos.storage.port import Condition, PageDraft, PageFilter, PageMoved, PageQuery


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
