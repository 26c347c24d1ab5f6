"""What an endpoint takes: each refusal of a parameter teaches to leave it out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from memoryos.errors import InvalidInput
from memoryos.llm.json_answers import shape_in_words, strict_schema
from memoryos.llm.openai_endpoint import sendable
from memoryos.llm.refusals import Refusal

if TYPE_CHECKING:
    from pydantic import BaseModel

Form = Literal["bounded_schema", "json_schema", "json_object", "text"]
"""How the shape of an answer is asked for: a schema with its bounds, one without, any JSON, or in
words alone."""

_NEXT_FORM: dict[Form, Form] = {
    "bounded_schema": "json_schema",
    "json_schema": "json_object",
    "json_object": "text",
}
_REFUSED = (400, 404, 415, 422, 500, 501)
"""Statuses with which endpoints turn down a parameter that they do not know."""

_ABOUT_SYSTEM = tuple(
    "system role|role 'system'|role: system|role system|system message|system prompt"
    '|system instruction|developer instruction|"system"'.split("|")
)
_ABOUT_FORM = ("response_format", "json", "schema", "grammar", "length", "items", "minimum")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one endpoint is known to take."""

    form: Form = "bounded_schema"
    limit_name: str = "max_tokens"
    most_tokens: int | None = None
    """Longest answer that may be asked for."""
    streams: bool = True
    stream_usage: bool = True
    system_role: bool = True
    temperature: bool = True
    seed: bool = True
    shape_told: bool = False
    """The model needs the shape in words, whatever else it is given."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is wanted of the model, before it is put as its endpoint takes it."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    schema: type[BaseModel] | None
    max_tokens: int
    temperature: float | None
    seed: int | None
    extra_body: Mapping[str, Any]

    def body(self, dialect: Dialect, *, again: bool = False) -> dict[str, Any]:
        """Return the body of the request; `again`: an answer without the shape in words failed."""
        messages = [
            {name: _mended(value) for name, value in message.items()} for message in self.messages
        ]
        if not dialect.system_role:
            messages = _folded(messages)
        schema = self.schema
        if schema is not None and (again or dialect.shape_told or "schema" not in dialect.form):
            messages = _asking_for(shape_in_words(schema), messages)
        body: dict[str, Any] = {"model": self.model, "messages": messages}
        body[dialect.limit_name] = min(self.max_tokens, dialect.most_tokens or self.max_tokens)
        if dialect.streams:
            body["stream"] = True
            if dialect.stream_usage:
                body["stream_options"] = {"include_usage": True}
        if self.temperature is not None and dialect.temperature:
            body["temperature"] = self.temperature
        if self.seed is not None and dialect.seed:
            body["seed"] = self.seed
        if schema is not None and "schema" in dialect.form:
            shape = strict_schema(schema, bounds=dialect.form == "bounded_schema")
            wanted = {"name": schema.__name__.strip("_"), "strict": True, "schema": shape}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif schema is not None and dialect.form == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body | dict(self.extra_body)


def learned(dialect: Dialect, refusal: Refusal, body: Mapping[str, Any]) -> Dialect | None:
    """Return the dialect without what `refusal` may be about; None when there is nothing left.

    body: the request that was refused.  What the refusal names goes first; a refusal that names
    nothing is taken to mean the least usual of what was sent.
    """
    if refusal.status not in _REFUSED or refusal.is_filter or refusal.is_overflow:
        return None
    told = refusal.told
    for words, better in _changes(dialect, refusal, body):
        if any(word in told for word in words):
            return better
    if refusal.status not in {400, 415, 422}:
        return None
    if "response_format" in body:
        return replace(dialect, form=_NEXT_FORM[dialect.form])
    if "stream_options" in body:
        return replace(dialect, stream_usage=False)
    return None


def _changes(
    dialect: Dialect, refusal: Refusal, body: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Dialect]]:
    """Yield words that a refusal of a parameter has, and the dialect without it."""
    if "max_tokens" in body:
        yield ("max_completion_tokens",), replace(dialect, limit_name="max_completion_tokens")
    most = refusal.most_tokens
    if most and most < int(body.get(dialect.limit_name) or 0):
        yield ("max_tokens", "max_completion_tokens"), replace(dialect, most_tokens=most)
    if "temperature" in body:
        yield ("temperature",), replace(dialect, temperature=False)
    if "seed" in body:
        yield ("seed",), replace(dialect, seed=False)
    if "stream_options" in body:
        yield ("stream_options", "include_usage"), replace(dialect, stream_usage=False)
    if any(message.get("role") == "system" for message in body["messages"]):
        yield _ABOUT_SYSTEM, replace(dialect, system_role=False)
    if "response_format" in body:
        yield _ABOUT_FORM, replace(dialect, form=_NEXT_FORM[dialect.form])
    if "stream" in body:
        yield ("stream",), replace(dialect, streams=False)


def _mended(content: Any) -> Any:
    """Return `content` with its texts as valid Unicode, also in a list of parts.

    Raises InvalidInput for what no JSON can hold: openai would make a list of a set.
    """
    if isinstance(content, str):
        return sendable(content)
    if isinstance(content, Mapping):
        return {key: _mended(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_mended(part) for part in content]
    if content is not None and not isinstance(content, (bool, int, float)):
        raise InvalidInput(f"messages must hold only what JSON can, not {type(content).__name__}")
    return content


def _folded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `messages` with what the system role said at the head of the user's next message."""
    folded: list[dict[str, Any]] = []
    held: list[str] = []
    for message in messages:
        if message.get("role") == "system":
            held.append(_plain(message.get("content")))
        elif held and message.get("role") == "user":
            told = [*held, _plain(message.get("content"))]
            folded.append({**message, "content": "\n\n".join(told)})
            held = []
        else:
            folded.append(message)
    if held:
        folded.append({"role": "user", "content": "\n\n".join(held)})
    return folded


def _asking_for(shape: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `messages` with the shape told in the first one; a turn more may not alternate."""
    if not messages:
        return messages
    first, *others = messages
    told = f"{_plain(first.get('content'))}\nAnswer only with JSON: {shape}"
    return [{**first, "content": told}, *others]


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return "" if content is None else str(content)
