"""`memoryos bench speed --quick`: ratios within one run, held against the committed ones.

Seconds, on generated turns, without data or network. All is CPU time, in turns with a fixed load,
so that neither the machine nor who else uses it decides. Adds of many threads are not among it:
what they share is the wait for the disk, so their ratio is the disk's.
"""

from __future__ import annotations

import json
import logging
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from memoryos import Engine
from memoryos.memory import Memory

BASELINE = Path(__file__).resolve().parents[1] / "results" / "speed-quick.json"
ALLOWED = 1.5
"""Times the committed ratio that a ratio may be."""
_ENOUGH = {
    "recall by session / unfiltered": 1.0,
    "recall by time / unfiltered": 1.0,
    "recall by metadata / unfiltered": 1.0,
}
"""What is not worth less: at this, times `ALLOWED`, stands what is promised."""
_SMALL, _LARGE = 100, 2000
_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_NAMES = ("Ana", "Ben", "Clara", "David", "Elif", "Farid", "Grete", "Hugo", "Ines", "Jonas")
_DID = ("bought", "painted", "lost", "repaired", "sold", "borrowed", "found", "photographed")
_THINGS = ("bicycle", "violin", "boat", "lamp", "map", "camera", "kettle", "piano", "tent", "clock")
_PLACES = ("Lisbon", "Oslo", "Turin", "Ghent", "Porto", "Graz", "Lyon", "Cork", "Bergen", "Split")
_FILTERS = {
    "session": {"session_id": "s3"},
    "time": {"since": _START + timedelta(hours=500), "before": _START + timedelta(hours=900)},
    "metadata": {"topic": "t3"},
}
_MATRIX = np.random.default_rng(1).random((1000, 384), np.float32)
_log = logging.getLogger("benchmarks.speed")


def main(*, keep: bool = False, baseline: Path = BASELINE) -> int:
    """Measure; return 0 if every ratio is within what is allowed. keep: make them the baseline."""
    with tempfile.TemporaryDirectory(prefix="memoryos-speed-") as folder:
        found = measured(Path(folder))
    if keep:
        kept = {name: round(max(ratio, _ENOUGH.get(name, 0.0)), 3) for name, ratio in found.items()}
        baseline.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    committed: dict[str, float] = json.loads(baseline.read_text(encoding="utf-8"))
    for name, ratio in found.items():
        _log.info("%-36s %8.2f  (committed %.2f)", name, ratio, committed.get(name, 0.0))
    worse = beyond(found, committed)
    for name in worse:
        _log.error("%s: more than %.1f times the committed ratio", name, ALLOWED)
    return 1 if worse else 0


def beyond(found: Mapping[str, float], committed: Mapping[str, float]) -> list[str]:
    """Return the names of the ratios, lower being better, that have grown too much, or are new."""
    return [n for n, ratio in found.items() if not ratio <= ALLOWED * committed.get(n, 0.0)]


def measured(folder: Path) -> dict[str, float]:
    """Return every ratio by its name, rounded; lower is better."""
    found: dict[str, float] = {}
    with (
        Engine.open(folder / "small.db", {"promotion": "manual"}) as few,
        Engine.open(folder / "large.db", {"promotion": "manual"}) as many,
    ):
        small, large = few.memory("tom"), many.memory("tom")
        _fill(small, 0, _SMALL)
        found["adding and filing a page / load"] = _filling(large)
        actions: dict[str, Callable[[int], object]] = {
            "load": lambda _: _load(),
            f"{_SMALL} pages": lambda n: small.recall(_question(n)),
            f"{_LARGE} pages": lambda n: large.recall(_question(n)),
        }
        for name, where in _FILTERS.items():
            actions[name] = lambda n, where=where: large.recall(_question(n), where=where)  # type: ignore[misc]
        took = _seconds(actions, 100)
        for size in (_SMALL, _LARGE):
            found[f"recall of {size} pages / load"] = took[f"{size} pages"] / took["load"]
        for name in _FILTERS:
            found[f"recall by {name} / unfiltered"] = took[name] / took[f"{_LARGE} pages"]
        forgotten = _seconds({"small": _forgetting(small), "large": _forgetting(large)}, 5)
        found[f"forget of {_LARGE} pages / {_SMALL}"] = forgotten["large"] / forgotten["small"]
    return {name: round(ratio, 3) for name, ratio in found.items()}


def _seconds(actions: Mapping[str, Callable[[int], object]], times: int) -> dict[str, float]:
    """Return the CPU time of each action, done in turns, that a quarter of its turns stay below.

    An action is given another number each time. The first of each is not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(times + 1):
        for place, (name, action) in enumerate(actions.items()):
            start = time.process_time()
            action(number * len(actions) + place)
            taken[name].append(time.process_time() - start)
    return {name: sorted(seconds[1:])[times // 4] for name, seconds in taken.items()}


def _filling(memory: Memory) -> float:
    """Return the CPU time of adding and filing a page by the load's: the median of ten parts."""
    ratios = []
    for first in range(0, _LARGE, _LARGE // 10):
        load = _seconds({"load": lambda _: _load()}, 8)["load"]
        start = time.process_time()
        _fill(memory, first, first + _LARGE // 10)
        ratios.append((time.process_time() - start) / (_LARGE // 10) / load)
    return statistics.median(ratios)


def _load() -> None:
    """Do a fixed work, of Python and a little numpy, as a recall is: some milliseconds."""
    counts = Counter(word for n in range(150) for word in _question(n).lower().split())
    sorted(counts, key=lambda word: (-counts[word], word))
    np.argsort(_MATRIX @ _MATRIX[0])


def _question(number: int) -> str:
    chance = random.Random(number)
    return (
        f"What did {chance.choice(_NAMES)} say about the {chance.choice(_THINGS)} "
        f"that was {chance.choice(_DID)} in {chance.choice(_PLACES)}?"
    )


def _fill(memory: Memory, first: int, end: int) -> None:
    """Add generated pages, an hour apart, in five sessions, and file them."""
    for n in range(first, end):
        chance = random.Random(n)
        name, place = chance.choice(_NAMES), chance.choice(_PLACES)
        did, thing = chance.choice(_DID), chance.choice(_THINGS)
        memory.session(f"s{n % 5}").add(
            f"My friend {name} {did} an old {thing} in {place}, number {n}, and told me about it.",
            f"How did {name} like {place}? A {thing} is not easy to carry home.",
            _START + timedelta(hours=n),
            {"topic": f"t{n % 10}"},
        )
    memory.flush()


def _forgetting(memory: Memory) -> Callable[[int], object]:
    """Return an action that forgets one page, another at each turn."""
    ids = [page.id for page in memory.pages()]
    return lambda number: memory.forget(page_id=ids[number])
