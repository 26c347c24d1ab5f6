"""What carries the requests of openai: a transport that holds each to its limits.

The sockets obey one deadline in every wait (look-up, connecting, TLS, reading, writing): httpcore's
own would wait as long for each byte as for all of them, and nobody could end that wait.  A body is
inflated here, in small steps, so that one of no end, or one that inflates to gigabytes, ends at its
limit.  A redirect to another origin is not followed: who answers there was not meant to read the
prompt.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from memoryos.llm.limits import (
    AnswerTooLarge,
    BrokenOff,
    Deadline,
    RedirectedAway,
    Unreachable,
    origin_of,
)
from memoryos.llm.openai_http import httpcore, httpx

_Value = TypeVar("_Value")
_Address = tuple[int, int, int, str, Any]

KEPT_ALIVE = 30.0
"""Seconds that an idle connection is kept."""
MAX_REDIRECTS = 3
MAX_REFUSAL = 65_536
"""Bytes of an error that are read."""
_WITH_BODY = {301: 308, 302: 307, 303: 307, 307: 307, 308: 308}
"""Redirects, as those at which httpx sends the body again."""
_INFLATED = 65_536  # bytes that one step of inflating gives at most


def http_client(
    url: str, limit: int, hidden_query: Mapping[str, str], *, without_key: bool
) -> httpx.Client:
    """Return a client for requests to `url`, whose timeouts must each be a `Deadline`.

    limit: most bytes of a body, inflated.  hidden_query: parameters that no log may show.
    without_key: openai's header with the key is left out.  Requests raise what `limits` names.
    """
    return httpx.Client(
        transport=LimitedTransport(url, limit, hidden_query),
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"accept-encoding": "gzip"},
        auth=_unauthorized if without_key else None,
    )


def _unauthorized(request: httpx.Request) -> httpx.Request:
    del request.headers["authorization"]
    return request


class Response:
    """An answer; its body may still be on the way.

    `close` it: a connection with something unread is not used again.
    """

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        self._deadline = deadline
        self._response = response
        self.close = response.close
        self.is_stream = "event-stream" in response.headers.get("content-type", "").lower()
        if self.is_stream:
            deadline.heard()

    def json(self) -> Any:
        """Return what the whole body holds. Raises ValueError where that is no JSON."""
        self._response.read()
        return self._response.json()

    def events(self) -> Iterator[bytes]:
        """Yield the data of each event; each line that is not empty ends the endpoint's silence.

        Line by line, unlike openai's decoder: some endpoints leave out the empty line after an
        event, and none spreads one over several lines.
        """
        held = bytearray()
        for piece in chain(self._response.iter_bytes(), [b"\n"]):
            *ends, rest = piece.split(b"\n")
            for end in ends:
                line = bytes(held + end).strip()
                held.clear()
                if line:
                    self._deadline.heard()
                if line.startswith(b"data:"):
                    before = time.monotonic()
                    yield line[5:].strip()
                    self._deadline.excuse(time.monotonic() - before)
            held += rest


class LimitedTransport(httpx.BaseTransport):
    """The connections of one process to one address, through the proxy that the environment names.

    The arguments are those of `http_client`.
    """

    def __init__(self, url: str, limit: int, hidden_query: Mapping[str, str]) -> None:
        self._limit = limit
        self._hidden_query = urlencode(hidden_query).encode()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_ssl_context() if url.startswith("https") else None,
            proxy=_proxy(url),
            max_connections=None,
            max_keepalive_connections=8,
            keepalive_expiry=KEPT_ALIVE,
            network_backend=WatchedBackend(),
        )

    def __del__(self) -> None:
        self.close()  # of a model that nobody closed

    def close(self) -> None:
        """Close what is idle; a call under way closes its own when it ends."""
        for connection in self._pool.connections:
            if connection.is_idle():
                connection.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response, its body inflated as it is read."""
        url, target = request.url, request.url.raw_path
        if self._hidden_query:
            target += (b"&" if b"?" in target else b"?") + self._hidden_query
        with _translated():
            sent = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=target
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        headers = httpx.Headers(sent.headers)
        encoding = headers.pop("content-encoding", "identity")
        headers.pop("content-length", None)  # nor is it true of the body as it is handed on
        body = _Body(sent, encoding, request.extensions["timeout"]["read"], self._limit)
        status = sent.status
        if status in _WITH_BODY and "location" in headers:
            status = _WITH_BODY[status]
            there = origin_of(headers["location"], str(url))
            if there != origin_of(str(url)):
                body.close()
                raise RedirectedAway(there)
        return httpx.Response(status, headers=headers, stream=body, extensions=sent.extensions)


class _Body(httpx.SyncByteStream):
    """The body of a response, inflated: up to its limit, of an error only the beginning."""

    def __init__(
        self, response: httpcore.Response, encoding: str, deadline: Deadline, limit: int
    ) -> None:
        self._response = response
        self._encoding = encoding.strip().lower()
        self._deadline = deadline
        self._limit = limit

    def close(self) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        with _translated():
            for piece in self._inflated():
                size += len(piece)
                if self._response.status >= 300 and size > MAX_REFUSAL:
                    return
                if size > self._limit:
                    raise AnswerTooLarge
                self._deadline.left()
                yield piece

    def _inflated(self) -> Iterator[bytes]:
        pieces: Iterable[bytes] = self._response.iter_stream()
        if self._encoding in {"", "identity"}:
            yield from pieces
            return
        if self._encoding not in {"gzip", "x-gzip", "deflate"}:
            raise BrokenOff("an encoding that was not asked for")
        inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, as its header says
        compressed = 0
        for rest in pieces:
            compressed += len(rest)
            if compressed > self._limit:
                raise AnswerTooLarge  # compressed nothing, without end
            while rest:
                try:
                    yield inflater.decompress(rest, _INFLATED)
                except zlib.error as error:
                    raise BrokenOff("broken compression") from error
                rest = inflater.unconsumed_tail


@contextmanager
def _translated() -> Generator[None]:
    """Raise our own errors for httpcore's: they do not depend on openai's version."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ProxyError, ValueError) as error:  # a name that is none
        raise Unreachable(str(error)) from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise BrokenOff(str(error)) from error


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return what certificates are verified with; to read the system's takes 0.1 s."""
    return httpx.create_ssl_context()


def _proxy(url: str) -> httpcore.Proxy | None:
    """Return the proxy that the environment names for `url`: HTTPS_PROXY and so on."""
    parts = urlsplit(url)
    named = urllib.request.getproxies()
    address = named.get(parts.scheme) or named.get("all")
    if not address or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if "://" not in address:
        address = f"http://{address}"
    proxy = httpx.Proxy(address)
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)


class WatchedBackend(httpcore.NetworkBackend):
    """Makes TCP connections; the timeout of each request must be a `Deadline`."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream to the first of the host's addresses that answers."""
        deadline = _deadline(timeout)
        addresses = _addresses(host, port, deadline)
        failure: OSError = OSError("the name has no address")
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            share = deadline.left() / (len(addresses) - number)
            made = socket.socket(family, kind, protocol)
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
        raise httpcore.ConnectError(str(failure))


class WatchedStream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at most `max_bytes`; nothing when the other side has closed."""
        return self._patiently(lambda: self._socket.recv(max_bytes), timeout, httpcore.ReadError)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        rest = memoryview(buffer)
        while rest:
            send = partial(self._socket.send, rest)
            rest = rest[self._patiently(send, timeout, httpcore.WriteError) :]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the same connection, encrypted."""
        deadline = _deadline(timeout)
        if isinstance(self._socket, ssl.SSLSocket):
            self.close()
            raise httpcore.ConnectError("TLS through a proxy that itself speaks TLS")
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
                stream._patiently(encrypted.do_handshake, timeout, httpcore.ConnectError)
        except OSError as error:
            stream.close()
            raise httpcore.ConnectError(str(error)) from error
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
    failures: list[Exception] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
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
        raise httpcore.ConnectError(str(failures[0]))
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
