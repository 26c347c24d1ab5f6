"""Leaving out what reasoning models think aloud before they answer. Pure.

Two forms are known: a block in tags (<think>…</think>), and channels
(<|channel|>analysis<|message|>…), of which only what is said on "final" is the answer.  Marks of
the chat template that a server leaves at the end of an answer go too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAMES = r"(?:think|thinking|thought|reasoning)"
_OPEN = re.compile(rf"\s*<\s*{_NAMES}\s*>", re.IGNORECASE)
_CLOSE = re.compile(rf"</\s*{_NAMES}\s*>", re.IGNORECASE)
_CLOSE_ALONE = re.compile(rf"</\s*{_NAMES}\s*>[ \t]*(?:\n|$)", re.IGNORECASE)
_LONGEST_TAG = len("</reasoning>") + 2

_CHANNEL = re.compile(r"\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]{0,40}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>")
_BARE_FINAL = re.compile(r"analysis(?=[A-Z\s]).*?assistant\s*final(?=\W|[A-Z]|$)", re.DOTALL)
_END = re.compile(
    r"<\|(?:return|end|start|channel|call|im_end|im_start|eot_id|endoftext|end_of_text)\|>"
    r"|<end_of_turn>"
)
_END_BEGUN = re.compile(r"<(?:\|[a-z_]{0,14}\|?|e[a-z_]{0,10})?$")
_LONGEST_CHANNEL = 140  # characters of the longest mark that opens the final channel


def without_thinking(text: str) -> str:
    """Return `text` without its thinking, stripped; a block that is never closed is all there is.

    Some endpoints leave the opening tag out: then everything up to a closing tag at the end of a
    line was thinking.
    """
    while opening := _OPEN.match(text):
        closing = _CLOSE.search(text, opening.end())
        text = text[closing.end() :] if closing else ""
    if _CHANNEL.match(text):
        finals = list(_FINAL.finditer(text))
        text = text[finals[-1].end() :] if finals else ""
    elif bare := _BARE_FINAL.match(text):  # a server that left the marks out, and only them
        text = text[bare.end() :]
    if not text.lstrip().startswith(("{", "[", "`")) and (alone := _CLOSE_ALONE.search(text)):
        text = text[alone.end() :]
    if end := _END.search(text):
        text = text[: end.start()]
    return text.strip()


def pieces_without_thinking(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a streamed answer without the thinking at its beginning and the marks at its end."""
    held = ""
    for piece in _answer_pieces(pieces):
        held += piece
        if end := _END.search(held):
            if shown := held[: end.start()]:
                yield shown
            return
        begun = _END_BEGUN.search(held)
        shown, held = (held[: begun.start()], held[begun.start() :]) if begun else (held, "")
        if shown:
            yield shown
    if held:
        yield held


def _answer_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces from where the answer begins."""
    held, begun = "", False
    closes: re.Pattern[str] | None = None
    for piece in pieces:
        if begun:
            yield piece
            continue
        held += piece
        if closes is None:
            if opening := _OPEN.match(held):
                closes, held = _CLOSE, held[opening.end() :]
            elif _CHANNEL.match(held):
                closes = _FINAL
        if closes is not None:
            closing = closes.search(held)
            if closing is None:
                held = held[-_LONGEST_CHANNEL:]  # enough for a mark that arrives in pieces
                continue
            closes, held = None, held[closing.end() :]
        if (shown := held.lstrip()) and not _may_open(shown):
            begun, held = True, ""
            yield shown
    if closes is None and (rest := held.strip()):
        yield rest


def _may_open(text: str) -> bool:
    """Tell whether `text` may yet turn out to begin with thinking."""
    if text.startswith("<|"):
        return len(text) < len("<|start|>assistant<|channel|>")
    return text[0] == "<" and len(text) < _LONGEST_TAG
