"""What a chat model can do for a memory, found out by asking it: `memoryos doctor --model`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from memoryos.engine import Engine
from memoryos.errors import ModelError
from memoryos.llm import OpenAIChat
from memoryos.model import Message

SAMPLE = (
    ("I moved to Porto last Friday.", "Welcome to Porto!"),
    ("I am allergic to peanuts.", "I'll keep that in mind."),
    ("Do you know a good dentist?", "Ask at the pharmacy."),
    ("My sister Eva plays the violin.", "How lovely."),
)
"""Turns that are filed; three of them hold a fact."""
SLOW = 30.0
"""Seconds of a call from which a memory is noticeably behind the talk."""
SMALL = 4_096
"""Tokens of a context window below which a batch is read in several calls."""

_FORMS = {
    "bounded_schema": "a JSON schema, with its bounds",
    "json_schema": "a JSON schema",
    "json_object": "any JSON; the form is told in words",
    "text": "words only; the form is told in words",
}


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What a model did when it was tried."""

    name: str
    error: str = ""
    """Why it could not be tried to the end; empty when it could."""
    answers_in: str = ""
    """The form of answers that its endpoint takes, in words."""
    streams: bool = False
    usage: bool = False
    """Whether streams report their tokens."""
    window: int | None = None
    """Tokens of prompt and answer together; None where the endpoint does not tell."""
    calls: int = 0
    seconds: float = 0.0
    """Of an average call."""
    filed: int = 0
    failed: int = 0
    """Sample turns that were filed in all, and those that the rules had to file."""
    facts: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    """What to change, most important first."""

    @property
    def works(self) -> bool:
        """Whether a memory can be made with it."""
        return not self.error and self.filed > self.failed

    @property
    def text(self) -> str:
        """The report in words."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"model {self.name}: {'works' if self.works else 'does not work'}"
        if self.error:
            yield f"  {self.error}"
        if self.answers_in:
            window = f"{self.window:,} tokens" if self.window else "not told"
            yield f"  takes: {self.answers_in}"
            yield f"  streams: {_yes(self.streams)}, with usage: {_yes(self.usage)}"
            yield f"  context window: {window}"
        if self.calls:
            yield f"  a call takes {self.seconds:.1f} s on average ({self.calls} calls)"
            yield f"  sample turns filed by it: {self.filed - self.failed} of {self.filed}"
            facts = "; ".join(self.facts) or "none"
            yield f"  facts it read in them (three were said): {facts}"
        for advice in self.advice:
            yield f"  → {advice}"


def check_model(model: OpenAIChat) -> ModelReport:
    """Ask a model for a word, as a stream, and to file a few turns in an engine in memory.

    Raises nothing of the model's: what fails is in the report.
    """
    try:
        for _ in model.stream([{"role": "user", "content": "Say hello."}], max_tokens=32):
            pass
    except ModelError as error:
        return ModelReport(model.name, str(error), advice=("see that the call above works",))
    window = model.find_context_window()
    started = time.monotonic()
    error_ = ""
    settings = {"promotion": "manual", "short_term_capacity": 1, "page_out_batch": 3}
    with Engine.open("sqlite:///:memory:", settings, model, "hashing") as engine:
        memory = engine.memory("ana")
        for said, answered in SAMPLE:
            turn = [Message("user", said, "Ana"), Message("assistant", answered)]
            memory.add_messages(turn)
        try:
            memory.flush()
        except ModelError as error:
            error_ = str(error)
        usage, stats = memory.usage(), memory.stats()
        facts = tuple(fact.text for fact in memory.knowledge() if fact.analyst == model.name)
    calls = max(usage.calls, 1)
    dialect = model.dialect
    report = ModelReport(
        name=model.name,
        error=error_,
        answers_in=_FORMS[dialect.form],
        streams=dialect.streams,
        usage=dialect.streams and dialect.stream_usage,
        window=model.context_window or window,
        calls=usage.calls,
        seconds=(time.monotonic() - started) / calls,
        filed=stats.pages - stats.waiting,
        failed=stats.failed_pages,
        facts=facts,
    )
    return replace(report, advice=tuple(_advice(report)))


def _advice(report: ModelReport) -> Iterator[str]:
    if report.failed:
        yield (
            f"it failed at {report.failed} sample turns: a larger model, or one that takes a JSON "
            "schema, does better; until then the rules file those pages"
        )
    elif not report.facts and not report.error:
        yield "it read no fact: with this model the memory quotes, and hardly knows facts"
    if report.window is None:
        yield (
            "give context_window= if you know it; Ollama cuts prompts silently at 4,096 tokens "
            "unless num_ctx says otherwise"
        )
    elif report.window < SMALL:
        yield f"its window is small: with {SMALL:,} tokens or more, fewer calls would do"
    if report.seconds > SLOW:
        yield "it is slow: memories will be behind the talk; raise timeout= if calls time out"
    if not report.streams and report.answers_in:
        yield "it does not stream: timeout= must cover a whole answer"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
