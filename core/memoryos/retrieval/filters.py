"""Filters of a recall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.model import Page, Scope
from memoryos.storage.journal import checked_id, checked_time
from memoryos.storage.port import PageQuery, Store

_WHERE = ("session_id", "since", "before")


@dataclass(frozen=True, slots=True)
class Where:
    """Filter of pages by session, time, and values of metadata."""

    session_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    metadata: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, where: Mapping[str, Any] | None) -> Where | None:
        """Read a caller's mapping: session_id, since, before; any other name is one of metadata."""
        if where is None:
            return None
        if not isinstance(where, Mapping) or not all(isinstance(name, str) for name in where):
            raise InvalidInput(
                "where must be a mapping such as {'session_id': 'a', 'since': '2026-01-01'}, "
                f"not {where!r}"
            )
        return cls(
            session_id=checked_id(where["session_id"], "session_id")
            if where.get("session_id") is not None
            else None,
            since=checked_time(where["since"], "since") if "since" in where else None,
            before=checked_time(where["before"], "before") if "before" in where else None,
            metadata={name: value for name, value in where.items() if name not in _WHERE},
        )

    def pages(self, store: Store, scope: Scope) -> list[Page]:
        """Return the pages that match, in journal order."""
        query = PageQuery(session_id=self.session_id, since=self.since, before=self.before)
        wanted = (self.metadata or {}).items()
        return [
            page
            for page in store.pages(scope, query)
            if all(_is(page.metadata.get(name), value) for name, value in wanted)
        ]


def until(where: Mapping[str, Any] | None, moment: datetime) -> dict[str, Any]:
    """Return a caller's filter narrowed to what was said by a moment."""
    last = moment + timedelta(microseconds=1)
    if where is not None and isinstance(where, Mapping) and "before" in where:
        last = min(last, checked_time(where["before"], "before"))
    return {**(where or {}), "before": last}


def _is(stored: Any, wanted: Any) -> bool:
    """Return whether a metadata value is the wanted one, or one of a wanted list."""
    return stored in wanted if isinstance(wanted, (list, tuple, set)) else bool(stored == wanted)
