"""The systems side by side, and what each part of this engine's ranking pays."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.locomo.data import Conversation
from benchmarks.locomo.evidence import Found, measure
from benchmarks.locomo.systems import rankings
from benchmarks.locomo.systems.engine import EngineSystem
from benchmarks.locomo.systems.rankings import RankingSystem
from benchmarks.locomo.systems.system import System
from memoryos.config import MemoryConfig, RankingConfig
from memoryos.embedders import StaticEmbedder
from memoryos.llm.tokens import token_counter
from memoryos.ports import Embedder

OURS = "MemoryOS"
NO_MODEL = "MemoryOS, no model"
_SHOWN = (1000,)
"""The one budget that ablations and sweeps show."""


@dataclass
class Measured:
    """What one system found, and how long it took."""

    name: str
    found: list[Found] = field(default_factory=list)
    seconds: float = 0.0
    """By the clock."""
    cpu_seconds: float = 0.0
    """Of this process, on all cores: other programs do not count."""


def systems(embedder: Embedder, folder: Path) -> dict[str, Callable[[], System]]:
    """Return how to make each system, by the name it is asked for with on the command line."""
    count = token_counter(None)
    config = MemoryConfig()
    bm25, dense = rankings.bm25, rankings.dense(embedder)

    def ours() -> EngineSystem:
        return EngineSystem(OURS, embedder, folder, config)

    def langchain() -> System:
        from benchmarks.locomo.systems.langchain_memory import (  # noqa: PLC0415  # an extra
            LangChainSystem,
        )

        return LangChainSystem(embedder, count)

    def langgraph() -> System:
        from benchmarks.locomo.systems.langgraph_store import (  # noqa: PLC0415  # an extra
            LangGraphSystem,
        )

        return LangGraphSystem(embedder, count)

    def llama_index() -> System:
        from benchmarks.locomo.systems.llama_index_block import (  # noqa: PLC0415  # an extra
            LlamaIndexSystem,
        )

        return LlamaIndexSystem(embedder, count)

    return {
        "memoryos": ours,
        "no-model": lambda: EngineSystem(NO_MODEL, StaticEmbedder(), folder, config),
        "two-stage": lambda: ours().with_config(
            'MemoryOS, retrieval="two_stage" (the paper\'s)',
            replace(config, retrieval="two_stage"),
        ),
        "bm25": lambda: RankingSystem("BM25", bm25, count),
        "dense": lambda: RankingSystem("dense", dense, count),
        "rrf": lambda: RankingSystem(
            "reciprocal rank fusion of the two", rankings.fused((bm25, dense)), count
        ),
        "newest": lambda: RankingSystem("the newest turns", rankings.newest, count),
        "langchain": langchain,
        "langgraph": langgraph,
        "llama-index": llama_index,
    }


def ablations(embedder: Embedder, folder: Path) -> list[System]:
    """Return the engine without one thing at a time."""
    full = RankingConfig()
    without = {
        "without segments (window)": replace(full, window=0),
        "without chains (neighbours)": replace(full, neighbour=0),
        "without segments and chains": replace(full, window=0, neighbour=0),
        "without lexical (words)": replace(full, lexical=0, window=0),
        "without dense (meaning)": replace(full, dense=0, dense_spelling=0),
        "without dates": replace(full, date=0),
        "without centring": replace(full, centring=0),
    }
    base = EngineSystem("everything", embedder, folder, budgets=_SHOWN)
    changed: list[System] = [
        base.with_config(name, MemoryConfig(ranking=ranking)) for name, ranking in without.items()
    ]
    # Long-term memory is made while reading: never hot enough means never promoted.
    cold = MemoryConfig(heat_threshold=1e12)
    long_term = EngineSystem(
        "without long-term (profile, knowledge)",
        embedder,
        folder,
        cold,
        version="unpromoted",
        budgets=_SHOWN,
    )
    return [base, *changed, long_term]


def sweep(embedder: Embedder, folder: Path) -> list[System]:
    """Return the engine with other weights of the segment and of the chain."""
    base = EngineSystem("", embedder, folder, budgets=_SHOWN)
    full = RankingConfig()
    swept = {f"window {weight}": replace(full, window=weight) for weight in (0.3, 0.6, 0.9, 1.2)}
    swept |= {
        f"neighbour {weight}": replace(full, neighbour=weight) for weight in (0.15, 0.3, 0.45, 0.6)
    }
    return [base.with_config(name, MemoryConfig(ranking=r)) for name, r in swept.items()]


def compare(
    made: Sequence[System], conversations: Sequence[Conversation], *, quiet: bool = False
) -> list[Measured]:
    """Ask every system every question; show how far it is on stderr."""
    measured = []
    total = sum(len(one.with_evidence()) for one in conversations)
    for system in made:
        result = Measured(system.name)
        progress = Progress(system.name, total, quiet=quiet)
        started, began = time.perf_counter(), time.process_time()
        for conversation in conversations:
            result.found += measure(system, conversation, progress.step)
        result.seconds = time.perf_counter() - started
        result.cpu_seconds = time.process_time() - began
        progress.end()
        measured.append(result)
    return measured


class Progress:
    """A line on stderr that says how far it is."""

    def __init__(self, name: str, total: int, *, quiet: bool = False) -> None:
        self._name = name
        self._total = total
        self._done = 0
        self._quiet = quiet
        self._started = time.perf_counter()
        self._shown = 0.0

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        now = time.perf_counter()
        if not self._quiet and now - self._shown > (1 if sys.stderr.isatty() else 30):
            self._shown = now
            self._show(now, "\r" if sys.stderr.isatty() else "\n")

    def end(self) -> None:
        """Say that it is done."""
        if not self._quiet:
            self._show(time.perf_counter(), "\n")

    def _show(self, now: float, end: str) -> None:
        seconds = now - self._started
        text = f"{self._name}: {self._done}/{self._total}, {seconds:.0f} s"
        print(f"{text:<79}", end=end, file=sys.stderr, flush=True)
