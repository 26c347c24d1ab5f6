"""Deadlines, and sockets whose every wait obeys one: look-up, connecting, TLS, reading, writing.

A network backend for httpcore.  Its own would wait as long for each byte as for all of them, and
nobody could end that wait.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import httpcore2

_Value = TypeVar("_Value")
_Address = tuple[int, int, int, str, Any]

SLICE = 0.2
"""Longest wait, in seconds, before it is looked whether the call was cancelled."""


class DeadlinePassed(httpcore2.TimeoutException):
    """The endpoint was silent for too long, or the whole call took too long."""


class CallCancelled(httpcore2.NetworkError):
    """Another thread closed the endpoint during the call."""


class Deadline(float):
    """The time limits of one call. Thread-safe.

    silence: seconds that the endpoint may let pass without getting on: until its whole answer has
    come or, in a stream, until the next line.  total: seconds for the whole call, its retries
    included.

    It is a float because httpcore hands the timeout of a request on, as it is, to each read and
    write of the stream: so one object limits them all.
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


class WatchedBackend(httpcore2.NetworkBackend):
    """Makes TCP connections; the timeout of each request must be a `Deadline`."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # httpcore's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Return a stream to the first of the host's addresses that answers."""
        deadline = _deadline(timeout)
        addresses = _addresses(host, port, deadline)
        failure: OSError = OSError("the name has no address")
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            made = socket.socket(family, kind, protocol)
            share = deadline.left() / (len(addresses) - number)
            try:
                _connect(made, address, deadline, share)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for option in socket_options or ():
                    made.setsockopt(*option)
                return WatchedStream(made)
            except OSError as error:
                made.close()
                failure = error
            except BaseException:
                made.close()
                raise
        raise httpcore2.ConnectError(str(failure))


class WatchedStream(httpcore2.NetworkStream):
    """One connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at most `max_bytes`; nothing when the other side has closed."""
        return self._patiently(lambda: self._socket.recv(max_bytes), timeout, httpcore2.ReadError)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        rest = memoryview(buffer)
        while rest:
            send = partial(self._socket.send, rest)
            rest = rest[self._patiently(send, timeout, httpcore2.WriteError) :]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Return the same connection, encrypted."""
        deadline = _deadline(timeout)
        if isinstance(self._socket, ssl.SSLSocket):
            self.close()
            raise httpcore2.ConnectError("TLS through a proxy that itself speaks TLS")
        # The system's own verifier (macOS, Windows) looks at the certificate as soon as the socket
        # is made, so there the handshake is one wait.
        at_once = type(ssl_context) is not ssl.SSLContext
        stream = self
        try:
            self._socket.settimeout(deadline.left())
            encrypted = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=at_once
            )
            stream = WatchedStream(encrypted)
            if not at_once:
                stream._patiently(encrypted.do_handshake, timeout, httpcore2.ConnectError)
        except OSError as error:
            stream.close()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            stream.close()
            raise
        return stream

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of a connection."""
        if info == "socket":
            return self._socket
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        if info == "is_readable":  # of an idle connection it means that the other side closed it
            return self._socket.fileno() < 0 or _ready(self._socket, selectors.EVENT_READ, 0)
        return None

    def _patiently(
        self, act: Callable[[], _Value], timeout: float | None, wrong: type[Exception]
    ) -> _Value:
        """Return what `act` returns, tried again and again until the deadline."""
        deadline = _deadline(timeout)
        while True:
            try:
                self._socket.settimeout(deadline.slice())
                return act()
            except TimeoutError:
                continue
            except OSError as error:
                raise wrong(str(error)) from error


def _deadline(timeout: float | None) -> Deadline:
    return timeout if isinstance(timeout, Deadline) else Deadline(timeout or 60.0, timeout or 60.0)


def _addresses(host: str, port: int, deadline: Deadline) -> list[_Address]:
    """Return the addresses of `host`. A look-up cannot be ended, so a thread is left with it."""
    found: list[_Address] = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failures.append(error)

    with suppress(ValueError):
        ipaddress.ip_address(host.strip("[]"))
        look_up()
    if not (found or failures):
        thread = threading.Thread(target=look_up, name="memoryos-look-up", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(deadline.slice())
    if failures:
        raise httpcore2.ConnectError(str(failures[0]))
    return found


def _connect(made: socket.socket, address: Any, deadline: Deadline, share: float) -> None:
    """Connect within `share` seconds. Raises OSError."""
    made.setblocking(False)
    with suppress(BlockingIOError):
        made.connect(address)
    waited = 0.0
    while not _ready(made, selectors.EVENT_WRITE, pause := deadline.slice()):
        waited += pause
        if waited >= share:
            raise TimeoutError("no answer")
    if code := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, "cannot connect")


def _ready(made: socket.socket, event: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(made, event)
        return bool(selector.select(seconds))
