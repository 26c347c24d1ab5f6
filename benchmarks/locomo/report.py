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
TUNED, HELD_OUT = "0-4", "5-9"
_FAIRNESS = (
    "What to bear in mind: which signals there are came from a first probe over all ten "
    "conversations; their weights and the shares of the context block were chosen on 0-4, and 5-9 "
    "were only reported. The engine knows the date of a page, and the others' texts hold none "
    "(`without dates` among the ablations says what that is worth). BM25 here uses the engine's "
    "own words: stemmed, without stop words. LangChain, LangGraph and LlamaIndex are used as they "
    "come, told only how many pages to return, and fill a block with the best that fit. Intervals "
    "take questions as independent; there are only ten conversations."
)


def write(
    folder: Path,
    command: str,
    embedder: str,
    conversations: Sequence[Conversation],
    compared: Sequence[Measured],
    told: str = "",
) -> Path:
    """Write locomo.md, its figures and pictures into `folder`; return the report's path.

    told: the section on answer words and on what was never said.
    """
    parts = [head("LoCoMo: evidence recall", command, embedder, conversations)]
    parts += [_table(compared, half) for half in (HELD_OUT, TUNED, "all") if _any(compared, half)]
    parts += [_differences(compared), _categories(compared), _seconds(compared)]
    if plots.available():
        parts.insert(2, _pictures(folder, compared))
    parts.append(told)
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
                means = (intervals.mean(column_of(found, c)) for c in range(len(COLUMNS)))
                figures.setdefault(one.name, {})[half] = {
                    column: [round(mean.value, 4), round(mean.low, 4), round(mean.high, 4)]
                    for column, mean in zip(COLUMNS, means, strict=True)
                }
    return figures


def head(title: str, command: str, embedder: str, conversations: Sequence[Conversation]) -> str:
    """Return how the figures of a report were made."""
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
        "and where vectors are used they are of the same embedder."
    )
    drawn = f"{intervals.RESAMPLES:,} resamples, seed {intervals.SEED}"
    lines = [
        f"# {title}",
        "",
        f"Made by `{command}` on {datetime.now(timezone.utc):%Y-%m-%d}.",
        "",
        method,
        "",
        _FAIRNESS,
        "",
        f"- embedder: `{embedder}`; “no model” uses the built-in table, `StaticEmbedder`",
        f"- machine: {machine.description()}",
        f"- versions: {versions}",
        f"- intervals: 95 %, percentile bootstrap over questions, {drawn}",
    ]
    return "\n".join(lines)


def _any(measured: Sequence[Measured], half: str) -> bool:
    return any(of(one.found, HALVES[half]) for one in measured)


def column_of(found: Sequence[Found], column: int) -> list[float]:
    """Return one column of what was found."""
    return [one.columns[column] for one in found]


def _table(measured: Sequence[Measured], half: str) -> str:
    note = {TUNED: ": settings were chosen here", HELD_OUT: ": held out"}.get(half, "")
    questions = len(of(measured[0].found, HALVES[half]))
    rows = [
        f"## Conversations {half}{note} ({questions} questions)",
        "",
        "| | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for one in measured:
        found = of(one.found, HALVES[half])
        cells = [str(intervals.mean(column_of(found, c))) for c in range(len(COLUMNS))]
        rows.append(f"| {_name(one.name)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _name(name: str) -> str:
    return f"**{name}**" if name in (OURS, NO_MODEL) else name


def _differences(measured: Sequence[Measured]) -> str:
    by_name = {one.name: of(one.found, HALVES[HELD_OUT]) for one in measured}
    if not by_name.get(OURS):
        return ""
    ours = by_name.pop(OURS)
    rows = [
        f"## How much more {OURS} brings back (conversations {HELD_OUT}, paired by question)",
        "",
        "| than | top 10 | 1,000 tokens |",
        "|---|---|---|",
    ]
    for name, theirs in by_name.items():
        cells = []
        for column in (TOP, BLOCK):
            found = intervals.difference(column_of(ours, column), column_of(theirs, column))
            cells.append(f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _categories(measured: Sequence[Measured]) -> str:
    half = HELD_OUT if _any(measured, HELD_OUT) else "all"
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
            top, block = (intervals.mean(column_of(found, c)).value for c in (TOP, BLOCK))
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


def _pictures(folder: Path, compared: Sequence[Measured]) -> str:
    half = HELD_OUT if _any(compared, HELD_OUT) else "all"
    curves, means = {}, {}
    for one in compared:
        found = of(one.found, HALVES[half])
        curves[one.name] = [
            intervals.mean([f.curve[i] for f in found]).value for i in range(len(CURVE))
        ]
        mean = intervals.mean(column_of(found, BLOCK))
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
    return "\n\n".join(pictures)


def _errors(conversations: Sequence[Conversation]) -> str:
    broken = broken_evidence(conversations)
    listed = "; ".join(f"{id_} ({what})" for id_, what in broken.items())
    return (
        f"{published_audit()}\n\nQuestions (conversation:position) whose evidence cannot be read "
        f"as it stands in the file: {listed}. Ids that can be read in spite of it are used; a "
        "question that is left with none is not asked."
    )
