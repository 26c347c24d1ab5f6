"""What an endpoint answered: the text, why it ended and what it cost, in any form it comes in.

Read as plain JSON, whole or event by event, never as the protocol's classes: endpoints leave
things out, put null where an object belongs, and answer plain JSON to a request for a stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from memoryos.errors import ModelRefused
from memoryos.llm.refusals import refusal_in
from memoryos.ports import TokenUsage

if TYPE_CHECKING:
    from memoryos.llm.network import Response

MOST_TOKENS = 1_000_000_000
"""Largest number of tokens that is believed of one call."""
_FILTERED = ("content_filter", "safety", "refusal", "prohibited", "recitation", "blocklist")
_CUT = ("length", "max_tokens", "max_output_tokens", "model_length")
_TEXT_PARTS = ("text", "output_text", None)


class Reply:
    """One answer, as far as it has come.

    text: what was said so far.  usage: as reported, None where it was not.
    """

    def __init__(self) -> None:
        self.text = ""
        self.usage: TokenUsage | None = None
        self.finish_reason: str | None = None
        self.ended = False
        self._refusal = ""

    @property
    def is_cut(self) -> bool:
        """Whether it ended because it became too long."""
        return self.finish_reason in _CUT

    def read(self, response: Response) -> Iterator[str]:
        """Yield the pieces of the text as they come, and note the rest.

        Raises Refusal for an error in the answer, ModelRefused, ValueError or TypeError for what
        is no answer, EOFError for a stream that ends before the answer does.
        """
        said: list[str] = []
        if response.is_stream:
            pieces = map(self._piece, self._events(response))
        else:
            pieces = map(self._whole, (response.json(),))
        for piece in pieces:
            if piece:
                said.append(piece)
                yield piece
        self.text = "".join(said)
        if self._refusal and not self.text:
            raise ModelRefused("the model refused to answer this")
        if (self.finish_reason or "").lower().startswith(_FILTERED):
            raise ModelRefused("the provider's content filter stopped the answer")
        if response.is_stream and not (self.ended or self.finish_reason):
            raise EOFError

    def _events(self, response: Response) -> Iterator[Any]:
        for data in response.events():
            if data == b"[DONE]":
                self.ended = True
                return
            if data:
                yield json.loads(data)

    def _whole(self, body: Any) -> str:
        if not isinstance(body, Mapping):
            raise TypeError
        piece = self._piece(body)
        if not body.get("choices"):
            raise ValueError("no choices")
        return piece

    def _piece(self, body: Any) -> str:
        """Return what an event, or a whole answer, adds to the text."""
        if not isinstance(body, Mapping):
            raise TypeError
        if (refusal := refusal_in(body)) is not None:
            raise refusal
        self.usage = _usage(body.get("usage")) or self.usage
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            return ""
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason
        said = choice.get("delta") or choice.get("message")
        if not isinstance(said, Mapping):
            return ""
        if isinstance(refused := said.get("refusal"), str):
            self._refusal += refused
        return _text(said.get("content"))


def _text(content: Any) -> str:
    """Return the text of a message's content: a text, or parts of which some are text."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        raise TypeError
    said = []
    for part in content:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, Mapping) and part.get("type") in _TEXT_PARTS:
            text = part.get("text")
            said.append(text if isinstance(text, str) else "")
    return "".join(said)


def _usage(reported: Any) -> TokenUsage | None:
    """Return what an endpoint reported; None when it reported nothing that can be so."""
    if not isinstance(reported, Mapping):
        return None
    prompt = _tokens(reported.get("prompt_tokens"))
    answer = _tokens(reported.get("completion_tokens"))
    return TokenUsage(prompt, answer or 0) if prompt else None


def _tokens(number: Any) -> int | None:
    """Return a number of tokens; 12.0 is one, True, -1, "12", NaN and 2**63 are none."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    return int(number) if 0 <= number <= MOST_TOKENS else None
