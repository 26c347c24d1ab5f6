"""The report of what each part of the ranking pays, written by the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import intervals, plots
from benchmarks.locomo.comparison import Measured
from benchmarks.locomo.data import Conversation
from benchmarks.locomo.evidence import COLUMNS, CURVE, HALVES, of
from benchmarks.locomo.report import BLOCK, HELD_OUT, TOP, TUNED, column_of, head


def write(
    folder: Path,
    command: str,
    embedder: str,
    conversations: Sequence[Conversation],
    ablated: Sequence[Measured],
    swept: Sequence[Measured],
) -> Path:
    """Write locomo-ablations.md and its picture into `folder`; return the report's path."""
    title = "LoCoMo: what each part of the ranking pays"
    parts = [head(title, command, embedder, conversations), _ablations(ablated)]
    if plots.available():
        parts.append(_picture(folder, ablated))
    parts += [_pages(ablated[0]), _sweep(swept)]
    not_kept = Path(__file__).with_name("not_kept.md").read_text(encoding="utf-8")
    parts.append("## What did not pay\n\n" + not_kept.strip())
    path = folder / "locomo-ablations.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _picture(folder: Path, ablated: Sequence[Measured]) -> str:
    means = {}
    for one in ablated:
        mean = intervals.mean(column_of(one.found, TOP))
        means[one.name] = (mean.value, mean.low, mean.high)
    plots.bars(
        folder / "locomo-ablations.png",
        "LoCoMo: evidence among 10 pages, one thing left out at a time",
        means,
        (ablated[0].name,),
    )
    return "![Ablations](locomo-ablations.png)"


def _pages(everything: Measured) -> str:
    rows = [
        "## Pages swept",
        "",
        "| conversations | " + " | ".join(f"k = {k}" for k in CURVE) + " |",
        "|---|" + "---|" * len(CURVE),
    ]
    for half, numbers in HALVES.items():
        found = of(everything.found, numbers)
        if found:
            means = (intervals.mean([one.curve[i] for one in found]) for i in range(len(CURVE)))
            rows.append(f"| {half} | " + " | ".join(f"{mean.value:.3f}" for mean in means) + " |")
    return "\n".join(rows)


def _ablations(measured: Sequence[Measured]) -> str:
    rows = [
        "## What each part pays",
        "",
        "The same engine without one thing at a time; differences to everything.",
        "",
        "| | 0-4 top 10 | 0-4 1,000 tokens | 5-9 top 10 | 5-9 1,000 tokens |",
        "|---|---|---|---|---|",
    ]
    base = {half: of(measured[0].found, HALVES[half]) for half in (TUNED, HELD_OUT)}
    for number, one in enumerate(measured):
        cells = []
        for half in (TUNED, HELD_OUT):
            found = of(one.found, HALVES[half])
            for column in (TOP, BLOCK):
                values, full = column_of(found, column), column_of(base[half], column)
                if number == 0 or not values:
                    cells.append(f"{intervals.mean(values).value:.3f}")
                else:
                    delta = intervals.difference(values, full)
                    cells.append(f"{delta.value:+.3f} ({delta.low:+.3f} to {delta.high:+.3f})")
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _sweep(measured: Sequence[Measured]) -> str:
    rows = [
        "## Weights swept (conversations 0-4)",
        "",
        "Window: weight of the segment's words (default 0.6); neighbour: the chain's share (0.3).",
        "",
        "| | top 5 | top 10 | top 20 | 1,000 tokens |",
        "|---|---|---|---|---|",
    ]
    shown = [COLUMNS.index(name) for name in ("top 5", "top 10", "top 20")] + [BLOCK]
    for one in measured:
        found = of(one.found, HALVES[TUNED])
        cells = [f"{intervals.mean(column_of(found, column)).value:.3f}" for column in shown]
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
