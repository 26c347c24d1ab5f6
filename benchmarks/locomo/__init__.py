"""LoCoMo: whether a memory brings back what a question needs, and whether answers are right."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `memoryos bench locomo` with these arguments; return the exit code."""
    from benchmarks.locomo.command import main as run  # noqa: PLC0415  # loads numpy and more

    return run(argv)
