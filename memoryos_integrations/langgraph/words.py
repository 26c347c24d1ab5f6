"""Which words of an item's value it is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langgraph.store.base import get_text_at_path

from memoryos.errors import InvalidInput

WHOLE = "$"
"""The path of everything in a value that is words."""

_TECHNICAL = re.compile(
    r"(?:^|_)(?:id|ids|uuid|guid|hash|checksum|sha1|sha256|md5|etag|encoding|mime|mimetype|"
    r"content_type|media_type|kind|created|modified|updated|timestamp|expires|expiry|version|revision|"
    r"embedding|embeddings|vector)(?:_at|_on|_type)?$",
    re.IGNORECASE,
)
"""Names of what programs keep for themselves: "file_id", "created_at", "mime_type"."""
_MACHINE = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"  # a UUID
    r"|[0-9a-f]{32,}"  # a digest
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d\S*"  # a point in time
    r"|data:[^,\s]*,.*",  # a data URI
    re.IGNORECASE | re.DOTALL,
)
_BINARY = re.compile(r"[A-Za-z0-9+/_=\r\n-]{120,}")
"""Base64, or the like: no text has so many letters without a space."""
_ENCODINGS = ("base64", "base64url", "binary", "hex")


def checked_fields(fields: object, name: str) -> tuple[str, ...]:
    """Return paths within values ("title", "notes[*].text", "$"). Raises InvalidInput."""
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise InvalidInput(f"{name} must be a list of paths, not {fields!r}")
    if not all(isinstance(field, str) and field for field in fields):
        raise InvalidInput(f"{name} must be a list of paths such as 'title', not {fields!r}")
    return tuple(fields)


def words_of(value: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Return the text by which a value is found, fit to be journalled; empty for nothing.

    fields: paths; "$" is one line for each part that is words, with its name ("food: pizza").
    What an encoding says is binary is no text, wherever it stands.
    """
    value = _without_binary(value)
    lines: list[str] = []
    for field in fields:
        if field == WHOLE:
            lines += _whole(value)
        else:
            lines += [line for line in get_text_at_path(dict(value), field) if _is_words(line)]
    text = "\n".join(line for line in lines if line.strip())
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def _without_binary(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a value without the content that its encoding says is no text."""
    encoding = value.get("encoding")
    if isinstance(encoding, str) and encoding.lower() in _ENCODINGS:
        return {name: inner for name, inner in value.items() if name not in ("content", "data")}
    return value


def _whole(value: Mapping[str, Any]) -> list[str]:
    leaves = list(_leaves(value))
    if not any(is_text for is_text, _ in leaves):
        return []  # numbers alone are nobody's words
    return [line for _, line in leaves]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[bool, str]]:
    """Yield, for each leaf that is words or a number, (whether it is words, "food: pizza")."""
    if isinstance(value, Mapping):
        for key, inner in _without_binary(value).items():
            if not _TECHNICAL.search(str(key)):
                yield from _leaves(inner, str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, name)
    elif isinstance(value, str):
        if _is_words(value):
            yield True, _line(name, value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield False, _line(name, str(value))


def _line(name: str, text: str) -> str:
    # What holds the words themselves needs no name: "Tom likes ramen", not "text: Tom likes ramen".
    return text if not name or name in _PLAIN else f"{name}: {text}"


_PLAIN = frozenset({"content", "text", "data", "value", "memory", "page_content"})


def _is_words(text: str) -> bool:
    stripped = text.strip()
    if not stripped or _MACHINE.fullmatch(stripped):
        return False
    return not _BINARY.fullmatch(stripped)
