"""Leaving out the block in which reasoning models think aloud before they answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAMES = r"(?:think|thinking|thought|reasoning)"
_OPEN = re.compile(rf"\s*<\s*{_NAMES}\s*>", re.IGNORECASE)
_CLOSE = re.compile(rf"</\s*{_NAMES}\s*>", re.IGNORECASE)
_CLOSE_ALONE = re.compile(rf"</\s*{_NAMES}\s*>[ \t]*(?:\n|$)", re.IGNORECASE)
_LONGEST_TAG = len("</reasoning>") + 2


def without_thinking(text: str) -> str:
    """Return `text` without its thinking, stripped; a block that is never closed is all there is.

    Some endpoints leave the opening tag out: then everything up to a closing tag at the end of a
    line was thinking.
    """
    while opening := _OPEN.match(text):
        closing = _CLOSE.search(text, opening.end())
        text = text[closing.end() :] if closing else ""
    if not text.lstrip().startswith(("{", "[", "`")) and (alone := _CLOSE_ALONE.search(text)):
        text = text[alone.end() :]
    return text.strip()


def pieces_without_thinking(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a streamed answer without a thinking block at its beginning."""
    held, thinking, begun = "", False, False
    for piece in pieces:
        if begun:
            yield piece
            continue
        held += piece
        if not thinking and (opening := _OPEN.match(held)):
            thinking, held = True, held[opening.end() :]
        if thinking:
            closing = _CLOSE.search(held)
            if closing is None:
                held = held[-_LONGEST_TAG:]  # enough for a closing tag that arrives in two pieces
                continue
            thinking, held = False, held[closing.end() :]
        if (shown := held.lstrip()) and not (shown[0] == "<" and len(shown) < _LONGEST_TAG):
            begun, held = True, ""
            yield shown
    if not thinking and (rest := held.strip()):
        yield rest
