"""Who is measured: anything that keeps pages and finds them again."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.speed.corpus import Turn

RESULTS = 20
"""How many pages a peer or bound is asked for; the engine's own ten come with neighbours' votes."""


class Subject(Protocol):
    """One memory under test."""

    name: str

    def fill(self, pages: Sequence[Turn]) -> None:
        """Take many pages in whatever way is fastest; not measured."""
        ...

    def add(self, page: Turn) -> None:
        """Take one page the way a program would, as durably as it can."""
        ...

    def recall(self, question: str) -> int:
        """Find pages; return how many."""
        ...

    def close(self) -> None:
        """Let go of files and memory."""
        ...


def disk_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def resident() -> int:
    """Return this process's resident memory in bytes (its peak, where the system tells no more)."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
