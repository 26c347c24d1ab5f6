"""Every question asked of every system, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import intervals
from benchmarks.recall.dialogues import Dialogue, Question
from benchmarks.recall.metrics import (
    BUDGETS,
    TOPS,
    auroc,
    refused,
    share_of_evidence,
    share_of_words,
    wanted_stems,
)
from benchmarks.recall.systems import System

Figures = dict[str, "float | list[float]"]
"""By name: a figure, or a mean with the ends of its 95 % interval."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question brought back."""

    question: Question
    sure: float
    milliseconds: float
    evidence: tuple[float, ...] = ()
    """Share of the evidence in the first 5, 10, 20 pages; () where there is no answer."""
    words: tuple[float, ...] = ()
    """Share of the answer's words in 1,000 and 4,000 tokens; () where it has none of its own."""


def outcomes(system: System, dialogues: Iterable[Dialogue]) -> list[Outcome]:
    """Return what a system brings back for each question of the dialogues."""
    found = []
    for dialogue in dialogues:
        with system.read(dialogue) as reader:
            for question in dialogue.questions:
                wanted = wanted_stems(dialogue, question)
                asked = reader.ask(question.text, BUDGETS if wanted else ())
                evidence, words = [], []
                if question.answerable:
                    evidence = [share_of_evidence(question.evidence, asked.pages[:k]) for k in TOPS]
                    words = [share_of_words(wanted, block) for block in asked.blocks]
                found.append(
                    Outcome(question, asked.sure, asked.milliseconds, tuple(evidence), tuple(words))
                )
    return found


def sure_of(found: Iterable[Outcome], *, answerable: bool) -> list[float]:
    """Return how sure a system was of the questions that are answerable, or of the others."""
    return [one.sure for one in found if one.question.answerable is answerable]


def figures(found: Sequence[Outcome]) -> Figures:
    """Return the means with intervals, and what tells answerable questions from the others."""
    told = [one for one in found if one.evidence]
    worded = [one for one in found if one.words]
    shown: Figures = {"questions": len(told), "questions with words": len(worded)}
    for column, k in enumerate(TOPS):
        shown[f"top {k}"] = _mean([one.evidence[column] for one in told])
    for column, budget in enumerate(BUDGETS):
        shown[f"words in {budget}"] = _mean([one.words[column] for one in worded])
    return shown | telling(found) | {"recall p50 ms": round(_p50(found), 2)}


def telling(found: Sequence[Outcome]) -> Figures:
    """Return how well sureness tells answerable questions from the others, if there are others."""
    sure, unsure = sure_of(found, answerable=True), sure_of(found, answerable=False)
    if not unsure:
        return {}
    return {
        "others": len(unsure),
        "auroc": round(auroc(sure, unsure), 4),
        "refused at 95 % kept": round(refused(sure, unsure), 4),
    }


def by_category(found: Sequence[Outcome]) -> Figures:
    """Return the share of evidence in ten pages, and the number of questions, by category."""
    categories: dict[str, list[float]] = {}
    for one in found:
        if one.evidence:
            categories.setdefault(one.question.category, []).append(one.evidence[TOPS.index(10)])
    return {
        name: [round(sum(shares) / len(shares), 4), len(shares)]
        for name, shares in sorted(categories.items())
    }


def _mean(values: Sequence[float]) -> list[float]:
    mean = intervals.mean(values)
    return [round(mean.value, 4), round(mean.low, 4), round(mean.high, 4)]


def _p50(found: Sequence[Outcome]) -> float:
    return median([one.milliseconds for one in found]) if found else float("nan")
