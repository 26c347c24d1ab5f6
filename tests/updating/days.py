"""Turns said to a memory, a day after one another."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from memoryos import Memory

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def say(memory: Memory, *texts: str) -> None:
    """Add them, the first at `NOON`, and file them."""
    for day, text in enumerate(texts):
        memory.add(text, "ok", NOON + timedelta(days=day))
    memory.flush()
