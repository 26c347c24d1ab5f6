"""Language models, one file per provider."""

from __future__ import annotations

from memoryos.llm.openai_chat import OpenAIChat

__all__ = ["OpenAIChat"]
