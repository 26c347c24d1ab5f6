"""Recall: evidence, answer words, paraphrases, follow-ups, and knowing when nothing was said."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `memoryos bench recall` with these arguments; return the exit code."""
    from benchmarks.recall.command import main as run  # noqa: PLC0415  # loads numpy and more

    return run(argv)
