"""Numbers with their nouns, for messages to people."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 page", "2 pages"; `many` where it is not one with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
