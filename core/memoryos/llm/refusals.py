"""What an endpoint's refusal means: passing or permanent, told apart here and nowhere else. Pure.

The error's own words are read, never repeated: they may hold the prompt or the key.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memoryos.errors import ContextOverflow, ModelError, ModelRefused, ModelUnavailable

MAX_WINDOW = 100_000_000
"""Tokens; a larger context window is a mistake."""

_CODE = re.compile(r"[a-z][a-z0-9_]{2,40}")
_OVERFLOW = re.compile(
    r"exceed_context_size|context_length_exceeded|context_window_exceeded|contextwindowexceeded"
    r"|maximum context length|context length of only|available context size|exceeds? (?:the )?"
    r"(?:model'?s )?context|prompt (?:is )?too long|input is too long|input token count"
    r"|range of input length|too many (?:input )?tokens|max_new_tokens.{0,20}must be"
    r"|string_above_max_length|larger than the maximum context|reduce the length of the messages",
    re.IGNORECASE,
)
_WINDOW = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"available context size \((\d+)",  # llama.cpp
        r"maximum context length (?:is|of) (\d+)",  # OpenAI, vLLM, DeepSeek
        r"context length of only (\d+)",  # LM Studio
        r"(\d+) maximum context length",  # Mistral
        r"maximum number of tokens allowed \((\d+)",  # Gemini
        r"> ?(\d+)(?: maximum)?",  # Anthropic: 208310 tokens > 200000 maximum
        r"range of input length should be \[\d+, ?(\d+)",  # DashScope
        r"max_new_tokens.{0,20}must be <=? ?(\d+)",  # text-generation-inference
    )
)
_AT_MOST = re.compile(
    r"(?:at most|maximum (?:allowed|value) (?:is|of)|max_tokens is \[\d+,|<=) ?(\d+)", re.IGNORECASE
)
_FILTER = re.compile(
    r"content_filter|content_policy|responsibleai|data_inspection_failed|content management policy"
    r"|prohibited_content|safety|moderation|inappropriate content",
    re.IGNORECASE,
)


@dataclass(eq=False)
class Refusal(Exception):
    """An endpoint's error: an HTTP status, or 200 with an error in the body."""

    status: int
    code: str = ""
    """OpenAI's error code or type, where it is a plain word."""
    told: str = ""
    """All its words, in lower case. Never to be shown."""
    retry_after: float | None = None
    """Seconds to wait, as the endpoint asks."""
    window: int | None = None
    """The context window, where it is told."""

    @property
    def is_overflow(self) -> bool:
        """Whether the prompt was too long."""
        return self.status == 413 or _OVERFLOW.search(self.told) is not None

    @property
    def is_filter(self) -> bool:
        """Whether a content filter turned the prompt down."""
        return self.status in {400, 403, 422} and _FILTER.search(self.told) is not None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may work in a moment."""
        throttled = self.status == 429 and self.code != "insufficient_quota"
        return throttled or self.status in {408, 409, 425, 500} or self.status > 501

    @property
    def most_tokens(self) -> int | None:
        """The longest answer that may be asked for, where the endpoint told it."""
        found = _AT_MOST.search(self.told) if "max_" in self.told or "tokens" in self.told else None
        return int(found[1]) if found and 0 < int(found[1]) <= MAX_WINDOW else None


def refusal_of(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Return the refusal that a response is."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    told = read.get("error", read) if isinstance(read, dict) else None
    return _refusal(status, told, body.decode("utf-8", "replace"), retry_after(headers))


def refusal_in(body: Mapping[str, Any]) -> Refusal | None:
    """Return the refusal that an answer with status 200 holds; None for a true answer."""
    error = body.get("error")
    if not error:
        return None
    status = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status[:3])
    if not isinstance(status, int) or isinstance(status, bool) or not 400 <= status < 600:
        status = 200
    return _refusal(status, error, json.dumps(error, default=str, ensure_ascii=False), None)


def _refusal(status: int, error: Any, told: str, wait: float | None) -> Refusal:
    code, window = "", None
    if isinstance(error, Mapping):
        words = [str(error.get(key) or "") for key in ("code", "type", "status")]
        code = next((word.lower() for word in words if _CODE.fullmatch(word.lower())), "")
        window = window_of(error.get("n_ctx"))
    told = told[:20_000].lower()
    if window is None and _OVERFLOW.search(told):
        found = next(filter(None, (pattern.search(told) for pattern in _WINDOW)), None)
        window = window_of(int(found[1][:12])) if found else None
    return Refusal(status, code, told, wait, window)


def window_of(value: Any) -> int | None:
    """Return `value` if it can be a context window in tokens."""
    usable = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_WINDOW
    return value if usable else None


def window_in_listing(listing: Any, model: str) -> int | None:
    """Return the context window that the answer of /models tells of `model`.

    llama.cpp tells what it runs with (`meta.n_ctx`) and what the model was made for
    (`n_ctx_train`), vLLM `max_model_len`, others `context_length` or `context_window`.
    """
    entries = listing.get("data") if isinstance(listing, Mapping) else None
    named = [entry for entry in entries or () if isinstance(entry, Mapping)]
    chosen = next((entry for entry in named if entry.get("id") == model), None)
    if chosen is None:
        if len(named) != 1:
            return None
        chosen = named[0]  # a server of one model answers to any name
    meta = chosen.get("meta")
    told = {**(meta if isinstance(meta, Mapping) else {}), **chosen}
    names = ("n_ctx", "max_model_len", "context_length", "context_window", "n_ctx_train")
    return next((window for name in names if (window := window_of(told.get(name)))), None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait: a number, milliseconds, or a date."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        told = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,12}(\.\d+)?", told):
            return float(told) * factor
    parsed = email.utils.parsedate_tz(headers.get("retry-after", ""))
    if parsed is None:
        return None
    try:
        return max(0.0, email.utils.mktime_tz(parsed) - time.time())
    except (ValueError, OverflowError):
        return None


def error_of(refusal: Refusal, name: str) -> ModelError:
    """Return our error for `refusal`; `name` says which model where."""
    status, code = refusal.status, refusal.code
    http = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    if refusal.is_filter:
        return ModelRefused(f"{name}: its content filter refused the text ({http})")
    if refusal.is_overflow:
        window = f" of {refusal.window} tokens" if refusal.window else ""
        return ContextOverflow(
            f"{name}: the prompt is longer than its context window{window} ({http}); a larger "
            "window or context_window= helps",
            refusal.window,
        )
    if status in {400, 405, 415, 422, 501} or (status == 200 and code.startswith("invalid")):
        return ModelRefused(
            f"{name} refused the request ({http}); it may not take a prompt of this kind"
        )
    remedy = "failed; try later"
    if status in {401, 403}:
        remedy = "refused the key; check api_key= or OPENAI_API_KEY"
    elif status == 404:
        remedy = "was not found; check the model's name and base_url"
    elif status == 402 or code == "insufficient_quota":
        remedy = "has no quota left for this key; check plan and billing"
    elif status == 429:
        remedy = "has too many requests; try later or raise max_retries="
    return ModelUnavailable(f"{name} {remedy} ({http})", refusal.retry_after)
