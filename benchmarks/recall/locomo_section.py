"""What `memoryos bench locomo` tells beside evidence: answer words, and knowing what was not said.

It reads the file as `memoryos bench recall` does: a page begins with the first speaker, and each
line carries its speaker's name, so that figures of other programs can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.recall.dialogues import Dialogue, read_locomo, with_swapped_questions
from benchmarks.recall.measure import Figures, figures, outcomes, telling
from benchmarks.recall.systems import System

TITLE = "Words of the answer, and knowing what was never said"
_HALVES = {"5-9": range(5, 10), "0-4": range(5)}
_COLUMNS = ("top 5", "top 10", "top 20", "words in 1000", "words in 4000")
_METHOD = (
    "*Words*: of the words of the answer that the evidence holds and the question does not, stemmed"
    ", the share in the context block. *Never said*: how often (AUROC) a memory is surer of an "
    "answerable question than of one of category 5, which asks for what was said as if the other "
    "speaker had said it. *Others'*: the same against answerable questions of the next "
    "conversation, with the speakers' names swapped; and the share of those that is refused where "
    "95 % of the answerable are kept. Sureness is `found.relevance`, or the best score."
)


def figures_of(
    systems: Sequence[System], dialogues: Sequence[Dialogue]
) -> dict[str, tuple[Figures, Figures]]:
    """Return by system the figures on the own questions, and against others' with names swapped."""
    return {
        system.name: (
            figures(outcomes(system, dialogues)),
            telling(outcomes(system, with_swapped_questions(dialogues))),
        )
        for system in systems
    }


def section(path: Path, numbers: Sequence[int], systems: Sequence[System]) -> str:
    """Return the section of the report: a table for each half of the conversations `numbers`."""
    dialogues = read_locomo(path)
    parts = [f"## {TITLE}", _METHOD]
    for half, of_half in _HALVES.items():
        asked = [dialogues[number] for number in numbers if number in of_half]
        if asked:
            parts.append(_table(f"Conversations {half}", figures_of(systems, asked)))
    return "\n\n".join(parts)


def _table(title: str, found: Mapping[str, tuple[Figures, Figures]]) -> str:
    heads = [*_COLUMNS, "never said", "others'", "others' refused"]
    lines = [f"| {title} | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name, (own, others) in found.items():
        cells = [_cell(own.get(column)) for column in _COLUMNS]
        cells += [_cell(own.get("auroc"))]
        cells += [_cell(others.get(column)) for column in ("auroc", "refused at 95 % kept")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | list[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value[0] if isinstance(value, list) else value:.3f}"
