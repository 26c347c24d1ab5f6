"""The report of evidence recall, written by the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import intervals, machine, plots
from benchmarks.locomo.comparison import NO_MODEL, OURS, Measured
from benchmarks.locomo.data import CATEGORIES, Conversation
from benchmarks.locomo.evidence import COLUMNS, CURVE, HALVES, Found, of
from benchmarks.locomo.known_errors import broken_evidence, published_audit

TOP, BLOCK = COLUMNS.index("top 10"), COLUMNS.index("1,000 tokens")
_TUNED, _HELD_OUT = "0-4", "5-9"


def write(
    folder: Path,
    command: str,
    embedder: str,
    conversations: Sequence[Conversation],
    compared: Sequence[Measured],
    ablated: Sequence[Measured],
    swept: Sequence[Measured],
) -> Path:
    """Write locomo.md and its pictures into `folder`; return the report's path."""
    parts = [_head(command, embedder, conversations)]
    parts += [_table(compared, half) for half in (_HELD_OUT, _TUNED, "all") if _any(compared, half)]
    parts += [_differences(compared), _categories(compared), _seconds(compared)]
    if ablated:
        parts.append(_ablations(ablated))
    if swept:
        parts.append(_sweep(swept))
    if plots.available():
        parts.insert(2, _pictures(folder, compared, ablated))
    not_kept = Path(__file__).with_name("not_kept.md").read_text(encoding="utf-8")
    parts.append("## What did not pay\n\n" + not_kept.strip())
    parts.append("## LoCoMo's known errors\n\n" + _errors(conversations))
    path = folder / "locomo.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    figures = json.dumps(_figures(compared), indent=1)
    (folder / "locomo.json").write_text(figures + "\n", encoding="utf-8")
    return path


def _figures(measured: Sequence[Measured]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return mean, low and high by system, conversations and column: for programs."""
    figures: dict[str, dict[str, dict[str, list[float]]]] = {}
    for one in measured:
        for half, numbers in HALVES.items():
            if found := of(one.found, numbers):
                means = (intervals.mean(_column(found, c)) for c in range(len(COLUMNS)))
                figures.setdefault(one.name, {})[half] = {
                    column: [round(mean.value, 4), round(mean.low, 4), round(mean.high, 4)]
                    for column, mean in zip(COLUMNS, means, strict=True)
                }
    return figures


def _head(command: str, embedder: str, conversations: Sequence[Conversation]) -> str:
    questions = sum(len(one.with_evidence()) for one in conversations)
    pages = sum(len(one.pages) for one in conversations)
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    method = (
        "The share of the turns that a question needs which a memory brings back, averaged over "
        f"{questions:,} questions (categories 1 to 4 that name evidence) of {len(conversations)} "
        f"conversations, {pages:,} pages of two turns. *Top k*: the turn's page is among the first "
        "k. *N tokens*: the turn stands whole in the context block that the memory would put "
        "before a model; for this engine the real one, `recall(question, max_tokens=N).text()`, "
        "profile and knowledge included, asked by a fresh session. Everyone reads the same pages, "
        "and where vectors are used they are of the same embedder. Settings were chosen on "
        "conversations 0-4; 5-9 were not looked at while choosing."
    )
    drawn = f"{intervals.RESAMPLES:,} resamples, seed {intervals.SEED}"
    lines = [
        "# LoCoMo: evidence recall",
        "",
        f"Made by `{command}` on {datetime.now(timezone.utc):%Y-%m-%d}.",
        "",
        method,
        "",
        f"- embedder: `{embedder}`; “no model” uses the built-in hashing of spellings",
        f"- machine: {machine.description()}",
        f"- versions: {versions}",
        f"- intervals: 95 %, percentile bootstrap over questions, {drawn}",
    ]
    return "\n".join(lines)


def _any(measured: Sequence[Measured], half: str) -> bool:
    return any(of(one.found, HALVES[half]) for one in measured)


def _column(found: Sequence[Found], column: int) -> list[float]:
    return [one.columns[column] for one in found]


def _table(measured: Sequence[Measured], half: str) -> str:
    note = {_TUNED: ": settings were chosen here", _HELD_OUT: ": held out"}.get(half, "")
    questions = len(of(measured[0].found, HALVES[half]))
    rows = [
        f"## Conversations {half}{note} ({questions} questions)",
        "",
        "| | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for one in measured:
        found = of(one.found, HALVES[half])
        cells = [str(intervals.mean(_column(found, c))) for c in range(len(COLUMNS))]
        rows.append(f"| {_name(one.name)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _name(name: str) -> str:
    return f"**{name}**" if name in (OURS, NO_MODEL) else name


def _differences(measured: Sequence[Measured]) -> str:
    by_name = {one.name: of(one.found, HALVES[_HELD_OUT]) for one in measured}
    if not by_name.get(OURS):
        return ""
    ours = by_name.pop(OURS)
    rows = [
        f"## How much more {OURS} brings back (conversations {_HELD_OUT}, paired by question)",
        "",
        "| than | top 10 | 1,000 tokens |",
        "|---|---|---|",
    ]
    for name, theirs in by_name.items():
        cells = []
        for column in (TOP, BLOCK):
            found = intervals.difference(_column(ours, column), _column(theirs, column))
            cells.append(f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _categories(measured: Sequence[Measured]) -> str:
    half = _HELD_OUT if _any(measured, _HELD_OUT) else "all"
    counts = {c: len(of(measured[0].found, HALVES[half], c)) for c in CATEGORIES}
    heads = [f"{name} ({number}), {counts[number]}" for number, name in CATEGORIES.items()]
    rows = [
        f"## By category (conversations {half}; top 10, then 1,000 tokens)",
        "",
        "| | " + " | ".join(heads) + " |",
        "|---|" + "---|" * len(heads),
    ]
    for one in measured:
        cells = []
        for category in CATEGORIES:
            found = of(one.found, HALVES[half], category)
            top, block = (intervals.mean(_column(found, c)).value for c in (TOP, BLOCK))
            cells.append(f"{top:.3f} / {block:.3f}")
        rows.append(f"| {_name(one.name)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _seconds(measured: Sequence[Measured]) -> str:
    times = "; ".join(f"{one.name} {one.cpu_seconds:.0f}" for one in measured)
    together = sum(one.cpu_seconds for one in measured) / 60
    minutes = sum(one.seconds for one in measured) / 60
    return (
        "## What it took\n\nProcessor seconds for reading all conversations, consolidating where "
        f"there is anything to consolidate, and answering all questions with all budgets: {times}. "
        f"Together {together:.1f} minutes, {minutes:.1f} by the clock. Vectors are computed once "
        "and kept in a file outside the repository, so that whoever comes first pays for them."
    )


def _ablations(measured: Sequence[Measured]) -> str:
    rows = [
        "## What each part pays",
        "",
        "The same engine without one thing at a time; differences to everything.",
        "",
        "| | 0-4 top 10 | 0-4 1,000 tokens | 5-9 top 10 | 5-9 1,000 tokens |",
        "|---|---|---|---|---|",
    ]
    base = {half: of(measured[0].found, HALVES[half]) for half in (_TUNED, _HELD_OUT)}
    for number, one in enumerate(measured):
        cells = []
        for half in (_TUNED, _HELD_OUT):
            found = of(one.found, HALVES[half])
            for column in (TOP, BLOCK):
                values, full = _column(found, column), _column(base[half], column)
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
        found = of(one.found, HALVES[_TUNED])
        cells = [f"{intervals.mean(_column(found, column)).value:.3f}" for column in shown]
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _pictures(folder: Path, compared: Sequence[Measured], ablated: Sequence[Measured]) -> str:
    half = _HELD_OUT if _any(compared, _HELD_OUT) else "all"
    curves, means = {}, {}
    for one in compared:
        found = of(one.found, HALVES[half])
        curves[one.name] = [
            intervals.mean([f.curve[i] for f in found]).value for i in range(len(CURVE))
        ]
        mean = intervals.mean(_column(found, BLOCK))
        means[one.name] = (mean.value, mean.low, mean.high)
    title = f"LoCoMo, conversations {half}: "
    plots.lines(
        folder / "locomo-pages.png",
        title + "evidence among the first k pages",
        "k",
        CURVE,
        curves,
        (OURS, NO_MODEL),
    )
    plots.bars(
        folder / "locomo-tokens.png",
        title + "evidence in a context block of 1,000 tokens",
        means,
        (OURS, NO_MODEL),
    )
    pictures = [
        "![Evidence among the first k pages](locomo-pages.png)",
        "![Evidence in 1,000 tokens](locomo-tokens.png)",
    ]
    if ablated:
        means = {}
        for one in ablated:
            mean = intervals.mean(_column(of(one.found, HALVES[half]), TOP))
            means[one.name] = (mean.value, mean.low, mean.high)
        plots.bars(
            folder / "locomo-ablations.png",
            title + "evidence among 10 pages, one thing left out at a time",
            means,
            (ablated[0].name,),
            least=0.4,
        )
        pictures.append("![Ablations](locomo-ablations.png)")
    return "\n\n".join(pictures)


def _errors(conversations: Sequence[Conversation]) -> str:
    broken = broken_evidence(conversations)
    listed = "; ".join(f"{id_} ({what})" for id_, what in broken.items())
    return (
        f"{published_audit()}\n\nQuestions (conversation:position) whose evidence cannot be read "
        f"as it stands in the file: {listed}. Ids that can be read in spite of it are used; a "
        "question that is left with none is not asked."
    )
