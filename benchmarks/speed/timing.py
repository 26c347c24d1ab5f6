"""Measuring several things in turns, so that a busy machine is busy for all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Action = Callable[[int], object]
"""Does the thing for the n-th time."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that one thing took, each time it was done."""

    seconds: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return statistics.median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """The 95th percentile, in milliseconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000

    def __str__(self) -> str:
        return f"{self.p50:.3f} ms (p95 {self.p95:.3f})"


def in_turns(
    actions: Mapping[str, Action], *, times: int, burst: int = 10, budget: float = 20.0
) -> dict[str, Times]:
    """Do each thing up to `times` times, a burst of each in turn; the slow ones for `budget` s.

    The first of each is not counted: it loads what the others find loaded.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    done = dict.fromkeys(actions, 0)
    for name, action in actions.items():
        action(0)
        done[name] = 1
    gc.collect()
    while True:
        left = [n for n in actions if len(seconds[n]) < times and sum(seconds[n]) < budget]
        if not left:
            return {name: Times(tuple(found)) for name, found in seconds.items()}
        for name in left:
            for _ in range(min(burst, times - len(seconds[name]))):
                number = done[name]
                done[name] += 1
                start = time.perf_counter()
                actions[name](number)
                seconds[name].append(time.perf_counter() - start)
                if sum(seconds[name]) > budget:
                    break


def seconds_of(action: Callable[[], object]) -> float:
    """Return how long something takes, once."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
