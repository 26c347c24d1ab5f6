"""How long a turn of a LlamaIndex chat takes as the chat grows: turn 500 against turn 20.

    python -m benchmarks.llama_index_turns [turns] [token_limit]

Chats of SimpleChatEngine with LlamaIndex's mock model, on a file, with everything as it is by
default (background consolidation, full durability).  A turn is one `chat()`: two durable writes, a
recall, a window, the mock's answer.  Turns of a young chat and of the old one alternate, for a
machine's speed may change by half within seconds.
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
YOUNG = 20
"""The turn that is compared with."""
CHATS = 3
"""Young chats, one after another."""


class Chat:
    """A chat that goes on turn by turn."""

    def __init__(self, engine: Engine, name: str, token_limit: int) -> None:
        memory = MemoryOSMemory(engine, name, "chat", token_limit)
        self._chat = SimpleChatEngine.from_defaults(llm=MockLLM(max_tokens=12), memory=memory)
        self._turn = 0

    def turn(self) -> tuple[float, float]:
        """Take the next turn; return its seconds, and how many of them its thread computed."""
        self._turn += 1
        topic = TOPICS[self._turn % 5]
        question = f"Turn {self._turn}: what was it that we said about {topic} last week?"
        begun, computed = time.perf_counter(), time.thread_time()
        self._chat.chat(question)
        return time.perf_counter() - begun, time.thread_time() - computed


def measure(turns: int, token_limit: int) -> dict[str, Any]:
    """Return milliseconds and ratios, by the clock and by the thread's own computing."""
    early, late = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(f"sqlite:///{Path(folder, 'm.db')}") as engine,
    ):
        old = Chat(engine, "old", token_limit)
        for _ in range(turns - AROUND * CHATS):
            old.turn()
        for number in range(CHATS):
            young = Chat(engine, f"young {number}", token_limit)
            for _ in range(YOUNG - AROUND):
                young.turn()
            for _ in range(2 * AROUND):
                early.append(young.turn())
                late.append(old.turn())
    report: dict[str, Any] = {"turns": turns, "token_limit": token_limit}
    for place, name in enumerate(("wall", "computing")):
        before, after = (statistics.median(t[place] for t in times) for times in (early, late))
        report[name] = {
            f"ms at turn {YOUNG}": round(before * 1000, 2),
            f"ms at turn {turns}": round(after * 1000, 2),
            "ratio": round(after / before, 2),
        }
    return report


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    print(json.dumps(measure(*(given + [500, 3000][len(given) :])), indent=2))
