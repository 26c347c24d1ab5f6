"""Reading a model's answer as JSON of a wanted shape, whatever stands around it. Pure.

Also how that shape is told: as a strict JSON schema to endpoints that take one, as a few words to
models that must be asked in prose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from memoryos.llm.thinking import without_thinking

if TYPE_CHECKING:
    from pydantic import BaseModel

_Answer = TypeVar("_Answer", bound="BaseModel")

MAX_CHARACTERS = 200_000
"""Longest answer that is looked at; what follows is cut off."""

_MAX_CANDIDATES = 50
_FENCE = re.compile(r"```[a-zA-Z0-9_-]*\s*\n?(.*?)```", re.DOTALL)
_KEPT = ("type", "description", "enum", "const", "properties", "items", "anyOf", "$ref", "$defs")


def parse_answer(text: str, schema: type[_Answer]) -> _Answer | None:
    """Return the first JSON value in `text` that validates as `schema`; None when none does."""
    from pydantic import ValidationError  # noqa: PLC0415  # import stays cheap

    for value in _json_values(text[:MAX_CHARACTERS]):
        for candidate in _unwrapped(value):
            with suppress(ValidationError, RecursionError):
                return schema.model_validate(candidate)
    return None


def _unwrapped(value: Any) -> Iterator[Any]:
    """Yield the value and, for {"answer": {...}}, what is wrapped in it."""
    yield value
    if isinstance(value, Mapping) and len(value) == 1:
        yield next(iter(value.values()))


def _json_values(text: str) -> Iterator[Any]:
    """Yield the JSON objects that `text` holds: the whole, code fences, then any from a brace."""
    answer = without_thinking(text)
    for whole in (text, answer, *(found[1] for found in _FENCE.finditer(answer))):
        with suppress(ValueError, RecursionError):
            yield json.loads(whole)
    decoder = json.JSONDecoder()
    at = answer.find("{")
    for _ in range(_MAX_CANDIDATES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(answer, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = answer.find("{", end)


def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of `schema` in the strict subset that endpoints accept.

    Every property required, none besides; bounds, defaults and titles left out (they are checked
    when the answer is validated).
    """
    strict: dict[str, Any] = _strict(schema.model_json_schema())
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept: dict[str, Any] = {}
    for key in _KEPT:
        if key not in node:
            continue
        if key in {"properties", "$defs"}:
            kept[key] = {name: _strict(inner) for name, inner in node[key].items()}
        else:
            kept[key] = _strict(node[key]) if key in {"items", "anyOf"} else node[key]
    if node.get("type") == "object":
        kept["additionalProperties"] = False
        kept["required"] = list(kept.setdefault("properties", {}))
    return kept


def shape_in_words(schema: type[BaseModel]) -> str:
    """Return the shape of `schema` as short text: {"topics":[{"pages":[int],"summary":str}]}."""
    root = schema.model_json_schema()
    return _shape(root, root.get("$defs", {}))


def _shape(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in node:
        return _shape(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in node:
        return "|".join(_shape(option, definitions) for option in node["anyOf"])
    if "enum" in node:
        return "|".join(json.dumps(value, ensure_ascii=False) for value in node["enum"])
    kind = node.get("type")
    if kind == "object":
        inner = ",".join(
            f'"{name}":{_shape(value, definitions)}'
            for name, value in node.get("properties", {}).items()
        )
        return f"{{{inner}}}"
    if kind == "array":
        return f"[{_shape(node.get('items', {}), definitions)}]"
    names = {"integer": "int", "number": "number", "boolean": "bool", "null": "null"}
    return names.get(str(kind), "str")
