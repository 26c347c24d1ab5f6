"""`memoryos bench NAME …` (in a checkout): which benchmark is meant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

BENCHMARKS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "locomo": ("benchmarks.locomo", (), "evidence recall and answers, beside what one would use"),
    "beam": ("benchmarks.recall", ("--set", "beam"), "recall from long chats with assistants"),
    "recall": ("benchmarks.recall", (), "evidence, answer words, paraphrases, the never said"),
    "speed": ("benchmarks.speed.__main__", (), "time and space, beside lower bounds and others"),
}
"""Each with the module that holds its `main(argv)`, arguments before the user's, and what it
measures."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark; return the exit code."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name not in BENCHMARKS:
        print("usage: memoryos bench NAME [--help | arguments]\n")
        for known, (_, _, what) in BENCHMARKS.items():
            print(f"  {known:8} {what}")
        return 0 if name in ("-h", "--help") else 2
    module, given, _ = BENCHMARKS[name]
    run = cast("Callable[[Sequence[str]], int | None]", importlib.import_module(module).main)
    return run([*given, *rest]) or 0


if __name__ == "__main__":
    sys.exit(main())
