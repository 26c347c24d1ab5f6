"""Model output and framework messages made fit for the journal: mended, never refused.

What no database can hold (NUL, lone surrogates) becomes U+FFFD; what is too long is cut in its
middle, and a note says what it was: metadata["cut"] = {"bytes": …, "sha256": …}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from memoryos.model import Message
from memoryos.storage.codec import dumps, is_plain

CUT = "cut"
"""The name of the note in the metadata of a message or page: the size and SHA-256 it had."""
_GAP = "\n[… {} bytes left out …]\n"
_SHORTEST = 64
"""Bytes to which texts within a message are cut at the least; then they are left out."""


def mended_text(text: str) -> str:
    """Return a text without NUL and lone surrogates; the two halves of a pair are joined."""
    if text.isascii() or not _has_surrogates(text):
        return text.replace("\x00", "\ufffd")
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "\ufffd")


def fitted(text: str, most_bytes: int) -> str:
    """Return a text of at most `most_bytes` bytes of UTF-8: its beginning and its end, if longer.

    Expects a text that is mended.
    """
    if len(text) * 4 <= most_bytes:
        return text
    raw = text.encode()
    if len(raw) <= most_bytes:
        return text
    gap = _GAP.format(len(raw) - most_bytes)
    half = max(0, (most_bytes - len(gap.encode())) // 2)
    ends = (raw[:half].decode(errors="ignore"), raw[len(raw) - half :].decode(errors="ignore"))
    return gap.join(ends) if half else ""


def mended_side(side: object, name: str, most_bytes: int) -> tuple[Any, dict[str, Any]]:
    """Return a side of a page, mended, and the note for the page's metadata (empty: not cut)."""
    if not isinstance(side, str):
        return side, {}
    whole = mended_text(side)
    kept = fitted(whole, most_bytes)
    return kept, {} if kept == whole else {CUT: {name: _note(whole)}}


def mended_message(message: Message, most_bytes: int) -> Message:
    """Return a message whose JSON has at most `most_bytes` bytes, all its texts mended.

    The longest texts are cut first. What is no JSON is returned as it is, to be refused.
    """
    if isinstance(message.content, str) and is_plain(message):
        text = mended_text(message.content)
        kept = fitted(text, most_bytes)
        if kept == message.content:
            return message
        return replace(message, content=kept, metadata={} if kept == text else {CUT: _note(text)})
    names = ("content", "name", "id", "tool_calls", "tool_call_id", "metadata")
    try:
        body = _each_text({name: getattr(message, name) for name in names}, mended_text)
        whole = dumps(body)
    except (TypeError, ValueError, RecursionError):
        return message
    if len(whole.encode()) <= most_bytes:
        return replace(message, **body)
    most = most_bytes // 2
    short = _cut(body, most)
    while len(dumps(short).encode()) > most_bytes:
        most //= 4
        if most < _SHORTEST:  # not the texts: there are too many of them
            short = {"content": fitted(mended_text(message.text), most_bytes // 8)}
            short |= {"tool_calls": (), "metadata": {}}
            break
        short = _cut(body, most)
    noted = {**short["metadata"], CUT: _note(whole)}
    return replace(message, **{**short, "metadata": noted})


def _cut(body: dict[str, Any], most: int) -> dict[str, Any]:
    cut: dict[str, Any] = _each_text(body, lambda text: fitted(text, most))
    return cut


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {
            _each_text(name, change): _each_text(inner, change) for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_each_text(inner, change) for inner in value]
    return value


def _note(whole: str) -> dict[str, Any]:
    raw = whole.encode()
    return {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
