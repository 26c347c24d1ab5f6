"""Embedding models, one file per provider; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryos.embedders.fastembed import FastEmbedEmbedder
    from memoryos.embedders.hashing import HashingEmbedder
    from memoryos.embedders.openai_embedder import OpenAIEmbedder
    from memoryos.embedders.sentence_transformers import SentenceTransformerEmbedder
    from memoryos.embedders.static import StaticEmbedder

__all__ = [
    "FastEmbedEmbedder",
    "HashingEmbedder",
    "OpenAIEmbedder",
    "SentenceTransformerEmbedder",
    "StaticEmbedder",
]

_FILES = {
    "FastEmbedEmbedder": "fastembed",
    "HashingEmbedder": "hashing",
    "OpenAIEmbedder": "openai_embedder",
    "SentenceTransformerEmbedder": "sentence_transformers",
    "StaticEmbedder": "static",
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # only needed here

    value = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
