"""Which of a conversation's turns a model is shown: the newest ones that fit, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel

MEDIA_TOKENS = 256
"""What LlamaIndex's own Memory reckons for an image, an audio clip or a video…"""
DOCUMENT_TOKENS = 2048
"""…and for a document."""

_ANSWERING = (
    MessageRole.ASSISTANT,
    MessageRole.CHATBOT,
    MessageRole.MODEL,
    MessageRole.TOOL,
    MessageRole.FUNCTION,
)
_RESULTS = (MessageRole.TOOL, MessageRole.FUNCTION)

TokenCount = Callable[[str], int]


class ShownTurn(NamedTuple):
    """A turn as the model is shown it."""

    page_id: str
    messages: list[ChatMessage]
    tokens: int
    words: tuple[str, ...]
    """What user and assistant say in it."""


class Window:
    """The newest turns of a conversation, read from `turns` (newest first) as far as needed.

    most: turns that it shows at most; None is any number.
    """

    def __init__(self, turns: Iterable[ShownTurn], most: int | None = None) -> None:
        self._most = most
        self._coming: Iterator[ShownTurn] = iter(turns)
        self._read: list[ShownTurn] = []

    def fitting(self, tokens: int) -> list[ShownTurn]:
        """Return the newest turns of at most `tokens` tokens together, oldest first."""
        found: list[ShownTurn] = []
        for turn in islice(self._all(), self._most):
            tokens -= turn.tokens
            if tokens < 0:
                break
            found.append(turn)
        return found[::-1]

    def newest(self) -> ShownTurn | None:
        """Return the newest turn, whatever its size."""
        return next(self._all(), None)

    def ends_with(self, turns: Sequence[ShownTurn]) -> bool:
        """Tell whether `turns` are all there are."""
        return sum(1 for _ in islice(self._all(), len(turns) + 1)) == len(turns)

    @property
    def read(self) -> int:
        """How many turns have been read."""
        return len(self._read)

    def last_words(self) -> str:
        """Return what the user said last in what has been read; empty if there are no words."""
        for turn in self._read:
            for message in reversed(turn.messages):
                if message.role == MessageRole.USER and (words := message.content):
                    return words
        return ""

    def _all(self) -> Iterator[ShownTurn]:
        yield from self._read
        for turn in self._coming:
            self._read.append(turn)
            yield turn


def trimmed(turn: ShownTurn, tokens: int, count: TokenCount) -> ShownTurn:
    """Return a turn that is too long with the user's message and as many of its last steps as fit.

    A step is an assistant's message with the results of its tool calls.
    """
    asked = max(
        (at for at, m in enumerate(turn.messages) if m.role == MessageRole.USER), default=-1
    )
    if asked < 0:
        return turn._replace(messages=[], tokens=0)
    question = turn.messages[asked]
    used = message_tokens(question, count)
    kept: list[ChatMessage] = []
    for step in reversed(_steps(turn.messages[asked + 1 :])):
        cost = sum(message_tokens(message, count) for message in step)
        if used + cost > tokens:
            break
        used += cost
        kept = [*step, *kept]
    return turn._replace(messages=[question, *kept], tokens=used)


def well_begun(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Return `messages` from the first that is no answer: many models refuse others."""
    start = next((at for at, m in enumerate(messages) if m.role not in _ANSWERING), len(messages))
    return messages[start:]


def _steps(messages: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    steps: list[list[ChatMessage]] = []
    for message in messages:
        if steps and message.role in _RESULTS:
            steps[-1].append(message)
        else:
            steps.append([message])
    return steps


def message_tokens(message: ChatMessage, count: TokenCount) -> int:
    """Return the tokens of a message, reckoned as LlamaIndex's own Memory does."""
    extra = count(str(message.additional_kwargs)) if message.additional_kwargs else 0
    return extra + sum(_block_tokens(block, count) for block in message.blocks)


def _block_tokens(block: BaseModel, count: TokenCount) -> int:
    if isinstance(block, TextBlock):
        return count(block.text)
    if isinstance(block, ToolCallBlock):
        return count(block.model_dump_json())
    if isinstance(block, ThinkingBlock):
        return block.num_tokens or count(block.content or "")
    if isinstance(block, DocumentBlock):
        return DOCUMENT_TOKENS
    if isinstance(block, (ImageBlock, AudioBlock, VideoBlock)):
        return MEDIA_TOKENS
    if isinstance(block, (CitableBlock, CitationBlock)):
        return sum(_block_tokens(inner, count) for inner in block.nested_blocks)
    return 0
