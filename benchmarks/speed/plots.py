"""Two plots: add and recall over the number of pages, everyone in one picture each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.speed.sizes import Row


def draw(rows: Sequence[Row], folder: Path) -> list[str]:
    """Draw the plots into a folder; return their file names."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "memoryos"  # the same picture for the same figures
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after its backend is chosen

    names = []
    for verb in ("add", "recall"):
        figure, axes = plt.subplots(figsize=(8, 5))
        for name in dict.fromkeys(row.name for row in rows):
            points = [(r.size, t.p50) for r in rows if r.name == name and (t := getattr(r, verb))]
            if points:
                own = name == "memoryos"
                axes.plot(*zip(*points, strict=True), marker="o", label=name,
                          linewidth=3 if own else 1, zorder=3 if own else 2)  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="pages", ylabel=f"{verb}, median ms")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize=8)
        names.append(f"speed-{verb}.svg")
        figure.tight_layout()
        figure.savefig(folder / names[-1], metadata={"Date": None})
        plt.close(figure)
    return names
