"""The task of generation (paper §3.5): an answer to the user, with what is remembered beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from memoryos.generation.quoting import DATA_RULE, fenced, json_line

_OPENING = (
    "You are an assistant who remembers earlier conversations with the user; what you remember "
    "stands below."
)
_RULES = (
    "Draw on it where it helps, without citing it as a source. Where it does not hold what is "
    "asked, say so rather than guess. Answer in the language of the user's message."
)
_MAX_HINT = 500
_MAX_METADATA = 2000


def respond_messages(
    query: str,
    context: str,
    *,
    relationship_with_user: str = "",
    style_hint: str = "",
    metadata: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> list[dict[str, str]]:
    """Return the messages of an answer: instructions with the quoted block, then the bare query.

    context: the text of a recall.  relationship_with_user ("friend") and style_hint ("brief,
    formal") come from the application and are followed; metadata of the conversation is data.
    """
    lines = [_OPENING, DATA_RULE, _RULES]
    if relationship := _line(relationship_with_user):
        lines.append(f"To the user you are: {relationship}.")
    if style := _line(style_hint):
        lines.append(f"Style: {style}.")
    if now is not None:
        lines.append(f"It is now {now.isoformat(timespec='minutes')}.")
    quoted = [context.strip() or "(nothing yet)"]
    if metadata:
        quoted.insert(0, f"conversation: {_json(metadata)}")
    return [
        {"role": "system", "content": "\n".join([*lines, fenced(quoted)])},
        {"role": "user", "content": query},
    ]


def _line(hint: str) -> str:
    """Return a hint as one line of bounded length, without the full stop that follows it."""
    return " ".join(hint.split())[:_MAX_HINT].rstrip(" .")


def _json(metadata: Mapping[str, Any]) -> str:
    try:
        text = json_line(dict(metadata))
    except (TypeError, ValueError):
        text = json_line({str(key): str(value) for key, value in metadata.items()})
    return text[:_MAX_METADATA]
