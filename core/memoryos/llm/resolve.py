"""Resolves the argument `chat_model` to an object."""

from __future__ import annotations

from typing import cast

from memoryos.errors import InvalidInput
from memoryos.ports import ChatModel


def resolve_chat_model(spec: str | ChatModel | None) -> ChatModel | None:
    """Return the chat model that `spec` names or is; None stays None, whatever the environment.

    A string is a model's name at the endpoint of OPENAI_API_KEY and OPENAI_BASE_URL
    ("gpt-4o-mini", also "openai:gpt-4o-mini").  Nothing is called.  Raises InvalidInput.
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        name = spec.removeprefix("openai:").strip()
        if not name:
            raise InvalidInput("chat_model is an empty string; name a model or leave it None")
        from memoryos.llm.openai_chat import OpenAIChat  # noqa: PLC0415  # loads HTTP

        return OpenAIChat(name)
    given = cast("object", spec)
    if isinstance(given, type) or not all(
        callable(getattr(given, verb, None)) for verb in ("complete", "stream")
    ):
        raise InvalidInput(
            "chat_model must be the name of a model, None or an object with complete() and "
            f"stream() such as OpenAIChat(…), not {_kind(given)}"
        )
    if not isinstance(getattr(given, "name", None), str):
        raise InvalidInput(f"chat_model must have a name; {_kind(given)} has none")
    return spec


def _kind(value: object) -> str:
    """Name what was given without showing its value, which may hold a key."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
