"""How long a turn of a LlamaIndex chat takes as the chat grows: turn 500 against turn 20.

    python -m benchmarks.llama_index_turns [turns] [token_limit]

One chat of SimpleChatEngine with LlamaIndex's mock model, on a file, with everything as it is by
default (background consolidation, full durability).  A turn is one `chat()`: two durable writes, a
recall, a window, the mock's answer.  The ratios compare medians of one run; the times themselves
depend on the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM

from memoryos import Engine
from memoryos_integrations.llama_index import MemoryOSMemory

TOPICS = ("the garden", "a book on rivers", "the old bicycle", "lunch", "a train to Porto")
AROUND = 10
"""Turns on either side that the median is of."""


def seconds_per_turn(memory: Any, turns: int) -> tuple[list[float], list[float]]:
    """Return how long each turn of a chat takes, and how much of that its thread computes."""
    chat = SimpleChatEngine.from_defaults(llm=MockLLM(max_tokens=12), memory=memory)
    wall, computing = [], []
    for turn in range(1, turns + 1):
        question = f"Turn {turn}: what was it that we said about {TOPICS[turn % 5]} last week?"
        begun, computed = time.perf_counter(), time.thread_time()
        chat.chat(question)
        wall.append(time.perf_counter() - begun)
        computing.append(time.thread_time() - computed)
    return wall, computing


def around(times: list[float], turn: int) -> float:
    """Return the median of the turns about `turn`."""
    return statistics.median(times[max(0, turn - AROUND) : turn + AROUND])


def measure(turns: int, token_limit: int) -> dict[str, Any]:
    """Return milliseconds and ratios, by the clock and by the thread's own computing."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(f"sqlite:///{Path(folder, 'm.db')}") as engine,
    ):
        memory = MemoryOSMemory(engine, "tom", "chat", token_limit)
        wall, computing = seconds_per_turn(memory, turns)
    report: dict[str, Any] = {"turns": turns, "token_limit": token_limit}
    for name, times in (("wall", wall), ("computing", computing)):
        early, late = around(times, 20), around(times, turns - AROUND)
        report[name] = {
            "ms at turn 20": round(early * 1000, 2),
            f"ms at turn {turns}": round(late * 1000, 2),
            "ratio": round(late / early, 2),
        }
    return report


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    print(json.dumps(measure(*(given + [500, 3000][len(given) :])), indent=2))
