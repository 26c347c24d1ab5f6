"""Sentences of a text, and which of its words the speaker says in their own voice.

Reading is bounded: of one side of a page the first `SCANNED` characters are looked at.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SCANNED = 20_000
"""Characters read of one text; what is longer is a pasted document rather than talk."""

LONGEST = 600
"""Characters of a sentence in which facts are looked for; people state facts in less."""

MASK = "\x00"
"""Stands for each character that is not the speaker's own voice (quoted text, code)."""

# Latin marks end a sentence where white space follows; that is looked at after the whole run of
# marks is taken, for a lookahead would try a long run again from each of its marks.
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*|[。！？｡]+[」』”’）]*|[\r\n]+")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|St|Mt|Ft|Prof|Sr|Sra|Dra|Jr|vs|e\.g|i\.e|approx|[A-HJ-Z])\.$"
)

_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "\u00a0": " ", "\u3000": " ", "\t": " "})
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff]")
_MAY_QUOTE = re.compile(r"[\"`>“”«「『]|(?<!\w)'")
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)"  # code
    r"|`[^`\n]{1,500}`"
    r"|^[ ]*>[^\n]*"  # a quoted line of mail
    r"|[\"“”][^\"“”\n]{0,2000}(?:[\"“”]|$)"
    r"|«[^»\n]{0,2000}(?:»|$)"
    r"|「[^」\n]{0,2000}(?:」|$)"
    r"|『[^』\n]{0,2000}(?:』|$)"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){1,500}'(?!\w)",
    re.DOTALL | re.MULTILINE,
)
# What follows a colon is often not the speaker's: "she told me: I am a nurse", "Ana: I live…".
_AFTER_COLON = re.compile(r"(?<=:) [^\n]+|(?<=：)[^\n]+|(?<=[:：])\s*\n.*\Z", re.DOTALL)


class Sentence(NamedTuple):
    """A sentence of a text, by its place."""

    start: int
    end: int


def spans(text: str) -> list[Sentence]:
    """Return the sentences of `text` in order, without the white space around them."""
    found = []
    start = 0
    for mark in _END.finditer(text):
        end = mark.end()
        latin = text[mark.start()] in ".!?…"
        if latin and end < len(text) and not text[end].isspace():
            continue
        if text[mark.start() : end] == "." and _ABBREVIATED.search(text, max(start, end - 9), end):
            continue
        found.append(_trimmed(text, start, end))
        start = end
    found.append(_trimmed(text, start, len(text)))
    return [sentence for sentence in found if sentence.start < sentence.end]


def _trimmed(text: str, start: int, end: int) -> Sentence:
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    return Sentence(start + left, max(start + left, start + len(inner.rstrip())))


def split(text: str) -> list[str]:
    """Return the sentences of the first `SCANNED` characters of `text`, verbatim."""
    text = text[:SCANNED]
    return [text[sentence.start : sentence.end] for sentence in spans(text)]


def own_voice(text: str) -> str:
    """Return `text`, equally long, apostrophes straight, with all that may be quoted masked."""
    plain = text if text.isascii() else text.translate(_STRAIGHT)
    plain = _CONTROL.sub(" ", plain)
    if _MAY_QUOTE.search(plain):
        plain = _QUOTED.sub(_masked, plain)
    if ":" in plain or "：" in plain:
        plain = _AFTER_COLON.sub(_masked, plain)
    return plain


def _masked(match: re.Match[str]) -> str:
    # Line ends stay, so that sentences keep their limits.
    return "\n".join(MASK * len(line) for line in match[0].split("\n"))
