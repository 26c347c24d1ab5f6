"""The question that LlamaIndex's arguments put to the memory."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.schema import QueryBundle

from memoryos.errors import InvalidInput

LONGEST_QUERY = 4000
"""Characters; of a longer text (a pasted document) the beginning and the end ask the question."""


def asked(question: ChatMessage | QueryBundle | str) -> ChatMessage:
    """Return a message as LlamaIndex's own memories take one: a query is what the user asks.

    A ContextChatEngine that is given a QueryBundle makes it the words of a message, unseen.
    Raises InvalidInput for anything else.
    """
    if isinstance(question, ChatMessage):
        return question
    if not isinstance(question, (str, QueryBundle)):
        raise InvalidInput(
            "a message must be a ChatMessage, a QueryBundle or a text, "
            f"not {type(question).__name__}"
        )
    words = question if isinstance(question, str) else question.query_str
    return ChatMessage(role=MessageRole.USER, content=words)


def query_of(question: str | ChatMessage | QueryBundle | None) -> str:
    """Return the words of what is asked, fit for a recall; empty if there are none."""
    if isinstance(question, QueryBundle):
        question = question.query_str
    words = question.content if isinstance(question, ChatMessage) else question
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
