"""Filters of a recall, as callers give them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

from memoryos.errors import InvalidInput
from memoryos.storage.journal import checked_id, checked_time
from memoryos.storage.port import Bound, Condition, PageFilter, Scalar

_BOUNDS = get_args(Bound)


def page_filter(where: Mapping[str, Any] | None) -> PageFilter | None:
    """Read a caller's mapping: session_id, since, before; any other name is one of metadata.

    Of metadata a value, a list of values of which one has to be there, or bounds such as
    {"gte": 3, "lt": 5}.  Raises InvalidInput.
    """
    if where is None:
        return None
    if not isinstance(where, Mapping) or not all(isinstance(name, str) for name in where):
        raise InvalidInput(
            "where must be a mapping such as {'session_id': 'a', 'since': '2026-01-01'}, "
            f"not {where!r}"
        )
    rest = dict(where)
    session_id, since, before = (rest.pop(n, None) for n in ("session_id", "since", "before"))
    return PageFilter(
        session_id=None if session_id is None else checked_id(session_id, "session_id"),
        since=None if since is None else checked_time(since, "since"),
        before=None if before is None else checked_time(before, "before"),
        metadata=tuple(part for name, value in rest.items() for part in _conditions(name, value)),
    )


def until(where: Mapping[str, Any] | None, moment: datetime) -> dict[str, Any]:
    """Return a caller's filter narrowed to what was said by a moment."""
    last = moment + timedelta(microseconds=1)
    if where is not None and isinstance(where, Mapping) and "before" in where:
        last = min(last, checked_time(where["before"], "before"))
    return {**(where or {}), "before": last}


def _conditions(name: str, value: Any) -> list[Condition]:
    """Return what is asked of one value of metadata. Raises InvalidInput."""
    if isinstance(value, Mapping):
        if not value or not all(key in _BOUNDS for key in value):
            raise InvalidInput(
                f"where[{name!r}] must be a value, a list of values, or bounds by the names "
                f"{', '.join(_BOUNDS)}, not {value!r}"
            )
        return [Condition(name, key, (_bound(name, bound),)) for key, bound in value.items()]
    values = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return [Condition(name, "in", tuple(_scalar(name, item) for item in values))]


def _scalar(name: str, value: Any) -> Scalar:
    plain = value is None or isinstance(value, (str, int, float))
    if not plain or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidInput(
            f"where[{name!r}] must be compared with texts, numbers, booleans or None, not {value!r}"
        )
    if isinstance(value, str):
        _check_text(name, value)
    return value  # type: ignore[no-any-return]


def _bound(name: str, value: Any) -> Scalar:
    if value is None or isinstance(value, bool):
        raise InvalidInput(f"where[{name!r}] must have numbers or texts as bounds, not {value!r}")
    return _scalar(name, value)


def _check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"where[{name!r}] holds what is no text: {error}") from None
