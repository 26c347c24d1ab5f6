"""Remembered text made harmless: it can forge no heading, date, speaker, fence or template token.

Pure functions on text. The words stay; what goes are characters that nobody sees (control, bidi,
ANSI, tags) and the shapes that a model or a terminal could take for structure.
"""

from __future__ import annotations

import re
import unicodedata

from memoryos.text.block import SECTIONS

INDENT = "  "
"""Before every line of a text but its first: a block's own lines begin at the margin."""
QUOTED = "> "
"""Before a line that has the shape of one of the block's own."""

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]"  # colours, cursor moves
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,200}(?:\x07|\x1b\\|\x9c)"  # titles
    r"|\x1b[@-Z\\-_]?"
)
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control, bidi and tag characters, spaces of no width; not the joiners of Persian and emoji."""
_JOINERS = re.compile("[\u200c\u200d\ufe00-\ufe0f]")
_OPENS = re.compile(r"[<＜﹤‹〈⟨《](?=([\s\S]{1,48}))")
_TAGS = (
    "memory system assistant user human developer tool toolcall toolcalls toolresponse toolresult "
    "functioncalls functionresults invoke parameter think thinking startofturn endofturn sys bos "
    "eos s endoftext instructions"
).split()
_TAG = re.compile(
    # The own fence however it is spaced; tokens of chat templates are exact, and `a < s` is none.
    rf"[\W_]*memory|[|]|[/<!]{{0,3}}(?:im(?:start|end)|(?:{'|'.join(_TAGS)})(?:$|[^a-z0-9]))"
)
_BRACKETED = re.compile(
    r"[\[［]\s*(/?\s*(?:INST|SYS|SYSTEM[ _]?PROMPT|AVAILABLE[ _]TOOLS|TOOL[ _](?:CALLS|RESULTS)))"
    r"\s*[\]］]",
    re.IGNORECASE,
)
_SPEAKERS = (
    "user assistant system human ai agent bot developer tool function usuario asistente sistema "
    "用户 助手 系统"
).split()
_STRUCTURE = re.compile(
    r"[\W_]*(?:"
    rf"(?:{'|'.join(map(re.escape, _SPEAKERS))})[\W_]*[:：]"
    r"|(?<=\[)\s*(?:\d{4}-\d\d-\d\d\b|\d\d:\d\d\s*\])"
    rf"|(?:{'|'.join(title.casefold() for title in SECTIONS)})\W*$"
    r"|(?:instruction|response|input)s?\s*[:：])"
)
_PLAIN = re.compile(r"[ !-;=-Z^-~]*")
"""ASCII in one line without `<`, `[`, `]` and `\\`: nothing can be wrong with it."""


def neutral(text: str) -> str:
    """Return a text of any length as it may stand in a context block, its later lines indented.

    A line that has the shape of a heading, a date line or a speaker is quoted with "> ".
    """
    if _PLAIN.fullmatch(text):
        return text
    first, *others = clean(text).split("\n")
    lines = [first, *(INDENT + (QUOTED + line if _is_structure(line) else line) for line in others)]
    return "\n".join(line.rstrip() if not line.strip() else line for line in lines)


def one_line(text: str) -> str:
    """Return a name or an entry as one line; line breaks and runs of spaces become one space."""
    if _PLAIN.fullmatch(text) and "  " not in text:
        return text.strip()
    return " ".join(clean(text).split())


def speaker(name: str) -> str:
    """Return a speaker's name as one short line that holds no colon of its own."""
    return one_line(name).replace(":", " ").replace("：", " ")[:_LONGEST_NAME].strip()


_LONGEST_NAME = 80


def clean(text: str) -> str:
    """Return a text without what nobody sees and without anything that looks like a mark.

    Marks are the memory's fence, the tags and tokens of chat templates, and [INST] and its kin:
    their brackets become round. Line breaks of every kind become one.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _LINE_BREAK.sub("\n", _ANSI.sub("", text))
    text = _UNSEEN.sub("", text)
    text = _OPENS.sub(_opening, text)
    return _BRACKETED.sub(r"(\1)", text)


def _opening(found: re.Match[str]) -> str:
    """Return the bracket, or a round one where a mark begins with it."""
    behind = _folded(found[1]).replace("_", "").replace("-", "")
    return "(" if _TAG.match(behind) else found[0]


def _is_structure(line: str) -> bool:
    return bool(_STRUCTURE.match(_folded(line[:_SHAPE])))


_SHAPE = 120
"""Characters of a line that its shape is looked for in."""


def _folded(text: str) -> str:
    """Return what a text looks like: full-width and styled letters as plain ones, lower case."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", _JOINERS.sub("", text))
    return plain.casefold()
