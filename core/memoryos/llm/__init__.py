"""Language models, one file per provider; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryos.llm.openai_chat import OpenAIChat

__all__ = ["OpenAIChat"]


def __getattr__(name: str) -> Any:
    if name != "OpenAIChat":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Half of what it loads is HTTP, which an engine without a model never needs.
    from memoryos.llm import openai_chat  # noqa: PLC0415

    globals()[name] = openai_chat.OpenAIChat
    return openai_chat.OpenAIChat


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
