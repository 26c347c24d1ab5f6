"""Circuit breaker: after failures in a row, an endpoint is asked by one caller at a time.

    breaker = breaker_of("https://models.example", "gpt-4o-mini")
    ticket = breaker.admit()
    if ticket.retry_after: …          # fail at once, try again in so many seconds
    try: …                            # the call
    breaker.failed(ticket) or breaker.succeeded(ticket) or breaker.released(ticket)

Closed, every call is let through.  After `threshold` failures in a row it opens: calls are turned
away until a pause is over; then one call is let through as a probe while the others still wait.
The probe's success closes it, its failure doubles the pause.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

THRESHOLD = 5
"""Failures in a row after which a breaker opens."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between probes: the first, and where doubling ends."""
MAX_BREAKERS = 1_000
"""Endpoints that are remembered at a time."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a caller was told."""

    retry_after: float = 0.0
    """0: go ahead. Else do not call; ask again after so many seconds."""
    probe: bool = False
    """This call decides whether the endpoint has come back."""


class CircuitBreaker:
    """The breaker of one endpoint. Thread-safe; knows nothing of what it guards.

    threshold: failures in a row that open it.  first_pause, longest_pause: seconds between probes.
    clock: seconds that only go forward.
    """

    def __init__(
        self,
        threshold: int = THRESHOLD,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = first_pause
        self._opens_at: float | None = None
        """When the next probe may go; None while closed."""
        self._probing = False
        self.reason: str | None = None
        """What the last failure was."""

    @property
    def is_open(self) -> bool:
        """Whether calls are turned away."""
        return self._opens_at is not None

    def admit(self) -> Ticket:
        """Return a ticket; one without `retry_after` must be given back when the call has ended."""
        with self._lock:
            if self._opens_at is None:
                return Ticket()
            left = self._opens_at - self._clock()
            if self._probing:
                return Ticket(max(left, self._pause))
            if left > 0:
                return Ticket(left)
            self._probing = True
            return Ticket(probe=True)

    def failed(
        self, ticket: Ticket, retry_after: float | None = None, reason: str | None = None
    ) -> bool:
        """Count a failure; True when it opened the breaker.

        retry_after: seconds for which the endpoint asked to be left alone.  reason: kept for those
        who are turned away.
        """
        with self._lock:
            self._failures += 1
            self.reason = reason
            was_open = self._opens_at is not None
            if ticket.probe:
                self._probing = False
                self._pause = min(2 * self._pause, self._longest_pause)
            elif was_open or self._failures < self._threshold:
                return False  # a call that began earlier tells nothing new
            pause = min(max(self._pause, retry_after or 0.0), self._longest_pause)
            self._opens_at = self._clock() + pause
            return not was_open

    def succeeded(self, ticket: Ticket) -> bool:
        """Note that the endpoint answers; True when that closed the breaker."""
        with self._lock:
            was_open = self._opens_at is not None
            if ticket.probe:
                self._probing = False
            self._failures, self._pause, self._opens_at = 0, self._first_pause, None
            return was_open

    def released(self, ticket: Ticket) -> None:
        """Note a call that ended without telling anything, as when its caller gave it up."""
        with self._lock:
            if ticket.probe:
                self._probing = False


_breakers: dict[tuple[str, ...], CircuitBreaker] = {}
_breakers_lock = threading.Lock()


def breaker_of(*endpoint: str) -> CircuitBreaker:
    """Return the breaker of `endpoint` in this process, whoever asks: one for the same names."""
    with _breakers_lock:
        found = _breakers.get(endpoint)
        if found is None:
            if len(_breakers) >= MAX_BREAKERS:
                del _breakers[next(iter(_breakers))]
            found = _breakers[endpoint] = CircuitBreaker()
        return found


def _begin_anew() -> None:
    """Forget everything in a forked child: another thread may have held a lock at the fork."""
    global _breakers, _breakers_lock
    _breakers, _breakers_lock = {}, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
