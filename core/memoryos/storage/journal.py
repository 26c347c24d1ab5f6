"""Input of the journal: checks of arguments, and the pages made of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from hashlib import blake2b
from itertools import islice
from typing import Any
from uuid import UUID

from memoryos.errors import InvalidInput
from memoryos.model import ANSWERED_BY, QUOTATION, Message, Page
from memoryos.storage.codec import dumps, is_plain, message_body, message_of, plain_messages
from memoryos.storage.port import PageDraft
from memoryos.text.passages import Span, passages
from memoryos.text.terms import join_passages, pages_terms

Cut = list[tuple[Span, str]]
"""Passages of a page, each by its place and in its words."""
ROOM = 16
"""Times `max_text_bytes`: what a text that is mended, or that stands in blocks, may have."""
LONGEST_ID = 1000
"""Characters of a user, assistant or session id."""
_FRACTION = re.compile(r"\.(\d+)")
_BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE_32 for second in _BASE_32]
"""Two digits of base 32 at a time: `base64.b32encode` takes ten times as long."""
_DIGIT_OF_BYTE = _BASE_32.encode() * 8
"""Each digit for as many bytes as every other: random bytes give random digits."""


def checked_id(value: object, name: str) -> str:
    """Return an id of a user, assistant or session: a text, or the text of an int or UUID.

    Those are what databases have for keys. Raises InvalidInput for anything else.
    """
    if isinstance(value, UUID):
        value = str(value)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**LONGEST_ID:
        value = str(int(value))
    if not isinstance(value, str) or not value:
        shown = value if isinstance(value, (str, float, bool, type(None))) else type(value).__name__
        raise InvalidInput(f"{name} must be a text, an int or a UUID, and not empty, not {shown!r}")
    value = str.__str__(value)  # of an enum of texts, its value
    if len(value) > LONGEST_ID:
        raise InvalidInput(f"{name} has {len(value)} characters, at most {LONGEST_ID} are allowed")
    return _encodable(value, name)


def checked_known_id(value: object, name: str) -> str:
    """Return an id that something in the memory may have. Raises InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, not {type(value).__name__}")
    return _encodable(value, name)


def checked_text(value: object, name: str, most_bytes: int) -> str:
    """Return one side of a page; None is an empty side. Raises InvalidInput."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, not {type(value).__name__}")
    _encodable(value, name)
    if "\x00" in value:
        raise InvalidInput(f"{name} contains a NUL character at {value.index(chr(0))}; remove it")
    if len(value) * 4 > most_bytes and len(value.encode()) > most_bytes:
        raise InvalidInput(
            f"{name} has {len(value.encode())} bytes, at most {most_bytes} are allowed: "
            "split it, or raise MemoryConfig(max_text_bytes=…)"
        )
    return value


def checked_time(value: object, name: str = "timestamp") -> datetime:
    """Return an aware time of a datetime, ISO 8601 text or seconds since 1970; naive means UTC.

    It keeps the offset to UTC that it was given with, in whole seconds. Raises InvalidInput.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, timezone.utc)
        except (OverflowError, ValueError, OSError):
            raise InvalidInput(
                f"{name} {value!r} lies outside the years 1 to 9999, as seconds since 1970"
            ) from None
    if isinstance(value, str):
        text = value.strip().replace("Z", "+00:00").replace("z", "+00:00")
        if "." in text:
            text = _FRACTION.sub(_microseconds, text)
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                f"{name} {value!r} is not ISO 8601 such as '2026-11-22T13:45:00+00:00'"
            ) from None
    if not isinstance(value, datetime):
        raise InvalidInput(
            f"{name} must be a datetime, ISO 8601 text or seconds since 1970, not {value!r}"
        )
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    try:
        utc = value.astimezone(timezone.utc)
        offset = value.utcoffset()
        if not offset or offset.microseconds:
            return utc
        return value.astimezone(timezone(offset))
    except (OverflowError, ValueError):
        raise InvalidInput(f"{name} {value!r} lies outside the years 1 to 9999") from None


def _microseconds(fraction: re.Match[str]) -> str:
    """Return a fraction of a second with six digits: Python 3.10 reads three or six only."""
    return f".{fraction[1]:0<6.6}"


def checked_metadata(value: object, most_bytes: int) -> dict[str, Any]:
    """Return metadata as plain JSON. Raises InvalidInput."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"metadata must be a mapping, not {type(value).__name__}")
    if not all(isinstance(key, str) for key in value):
        raise InvalidInput("metadata must have texts as keys")
    plain: dict[str, Any] = _json(dict(value), "metadata", most_bytes) if value else {}
    return plain


def checked_count(value: object, name: str, least: int = 1) -> int:
    """Return a whole number of at least `least` that a database can hold. Raises InvalidInput."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
        raise InvalidInput(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value


def checked_share(value: object, name: str) -> float | None:
    """Return a number from 0 to 1, or None as it is. Raises InvalidInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidInput(f"{name} must be a number from 0 to 1, not {value!r}")
    return float(value)


def checked_seconds(value: object, name: str) -> float:
    """Return a duration in seconds, at least 0. Raises InvalidInput."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 2**31:
        raise InvalidInput(f"{name} must be a number of seconds, at least 0, not {value!r}")
    return float(value)


def text_page(
    user_input: object,
    agent_response: object,
    *,
    timestamp: datetime,
    session_id: str,
    metadata: object,
    key: str | None,
    most_bytes: int,
) -> Page:
    """Return the page of two texts. Raises InvalidInput."""
    user = checked_text(user_input, "user_input", most_bytes)
    agent = checked_text(agent_response, "agent_response", most_bytes)
    if not user.strip() and not agent.strip():
        raise InvalidInput(
            "user_input and agent_response are both empty: give at least one of them"
        )
    return Page(
        page_id(key),
        user,
        agent,
        timestamp,
        session_id,
        checked_metadata(metadata, most_bytes),
        plain_messages(user, agent),
    )


def message_page(
    messages: Sequence[Message],
    *,
    id_: str,
    timestamp: datetime,
    session_id: str,
    metadata: object,
    most_bytes: int,
) -> Page:
    """Return the page of one turn's messages; its sides are their user's and assistant's words."""
    checked = tuple([checked_message(message, most_bytes) for message in messages])
    return Page(
        id_,
        _side(checked, "user", "the user's messages", most_bytes),
        _side(checked, "assistant", "the agent's messages", most_bytes),
        timestamp,
        session_id,
        checked_metadata(metadata, most_bytes),
        checked,
    )


def drafts_of(pages: Sequence[Page]) -> list[PageDraft]:
    """Return checked pages as they are journalled: with the terms that they are found by."""
    return [
        PageDraft(
            page.id,
            page.user_input,
            page.agent_response,
            page.timestamp,
            page.session_id,
            page.metadata,
            page.messages,
            terms,
        )
        for page, terms in zip(pages, terms_of(pages), strict=True)
    ]


def checked_message(message: object, most_bytes: int) -> Message:
    """Return a message in plain JSON. Raises InvalidInput."""
    if not isinstance(message, Message):
        raise InvalidInput(
            "messages must be of memoryos.Message, such as Message('user', 'Hello'), "
            f"not {type(message).__name__}"
        )
    if not isinstance(message.role, str) or not message.role:
        raise InvalidInput(f"role must be a text such as 'user', not {message.role!r}")
    if isinstance(message.content, str):
        checked_text(message.content, "content", most_bytes)
        if is_plain(message) and message.role.isascii():
            return message  # nothing in it that may not be JSON
    _check_fields(message)
    body = _json(message_body(message), "message", ROOM * most_bytes)
    return message_of(body)


def _check_fields(message: Message) -> None:
    for name in ("name", "id", "tool_call_id"):
        if not isinstance(getattr(message, name), (str, type(None))):
            raise InvalidInput(f"{name} of a message must be a text or None")
    calls: Any = message.tool_calls
    if not isinstance(calls, (list, tuple)) or not all(isinstance(c, Mapping) for c in calls):
        raise InvalidInput("tool_calls of a message must be a list or tuple of mappings")
    if not isinstance(message.metadata, Mapping):
        raise InvalidInput("metadata of a message must be a mapping")


def turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Split messages into turns: each begins with a user's message (and what stands before it)."""
    found: list[list[Message]] = []
    begun = False
    for message in messages:
        if not found or (message.role == "user" and begun):
            found.append([])
            begun = False
        found[-1].append(message)
        begun = begun or message.role in ("user", "assistant", "tool")
    return found


def page_id(key: str | None) -> str:
    """Return a page's id: the same for the same key, else a new one."""
    if key is None:
        return "p" + os.urandom(16).translate(_DIGIT_OF_BYTE).decode()
    raw = blake2b(checked_id(key, "key").encode(), digest_size=15).digest()
    number = int.from_bytes(raw, "big")
    pairs = range(len(raw) * 8 - 10, -1, -10)
    return "p" + "".join([_PAIRS[number >> shift & 1023] for shift in pairs])


def terms_of(pages: Sequence[Page]) -> list[bytes]:
    """Return the packed terms of pages, passage by passage."""
    texts = list(map(passage_texts, pages))
    terms = iter(pages_terms([text for some in texts for text in some]))
    return [join_passages(islice(terms, len(some))) for some in texts]


def page_passages(page: Page) -> Sequence[Span]:
    """Return what a page is found by, in reading order: both sides, unless the agent only quoted.

    At least one.
    """
    quoted = page.metadata.get(ANSWERED_BY) == QUOTATION
    return passages(page.user_input, "" if quoted else page.agent_response)


def cut_pages(pages: Sequence[Page]) -> list[Cut]:
    """Return of each page where its passages are, in reading order, and their words, verbatim."""
    return [[(span, passage_of(page, span)) for span in page_passages(page)] for page in pages]


def passage_of(page: Page, span: Span) -> str:
    """Return the words of a passage, verbatim; of a whole page both sides."""
    if span.side is None:
        return page.text
    said = page.user_input if span.side == "user" else page.agent_response
    return said[span.start : span.end]


def passage_texts(page: Page) -> list[str]:
    """Return the words by which a page's passages are found, with the speakers' names."""
    quoted = page.metadata.get(ANSWERED_BY) == QUOTATION
    found = page_passages(page)
    if found[0].side is None:
        return [page.user_input if quoted else page.text]
    names = {"user": page.user_name, "agent": page.agent_name}
    prefixes = {side: f"{name}: " if name else "" for side, name in names.items()}
    return [prefixes[span.side or "user"] + passage_of(page, span) for span in found]


def _side(messages: Sequence[Message], role: str, name: str, most_bytes: int) -> str:
    """Return what checked messages of a role say."""
    theirs = [message for message in messages if message.role == role]
    if len(theirs) == 1 and isinstance(theirs[0].content, str):
        return theirs[0].content  # checked as it is
    said = "\n".join([text for message in theirs if (text := message.text)])
    return checked_text(said, name, ROOM * most_bytes)


def _encodable(value: str, name: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{name} contains a lone surrogate at {error.start}, which is not text: "
            "decode it properly or replace it"
        ) from None
    return value


def _json(value: Any, name: str, most_bytes: int) -> Any:
    try:
        text = dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} must be plain JSON: {error}") from None
    if len(_encodable(text, name).encode()) > most_bytes:
        raise InvalidInput(f"{name} has more than {most_bytes} bytes of JSON")
    return json.loads(text)
