"""What can end a call before its answer has come, and our errors for it. Pure."""

from __future__ import annotations

import threading
import time
from urllib.parse import urljoin, urlsplit

from memoryos.errors import ModelAnswerInvalid, ModelError, ModelUnavailable

SLICE = 0.2
"""Longest wait, in seconds, before it is looked whether the call was cancelled."""


class DeadlinePassed(Exception):
    """The endpoint was silent for too long, or the whole call took too long."""


class CallCancelled(Exception):
    """Another thread closed the endpoint during the call."""


class AnswerTooLarge(Exception):
    """The response has more bytes than an answer can have."""


class RedirectedAway(Exception):
    """The endpoint sent the request on to another origin, which is the argument."""


class BrokenOff(Exception):
    """The connection failed, or what came through it was no HTTP."""


class Unreachable(BrokenOff):
    """There was no connection."""


class Deadline(float):
    """The time limits of one call. Thread-safe.

    silence: seconds that the endpoint may let pass without getting on: until its whole answer has
    come or, in a stream, until the next line.  total: seconds for the whole call, its retries
    included.

    It is a float because openai, httpx and httpcore hand the timeout of a request on, as it is, to
    each read and write: so one object limits them all.
    """

    def __new__(cls, silence: float, total: float) -> Deadline:  # noqa: ARG004  # as __init__
        """Begin now."""
        return super().__new__(cls, total)

    def __init__(self, silence: float, total: float) -> None:
        self._silence = silence
        now = time.monotonic()
        self._silent_until = now + silence
        self._end = now + total
        self._cancelled = threading.Event()

    def left(self) -> float:
        """Return the seconds that are left. Raises DeadlinePassed or CallCancelled."""
        if self._cancelled.is_set():
            raise CallCancelled
        left = min(self._silent_until, self._end) - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        return left

    def slice(self) -> float:
        """Return how long to wait before looking again, in seconds. Raises like `left`."""
        return min(self.left(), SLICE)

    def heard(self) -> None:
        """Note that the endpoint got on: the silence begins anew."""
        self._silent_until = time.monotonic() + self._silence

    def sleep(self, seconds: float) -> None:
        """Wait. Raises DeadlinePassed at once where less is left, CallCancelled when that comes."""
        if seconds >= self.left():
            raise DeadlinePassed
        self._cancelled.wait(seconds)
        self.left()

    def excuse(self, seconds: float) -> None:
        """Leave out a time in which it was not the endpoint that was waited for."""
        self._silent_until += seconds
        self._end += seconds

    def cancel(self) -> None:
        """End the call, from any thread: what it waits for raises within `SLICE` seconds."""
        self._cancelled.set()


def origin_of(url: str, base: str = "") -> str:
    """Return scheme, host and port of an address, without what else it may hold (user, query).

    base: what it is relative to.
    """
    try:
        parts = urlsplit(urljoin(base, url))
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        host = parts.hostname or ""
    except ValueError:
        return "an address that is none"
    if ":" in host:
        host = f"[{host}]"
    known = {("http", 80), ("https", 443)}
    return f"{parts.scheme}://{host}" + ("" if (parts.scheme, port) in known else f":{port}")


def error_of_call(error: Exception, name: str, timeout: float) -> ModelError:
    """Return our error for what a call raised: what happened to `name`, and what helps."""
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError, RecursionError)):
        return ModelAnswerInvalid(
            f"{name} sent something that is not an answer ({type(error).__name__}); check base_url"
        )
    if isinstance(error, CallCancelled):
        told = "was closed during the call"
    elif isinstance(error, AnswerTooLarge):
        # Each call has its max_tokens: megabytes beyond it are a fault of the endpoint, not of what
        # the model was asked, and its breaker counts them.
        told = "sent more than an answer can hold; it was cut off"
    elif isinstance(error, DeadlinePassed):
        told = f"did not answer within {timeout:g} s; raise timeout= or try later"
    elif isinstance(error, RedirectedAway):
        told = (
            f"redirects to {error}, which was not followed; if that is the endpoint, give it as "
            "base_url"
        )
    elif "CERTIFICATE" in str(error):
        told = "has a certificate that is not trusted here; SSL_CERT_FILE names those that are"
    elif isinstance(error, Unreachable):
        told = "cannot be reached; check the network and base_url, or try later"
    else:
        told = f"broke off the connection ({type(error).__name__}); try later"
    unavailable = ModelUnavailable(f"{name} {told}")
    unavailable.timed_out = isinstance(error, DeadlinePassed)
    return unavailable
