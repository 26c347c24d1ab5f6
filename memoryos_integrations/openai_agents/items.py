"""The SDK's items (those of the Responses API) as the journal keeps them, and back, exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from memoryos import Message
from memoryos.errors import InvalidInput

OURS = "openai_agents"
"""The name in a message's metadata under which its item stands, as JSON in ASCII."""
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
_TEXTS = ("input_text", "output_text", "text")


def to_message(item: object) -> Message:
    """Return an item for the journal. Raises InvalidInput for what is no item."""
    if not isinstance(item, Mapping):
        raise InvalidInput(f"an item must be a mapping, not {type(item).__name__}")
    try:
        exact = json.dumps(dict(item))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"an item must be what JSON can hold: {error}") from None
    role = _ROLES.get(str(item.get("role")))
    kept = {OURS: {"item": exact}}
    if role is not None:
        words = _words(item.get("content"))
        plain = dict(item) == {"role": role, "content": words} and _storable(words)
        return Message(role, words, metadata={} if plain else kept)
    if item.get("type") == "function_call":
        call = {"id": item.get("call_id"), "name": item.get("name"), "args": item.get("arguments")}
        return Message("assistant", "", tool_calls=[call], metadata=kept)
    if str(item.get("type", "")).endswith("_output"):
        id_ = item.get("call_id")
        return Message(
            "tool",
            _words(item.get("output")),
            tool_call_id=id_ if isinstance(id_, str) else None,
            metadata=kept,
        )
    # Reasoning, hosted tools' calls and whatever is to come: no words of anybody's.
    return Message("assistant", "", metadata=kept)


def from_message(message: Message) -> dict[str, Any]:
    """Return the item that a message was; also of one that came into the journal otherwise."""
    try:
        item: dict[str, Any] = json.loads(message.metadata[OURS]["item"])
        return item
    except (KeyError, TypeError, ValueError):  # another front door's, or cut as too long
        return {"role": message.role, "content": message.text}


def is_shown(message: Message) -> bool:
    """Return whether a message can be given to a model as an item of its own."""
    return OURS in message.metadata or (message.role in _ROLES and bool(message.text))


def _storable(words: str) -> bool:
    """Return whether words come back from the journal as they are: some, and nothing odd."""
    return bool(words) and words.replace("\n", "").isprintable()


def _words(content: object) -> str:
    """Return the text of a content: a text, or its blocks of text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [
        block["text"]
        for block in content
        if isinstance(block, Mapping)
        and block.get("type") in _TEXTS
        and isinstance(block.get("text"), str)
    ]
    return "\n".join(texts)
