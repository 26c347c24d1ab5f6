"""The memory as matplotlib figures. Importing this needs the extra `notebooks`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from memoryos.errors import MissingExtra
from memoryos.memory import Memory
from memoryos.model import NO_SEGMENT, Segment

try:
    from matplotlib import dates
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise MissingExtra.of("A plot", "notebooks") from error

INK = "#747c88"
"""Words and lines: a grey that reads on white and on black; the background is left open."""
VISITS, INTERACTIONS, RECENCY = "#e8590c", "#4c86e0", "#8b8f98"
TOPICS = ("#4c86e0", "#e8590c", "#2f9e6e", "#a06be0", "#d6498c", "#b08900", "#1f9cb0", "#8a6d5a")
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
    """Return each segment's heat (Eq. 4) by what it is made of, hottest first, against τ."""
    config, shown = memory.config, memory.segments()[:_MOST]
    figure, axes = _blank(rows=len(shown))
    alpha, beta = config.heat_alpha, config.heat_beta
    tau = config.heat_threshold
    parts = (
        (INTERACTIONS, "β · L_interaction", [beta * s.interactions for s in shown]),
        (VISITS, "α · N_visit", [alpha * s.visits for s in shown]),
        (
            RECENCY,
            "γ · R_recency",
            [s.heat - alpha * s.visits - beta * s.interactions for s in shown],
        ),
    )
    left = [0.0] * len(shown)
    for colour, label, widths in parts:
        axes.barh(range(len(shown)), widths, left=left, color=colour, label=label, height=0.6)
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
    segments, knowledge = memory.segments(), memory.knowledge()
    newest = sorted(segments, key=lambda segment: segment.last_access)[-_MOST:]
    rows = {segment.id: row for row, segment in enumerate(sorted(newest, key=lambda s: s.created))}
    names = [_label(segment) for segment in sorted(newest, key=lambda s: s.created)]
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
        colour = INK if row >= len(rows) else TOPICS[row % len(TOPICS)]
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
    kinds: Any = dates  # matplotlib leaves these constructors without types
    locator = kinds.AutoDateLocator(minticks=2, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(kinds.ConciseDateFormatter(locator))
    axes.margins(x=0.06)
    _name_rows(axes, names)
    return figure


def _blank(rows: int) -> tuple[Plot, Any]:
    figure = Plot(figsize=(8.6, 1.3 + 0.42 * max(rows, 2)), facecolor="none", layout="constrained")
    axes: Any = figure.add_subplot(facecolor="none")
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
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


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            frameon=False,
            labelcolor=INK,
            fontsize=9,
            borderaxespad=0.2,
        )


def _label(segment: Segment) -> str:
    words = segment.name or ", ".join(segment.keywords[:3])
    line = "".join(c if c.isprintable() else " " for c in words).replace("$", r"\$")
    return line if len(line) <= 34 else line[:33] + "…"
