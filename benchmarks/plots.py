"""Pictures of figures. Without matplotlib (the bench extra) there are none."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OURS = "#0b6e4f"
OTHERS = ("#7a7a7a", "#b0894f", "#4f7cac", "#a05195", "#c0504d", "#8c8c3f", "#5f9ea0", "#333333")


def available() -> bool:
    """Return whether pictures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def lines(
    path: Path,
    title: str,
    x_label: str,
    xs: Sequence[float],
    series: Mapping[str, Sequence[float]],
    ours: Sequence[str],
) -> None:
    """Draw one line for each of `series`; those named in `ours` stand out."""
    figure, axes = _figure((8, 5))
    others = iter(OTHERS * 3)
    for name, values in series.items():
        mine = name in ours
        style = "-" if not mine or name == ours[0] else "--"
        axes.plot(
            xs,
            values,
            style,
            marker="o",
            markersize=3,
            label=name,
            color=OURS if mine else next(others),
            linewidth=2.5 if mine else 1.2,
        )
    axes.set_xscale("log")
    axes.set_xticks(list(xs), [f"{x:,g}" for x in xs])
    axes.minorticks_off()
    axes.set_xlabel(x_label)
    axes.set_ylabel("share of the evidence")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7, loc="lower right")
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def bars(
    path: Path,
    title: str,
    values: Mapping[str, tuple[float, float, float]],
    ours: Sequence[str],
) -> None:
    """Draw one bar for each of `values` (mean, low, high)."""
    figure, axes = _figure((8, 0.38 * len(values) + 1.2))
    names = list(values)[::-1]
    means = [values[name][0] for name in names]
    errors = [
        [values[name][0] - values[name][1] for name in names],
        [values[name][2] - values[name][0] for name in names],
    ]
    colours = [OURS if name in ours else OTHERS[0] for name in names]
    axes.barh(names, means, xerr=errors, color=colours, error_kw={"lw": 1, "capsize": 2})
    for row, value in enumerate(means):
        inside = value > 0.1
        at, colour = (0.005, "white") if inside else (value + 0.03, "black")
        axes.text(at, row, f"{value:.3f}", va="center", color=colour, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the evidence, with 95 % interval")
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def _figure(size: tuple[float, float]) -> tuple[Any, Any]:
    import matplotlib as mpl  # noqa: PLC0415  # heavy, and an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    return plt.subplots(figsize=size, layout="constrained")


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415  # as above

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
