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
MAX_DEPTH = 40
"""Brackets within brackets that an answer may have where it is mended."""
MAX_BOUND = 2_000
"""Largest bound that a schema tells: the grammars of llama.cpp take no longer repetitions."""

_MAX_CANDIDATES = 50
_MAX_MENDED = 5
_FENCE = re.compile(r"```[a-zA-Z0-9_-]*\s*\n?(.*?)```", re.DOTALL)

# ── Reading ──


def parse_answer(text: str, schema: type[_Answer]) -> _Answer | None:
    """Return the first JSON value in `text` that validates as `schema`; None when none does.

    What is JSON as it stands goes first; then what is nearly JSON is mended: trailing and missing
    commas, single quotes, bare names, Python's None and True, comments, line breaks in texts, and
    a tail that is missing, of which only what is complete is believed.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # import stays cheap

    for value in _json_values(text[:MAX_CHARACTERS]):
        for candidate in _unwrapped(value):
            with suppress(ValidationError, RecursionError):
                return schema.model_validate(candidate)
    return None


def _unwrapped(value: Any) -> Iterator[Any]:
    """Yield the value and, for {"answer": {...}} and [{...}], what is wrapped in it."""
    yield value
    if isinstance(value, Mapping) and len(value) == 1:
        yield next(iter(value.values()))
    elif isinstance(value, list) and len(value) == 1:
        yield value[0]


def _json_values(text: str) -> Iterator[Any]:
    """Yield the JSON values that `text` holds: the whole, code fences, any from a brace, mended."""
    answer = without_thinking(text)
    for whole in (text, answer, *(found[1] for found in _FENCE.finditer(answer))):
        with suppress(ValueError, RecursionError):
            yield json.loads(whole)
    yield from _from_braces(answer)
    at = answer.find("{")
    for _ in range(_MAX_MENDED):
        if at < 0:
            return
        mended = _Mender(answer, at)
        for complete in mended.versions():
            with suppress(ValueError, RecursionError):
                yield json.loads(complete)
        at = answer.find("{", max(mended.end, at + 1))


def _from_braces(answer: str) -> Iterator[Any]:
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


# ── Mending ──

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/|#[^\n]*)+", re.DOTALL)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`"}
_AFTER_TEXT = r"""(?:[,:}\]]|$|"[^"\n]{1,60}"\s*:|'[^'\n]{1,60}'\s*:)"""
_TEXTS = {
    opening: re.compile(
        # A quotation mark ends the text only where something of JSON follows it: a mark, the end,
        # or the name of the next field.
        rf"((?:[^\\{closing}]|\\.|{closing}(?!\s*{_AFTER_TEXT}))*){closing}",
        re.DOTALL,
    )
    for opening, closing in _QUOTES.items()
}
_BARE = re.compile(r"[^\s,:{}\[\]\"'“‘`]+")
_WORDS = {"none": "null", "null": "null", "nan": "null", "undefined": "null"}
_WORDS |= {"true": "true", "false": "false"}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_CLOSING = {"{": "}", "[": "]"}


class _Mender:
    """Puts what is nearly JSON, from a bracket on, as JSON; pass over the text once.

    end: the place in the text after the value, its length when it never closes.
    """

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._out: list[str] = []
        self._open: list[str] = []
        self._after_value = False
        self._is_name = False
        """The next text is the name of an object's field."""
        self._complete: list[tuple[int, tuple[str, ...]]] = []
        """Places in `_out` where a field or an item was complete, with what was open there."""
        self.end = self._read(start)

    def versions(self) -> Iterator[str]:
        """Yield the value as JSON; of one that never closes, with less and less of its tail."""
        if not self._open:
            if self._out:
                yield "".join(self._out)
            return
        depth = len(self._open) + 1
        for length, opened in reversed(self._complete):
            if len(opened) < depth:  # without the innermost item that is not complete
                depth = len(opened)
                yield "".join([*self._out[:length], *(_CLOSING[b] for b in reversed(opened))])

    def _read(self, at: int) -> int:
        text = self._text
        while at < len(text):
            if space := _SPACE.match(text, at):
                at = space.end()
                continue
            mark = text[at]
            if mark in "{[":
                self._separate()
                if len(self._open) >= MAX_DEPTH:
                    self._out.clear()
                    return len(text)
                self._out.append(mark)
                self._open.append(mark)
                self._after_value, self._is_name = False, mark == "{"
                self._note()
            elif mark in "}]":
                if self._close(mark):
                    return at + 1
            elif mark in ",:":
                self._punctuate(mark)
            else:
                at = self._scalar(at)
                continue
            at += 1
        return at

    def _scalar(self, at: int) -> int:
        """Take a text, a number or a word; one that the end of the answer may have cut is left."""
        text = self._text
        pattern = _TEXTS.get(text[at])
        found = pattern.match(text, at + 1) if pattern else _BARE.match(text, at)
        if found is None or (found.end() == len(text) and pattern is None):
            return len(text)
        said = found[1] if pattern else found[0]
        self._separate()
        bare = pattern is None and not self._is_name
        if bare and (word := _WORDS.get(said.lower())):
            self._out.append(word)
        elif bare and _NUMBER.fullmatch(said):
            self._out.append(said)
        else:
            self._out.append(json.dumps(_unescaped(said) if pattern else said))
        if not self._is_name:
            self._after_value = True
            self._note()
        return found.end()

    def _separate(self) -> None:
        """Put the comma that is missing between two values."""
        if self._after_value:
            self._out.append(",")
            self._after_value = False
            self._is_name = self._open[-1:] == ["{"]

    def _punctuate(self, mark: str) -> None:
        if mark == ":":
            if self._is_name:
                self._out.append(":")
                self._is_name = False
        elif self._after_value:
            self._separate()

    def _close(self, mark: str) -> bool:
        """Close a bracket, and those within it that were forgotten; True for the outermost."""
        if mark not in (_CLOSING[bracket] for bracket in self._open):
            return False
        if self._out[-1] == ",":
            self._out.pop()
        while self._open:
            closing = _CLOSING[self._open.pop()]
            self._out.append(closing)
            if closing == mark:
                break
        self._after_value, self._is_name = True, False
        self._note()
        return not self._open

    def _note(self) -> None:
        self._complete.append((len(self._out), tuple(self._open)))


def _unescaped(said: str) -> str:
    """Return a text without its escapes; those that JSON does not know stand for themselves."""

    def one(found: re.Match[str]) -> str:
        escape = found[0]
        with suppress(ValueError):
            return str(json.loads(f'"{escape}"'))
        return escape[1:]

    return re.sub(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u.{4}|\\.", one, said, flags=re.DOTALL)


# ── Telling the shape ──

_KEPT = ("type", "description", "enum", "const", "properties", "items", "anyOf", "$ref", "$defs")
_BOUNDS = ("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern")


def strict_schema(schema: type[BaseModel], *, bounds: bool = False) -> dict[str, Any]:
    """Return the JSON schema of `schema` in the strict subset that endpoints accept.

    Every property required, none besides; defaults and titles left out.  bounds: keep lengths and
    ranges, for endpoints that make a grammar of them; a length above 2,000 is left out.
    """
    strict: dict[str, Any] = _strict(schema.model_json_schema(), bounds=bounds)
    return strict


def _strict(node: Any, *, bounds: bool) -> Any:
    if isinstance(node, list):
        return [_strict(item, bounds=bounds) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept: dict[str, Any] = {}
    for key in (*_KEPT, *(_BOUNDS if bounds else ())):
        value = node.get(key)
        if value is None or (key.endswith(("Items", "Length")) and value > MAX_BOUND):
            continue
        if key in {"properties", "$defs"}:
            kept[key] = {name: _strict(inner, bounds=bounds) for name, inner in value.items()}
        else:
            kept[key] = _strict(value, bounds=bounds) if key in {"items", "anyOf"} else value
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
