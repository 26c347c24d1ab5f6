"""One process of test_chaos: `app URI SECONDS NUMBER` writes, `worker URI` consolidates."""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from memoryos import Engine
from memoryos.errors import MemoryOSError, StorageBusy
from memoryos.updating.queue import work

USERS = 12
CONFIG = {"short_term_capacity": 2, "page_out_batch": 2, "heat_threshold": 3.0}
SAID = (
    "I moved to Porto last month.",
    "I love chess and long walks.",
    "My sister Eva plays the violin.",
    "I work as a nurse at the Santa Maria hospital.",
    "We are going to hike in the mountains.",
)
T = TypeVar("T")


class App:
    """A web process. Prints what it was promised, and every error that reached it."""

    def __init__(self, uri: str, number: int) -> None:
        self.engine = Engine.open(uri, {"promotion": "queue", **CONFIG})
        self.number = number
        self.count = 0
        self.random = random.Random(number)

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            time.sleep(0.02)
        self.engine.close()

    def turn(self) -> None:
        self.count += 1
        user, key = f"user-{self.random.randrange(USERS)}", f"{self.number}-{self.count}"
        memory = self.engine.memory(user, session_id=f"s{self.number}")
        text = f"{self.random.choice(SAID)} (note {key})"
        page = self.tried("add", lambda: memory.add(text, "I see.", key=key))
        if page is None:
            return
        self.tell("added", user=user, id=page.id, text=text)
        if not self.count % 5:
            found = self.tried("recall", lambda: memory.recall(f"note {key}", k=3))
            if found is not None and page.id not in [p.id for p in found.short_term]:
                self.tell("unread", user=user, id=page.id)

    def tried(self, verb: str, call: Callable[[], T]) -> T | None:
        """Do as a caller does: after a retryable error once more, with the same key."""
        for attempt in (1, 2):
            try:
                return call()
            except StorageBusy as error:
                self.tell("error", verb=verb, attempt=attempt, error=str(error))
            except MemoryOSError as error:
                self.tell("error", verb=verb, attempt=99, error=repr(error))
                return None
        return None

    def tell(self, what: str, **values: Any) -> None:
        print(json.dumps({"what": what, **values}), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1] == "app":
        App(sys.argv[2], int(sys.argv[4])).run(float(sys.argv[3]))
    else:
        with Engine.open(sys.argv[2], {"promotion": "manual", **CONFIG}) as engine:
            work(engine.store, engine.modules.consolidator, until_empty=sys.argv[1] == "finish")
