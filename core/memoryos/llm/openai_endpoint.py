"""One OpenAI-compatible endpoint: its address, the key it hides, its calls and their limits."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from memoryos.errors import InvalidInput, ModelError, ModelUnavailable
from memoryos.llm.breaker import CircuitBreaker, breaker_of
from memoryos.llm.limits import BrokenOff, CallCancelled, Deadline, error_of_call, origin_of
from memoryos.llm.refusals import Refusal, error_of, refusal_of

if TYPE_CHECKING:
    from openai import OpenAI

    from memoryos.llm.network import Response

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")

Request = Callable[["OpenAI", Deadline], Any]
"""Sends one request with openai's client and the deadline as `timeout`: its raw response."""

OPENAI = "https://api.openai.com/v1"
TOTAL = 10
"""Longest call, as a multiple of `timeout`: an answer may come piece by piece for so long."""
LONGEST_BACKOFF = 8.0
_SECRET = re.compile(r"auth|key|token|secret|cookie|pass", re.IGNORECASE)


class OpenAIEndpoint:
    """A client of the official openai library, held to limits. Thread-safe, fork-safe.

    limit: most bytes of an answer that are read.
    api_key: None reads OPENAI_API_KEY when first needed; "" sends none.
    base_url: None reads OPENAI_BASE_URL, and that failing means api.openai.com.
    timeout: seconds of a whole call, its retries included; in a stream, from one line to the next,
    and ten times as long for all of it.  max_retries: further attempts (429, 5xx, network).
    default_headers, default_query: sent with every request.

    The client is made at the first call, and again in a forked child (a connection must not be
    shared by two processes).  The key is in no repr, error, copy or pickle, nor are headers and
    parameters named like one: a pickled endpoint reads OPENAI_API_KEY where it is loaded.
    """

    def __init__(
        self,
        limit: int,
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
        self._limit = limit
        self._clients: dict[int, OpenAI] = {}
        self._calls: dict[int, Deadline] = {}

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({self.where!r})"

    def __getstate__(self) -> dict[str, Any]:
        kept: dict[str, Any] = {
            "_headers": _without_secrets(self._headers),
            "_query": _without_secrets(self._query),
        }
        gone: dict[str, Any] = {"_api_key": None, "_clients": {}, "_calls": {}}
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
        return origin_of(self.address)

    def close(self) -> None:
        """End the calls under way and close the connections; the next call opens new ones.

        What is waited for raises ModelUnavailable within a second.
        """
        for deadline in list(self._calls.values()):
            deadline.cancel()
        if client := self._clients.pop(os.getpid(), None):
            client.close()

    # ── calls ──

    def ask(self, model: str, request: Request, read: Callable[[Response], _Value]) -> _Value:
        """Return what `read` makes of the response to `request`, sent again when either fails.

        Raises Refusal for an endpoint's error, InvalidInput for a request that is not JSON, else
        ModelError.
        """

        def closed(response: Response) -> _Value:
            with closing(response):
                return read(response)

        with self._guarded(model) as (client, deadline):
            return self._attempts(client, request, closed, deadline)

    def stream(
        self, model: str, request: Request, read: Callable[[Response], Iterator[_Value]]
    ) -> Iterator[_Value]:
        """Yield what `read` yields of the response; what has been yielded is not asked for again.

        Limits and errors as for `ask`.
        """
        with self._guarded(model) as (client, deadline):
            opened = self._attempts(client, request, lambda response: response, deadline)
            with closing(opened):
                yield from read(opened)

    def _attempts(
        self,
        client: OpenAI,
        request: Request,
        read: Callable[[Response], _Value],
        deadline: Deadline,
    ) -> _Value:
        for attempt in range(self.max_retries + 1):
            try:
                return read(self._send(client, request, deadline))
            except Exception as error:
                pause = _pause(error, attempt)
                if pause is None or attempt == self.max_retries or pause >= deadline.left():
                    raise
            deadline.sleep(pause)
        raise AssertionError  # the last attempt returned or raised

    @staticmethod
    def _send(client: OpenAI, request: Request, deadline: Deadline) -> Response:
        """Return the response to `request`. Raises Refusal, InvalidInput and those of `limits`."""
        from openai import APIConnectionError, APIStatusError  # noqa: PLC0415  # as in _made

        from memoryos.llm.network import Response  # noqa: PLC0415  # imports openai

        try:
            return Response(request(client, deadline).http_response, deadline)
        except APIStatusError as error:
            told = error.response
            raise refusal_of(told.status_code, told.headers, told.content) from None
        except APIConnectionError as error:
            raise error.__cause__ or error from None
        except (TypeError, ValueError, RecursionError):
            deadline.left()  # a connection that is closed here meanwhile may raise them too
            raise InvalidInput("messages and extra_body must hold only what JSON can") from None

    def _client(self) -> OpenAI:
        """Return the client of this process; a lock for it could be left locked by a fork."""
        found = self._clients.get(os.getpid())
        return found or self._clients.setdefault(os.getpid(), self._made())

    def _made(self) -> OpenAI:
        """Make a client. Raises ModelUnavailable for what the environment lacks."""
        from openai import OpenAI  # noqa: PLC0415  # takes a second

        from memoryos.llm.network import http_client  # noqa: PLC0415  # imports openai

        parts = urlsplit(self.address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ModelUnavailable("OPENAI_BASE_URL must begin with http:// or https://")
        base = parts.path.rstrip("/").removesuffix("/chat/completions")  # as it is often copied
        key = self._key()
        headers = {}
        is_azure = "/openai/deployments/" in parts.path
        if key and is_azure:
            headers["Api-Key"] = key
        elif parts.username and not key:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        headers |= {name.title(): value for name, value in self._headers.items()}
        query = dict(parse_qsl(parts.query)) | self._query
        shown = _without_secrets(query)
        hidden = {name: value for name, value in query.items() if name not in shown}
        has_none = (is_azure or not key) and "Authorization" not in headers
        made = OpenAI(
            api_key=key or "none",  # which is not sent, but openai wants one
            base_url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{base}",
            timeout=self.timeout,
            max_retries=0,  # its waits could not be ended
            default_headers=headers,
            default_query=shown,
            http_client=http_client(self.address, self._limit, hidden, without_key=has_none),
        )
        _ = (
            made.chat.completions,
            made.embeddings,
            made.models,
        )  # imported now, not in a call
        return made

    def _given_key(self) -> str:
        return self._api_key if self._api_key is not None else os.environ.get("OPENAI_API_KEY", "")

    def _key(self) -> str:
        key = self._given_key()
        if not key and self.address == OPENAI and not self._headers:
            raise ModelUnavailable("no API key: pass api_key=… or set OPENAI_API_KEY")
        if key and not _fits_header(key):
            raise ModelUnavailable(
                "OPENAI_API_KEY holds characters that no key has; check its value"
            )
        return key.strip()

    # ── limits ──

    @contextmanager
    def _guarded(self, model: str) -> Iterator[tuple[OpenAI, Deadline]]:
        """Hold one call to its limits, and tell the endpoint's breaker how it ended."""
        breaker = self._breaker(model)
        ticket = breaker.admit()
        name = f"model {model!r} at {self.where}"
        if ticket.retry_after:
            raise ModelUnavailable(
                f"{breaker.reason or name}; it has failed several times in a row and is asked "
                f"again in {ticket.retry_after:.0f} s",
                ticket.retry_after,
            )
        deadline = None
        try:
            client = self._client()  # at the first call this takes a second, which is not theirs
            deadline = Deadline(self.timeout, TOTAL * self.timeout)
            self._calls[id(deadline)] = deadline
            yield client, deadline
        except InvalidInput:
            breaker.released(ticket)
            raise
        except Exception as error:  # noqa: BLE001  # translated: nothing else may get out
            told = self.error(error, model)
            if isinstance(error, CallCancelled):
                breaker.released(ticket)  # it was closed here, which says nothing of it
            elif not isinstance(told, ModelUnavailable):
                breaker.succeeded(ticket)  # a refusal of this text is an answer
            elif breaker.failed(ticket, told.retry_after, str(told)):
                _log.warning("%s; until it answers again, only one call at a time is tried", told)
            raise (error if isinstance(error, Refusal) else told) from None
        except BaseException:  # the reader of a stream had enough, or the program is ending
            breaker.released(ticket)
            raise
        else:
            if breaker.succeeded(ticket):
                _log.info("%s answers again", name)
        finally:
            self._calls.pop(id(deadline), None)

    def _breaker(self, model: str) -> CircuitBreaker:
        told = (self._given_key(), sorted(self._headers.items()))
        return breaker_of(self.address, hashlib.sha256(repr(told).encode()).hexdigest(), model)

    def error(self, error: Exception, model: str) -> ModelError:
        """Return our error for whatever a call raised: what happened and what helps.

        Nothing of the request or of the endpoint's own words is repeated: they may hold the
        prompt or the key.
        """
        if isinstance(error, ModelError):
            return error
        name = f"model {model!r} at {self.where}"
        if isinstance(error, Refusal):
            return error_of(error, name)
        return error_of_call(error, name, self.timeout)


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


def _pause(error: Exception, attempt: int) -> float | None:
    """Return the seconds before the next attempt; None when there is no point in one."""
    backoff = min(0.5 * 2**attempt, LONGEST_BACKOFF) * random.uniform(0.75, 1)  # noqa: S311  # jitter
    if isinstance(error, Refusal) and error.is_passing:
        return backoff if error.retry_after is None else error.retry_after
    return backoff if isinstance(error, BrokenOff) else None


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
            usable = usable and str(base_url).isprintable()
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
