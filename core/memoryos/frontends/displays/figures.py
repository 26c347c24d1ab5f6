"""The memory as matplotlib figures. Importing this needs the extra `notebooks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from itertools import pairwise
from typing import Any

from memoryos.errors import MissingExtra
from memoryos.memory import Memory
from memoryos.model import NO_SEGMENT, Segment
from memoryos.tiers.heat_history import HeatPoint

try:
    from matplotlib import dates
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise MissingExtra.of("A plot", "notebooks") from error

INK = "#747c88"
"""Words and lines: a grey that reads on white and on black; the background is left open."""
TOPICS = (
    *("#4c86e0", "#e8590c", "#2f9e6e", "#a06be0", "#d6498c", "#b08900"),
    *("#1f9cb0", "#a86b4c", "#6f8f00", "#e05555", "#5f6fd8", "#2f8fc0"),
)
"""Colours of segments, in the order of their beginning, the same in every figure."""
_MOST = 16
"""Segments that a figure shows."""


class Plot(Figure):
    """A figure that a notebook shows without pyplot, so that nothing global is touched."""

    def _repr_png_(self) -> bytes:
        """Return the figure as a picture."""
        out = BytesIO()
        self.savefig(out, format="png", dpi=110, bbox_inches="tight", transparent=True)
        return out.getvalue()


def heat_figure(memory: Memory) -> Plot:
    """Return each segment's heat over time, with τ; stars are promotions, crosses evictions."""
    everything, history = memory.segments(evicted=True), memory.heat_history()
    colours, tau = _colours(everything), memory.config.heat_threshold
    shown = sorted(_hottest(everything, history), key=lambda segment: segment.created)
    figure, axes = _blank(rows=8 if shown else 0)
    for segment in shown:
        points, colour = history[segment.id], colours[segment.id]
        times, heats = [point.at for point in points], [point.heat for point in points]
        axes.plot(times, heats, color=colour, linewidth=1.8, label=_label(segment, 30))
        moved = [(p.at, p.heat) for p in points if p.what in ("page", "recall")]
        axes.plot(*zip(*moved, strict=True), ".", color=colour, markersize=7)
        peaks = [
            (before.at, before.heat)
            for before, after in pairwise(points)
            if after.what == "promotion"
        ]
        if peaks:
            axes.plot(*zip(*peaks, strict=True), "*", color=colour, markersize=15)
        if points[-1].what == "eviction":
            axes.plot(times[-1], heats[-1], "x", color=colour, markersize=10, markeredgewidth=2.4)
    axes.axhline(tau, color=INK, linestyle="--", linewidth=1.4, label=f"τ = {tau:g}")
    promoted = any(p.what == "promotion" for s in shown for p in history[s.id])
    _explain(axes, "*", "promoted", wanted=promoted)
    _explain(axes, "x", "evicted", wanted=any(segment.evicted for segment in shown))
    axes.set_ylim(0, None)
    axes.set_ylabel("heat")
    axes.spines["left"].set_visible(True)
    if shown:
        _date_axis(axes)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    _legend(axes, columns=3)
    return figure


def segments_figure(memory: Memory) -> Plot:
    """Return each segment's heat (Eq. 4) by what it is made of, hottest first, against τ."""
    config, everything = memory.config, memory.segments(evicted=True)
    shown = [segment for segment in everything if not segment.evicted][:_MOST]
    colours = _colours(everything)
    figure, axes = _blank(rows=len(shown))
    alpha, beta = config.heat_alpha, config.heat_beta
    tau = config.heat_threshold
    parts = (
        (1.0, "β · L_interaction", [beta * s.interactions for s in shown]),
        (0.6, "α · N_visit", [alpha * s.visits for s in shown]),
        (
            0.3,
            "γ · R_recency",
            [s.heat - alpha * s.visits - beta * s.interactions for s in shown],
        ),
    )
    left = [0.0] * len(shown)
    for strength, label, widths in parts:
        of = [colours[segment.id] for segment in shown]
        axes.barh(range(len(shown)), widths, left=left, color=of, alpha=strength, height=0.6)
        if shown:  # the parts are told by their strength: the colour is the segment's
            axes.barh(0, 0, color=INK, alpha=strength, label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.axvline(tau, color=INK, linestyle="--", linewidth=1.4, label=f"τ = {tau:g}")
    axes.set_xlim(0, max([tau, *left]) * 1.08)
    axes.set_xlabel("heat of this moment")
    _name_rows(axes, [_label(segment) for segment in shown])
    _legend(axes)
    return figure


def timeline_figure(memory: Memory) -> Plot:
    """Return when the pages of each segment were said, and which of them knowledge comes from."""
    pages = [page for page in memory.pages() if page.segment_id != NO_SEGMENT]
    segments, knowledge = memory.segments(evicted=True), memory.knowledge()
    colours = _colours(segments)
    newest = sorted(segments, key=lambda segment: segment.last_access)[-_MOST:]
    newest.sort(key=lambda segment: segment.created)
    rows = {segment.id: row for row, segment in enumerate(newest)}
    names = [_label(segment) for segment in newest]
    elsewhere, waiting = len(names), len(names) + 1
    used = {rows.get(p.segment_id, elsewhere) if p.segment_id else waiting for p in pages}
    last = [(elsewhere, "other segments"), (waiting, "short term")]
    extra = [(row, name) for row, name in last if row in used]
    place = {row: len(names) + number for number, (row, _) in enumerate(extra)}
    names += [name for _, name in extra]
    figure, axes = _blank(rows=len(names))
    at: dict[str, tuple[datetime, int]] = {}
    for page in pages:
        row = rows.get(page.segment_id, elsewhere) if page.segment_id else waiting
        at[page.id] = (page.timestamp, place.get(row, row))
    by_row: dict[int, list[datetime]] = {}
    for time, row in at.values():
        by_row.setdefault(row, []).append(time)
    for row, times in sorted(by_row.items()):
        colour = INK if row >= len(rows) else colours[newest[row].id]
        axes.plot(times, [row] * len(times), "o", color=colour, markersize=7, alpha=0.75)
    said = sorted({at[s.page_id] for k in knowledge for s in k.sources if s.page_id in at})
    if said:
        times, heights = [time for time, _ in said], [row for _, row in said]
        axes.plot(
            times,
            heights,
            "o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="source of what is known",
        )
        _legend(axes)
    _date_axis(axes)
    _name_rows(axes, names)
    return figure


def _colours(segments: Sequence[Segment]) -> dict[str, str]:
    """Return the colour of each segment by its id: all of a memory are needed to tell."""
    ordered = sorted(segments, key=lambda segment: (segment.created, segment.id))
    return {s.id: TOPICS[number % len(TOPICS)] for number, s in enumerate(ordered)}


def _hottest(
    segments: Sequence[Segment], history: Mapping[str, Sequence[HeatPoint]]
) -> list[Segment]:
    """Return the segments that have been hottest at any time."""
    known = [segment for segment in segments if segment.id in history]
    known.sort(key=lambda segment: -max(point.heat for point in history[segment.id]))
    return known[:_MOST]


def _explain(axes: Any, marker: str, words: str, *, wanted: bool) -> None:
    """Put a marker into the legend."""
    if wanted:
        axes.plot([], [], marker, color=INK, markersize=11, markeredgewidth=1.6, label=words)


def _date_axis(axes: Any) -> None:
    kinds: Any = dates  # matplotlib leaves these constructors without types
    locator = kinds.AutoDateLocator(minticks=2, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(kinds.ConciseDateFormatter(locator))
    axes.margins(x=0.06)


def _blank(rows: int) -> tuple[Plot, Any]:
    figure = Plot(figsize=(8.6, 1.3 + 0.42 * max(rows, 2)), facecolor="none", layout="constrained")
    axes: Any = figure.add_subplot(facecolor="none")
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.xaxis.get_offset_text().set_color(INK)
    axes.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(INK)
    if not rows:
        axes.text(
            0.5,
            0.5,
            "nothing in mid-term memory yet",
            color=INK,
            ha="center",
            va="center",
            transform=axes.transAxes,
        )
    return figure, axes


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _legend(axes: Any, columns: int = 4) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
            frameon=False,
            labelcolor=INK,
            fontsize=9,
            borderaxespad=0.2,
        )


def _label(segment: Segment, longest: int = 34) -> str:
    words = segment.name or ", ".join(segment.keywords[:3])
    line = "".join(c if c.isprintable() else " " for c in words).replace("$", r"\$")
    return line if len(line) <= longest else line[: longest - 1] + "…"
