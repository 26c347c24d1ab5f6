"""The question that LlamaIndex's arguments put to the memory."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage, MessageRole

LONGEST_QUERY = 4000
"""Characters; of a longer text (a pasted document) the beginning and the end ask the question."""


def query_of(asked: str | ChatMessage | None) -> str:
    """Return the words of what is asked, fit for a recall; empty if there are none."""
    words = asked if isinstance(asked, str) else (asked.content if asked is not None else None)
    if not words:
        return ""
    if len(words) > LONGEST_QUERY:
        words = f"{words[: LONGEST_QUERY // 2]}\n{words[-LONGEST_QUERY // 2 :]}"
    return words.replace("\x00", " ").encode("utf-8", "replace").decode().strip()


def last_question(messages: Sequence[ChatMessage] | None) -> str:
    """Return the words of the newest message of the user that has some."""
    for message in reversed(messages or ()):
        if message.role == MessageRole.USER and (query := query_of(message)):
            return query
    return ""
