"""Recognises context blocks by their headings, so that recalled text is not taken for said."""

from __future__ import annotations

SECTIONS = (
    "What is known",
    "Earlier in these conversations",
    "Remembered turns",
    "This conversation",
)
"""Headings of a context block, in its order."""


def without_block(text: str) -> str:
    """Return a message without the context block in it: that was recalled, not said."""
    if "## " not in text:
        return text
    kept, inside = [], False
    for paragraph in text.split("\n\n"):
        heading = paragraph.lstrip("\n").partition("\n")[0].removeprefix("## ")
        inside = paragraph.lstrip("\n").startswith("## ") and heading in SECTIONS
        if not inside:
            kept.append(paragraph)
    return "\n\n".join(kept)
