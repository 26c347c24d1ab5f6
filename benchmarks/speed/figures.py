"""The figures that this project promises, each the ratio of two things measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speed.sizes import COMMIT, FAISS, FTS, PRODUCT, Row
from benchmarks.speed.timing import Times


@dataclass(frozen=True, slots=True)
class Figure:
    """A promise and what was measured."""

    what: str
    promised: float
    measured: float
    told: str
    """The two times that the ratio is of."""
    at_least: bool = False
    """Whether more is better."""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        if self.at_least:
            return self.measured >= self.promised
        return self.measured <= self.promised


def ratio(what: str, promised: float, over: float, under: float, told: str = "") -> Figure:
    """Return a figure that must be small."""
    return Figure(what, promised, over / under, told or f"{over:.3f} / {under:.3f} ms")


def at_least(what: str, promised: float, over: float, under: float, told: str) -> Figure:
    """Return a figure that must be large."""
    return Figure(what, promised, over / under, told, at_least=True)


def of_sizes(rows: Sequence[Row]) -> list[Figure]:
    """Return the figures that follow from the table of sizes."""
    recalls = {(r.size, r.name): r.recall for r in rows if r.recall is not None}
    figures = []
    sizes = sorted({row.size for row in rows})
    for size in sizes:
        bound = recalls[size, FTS].p50 + recalls[size, FAISS].p50
        mine = recalls[size, "memoryos"]
        figures.append(ratio(f"recall at {size:,} / (FTS5 + FAISS)", 1.5, mine.p50, bound))
        if size >= 100_000:
            product = recalls[size, PRODUCT]
            figures.append(ratio(f"recall at {size:,} / numpy's product", 1.5, mine.p50,
                                 product.p50))  # fmt: skip
    for row in rows:
        if row.alone is not None:
            what = f"recall at {row.size:,}, alone: p95 / p50"
            figures.append(ratio(what, 2.0, row.alone.p95, row.alone.p50))
    for size in (s for s in sizes if s >= 50_000):
        mine = recalls[size, "memoryos"]
        for name, share in (("LangGraph SqliteStore", 1 / 4), ("mem0 with local Qdrant", 1 / 20)):
            other = recalls.get((size, name))
            if other is not None:
                what = f"recall at {size:,} / {name}'s"
                figures.append(ratio(what, share, mine.p50, other.p50))
    return figures


def of_adds(small: Times, large: Times, commit: Times, size: int) -> list[Figure]:
    """Return the figures of single adds to a small and a large memory."""
    return [
        ratio(f"add at {size:,} / at 100", 1.3, large.p50, small.p50),
        ratio(f"add at {size:,} / {COMMIT}", 3.0, large.p50, commit.p50),
    ]
