"""What a scripted OpenAI-protocol server is asked, and what it can be told to answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memoryos.llm.tokens import token_counter

_count = token_counter("gpt-4o-mini")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; `authorization` is among them."""
    body: Mapping[str, Any]

    @property
    def endpoint(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat request."""
        return list(self.body.get("messages", ()))

    @property
    def prompt(self) -> str:
        """The texts of all messages."""
        return "\n".join(_text(message.get("content")) for message in self.messages)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the messages, four more for each; of the inputs of an embedding request."""
        if self.messages:
            return sum(_count(_text(m.get("content"))) + 4 for m in self.messages)
        return sum(map(_count, inputs(self.body)))


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    text: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    """{"name": …, "arguments": {…}} each."""
    delay: float = 0.0
    """Seconds before the answer begins."""
    finish_reason: str | None = "stop"
    """None: the endpoint tells none."""
    usage: bool | Mapping[str, Any] = True
    """Whether tokens are reported; a mapping is reported as it is."""
    parts: bool = False
    """The content is a list of parts, as some endpoints give it."""
    refusal: str | None = None
    """OpenAI's field for an answer that the model refused to give."""
    thinking: str = ""
    """What is reported beside the content as `reasoning_content`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error with OpenAI's error body."""

    status: int
    message: str = "scripted failure"
    code: str | None = None
    retry_after_ms: int | None = None
    delay: float = 0.0
    kind: str = "scripted"
    """The error's type."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """A connection that breaks: before any answer, or after so many pieces of a stream."""

    text: str = "this is never said to the end"
    after_pieces: int = 0


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes: garbage, a redirect (status 307 and a location), an error in an answer."""

    body: bytes = b"\x00\xff<html>not an answer</html>"
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drip:
    """A body that comes in small pieces with pauses between them, or never ends.

    A stream of events when `content_type` says so; otherwise a part of some JSON.
    """

    piece: bytes = b" "
    every: float = 1.0
    """Seconds between pieces."""
    times: int = 1_000_000
    content_type: str = "application/json"
    encoding: str = ""
    """Content-Encoding that is told; "gzip" also compresses the pieces, into one bomb."""
    headers_too: bool = False
    """The header comes byte by byte at the same pace, and never ends."""


Answer = str | Reply | Failure | Drop | Raw | Drip
"""A string is a Reply of that text."""

Script = Answer | Callable[[Request], Answer] | Sequence[Answer | Callable[[Request], Answer]]
"""One answer for all requests, a function of the request, or a list: one after another, the last
for all that follow."""


def schema_answers(request: Request) -> str:
    """Answer a `response_format` request with the least JSON that its schema allows."""
    form = request.body.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema") or {}
    return json.dumps(_instance(schema, schema.get("$defs", {})))


def _instance(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in node:
        return _instance(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if node.get("anyOf"):
        return _instance(node["anyOf"][0], definitions)
    if node.get("enum"):
        return node["enum"][0]
    kind = node.get("type")
    if kind == "object":
        inner = node.get("properties", {})
        return {name: _instance(value, definitions) for name, value in inner.items()}
    if kind == "array":
        return [_instance(node.get("items", {}), definitions)]
    plain: dict[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "null": None}
    return plain.get(str(kind), "text")


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def inputs(body: Mapping[str, Any]) -> list[str]:
    """Return the texts of an embedding request."""
    given = body.get("input", [])
    return [given] if isinstance(given, str) else [str(text) for text in given]


def tokens_of(text: str) -> int:
    """Return how many tokens `text` is counted as."""
    return _count(text)
