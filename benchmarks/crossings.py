"""Count the calls from one source file of the library to another: python -m benchmarks.crossings.

Traced with `sys.setprofile` (calls of Python functions): one `recall` and one `add` in a memory of
30 pages that has done both before, so that caches are warm and modules imported, with words that it
has not seen; and one `flush` of 14 waiting turns. No model, SQLite. With --pairs it lists which
file calls which, most often first.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import memoryos
from memoryos import Engine

ROOT = str(Path(memoryos.__file__).parent) + "/"
DIALOGUE = (
    ("I moved to Lisbon last week with my dog", "How do you like the city so far?"),
    ("My sister Clara visits me on Sunday", "What will you two do together?"),
    ("I work as a nurse in a small hospital", "Which shifts do you prefer?"),
    ("We went hiking in the mountains near Sintra", "Was the weather good up there?"),
    ("I am learning to play the guitar", "Do you practise every day?"),
)
Crossings = Counter[tuple[str, str]]


def crossings(work: Callable[[], object]) -> Crossings:
    """Return how often `work` calls from one file of the library into another."""
    found: Crossings = Counter()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not (callee := frame.f_code.co_filename).startswith(ROOT):
            return
        caller = frame.f_back
        # Through whatever is not ours: functools, contextlib, generated dataclass methods.
        while caller is not None and not caller.f_code.co_filename.startswith(ROOT):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != callee:
            names = (caller.f_code.co_filename, callee)
            found[names[0].removeprefix(ROOT), names[1].removeprefix(ROOT)] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # typeshed forgets None
    return found


def measured() -> dict[str, Crossings]:
    """Return the crossings of each of the three verbs."""
    with (
        TemporaryDirectory() as folder,
        Engine.open(f"sqlite:///{folder}/memories.db", {"promotion": "manual"}) as engine,
    ):
        memory = engine.memory("warm")
        memory.add_many(DIALOGUE * 6)
        memory.flush()
        memory.add("My cat sleeps on the sofa", "Does it snore?")
        memory.recall("Where does my cat sleep?")
        new = "I bought a red bicycle in Porto yesterday", "Will you ride it to the hospital?"
        question = "Which hospital does Clara's brother know?"
        found = {
            "recall": crossings(lambda: memory.recall(question)),
            "add": crossings(lambda: memory.add(*new)),
        }
        other = engine.memory("other")
        for turn in (*DIALOGUE, *DIALOGUE, *DIALOGUE[:4]):
            other.add(*turn)
        found["flush of 14 turns"] = crossings(other.flush)
    return found


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", action="store_true", help="list the pairs of files too")
    pairs = parser.parse_args().pairs
    for name, found in measured().items():
        print(f"{name}: {found.total()} crossings between {len(found)} pairs of files")
        for (caller, callee), times in found.most_common() if pairs else ():
            print(f"  {times:5d}  {caller} → {callee}")


if __name__ == "__main__":
    main()
