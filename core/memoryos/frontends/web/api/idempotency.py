"""Idempotency keys: a request that is sent again is not done again, and gets the same answer.

Of this process alone, and for a day; turns are besides known by their key for ever (`Memory.add`).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MOST_KEPT = 2000
SECONDS_KEPT = 86400.0
LONGEST_KEY = 255


class Conflict(Exception):
    """The key is in use: (status, why)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass
class _Kept:
    """A request that was made under a key."""

    digest: bytes
    at: float
    status: int = 0
    """0 while it is being done."""
    body: bytes = b""


class Answers:
    """Answers by key. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, key: Hashable, request: bytes) -> tuple[int, bytes] | None:
        """Return the answer that a request got before; None when it is to be done now.

        Raises Conflict when the key was used for another request, or this one is being done.
        """
        digest = hashlib.sha256(request).digest()
        now = time.monotonic()
        with self._lock:
            while self._kept:
                oldest = next(iter(self._kept.values()))
                if now - oldest.at < SECONDS_KEPT and len(self._kept) < MOST_KEPT:
                    break
                self._kept.popitem(last=False)
            kept = self._kept.get(key)
            if kept is None:
                self._kept[key] = _Kept(digest, now)
                return None
            if kept.digest != digest:
                raise Conflict(422, "This Idempotency-Key was used for another request.")
            if kept.status == 0:
                raise Conflict(409, "The request of this Idempotency-Key is being done.")
            return kept.status, kept.body

    def end(self, key: Hashable, status: int, body: bytes) -> None:
        """Keep the answer; one that is no success is not kept, so that trying again is possible."""
        with self._lock:
            if 200 <= status < 300 and key in self._kept:
                self._kept[key].status, self._kept[key].body = status, body
            else:
                self._kept.pop(key, None)
