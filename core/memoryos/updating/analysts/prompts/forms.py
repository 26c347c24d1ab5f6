"""Forms of answers: schemas that are sent with all their bounds, and answers made to fit them.

What is missing in an answer is empty, what is null or of the wrong kind is left out, what is too
long or too many is cut.  Only what is no object at all, or has none of the form's fields, is none.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

MOST_CUT = 100_000
"""Characters of one text of an answer that are looked at."""

_NUMBER = re.compile(r"-?\d{1,6}")
_TRUE, _FALSE = ("true", "yes", "1", "continues"), ("false", "no", "0", "")


class Form(BaseModel):
    """A form whose fields are mended one by one; an item of a list that cannot be is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _mend(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        told = {str(name).strip().casefold(): value for name, value in given.items()}
        if told and told.keys().isdisjoint(cls.model_fields):
            raise ValueError("none of the fields that were asked for")
        mended = {
            name: _mended(told.get(name), field.annotation, field)
            for name, field in cls.model_fields.items()
        }
        return {name: value for name, value in mended.items() if value is not None}


def choice(*values: int | str) -> Any:
    """Return the rule of a field whose schema names these values; others are left to the reader."""
    return Field(json_schema_extra={"enum": list(values)})


def exactly(count: int) -> Any:
    """Return the rule of a list that shall have so many items; fewer are left to the reader."""
    return Field(max_length=count, json_schema_extra={"minItems": count})


def _mended(value: Any, wanted: Any, field: FieldInfo | None = None) -> Any:
    """Return `value` as what is wanted, or None where it is nothing of the kind."""
    origin = get_origin(wanted)
    if origin in {Union, types.UnionType}:
        wanted = next(kind for kind in get_args(wanted) if kind is not type(None))
        origin = get_origin(wanted)
    if value is None:
        return None
    if origin is list:
        return _items(value, get_args(wanted)[0], _bound(field, "max_length"))
    if isinstance(wanted, type) and issubclass(wanted, Form):
        try:
            return wanted.model_validate(value)
        except ValueError:
            return None
    if wanted is bool:
        return _truth(value)
    if wanted is int:
        return _whole(value)
    return _text(value, _bound(field, "max_length")) if wanted is str else value


def _items(value: Any, kind: Any, most: int | None) -> list[Any]:
    """Return a list's items that are of the kind; one that stands alone is a list of one."""
    bound = None
    if hasattr(kind, "__metadata__"):  # Annotated[str, Field(max_length=…)]
        bound = next((m for m in kind.__metadata__ if isinstance(m, FieldInfo)), None)
        kind = kind.__origin__
    if isinstance(value, str) and kind is str:
        value = value.split(",")
    given = value if isinstance(value, (list, tuple)) else [value]
    found = (_mended(item, kind, bound) for item in given[:1_000])
    return [item for item in found if item is not None][:most]


def _truth(value: Any) -> bool | None:
    if isinstance(value, (bool, int)):
        return bool(value)
    said = str(value).strip().casefold()
    return True if said in _TRUE else False if said in _FALSE else None


def _whole(value: Any) -> int | None:
    """Return the number that is meant by 3, 3.0, "3", "page 3" and [3]."""
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value) if abs(value) < 1_000_000 else None
    found = _NUMBER.search(value[:100]) if isinstance(value, str) else None
    return int(found[0]) if found else None


def _text(value: Any, most: int | None) -> str | None:
    if isinstance(value, (list, tuple)):
        value = " ".join(part for part in value if isinstance(part, str))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)  # a year that was not quoted
    return value[: most or MOST_CUT] if isinstance(value, str) else None


def _bound(field: FieldInfo | None, name: str) -> int | None:
    for rule in field.metadata if field is not None else ():
        if (found := getattr(rule, name, None)) is not None:
            return int(found)
    return None
