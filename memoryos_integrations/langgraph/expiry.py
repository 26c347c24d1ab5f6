"""Items that expire: when they do, what a read does to that, and the sweep that erases them."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from langgraph.store.base import TTLConfig

from memoryos.errors import EngineClosed, InvalidInput, MemoryOSError
from memoryos.memory.documents import Document, Documents
from memoryos_integrations.langgraph.items import EXPIRES, Stored, refreshed, utc_now

_log = logging.getLogger("memoryos_integrations.langgraph")
_AT_ONCE = 10
"""Items that one transaction of a sweep erases: a put waits for no more than these."""
_PAUSE = 0.002
"""Seconds between two such transactions, at the least."""
_MINUTES = 5.0
"""Between two sweeps, where the configuration does not say."""


class Expiry:
    """Says whether an item has expired, and begins its time anew when it is read."""

    def is_over(
        self, document: Document[Stored], now: datetime, shelf: Documents[Stored] | None = None
    ) -> bool:
        """Tell whether an item has expired.

        shelf: given for a document held in memory, which another process may have refreshed.
        """
        expires = document.value.expires
        if expires is None or expires > now:
            return False
        if shelf is None:
            return True
        again = shelf.of_ids([document.page.id])
        return not again or self.is_over(again[0], now)

    def is_alive(self, document: Document[Stored], now: datetime, shelf: Documents[Stored]) -> bool:
        """Tell whether an item that was held in memory has not expired."""
        return document.value.expires is None or not self.is_over(document, now, shelf)

    def refresh(
        self,
        shelf: Documents[Stored],
        documents: Sequence[Document[Stored]],
        now: datetime,
        *,
        asked: bool,
    ) -> None:
        """Begin the time of items anew, if a read asks for it."""
        mortal = [document for document in documents if document.value.ttl is not None]
        if asked and mortal:
            shelf.retouch({document.page.seq: refreshed(document, now) for document in mortal})

    def sweep(self, shelf: Documents[Stored]) -> int:
        """Erase what has expired; return how many items that were."""
        now = utc_now()
        # Asked of the store: to read all items in would hold the interpreter, and puts would wait.
        due = shelf.positions({EXPIRES: {"lte": now.timestamp()}})
        erased = 0
        for start in range(0, len(due), _AT_ONCE):
            before = time.monotonic()
            some = shelf.at(due[start : start + _AT_ONCE])
            over = [n for n in some if self.is_over(n, now)]
            # What a power cut brings back is still expired: never returned, and swept again.
            erased += shelf.discard(over, "expired store item", durable=False)
            # As long as the work took: whoever waits to write comes first.
            time.sleep(max(_PAUSE, time.monotonic() - before))
        return erased


class Sweeper:
    """A thread that sweeps at intervals. It does not keep the process alive."""

    def __init__(self, sweep: Callable[[], int], config: TTLConfig | None) -> None:
        self._sweep = sweep
        self._config = config
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, minutes: float | None = None) -> concurrent.futures.Future[None]:
        """Start the thread, unless it runs. Raises InvalidInput."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        if self._config is None:
            future.set_result(None)
            return future
        interval = minutes or self._config.get("sweep_interval_minutes") or _MINUTES
        if not isinstance(interval, (int, float)) or interval <= 0:
            raise InvalidInput(f"sweep_interval_minutes must be above 0, not {interval!r}")
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ending = threading.Event()
                self._thread = threading.Thread(
                    target=_run,
                    args=(self._sweep, interval * 60.0, self._ending, future),
                    name="memoryos-ttl",
                    daemon=True,
                )
                self._thread.start()
            ending = self._ending
        future.add_done_callback(lambda done: ending.set() if done.cancelled() else None)
        return future

    def stop(self, timeout: float | None = None) -> bool:
        """End the thread; return whether it ended within `timeout` seconds."""
        with self._lock:
            thread = self._thread
            self._ending.set()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()


def _run(
    sweep: Callable[[], int],
    seconds: float,
    ending: threading.Event,
    future: concurrent.futures.Future[None],
) -> None:
    while not ending.wait(seconds):
        try:
            sweep()
        except EngineClosed:
            break
        except MemoryOSError as error:
            _log.warning("what has expired could not be swept, and is tried again: %s", error)
    if not future.done():
        future.set_result(None)
