"""How remembered text is shown: nothing of it acts, and what could not be seen can be.

Control characters, marks that turn the direction of writing, and invisible signs become small
labels; the rest is escaped. Each text stands in an element of its own direction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from markupsafe import Markup, escape

from memoryos.model import RecalledPage

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Joiners (U+200C, U+200D) and U+200E, U+200F are left alone: scripts and emoji need them."""
_SURROGATES = re.compile("[\ud800-\udfff]")
PREVIEW = 700
"""Characters of a side of a turn that a list shows."""
MOST_WORDS, MOST_SEARCHED = 60, 100_000
"""Words of a quote, and characters of a text, that are compared but for their blanks."""
MOST_MARKS = 500
"""Labels made in one text; a text of more holds nothing for people to read."""


def shown(text: object) -> Markup:
    """Return text as HTML that only shows it."""
    whole = _SURROGATES.sub("\ufffd", str(text))
    parts: list[Markup] = []
    end = 0
    for number, found in enumerate(_HIDDEN.finditer(whole)):
        if number >= MOST_MARKS:
            break
        parts += [escape(whole[end : found.start()]), _label(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(_HIDDEN.sub("\ufffd", whole[end:]))])


def _label(character: str) -> Markup:
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "CONTROL CHARACTER")
    return Markup('<span class="hidden-sign" title="{}">{}</span>').format(name, code)


def passages(item: RecalledPage) -> list[str]:
    """Return the passages to mark in a recalled page; none where the whole page is one."""
    return [part.text for part in item.passages if part.side is not None]


def plain(text: object) -> str:
    """Return text for where no element can stand (a title, an attribute), harmless likewise."""
    whole = _SURROGATES.sub("\ufffd", str(text))
    return _HIDDEN.sub("\ufffd", " ".join(whole.split()))


def preview(text: str, most: int = PREVIEW) -> str:
    """Return the beginning of a long text, cut at a word where there is one."""
    if len(text) <= most:
        return text
    head = text[:most]
    cut = head.rsplit(None, 1)[0] if any(sign.isspace() for sign in head[-80:]) else head
    return f"{cut} […]"


def marked(text: str, quotes: Iterable[str], most: int | None = None) -> Markup:
    """Return text with the places of quotes in it highlighted; `most` cuts what is far from them.

    A quote that the text does not hold, word for word but for blanks, marks nothing.
    """
    found = [span for quote in quotes if (span := _found(text, quote)) is not None]
    spans = _joined(found if most is None else _fitting(found, most))
    if not spans:
        return shown(text if most is None else preview(text, most))
    if most is not None and len(text) > most:
        text, spans = _around(text, spans, most)
    parts: list[Markup] = []
    end = 0
    for start, stop in spans:
        parts += [shown(text[end:start]), Markup("<mark>"), shown(text[start:stop])]
        parts.append(Markup("</mark>"))
        end = stop
    return Markup("").join([*parts, shown(text[end:])])


def _fitting(spans: Sequence[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Return the first of some spans, as many and as long as `most` characters hold."""
    fitting = []
    for start, stop in spans:
        end = min(stop, start + most)
        fitting.append((start, end))
        most -= end - start
        if most <= 0:
            break
    return fitting


def _found(text: str, quote: str) -> tuple[int, int] | None:
    """Return where a quote stands in a text."""
    wanted = quote.strip()
    if not wanted:
        return None
    start = text.find(wanted)
    if start >= 0:
        return start, start + len(wanted)
    words = wanted.split()
    if len(words) > MOST_WORDS or len(text) > MOST_SEARCHED:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE)
    return match.span() if match else None


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _around(
    text: str, spans: list[tuple[int, int]], most: int
) -> tuple[str, list[tuple[int, int]]]:
    """Return the marked places of a long text with some of what is beside them, gaps as […]."""
    beside = max(40, most // (4 * len(spans)))
    windows = _joined([(max(0, a - beside), min(len(text), b + beside)) for a, b in spans])
    parts: list[str] = []
    moved: list[tuple[int, int]] = []
    length = 0
    for start, stop in windows:
        gap = "[…] " if start else ""
        offset = length + len(gap) - start
        moved += [(a + offset, b + offset) for a, b in spans if start <= a and b <= stop]
        part = f"{gap}{text[start:stop]}" + (" " if stop < len(text) else "")
        parts.append(part)
        length += len(part)
    tail = "[…]" if windows[-1][1] < len(text) else ""
    return "".join(parts) + tail, moved


def minute(time: datetime) -> str:
    """Return a time as pages show it: date and minute."""
    return f"{time:%Y-%m-%d %H:%M}"


def day(time: datetime) -> str:
    """Return the date of a time."""
    return f"{time:%Y-%m-%d}"


def number(value: float) -> str:
    """Return a count with its thousands apart."""
    return f"{value:,}"
