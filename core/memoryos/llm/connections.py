"""HTTP to one origin: with a deadline for the whole call, a bound on its size, and no way out.

A response is read piece by piece; what is compressed is inflated in small steps, so that an answer
of no end, or one that inflates to gigabytes, ends at its limit.  A redirect is followed on the same
origin only: whoever answers elsewhere was not meant to read the prompt.
"""

from __future__ import annotations

import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from types import TracebackType
from urllib.parse import unquote, urljoin, urlsplit

import httpcore2

from memoryos.errors import ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm.network import CallCancelled, Deadline, WatchedBackend

KEPT_ALIVE = 30.0
"""Seconds that an idle connection is kept."""
MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_INFLATED = 65_536  # bytes that one step of inflating gives at most


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return what certificates are verified with; to read the system's takes 0.1 s."""
    return httpcore2.default_ssl_context()


class AnswerTooLarge(Exception):
    """The response has more bytes than an answer can have."""


class RedirectedAway(Exception):
    """The endpoint sent the request on to another origin; `origin` says where."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.origin = origin


class Response:
    """A response whose body has not been read; a context manager that closes it.

    status, headers (lower-case names).  limit: most bytes of body, inflated, that are read.
    """

    def __init__(self, response: httpcore2.Response, limit: int, deadline: Deadline) -> None:
        self.status = response.status
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        self.deadline = deadline
        self._response = response
        self._limit = limit

    def __enter__(self) -> Response:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a connection with something unread is not used again."""
        self._response.close()

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events."""
        return "event-stream" in self.headers.get("content-type", "").lower()

    def read(self) -> bytes:
        """Return the whole body. Raises AnswerTooLarge."""
        return b"".join(self.pieces())

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the body that are not empty; each ends the endpoint's silence."""
        held = bytearray()
        for piece in self.pieces():
            *whole, rest = piece.split(b"\n")
            for end in whole:
                line = bytes(held + end).strip()
                held.clear()
                if line:
                    self.deadline.heard()
                    before = time.monotonic()
                    yield line
                    self.deadline.excuse(time.monotonic() - before)
            held += rest
        if line := bytes(held).strip():
            yield line

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, inflated. Raises AnswerTooLarge, DeadlinePassed, CallCancelled."""
        size = 0
        for piece in self._inflated():
            size += len(piece)
            if size > self._limit:
                raise AnswerTooLarge
            self.deadline.left()
            yield piece

    def _inflated(self) -> Iterator[bytes]:
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in {"", "identity"}:
            yield from self._response.iter_stream()
            return
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise httpcore2.RemoteProtocolError("an encoding that was not asked for")
        inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, as its header says
        compressed = 0
        for piece in self._response.iter_stream():
            compressed += len(piece)
            if compressed > self._limit:
                raise AnswerTooLarge  # compressed nothing, without end
            rest = piece
            while rest:
                try:
                    yield inflater.decompress(rest, _INFLATED)
                except zlib.error as error:
                    raise httpcore2.RemoteProtocolError("broken compression") from error
                rest = inflater.unconsumed_tail


class Connections:
    """The connections of one process to the origin of one address.

    url: the endpoint's address; a proxy that the environment names for it is used.
    """

    def __init__(self, url: str) -> None:
        self._pool = httpcore2.ConnectionPool(
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
        """Close those that are idle; a call under way closes its own when it ends."""
        for connection in self._pool.connections:
            if connection.is_idle():
                connection.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
        limit: int,
    ) -> Response:
        """Return the response to a request, its body unread.

        Raises RedirectedAway, DeadlinePassed, CallCancelled and httpcore2's errors.
        """
        headers = {**headers, "content-length": str(len(body))} if body else headers
        for _ in range(1 + MAX_REDIRECTS):
            sent = self._pool.handle_request(
                httpcore2.Request(
                    method,
                    url,
                    headers=[(n.encode("ascii"), v.encode("latin-1")) for n, v in headers.items()],
                    content=body,
                    extensions={
                        "timeout": dict.fromkeys(("connect", "read", "write", "pool"), deadline)
                    },
                )
            )
            response = Response(sent, limit, deadline)
            target = response.headers.get("location")
            if response.status not in _REDIRECTS or not target:
                return response
            response.close()
            target = urljoin(url, target)
            if origin_of(target) != origin_of(url):
                raise RedirectedAway(origin_of(target))
            url = target
        raise httpcore2.RemoteProtocolError("redirected in a circle")


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, without what else it may hold (user, query)."""
    try:
        parts = urlsplit(url)
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
    if isinstance(error, AnswerTooLarge):
        return ModelAnswerInvalid(f"{name} sent more than an answer can hold; it was cut off")
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError, RecursionError)):
        return ModelAnswerInvalid(
            f"{name} sent something that is not an answer ({type(error).__name__}); check base_url"
        )
    if isinstance(error, CallCancelled):
        told = "was closed during the call"
    elif isinstance(error, httpcore2.TimeoutException):
        told = f"did not answer within {timeout:g} s; raise timeout= or try later"
    elif isinstance(error, RedirectedAway):
        told = (
            f"redirects to {error.origin}, which was not followed; if that is the endpoint, give "
            "it as base_url"
        )
    elif "CERTIFICATE" in str(error):
        told = "has a certificate that is not trusted here; SSL_CERT_FILE names those that are"
    elif isinstance(error, (httpcore2.ConnectError, httpcore2.ProxyError)):
        told = "cannot be reached; check the network and base_url, or try later"
    else:
        told = f"broke off the connection ({type(error).__name__}); try later"
    return ModelUnavailable(f"{name} {told}")


def _proxy(url: str) -> httpcore2.Proxy | None:
    """Return the proxy that the environment names for `url`: HTTPS_PROXY and so on."""
    parts = urlsplit(url)
    named = urllib.request.getproxies()
    address = named.get(parts.scheme) or named.get("all")
    if not address or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if "://" not in address:
        address = f"http://{address}"
    proxy = urlsplit(address)
    login = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    bare = f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}"
    return httpcore2.Proxy(bare, auth=login)
