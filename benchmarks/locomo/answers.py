"""Whether the answers are right that a model gives from what a memory brings back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from benchmarks.locomo.comparison import Progress
from benchmarks.locomo.data import Conversation, Question
from benchmarks.locomo.kept_calls import Kept, KeptCalls
from benchmarks.locomo.prompts import Severity, answer_messages, judge_messages
from benchmarks.locomo.scores import bleu1, official_f1, published_f1
from benchmarks.locomo.systems.rankings import page_block
from benchmarks.locomo.systems.system import BUDGETS, Reader, Recalled, System, held
from memoryos.ports import TokenUsage

SCORES = ("F1", "BLEU-1", "official F1", "judge, strict", "judge, lenient")
BUDGET = 2000
"""Tokens of the context block that answers are given from."""
SEVERITIES: tuple[Severity, ...] = ("strict", "lenient")


@dataclass(frozen=True, slots=True)
class Answered:
    """One question answered from one memory."""

    question: Question
    scores: Mapping[str, float]
    """By SCORES; without a judge, or without its verdict, that score is missing."""
    cost: Kept


@dataclass
class Answers:
    """All answers from one memory."""

    name: str
    answered: list[Answered] = field(default_factory=list)
    consolidating: TokenUsage = field(default_factory=lambda: TokenUsage(calls=0))
    """What the memory itself spent on reading."""


class FullContext:
    """No memory at all: the whole conversation goes before the model."""

    name = "full context"

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:
        """Keep everything."""
        whole = "\n".join(page_block(page) for page in conversation.pages)
        return held(_Whole(Recalled((), dict.fromkeys(BUDGETS, whole))))


class NoMemory:
    """Nothing at all goes before the model: what it answers by guessing."""

    name = "no memory"

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:  # noqa: ARG002  # forgotten at once
        """Keep nothing."""
        return held(_Whole(Recalled((), dict.fromkeys(BUDGETS, ""))))


class _Whole:
    def __init__(self, recalled: Recalled) -> None:
        self._recalled = recalled

    def ask(self, question: str) -> Recalled:  # noqa: ARG002  # the same for every question
        """Return everything."""
        return self._recalled


def answer_all(
    systems: Sequence[System],
    conversations: Sequence[Conversation],
    model: KeptCalls,
    judge: KeptCalls | None,
    *,
    limit: int | None = None,
    workers: int = 4,
    spent: Callable[[System, Conversation], TokenUsage] | None = None,
    quiet: bool = False,
) -> list[Answers]:
    """Answer the questions from each memory and score them; what is kept is not asked again.

    limit: questions of each conversation; spent: what a memory has cost to make.
    Raises ModelUnavailable; the same call then goes on where it stopped.
    """
    done = []
    total = sum(len(one.questions[:limit]) for one in conversations)
    for system in systems:
        result = Answers(system.name)
        progress = Progress(f"answers, {system.name}", total, quiet=quiet)
        for conversation in conversations:
            asked = list(_contexts(system, conversation, limit))
            with ThreadPoolExecutor(workers) as pool:
                jobs = [pool.submit(answer, q, context, model, judge) for q, context in asked]
                try:
                    for job in jobs:
                        result.answered.append(job.result())
                        progress.step()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
            if spent is not None:
                result.consolidating += spent(system, conversation)
        progress.end()
        done.append(result)
    return done


def _contexts(
    system: System, conversation: Conversation, limit: int | None
) -> Iterator[tuple[Question, str]]:
    with system.read(conversation) as reader:
        for question in conversation.questions[:limit]:
            yield question, reader.ask(question.text).blocks[BUDGET]


def answer(question: Question, context: str, model: KeptCalls, judge: KeptCalls | None) -> Answered:
    """Answer one question and score the answer."""
    kept = model.ask(answer_messages(context, question.text))
    said = kept.text
    scores = {
        "F1": published_f1(said, question.answer),
        "BLEU-1": bleu1(said, question.answer),
        "official F1": official_f1(said, question.answer, question.category),
    }
    for severity in SEVERITIES if judge is not None else ():
        assert judge is not None
        request = judge_messages(question.text, question.answer, said, severity)
        verdict = judge.judge(request)[0] if said else False
        if verdict is not None:
            scores[f"judge, {severity}"] = float(verdict)
    return Answered(question, scores, kept)
