"""`memoryos bench NAME …` (in a checkout): which benchmark is meant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

BENCHMARKS = {
    "locomo": ("benchmarks.locomo", "evidence recall and answers, beside what one would use"),
    "speed": ("benchmarks.speed.__main__", "time and space, beside lower bounds and others"),
}
"""Each with the module that holds its `main(argv)`, and what it measures."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark; return the exit code."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name not in BENCHMARKS:
        print("usage: memoryos bench NAME [--help | arguments]\n")
        for known, (_, what) in BENCHMARKS.items():
            print(f"  {known:8} {what}")
        return 0 if name in ("-h", "--help") else 2
    run = cast(
        "Callable[[Sequence[str]], int | None]", importlib.import_module(BENCHMARKS[name][0]).main
    )
    return run(rest) or 0


if __name__ == "__main__":
    sys.exit(main())
