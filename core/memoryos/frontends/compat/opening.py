"""Opens an engine from the published package's settings: its constructor's or its config file's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memoryos.config import MemoryConfig
from memoryos.embedders import OpenAIEmbedder, SentenceTransformerEmbedder, StaticEmbedder
from memoryos.embedders.resolve import resolve_embedder
from memoryos.engine import Engine
from memoryos.errors import (
    EmbedderMismatch,
    InvalidInput,
    MissingExtra,
    ModelError,
    StorageReadOnly,
)
from memoryos.llm import OpenAIChat
from memoryos.ports import ChatModel, Embedder

_log = logging.getLogger("memoryos.frontends.compat")

DATABASE = "memoryos.db"
"""The one file in `data_storage_path`."""

PUBLISHED_DEFAULTS: Mapping[str, Any] = {
    "openai_base_url": None,
    "assistant_id": "default_assistant_profile",
    "short_term_capacity": 10,
    "mid_term_capacity": 2000,
    "long_term_knowledge_capacity": 100,
    "retrieval_queue_capacity": 7,
    "mid_term_heat_threshold": 5.0,
    "mid_term_similarity_threshold": 0.6,
    "llm_model": "gpt-4o-mini",
    "embedding_model_name": "all-MiniLM-L6-v2",
    "embedding_model_kwargs": None,
    "timeout": 60.0,
    "llm_model_kwargs": None,
}
"""The published package's settings that need not be given, with its defaults; the last two are
ours."""

_OURS = {
    "short_term_capacity": "short_term_capacity",
    "mid_term_capacity": "mid_term_capacity",
    "long_term_knowledge_capacity": "long_term_capacity",
    "retrieval_queue_capacity": "top_pages",
    "mid_term_heat_threshold": "heat_threshold",
    "mid_term_similarity_threshold": "similarity_threshold",
}
"""The published name of a setting → its name in `MemoryConfig`."""

_TOP_KNOWLEDGE = 20
"""Knowledge entries that the published retrieval returns at most."""
_OF_FLAG_EMBEDDING = ("use_fp16", "max_length")
"""Options of the published package's other embedding library; they mean nothing here."""


def open_published(
    data_storage_path: str | Path, settings: Mapping[str, Any], **ours: Any
) -> Engine:
    """Open the engine that published settings describe, on `memoryos.db` in a folder.

    Else as `open_at`.
    """
    return open_at(f"sqlite:///{_folder(data_storage_path) / DATABASE}", settings, **ours)


def open_at(uri: str, settings: Mapping[str, Any], **ours: Any) -> Engine:
    """Open the engine that published settings describe, on a database.

    `settings` may hold any of `PUBLISHED_DEFAULTS` and "openai_api_key"; an empty or missing key
    means no model. An embedding model that is not there (not installed, no network) is replaced by
    the built-in `StaticEmbedder`, with a warning. `ours` are further fields of `MemoryConfig`.
    Raises InvalidInput or StorageError.
    """
    chosen = {**PUBLISHED_DEFAULTS, **settings}
    chat_model = _chat_model(chosen)
    # Without a model the tiers can follow within `add`, as the published package's do.
    config = _config(chosen, {"promotion": "background" if chat_model else "inline", **ours})
    embedder = _embedder(chosen)
    try:
        return Engine.open(uri, config, chat_model, embedder)
    except EmbedderMismatch as mismatch:
        if isinstance(embedder, StaticEmbedder):
            raise
        try:
            engine = Engine.open(uri, config, chat_model, StaticEmbedder())
        except EmbedderMismatch:
            raise mismatch from None
        _log.warning(
            "this memory was made with the built-in embedder and stays with it; `memoryos rebuild` "
            "embeds it again by %s",
            embedder.name,
        )
        return engine


def _config(chosen: Mapping[str, Any], ours: Mapping[str, Any]) -> MemoryConfig:
    fields = {name: chosen[published] for published, name in _OURS.items()}
    try:
        return MemoryConfig(**{"top_knowledge": _TOP_KNOWLEDGE, **fields, **ours})
    except InvalidInput as error:
        message = str(error)
        for published, name in _OURS.items():
            if message.startswith(f"{name} "):
                message = published + message.removeprefix(name)
        raise type(error)(message) from None


def _chat_model(chosen: Mapping[str, Any]) -> ChatModel | None:
    key = chosen.get("openai_api_key")
    if key is not None and not isinstance(key, str):
        raise InvalidInput(f"openai_api_key must be a text, not {type(key).__name__}")
    options = chosen["llm_model_kwargs"]
    if options is not None and not isinstance(options, Mapping):
        raise InvalidInput("llm_model_kwargs must be a mapping or None")
    if not key or not key.strip():
        return None
    url, timeout = chosen["openai_base_url"] or None, chosen["timeout"]
    try:
        return OpenAIChat(
            chosen["llm_model"], api_key=key, base_url=url, timeout=timeout, **(options or {})
        )
    except TypeError as error:  # a name that it does not have, or twice
        raise InvalidInput(f"llm_model_kwargs cannot be used: {error}") from None


def _folder(data_storage_path: str | Path) -> Path:
    if not isinstance(data_storage_path, (str, Path)) or not str(data_storage_path).strip():
        raise InvalidInput(f"data_storage_path must name a folder, not {data_storage_path!r}")
    try:
        folder = Path(data_storage_path).expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise StorageReadOnly(
            f"data_storage_path {str(data_storage_path)!r} cannot be used as a folder: {error}"
        ) from error
    if (folder / "users").is_dir() and not (folder / DATABASE).exists():
        _log.warning(
            "%s holds memories of the published package; bring them over with "
            "`memoryos import --format memoryos --db %s %s`",
            folder,
            folder / DATABASE,
            folder,
        )
    return folder


def _embedder(chosen: Mapping[str, Any]) -> Embedder:
    name, options = chosen["embedding_model_name"], chosen["embedding_model_kwargs"]
    if not isinstance(name, str) or not name.strip():
        return StaticEmbedder()
    if options is not None and not isinstance(options, Mapping):
        raise InvalidInput("embedding_model_kwargs must be a mapping or None")
    key = chosen.get("openai_api_key")
    if name.startswith("text-embedding-") and key:
        url, timeout = chosen["openai_base_url"] or None, chosen["timeout"]
        return OpenAIEmbedder(name, api_key=key, base_url=url, timeout=timeout)
    given = {k: v for k, v in (options or {}).items() if k not in _OF_FLAG_EMBEDDING}
    try:
        found = resolve_embedder(name)
        if isinstance(found, SentenceTransformerEmbedder):
            size = given.pop("batch_size", 32)
            found = SentenceTransformerEmbedder(name, batch_size=size, options=given)
            _ = found.dimension  # loads it, so that a model that is not there shows now
        return found
    except (MissingExtra, ModelError, InvalidInput) as error:
        usual = name == PUBLISHED_DEFAULTS["embedding_model_name"]
        level = logging.INFO if usual else logging.WARNING
        _log.log(level, "the built-in embedder stands in for embedding_model_name: %s", error)
        return StaticEmbedder()
