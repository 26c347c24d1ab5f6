"""The memories that are asked: this engine, and BM25 over pages, messages or passages."""

from __future__ import annotations

import importlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.recall.dialogues import Dialogue, DialoguePage
from benchmarks.recall.metrics import TOPS, passages, stems
from memoryos import Engine, MemoryConfig
from memoryos.errors import MissingExtra
from memoryos.generation.context import Recall
from memoryos.ports import Embedder, TokenCounter

UNITS = ("page", "message", "passage")
"""What BM25 can rank."""
_MOST_UNITS = 400
"""Units of a BM25 ranking that are looked at."""
_UNIT_TOKENS = 6
"""Added to a unit's tokens, for what separates it from the next in a block."""
_NOTHING = -1e9
"""Surer than nothing found is everything."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a memory gives back for one question."""

    pages: Sequence[Sequence[str]]
    """Message ids of each recalled page, best first; at most 20 pages."""
    sure: float
    """How sure the memory is to hold an answer; comparable within one system only."""
    blocks: Sequence[str]
    """The context block for each budget asked for."""
    milliseconds: float
    """Of the recall of pages, embedding included."""


class Reader(Protocol):
    """A memory that has read a dialogue."""

    def ask(self, question: str, budgets: Sequence[int]) -> Asked:
        """Return what it recalls, with a context block of at most each of `budgets` tokens."""
        ...


class System(Protocol):
    """A way to remember."""

    @property
    def name(self) -> str:
        """As the reports call it."""
        ...

    def read(self, dialogue: Dialogue) -> AbstractContextManager[Reader]:
        """Return a memory that has read the dialogue and nothing else."""
        ...


def sureness(found: Recall) -> float:
    """Return the recall's relevance, or its best score where it has none."""
    relevance = getattr(found, "relevance", None)
    if relevance is not None:
        return float(relevance)
    return found.pages[0].score if found.pages else _NOTHING


@dataclass
class EngineSystem:
    """This engine with an embedder."""

    name: str
    embedder: Embedder
    config: MemoryConfig = field(default_factory=MemoryConfig)
    folder: Path | None = None
    """Where databases are kept and found again; None reads each dialogue anew."""

    @contextmanager
    def read(self, dialogue: Dialogue) -> Iterator[Reader]:
        """Add each page in its session; the questions are asked in a session of their own."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = self.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{dialogue.id}-{self.embedder.name}".replace("/", "-").replace(":", "-")
            known = folder / f"{stem}.json"
            uri = f"sqlite:///{folder / stem}.db"
            with Engine.open(uri, config=self.config, embedder=self.embedder) as engine:
                if known.exists():
                    messages = json.loads(known.read_text(encoding="utf-8"))
                else:
                    messages = _added(engine, dialogue)
                    known.write_text(json.dumps(messages), encoding="utf-8")
                memory = engine.memory(dialogue.id, session_id="asking")
                memory.flush()

                yield _EngineReader(memory.recall, messages)


def _added(engine: Engine, dialogue: Dialogue) -> dict[str, Sequence[str]]:
    """Add the pages; return the message ids of each by the id that its page got."""
    messages: dict[str, Sequence[str]] = {}
    for page in dialogue.pages:
        memory = engine.memory(dialogue.id, session_id=page.session)
        added = memory.add(page.user, page.agent, timestamp=page.timestamp)
        messages[added.id] = page.messages
    return messages


@dataclass(frozen=True)
class _EngineReader:
    recall: Callable[..., Recall]
    messages: dict[str, Sequence[str]]

    def ask(self, question: str, budgets: Sequence[int]) -> Asked:
        started = time.perf_counter()
        found = self.recall(question, k=max(TOPS))
        milliseconds = (time.perf_counter() - started) * 1e3
        pages = [self.messages.get(item.page.id, ()) for item in found.pages]
        blocks = [
            self.recall(question, max_tokens=budget).text(max_tokens=budget) for budget in budgets
        ]
        return Asked(pages, sureness(found), blocks, milliseconds)


@dataclass
class BM25System:
    """Okapi BM25 (bm25s) over units of the dialogue; a block is the best units that fit."""

    unit: str
    """One of UNITS."""
    count: TokenCounter

    @property
    def name(self) -> str:
        """As the reports call it."""
        return f"BM25 over {self.unit}s"

    @contextmanager
    def read(self, dialogue: Dialogue) -> Iterator[Reader]:
        """Index the units. Raises MissingExtra."""
        bm25s = _bm25s()
        units = list(_units(dialogue, self.unit))
        index = bm25s.BM25()
        # bm25s cannot index a text without words: a word that nobody asks for stands for it.
        index.index([stems(text) or ["\0"] for _, text in units], show_progress=False)
        yield _BM25Reader(index, units, self.count)


def _bm25s() -> Any:
    try:
        return importlib.import_module("bm25s")
    except ImportError:
        raise MissingExtra.of("BM25", "bench") from None


def _units(dialogue: Dialogue, unit: str) -> Iterator[tuple[DialoguePage, str]]:
    for page in dialogue.pages:
        if unit == "page":
            yield page, f"{page.user}\n{page.agent}".strip()
            continue
        for id_ in page.messages:
            text = dialogue.texts[id_]
            for part in [text] if unit == "message" else passages(text):
                yield page, part


@dataclass(frozen=True)
class _BM25Reader:
    index: Any
    units: Sequence[tuple[DialoguePage, str]]
    count: TokenCounter

    def ask(self, question: str, budgets: Sequence[int]) -> Asked:
        started = time.perf_counter()
        scores = self.index.get_scores(stems(question))
        best = np.argsort(-scores, kind="stable")[:_MOST_UNITS].tolist()
        milliseconds = (time.perf_counter() - started) * 1e3
        pages = list(dict.fromkeys(self.units[row][0].messages for row in best))[: max(TOPS)]
        costs = [self.count(self.units[row][1]) + _UNIT_TOKENS for row in best] if budgets else []
        blocks = []
        for budget in budgets:
            shown, left = [], budget
            for row, cost in zip(best, costs, strict=True):
                if cost <= left:
                    left -= cost
                    shown.append(self.units[row][1])
            blocks.append("\n".join(shown))
        return Asked(pages, float(scores[best[0]]) if best else _NOTHING, blocks, milliseconds)
