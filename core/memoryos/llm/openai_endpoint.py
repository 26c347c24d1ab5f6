"""One OpenAI-compatible endpoint: its address, the key it hides, its calls and their limits."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from memoryos.errors import InvalidInput, ModelError, ModelUnavailable
from memoryos.llm.breaker import CircuitBreaker, Ticket, breaker_of
from memoryos.llm.refusals import Refusal, error_of, refusal_of

if TYPE_CHECKING:
    from memoryos.llm.connections import Connections, Response
    from memoryos.llm.network import Deadline

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")

OPENAI = "https://api.openai.com/v1"
TOTAL = 10
"""Longest call, as a multiple of `timeout`: an answer may come piece by piece for so long."""
MAX_REFUSAL = 65_536
"""Bytes of an error that are read."""
LONGEST_BACKOFF = 8.0
_SECRET = re.compile(r"auth|key|token|secret|cookie|pass", re.IGNORECASE)


class OpenAIEndpoint:
    """Where a model is reached, with which key and within which limits. Thread-safe, fork-safe.

    api_key: None reads OPENAI_API_KEY when first needed; "" sends none.
    base_url: None reads OPENAI_BASE_URL, and that failing means api.openai.com.
    timeout: seconds of a whole call, its retries included; in a stream, from one line to the next,
    and ten times as long for all of it.  max_retries: further attempts (429, 5xx, network).
    default_headers, default_query: sent with every request.

    Connections are made at the first call, and again in a forked child (a connection must not be
    shared by two processes).  The key is in no repr, error, copy or pickle, nor are headers and
    parameters named like one: a pickled endpoint reads OPENAI_API_KEY where it is loaded.
    """

    def __init__(
        self,
        api_key: str | None,
        base_url: str | None,
        timeout: float,
        max_retries: int,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, str] | None = None,
    ) -> None:
        _check(api_key, base_url, timeout, max_retries)
        self.base_url = base_url or None
        self.timeout = float(timeout)
        self.max_retries = max_retries
        self._api_key = api_key
        self._headers = _texts("default_headers", default_headers)
        self._query = _texts("default_query", default_query)
        self._connections: dict[int, Connections] = {}
        self._calls: dict[int, Deadline] = {}

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({self.where!r})"

    def __getstate__(self) -> dict[str, Any]:
        kept: dict[str, Any] = {
            "_headers": _without_secrets(self._headers),
            "_query": _without_secrets(self._query),
        }
        gone: dict[str, Any] = {"_api_key": None, "_connections": {}, "_calls": {}}
        return self.__dict__ | kept | gone

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenAIEndpoint:
        return self  # it never changes, and a copy would lack the key

    @property
    def address(self) -> str:
        """The address as it was given."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI

    @property
    def where(self) -> str:
        """Scheme, host and port of the endpoint, without what an address may hide (user, query)."""
        from memoryos.llm.connections import origin_of  # noqa: PLC0415  # import stays cheap

        return origin_of(self.address)

    def close(self) -> None:
        """End the calls under way and close the connections; the next call opens new ones.

        What is waited for raises ModelUnavailable within a second.
        """
        for deadline in list(self._calls.values()):
            deadline.cancel()
        if connections := self._connections.pop(os.getpid(), None):
            connections.close()

    # ── calls ──

    def post(
        self,
        model: str,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Response], _Value],
        limit: int,
    ) -> _Value:
        """Return what `read` makes of the response to `body`, which is asked for again on failure.

        limit: most bytes of the response that are read.  Raises Refusal for an endpoint's error,
        InvalidInput for a body that is not JSON, else ModelError.
        """

        def closing(response: Response) -> _Value:
            with response:
                return read(response)

        data = _encoded(body)
        with self._guarded(model) as deadline:
            return self._attempts(path, data, closing, limit, deadline)

    def stream(
        self,
        model: str,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Response], Iterator[_Value]],
        limit: int,
    ) -> Iterator[_Value]:
        """Yield what `read` yields of the response; what has been yielded is not asked for again.

        Limits and errors as for `post`.
        """
        data = _encoded(body)
        with (
            self._guarded(model) as deadline,
            self._attempts(path, data, lambda response: response, limit, deadline) as opened,
        ):
            yield from read(opened)

    def get(self, model: str, path: str, limit: int) -> Any:
        """Return the JSON at `path`, asked for once; None if refused. Raises ModelError."""
        with self._guarded(model) as deadline:
            try:
                with self._send(path, b"", limit, deadline) as response:
                    return json.loads(response.read())
            except Refusal:
                return None

    def _attempts(
        self,
        path: str,
        data: bytes,
        read: Callable[[Response], _Value],
        limit: int,
        deadline: Deadline,
    ) -> _Value:
        for attempt in range(self.max_retries + 1):
            try:
                return read(self._send(path, data, limit, deadline))
            except Exception as error:
                pause = _pause(error, attempt)
                if pause is None or attempt == self.max_retries or pause >= deadline.left():
                    raise
            deadline.sleep(pause)
        raise AssertionError  # the last attempt returned or raised

    def _send(self, path: str, data: bytes, limit: int, deadline: Deadline) -> Response:
        """Return a response of status 200. Raises Refusal for any other."""
        request = self._request(path)
        response = self._opened().send(
            "POST" if data else "GET", request.url, request.headers, data, deadline, limit
        )
        if response.status == 200:
            if response.is_stream:
                deadline.heard()
            return response
        with response:
            told = b""
            for piece in response.pieces():
                told += piece
                if len(told) > MAX_REFUSAL:
                    break
        raise refusal_of(response.status, response.headers, told[:MAX_REFUSAL])

    def _request(self, path: str) -> _Request:
        """Return where and with which headers `path` is asked. Raises ModelUnavailable."""
        parts = urlsplit(self.address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ModelUnavailable("OPENAI_BASE_URL must begin with http:// or https://")
        base = parts.path.rstrip("/").removesuffix("/chat/completions")  # as it is often copied
        host = parts.netloc.rpartition("@")[2]
        query = urlencode([*parse_qsl(parts.query), *self._query.items()])
        url = f"{parts.scheme}://{host}{base}{path}" + (query and f"?{query}")
        headers = {
            "host": host,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "accept-encoding": "gzip",
            "user-agent": "memoryos-integrations",
        }
        key = self._key()
        if key and "/openai/deployments/" in parts.path:  # Azure's own way
            headers["api-key"] = key
        elif key:
            headers["authorization"] = f"Bearer {key}"
        elif parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        headers |= {name.lower(): value for name, value in self._headers.items()}
        return _Request(url, headers)

    def _key(self) -> str:
        key = self._api_key if self._api_key is not None else os.environ.get("OPENAI_API_KEY")
        if not key and self.address == OPENAI and not self._headers:
            raise ModelUnavailable("no API key: pass api_key=… or set OPENAI_API_KEY")
        if key and not _fits_header(key):
            raise ModelUnavailable(
                "OPENAI_API_KEY holds characters that no key has; check its value"
            )
        return (key or "").strip()

    def _opened(self) -> Connections:
        """Return the connections of this process.

        Kept by process, without a lock, which a fork could leave locked.
        """
        from memoryos.llm.connections import Connections  # noqa: PLC0415  # import stays cheap

        found = self._connections.get(os.getpid())
        return found or self._connections.setdefault(os.getpid(), Connections(self.address))

    # ── limits ──

    @contextmanager
    def _guarded(self, model: str) -> Iterator[Deadline]:
        """Hold one call to its limits, and tell the endpoint's breaker how it ended."""
        from memoryos.llm.network import CallCancelled, Deadline  # noqa: PLC0415  # as above

        breaker = self._breaker(model)
        ticket = breaker.admit()
        name = f"model {model!r} at {self.where}"
        if ticket.retry_after:
            raise ModelUnavailable(
                f"{breaker.reason or name}; it has failed several times in a row and is asked "
                f"again in {ticket.retry_after:.0f} s",
                ticket.retry_after,
            )
        deadline = Deadline(self.timeout, TOTAL * self.timeout)
        self._calls[id(deadline)] = deadline
        try:
            yield deadline
        except Exception as error:  # noqa: BLE001  # translated: nothing else may get out
            failure = error if isinstance(error, Refusal) else self.error(error, model)
            if isinstance(error, CallCancelled):
                breaker.released(ticket)  # it was closed here, which says nothing of it
            else:
                self._tell(breaker, ticket, failure, name)
            raise failure from None
        except BaseException:  # the reader of a stream had enough, or the program is ending
            breaker.released(ticket)
            raise
        else:
            if breaker.succeeded(ticket):
                _log.info("%s answers again", name)
        finally:
            del self._calls[id(deadline)]

    def _breaker(self, model: str) -> CircuitBreaker:
        key = self._api_key if self._api_key is not None else os.environ.get("OPENAI_API_KEY", "")
        digest = hashlib.sha256(repr((key, sorted(self._headers.items()))).encode()).hexdigest()
        return breaker_of(self.address, digest, model)

    def _tell(self, breaker: CircuitBreaker, ticket: Ticket, failure: Exception, name: str) -> None:
        wrong = error_of(failure, name) if isinstance(failure, Refusal) else failure
        if not isinstance(wrong, ModelUnavailable):
            breaker.succeeded(ticket)  # a refusal of this text is an answer
        elif breaker.failed(ticket, wrong.retry_after, str(wrong)):
            _log.warning("%s; until it answers again, only one call at a time is tried", wrong)

    def error(self, error: Exception, model: str) -> ModelError:
        """Return our error for whatever a call raised: what happened and what helps.

        Nothing of the request or of the endpoint's own words is repeated: they may hold the
        prompt or the key.
        """
        from memoryos.llm.connections import error_of_call  # noqa: PLC0415  # import stays cheap

        if isinstance(error, ModelError):
            return error
        name = f"model {model!r} at {self.where}"
        if isinstance(error, Refusal):
            return error_of(error, name)
        return error_of_call(error, name, self.timeout)


class _Request(NamedTuple):
    """Where a request goes, and its headers, of which a repr shows nothing."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return "_Request(…)"


def unchained(error: ModelError) -> ModelError:
    """Return `error` without what came before it: that may hold the request or the answer."""
    error.__cause__ = error.__context__ = None
    return error


def sendable(text: str) -> str:
    """Return `text` as valid Unicode: half a surrogate pair cannot be sent."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def checked_name(argument: str, value: object) -> str:
    """Return a model's name, stripped. Raises InvalidInput naming the argument."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{argument} must be the name of a model, not {value!r}")
    return value.strip()


def is_number(value: object, kind: type[int] | type[float]) -> bool:
    """Tell whether `value` is an int or, for float, a real number; True and False are neither."""
    kinds = (int,) if kind is int else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """Return a request's body as JSON. Raises InvalidInput for what no JSON can hold."""
    try:
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput("messages and extra_body must hold only what JSON can") from None


def _pause(error: Exception, attempt: int) -> float | None:
    """Return the seconds before the next attempt; None when there is no point in one."""
    import httpcore2  # noqa: PLC0415  # import stays cheap

    from memoryos.llm.network import CallCancelled  # noqa: PLC0415  # as above

    backoff = min(0.5 * 2**attempt, LONGEST_BACKOFF) * random.uniform(0.75, 1)  # noqa: S311  # jitter
    if isinstance(error, Refusal) and error.is_passing:
        return backoff if error.retry_after is None else error.retry_after
    broken = isinstance(
        error, (httpcore2.NetworkError, httpcore2.RemoteProtocolError, httpcore2.ProxyError)
    )
    return backoff if broken and not isinstance(error, CallCancelled) else None


def _check(api_key: object, base_url: object, timeout: object, max_retries: object) -> None:
    """Raise InvalidInput naming the argument that is wrong."""
    for name, value in (("api_key", api_key), ("base_url", base_url)):
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name} must be a string or None, not {type(value).__name__}")
    if not is_number(timeout, float) or not 0 < float(timeout) < float("inf"):  # type: ignore[arg-type]
        raise InvalidInput(f"timeout must be a number of seconds above 0, not {timeout!r}")
    if not is_number(max_retries, int) or int(max_retries) < 0:  # type: ignore[call-overload]
        raise InvalidInput(f"max_retries must be a whole number from 0, not {max_retries!r}")
    if api_key and not _fits_header(str(api_key)):
        raise InvalidInput("api_key holds characters that no key has; was something else put in?")
    if base_url:
        try:
            parts = urlsplit(str(base_url))
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
            usable = usable and (parts.port or 1) > 0 and parts.netloc.isascii()
        except ValueError:
            usable = False
        if not usable:
            raise InvalidInput("base_url must begin with http:// or https:// and name a host")


def _texts(argument: str, given: Mapping[str, str] | None) -> dict[str, str]:
    """Return a mapping of texts, for headers or a query. Raises InvalidInput."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{argument} must be a mapping of texts, not {type(given).__name__}")
    for name, value in given.items():
        texts = isinstance(name, str) and isinstance(value, str)
        if not texts or not (name.isascii() and name.isprintable() and name.strip()):
            raise InvalidInput(f"{argument} must hold texts by their names")
        if not (value.isascii() and value.isprintable()):
            raise InvalidInput(f"{argument} holds characters under {name!r} that cannot be sent")
    return dict(given)


def _without_secrets(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if not _SECRET.search(name)}


def _fits_header(key: str) -> bool:
    """Tell whether `key` can be sent; a line break at its end, as from a file, is let pass."""
    bare = key.strip()
    return bare.isascii() and bare.isprintable() and " " not in bare
