"""One OpenAI-compatible endpoint: the client, the key it hides, and its errors translated."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelError, ModelUnavailable

if TYPE_CHECKING:
    from openai import OpenAI

_CODE = re.compile(r"[a-z][a-z0-9_]{2,40}")
_NO_KEY = "not-needed"  # what local servers are sent: an empty bearer token is no valid header


class OpenAIEndpoint:
    """Where a model is reached, and with which key.

    The client is made at the first call, and again in a forked child (a connection must not be
    shared by two processes).  The key is in no repr, error, copy or pickle: a pickled endpoint
    reads OPENAI_API_KEY where it is loaded.
    """

    def __init__(
        self, api_key: str | None, base_url: str | None, timeout: float, max_retries: int
    ) -> None:
        texts: tuple[tuple[str, object], ...] = (("api_key", api_key), ("base_url", base_url))
        for name, value in texts:
            if value is not None and not isinstance(value, str):
                raise InvalidInput(f"{name} must be a string or None, not {type(value).__name__}")
        if not _is_number(timeout, float) or timeout <= 0:
            raise InvalidInput(f"timeout must be a number of seconds above 0, not {timeout!r}")
        if not _is_number(max_retries, int) or max_retries < 0:
            raise InvalidInput(f"max_retries must be a whole number from 0, not {max_retries!r}")
        if api_key and not _fits_header(api_key):
            raise InvalidInput(
                "api_key holds characters that no key has; was something else put in?"
            )
        if base_url and urlsplit(base_url).scheme not in {"http", "https"}:
            raise InvalidInput("base_url must begin with http:// or https://")
        self.base_url = base_url or None
        self.timeout = float(timeout)
        self.max_retries = max_retries
        self._api_key = api_key
        self._client: OpenAI | None = None
        self._client_pid = 0

    def __repr__(self) -> str:
        return f"OpenAIEndpoint({self.where!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_api_key": None, "_client": None, "_client_pid": 0}

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenAIEndpoint:
        return self  # it never changes, and a copy would lack the key

    @property
    def where(self) -> str:
        """Scheme, host and port of the endpoint, without what an address may hide (user, query)."""
        parts = urlsplit(self.base_url or os.environ.get("OPENAI_BASE_URL") or "")
        if not parts.hostname:
            return "https://api.openai.com"
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            port = ""
        return f"{parts.scheme}://{parts.hostname}{port}"

    def client(self) -> OpenAI:
        """Return the client of this process. Raises ModelUnavailable when no key is to be found.

        Made without a lock, which a fork could leave locked: two threads may make one each, and
        the one that is not kept closes itself.
        """
        client = self._client
        if client is not None and self._client_pid == os.getpid():
            return client
        from openai import OpenAI  # noqa: PLC0415  # import stays cheap

        base_url = self.base_url or os.environ.get("OPENAI_BASE_URL") or None
        key = (
            self._api_key if self._api_key is not None else os.environ.get("OPENAI_API_KEY")
        ) or ""
        if not key and base_url is None:
            raise ModelUnavailable("no API key: pass api_key=… or set OPENAI_API_KEY")
        if key and not _fits_header(key):
            raise ModelUnavailable(
                "OPENAI_API_KEY holds characters that no key has; check its value"
            )
        client = OpenAI(
            api_key=key.strip() or _NO_KEY,
            base_url=base_url,
            timeout=self.timeout,
            max_retries=self.max_retries,
        )
        self._client_pid, self._client = os.getpid(), client
        return client

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._client_pid == os.getpid():
            client.close()

    def error(self, error: Exception, model: str) -> ModelError:
        """Return our error for one of the client's: what happened and what helps.

        Nothing of the request or of the endpoint's own words is repeated: they may hold the
        prompt or the key.  Raise it outside the `except`, so that it does not carry the original.
        """
        import openai  # noqa: PLC0415  # import stays cheap

        name = f"model {model!r} at {self.where}"
        if isinstance(error, ModelError):
            return error
        if isinstance(error, openai.APITimeoutError) or "Timeout" in type(error).__name__:
            return ModelUnavailable(
                f"{name} did not answer within {self.timeout:g} s; raise timeout= or try later"
            )
        if isinstance(error, openai.APIStatusError):
            return ModelUnavailable(f"{name} {_refusal(error)}")
        if isinstance(error, openai.APIResponseValidationError):
            return ModelAnswerInvalid(
                f"{name} sent something that is not an answer; check base_url"
            )
        if isinstance(error, openai.APIConnectionError):
            return ModelUnavailable(
                f"{name} cannot be reached; check the network and base_url, or try later"
            )
        if isinstance(error, (ValueError, TypeError, AttributeError, LookupError)):
            return ModelAnswerInvalid(
                f"{name} sent something that is not an answer ({type(error).__name__}); "
                "check base_url"
            )
        return ModelUnavailable(
            f"the connection to {name} broke ({type(error).__name__}); try later"
        )


def unchained(error: ModelError) -> ModelError:
    """Return `error` without what came before it: that holds the request, headers and all."""
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


def _refusal(error: Any) -> str:
    """Say in our own words what an HTTP status means and what helps."""
    status = int(error.status_code)
    code = str(getattr(error, "code", None) or "")
    known = f", {code}" if _CODE.fullmatch(code) else ""
    if status in {401, 403}:
        return f"refused the key (HTTP {status}{known}); check api_key= or OPENAI_API_KEY"
    if status == 404:
        return f"was not found (HTTP 404{known}); check the model's name and base_url"
    if status == 429 and code == "insufficient_quota":
        return "has no quota left for this key (HTTP 429); check plan and billing"
    if status == 429:
        return "has too many requests (HTTP 429); try later or raise max_retries="
    if status in {400, 413, 422}:
        return (
            f"refused the request (HTTP {status}{known}); the model may not take a prompt of this "
            "length or kind"
        )
    return f"failed (HTTP {status}{known}); try later"


def _fits_header(key: str) -> bool:
    """Tell whether `key` can be sent; a line break at its end, as from a file, is let pass."""
    bare = key.strip()
    return bare.isascii() and bare.isprintable() and " " not in bare


def _is_number(value: object, kind: type[int] | type[float]) -> bool:
    """Tell whether `value` is an int or, for float, a real number; True and False are neither."""
    kinds = (int,) if kind is int else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool)
