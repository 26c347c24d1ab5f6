"""Filters of a search by parts of an item's value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memoryos.errors import InvalidInput

Passes = Callable[[Any], bool]
_ABSENT = object()
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_NUMBERS = (int, float)
"""Not bool, which is a number to Python alone."""
_OPERATORS = "$eq, $ne, $gt, $gte, $lt, $lte"


def compiled(wanted: object) -> Passes:
    """Return the test that a filter is. Raises InvalidInput for what is no filter.

    wanted: what each name must be; a dotted name goes into mappings ("at.city"), unless the value
    has that very name. {"$gt": 3} compares; what cannot be compared does not pass. A mapping is
    compared name by name, a list item by item.
    """
    if wanted is None:
        return lambda _: True
    if not isinstance(wanted, Mapping) or not all(isinstance(name, str) for name in wanted):
        raise InvalidInput(f"filter must be a mapping of names to values, not {wanted!r}")
    return _all([_named(name, _test(want)) for name, want in wanted.items()])


def _all(tests: Sequence[Passes]) -> Passes:
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def _named(name: str, test: Passes) -> Passes:
    """Return the test of what a value, which is a mapping, has under a name."""
    path = _path(name)
    if len(path) == 2:
        return lambda value: test(value.get(name, _ABSENT))
    return lambda value: test(_at(value, path))


def _path(name: str) -> tuple[str, ...]:
    if not name:
        raise InvalidInput("a filter's name is empty")
    path = name.split(".")
    if not all(path):
        raise InvalidInput(f"filter name {name!r} has an empty part: 'at.city' is city within at")
    return (name, *path)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    """Return what a value has at a path: its whole name first, then the parts."""
    whole, *parts = path
    found = value.get(whole, _ABSENT)
    if found is not _ABSENT or len(parts) < 2:
        return found
    for part in parts:
        value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
    return value


def _test(want: Any) -> Passes:
    if isinstance(want, Mapping):
        operators = [name for name in want if str(name).startswith("$")]
        if operators and len(operators) < len(want):
            raise InvalidInput(f"a filter mixes operators and names: {want!r}")
        if operators:
            return _all([_comparison(name, operand) for name, operand in want.items()])
        inner = [(name, _test(one)) for name, one in want.items()]
        return lambda value: (
            isinstance(value, Mapping)
            and all(test(value.get(name, _ABSENT)) for name, test in inner)
        )
    if isinstance(want, (list, tuple)):
        items = [_test(one) for one in want]
        return lambda value: (
            isinstance(value, list)
            and len(value) == len(items)
            and all(test(one) for test, one in zip(items, value, strict=True))
        )
    if want is None:
        return lambda value: value is None or value is _ABSENT
    return lambda value: _same(value, want)


def _comparison(name: str, operand: Any) -> Passes:
    if name == "$eq":
        return _test(operand)
    if name == "$ne":
        equal = _test(operand)
        return lambda value: not equal(value)
    order = _ORDER.get(name)
    if order is None:
        raise InvalidInput(f"there is no filter operator {name!r}: {_OPERATORS}")
    if isinstance(operand, str):
        return lambda value: isinstance(value, str) and order(value, operand)
    if isinstance(operand, (int, float)) and not isinstance(operand, bool):
        return lambda value: type(value) in _NUMBERS and order(value, operand)
    raise InvalidInput(f"{name} compares numbers or texts, not {operand!r}")


def _same(value: Any, want: Any) -> bool:
    # True is 1 to Python, and not to JSON.
    return bool(value == want) and isinstance(value, bool) == isinstance(want, bool)
