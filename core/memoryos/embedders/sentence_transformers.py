"""Embeddings from a sentence-transformers model, by name or from a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes, prefixes_of
from memoryos.errors import InvalidInput, MissingExtra, ModelUnavailable
from memoryos.ports import Vectors

_FINGERPRINTED = ("config.json", "model.safetensors", "pytorch_model.bin")
_HUB_SECONDS = 5.0
"""How long the hub may take to say whether it has a model."""


class SentenceTransformerEmbedder(CachingEmbedder):
    """A sentence-transformers model, loaded when first needed. Thread-safe.

    name_or_folder: a model's name ("all-MiniLM-L6-v2", "BAAI/bge-small-en-v1.5") or its folder.
    query_prefix, document_prefix: None is what the model is known to want.
    batch_size: texts per pass. options: further arguments of SentenceTransformer (device…).

    Raises MissingExtra where sentence-transformers is not installed, InvalidInput for a folder that
    is not there; ModelUnavailable when the model cannot be loaded.
    """

    def __init__(
        self,
        name_or_folder: str | Path,
        *,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        batch_size: int = 32,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtra.of("SentenceTransformerEmbedder", "sentence-transformers")
        self._source = _source(name_or_folder)
        self._given = (query_prefix, document_prefix)
        self._batch_size = batch_size
        self._options = dict(options or {})
        self._model: Any = None
        self._model_lock = threading.Lock()
        folder = Path(self._source)
        known = prefixes_of(folder.name if folder.is_dir() else self._source)
        name = _name(self._source)
        if document_prefix is not None and document_prefix != (known or Prefixes()).document:
            name += f"+{document_prefix.strip()}"
        super().__init__(name, known or Prefixes(), None)
        self._prefixes_known = known is not None

    def __repr__(self) -> str:
        return f"SentenceTransformerEmbedder({self.name!r})"

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_model": None, "_model_lock": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self._model_lock = threading.Lock()

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an (n, dimension) array, one unit vector per text. Raises ModelUnavailable."""
        self._load()  # the model's own configuration may tell the prefixes
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) unit vector. Raises ModelUnavailable."""
        self._load()
        return super().embed_query(text)

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        model = self._load()
        with self._model_lock:  # its tokenizer must not be used by two threads
            vectors: Vectors = model.encode(
                list(texts),
                batch_size=self._batch_size,
                prompt="",  # prefixes are ours; a default prompt of the model's would double them
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, np.float32)

    def _find_dimension(self) -> int:
        model = self._load()
        find = getattr(model, "get_embedding_dimension", None)
        dimension = (find or model.get_sentence_embedding_dimension)()
        return int(dimension) if dimension else super()._find_dimension()

    def _load(self) -> Any:
        """Return the model, loaded once."""
        if self._model is not None:
            return self._model
        with self._model_lock:
            if self._model is None:
                try:
                    options = self._where_from()
                    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  # heavy

                    model = SentenceTransformer(self._source, **options)
                except Exception as error:  # network, missing files, torch: of every kind
                    raise ModelUnavailable(
                        f"embedder {self._source!r} cannot be loaded ({type(error).__name__}); "
                        "name a folder that holds it, or check the name and the network"
                    ) from error
                self._prefixes = self._chosen(model)
                self._model = model
        return self._model

    def _where_from(self) -> dict[str, Any]:
        """Return the model's options: without the hub where that cannot be asked.

        Loading by name asks the hub for some ten files, and each question is repeated for half a
        minute where there is no network. So it is asked once, for the model, before torch is even
        imported. Raises what the hub's client does, for a model that is not on this machine either.
        """
        options = dict(self._options)
        if options.get("local_files_only") or Path(self._source).is_dir():
            return options
        import huggingface_hub  # noqa: PLC0415  # comes with sentence-transformers

        try:
            api = huggingface_hub.HfApi(token=options.get("token"))
            api.model_info(self._source, timeout=_HUB_SECONDS)
        except Exception:  # no network, no such model, no permission: of every kind
            cache = options.get("cache_folder") or os.environ.get("SENTENCE_TRANSFORMERS_HOME")
            if not isinstance(
                huggingface_hub.try_to_load_from_cache(self._source, "config.json", cache), str
            ):
                raise
            options["local_files_only"] = True
        return options

    def _chosen(self, model: Any) -> Prefixes:
        """Return the prefixes: given, else known by name, else from the model's configuration."""
        query, document = self._given
        fallback = self._prefixes
        if not self._prefixes_known:
            prompts = getattr(model, "prompts", None) or {}
            fallback = Prefixes(
                prompts.get("query") or "",
                prompts.get("document") or prompts.get("passage") or "",
            )
        return Prefixes(
            fallback.query if query is None else query,
            fallback.document if document is None else document,
        )


def _source(name_or_folder: str | Path) -> str:
    """Return the folder's full path, or the model's full name."""
    given: object = name_or_folder
    if not isinstance(given, (str, Path)) or not str(given).strip():
        raise InvalidInput(f"name_or_folder must be a model's name or folder, not {given!r}")
    text = str(given).strip()
    folder = Path(text).expanduser()
    if folder.is_dir():
        return str(folder.resolve())
    if isinstance(given, Path) or looks_like_folder(text):
        raise InvalidInput(f"name_or_folder: there is no folder {text!r}")
    return text if "/" in text else f"sentence-transformers/{text}"


def looks_like_folder(text: str) -> bool:
    """Tell whether a string can only be meant as a path."""
    return text.startswith(("/", "./", "../", "~", ".\\", "..\\")) or text[1:3] in {":\\", ":/"}


def _name(source: str) -> str:
    """Return the embedder's name as stored with its vectors; for a folder, without its path."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    digest = hashlib.sha256()
    for name in _FINGERPRINTED:
        file = folder / name
        if file.is_file():
            digest.update(f"{name}:{file.stat().st_size}:".encode())
            if file.suffix == ".json":
                digest.update(file.read_bytes())
    return f"{folder.name}@{digest.hexdigest()[:8]}"
