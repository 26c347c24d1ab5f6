"""Embeddings from an ONNX model with Qdrant's fastembed: no torch, by name or from a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes, prefixes_of
from memoryos.embedders.sentence_transformers import looks_like_folder
from memoryos.errors import InvalidInput, MissingExtra, ModelUnavailable
from memoryos.ports import Vectors

Pooling = Literal["mean", "cls", "last_token", "disabled"]
_POOLINGS = ("mean", "cls", "last_token", "disabled")
_ONNX_FILES = ("model.onnx", "onnx/model.onnx")
"""Where a model is looked for first in a folder with several."""
_NEEDED = ("tokenizer.json", "tokenizer_config.json")
_registering = threading.Lock()
_inherited: list[Any] = []
"""Models of a parent process: their threads are not here, and to free them could wait for these."""


class FastEmbedEmbedder(CachingEmbedder):
    """An ONNX model run by fastembed, loaded when first needed. Thread-safe, and safe to fork.

    Args:
        name_or_folder: a model of fastembed's list ("all-MiniLM-L6-v2", "BAAI/bge-small-en-v1.5"),
            which it downloads once, with a progress bar; or a folder with an .onnx file,
            tokenizer.json and tokenizer_config.json, for which no network is used.
        query_prefix, document_prefix: None is what the model is known to want.
        batch_size: texts per pass.
        pooling: how a folder's model makes one vector of its tokens': "mean", "cls", "last_token",
            or "disabled" where it does so itself. None is what `1_Pooling/config.json` says, else
            "mean".
        options: further arguments of fastembed.TextEmbedding (cache_dir, threads, providers…).

    Raises MissingExtra where fastembed is not installed, InvalidInput for a folder that does not
    hold what is needed; ModelUnavailable when the model cannot be loaded or run.
    """

    def __init__(
        self,
        name_or_folder: str | Path,
        *,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        batch_size: int = 32,
        pooling: Pooling | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if importlib.util.find_spec("fastembed") is None:
            raise MissingExtra.of("FastEmbedEmbedder", "fastembed")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidInput(f"batch_size must be at least 1, not {batch_size!r}")
        if pooling is not None and pooling not in _POOLINGS:
            raise InvalidInput(f"pooling must be one of {_POOLINGS} or None, not {pooling!r}")
        self._batch_size = batch_size
        self._options = dict(options or {})
        self._folder = _folder(name_or_folder)
        if self._folder is None:
            text = str(name_or_folder).strip()
            self._model_name = text if "/" in text else f"sentence-transformers/{text}"
            name = self._model_name
        else:
            self._file = _onnx_file(self._folder)
            self._pooling = pooling or _pooling_of(self._folder)
            name = _fingerprint(self._folder, self._file, self._pooling)
            self._model_name = f"memoryos/{name}"
        known = prefixes_of(name) or Prefixes()
        prefixes = Prefixes(
            known.query if query_prefix is None else query_prefix,
            known.document if document_prefix is None else document_prefix,
        )
        stored = f"fastembed:{name}"
        if prefixes.document != known.document:
            stored += f"+{prefixes.document.strip()}"
        super().__init__(stored, prefixes, None)
        self._model: Any = None
        self._process = 0
        self._loading = threading.Lock()

    def __repr__(self) -> str:
        return f"FastEmbedEmbedder({self.name.removeprefix('fastembed:')!r})"

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_model": None, "_loading": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self._loading = threading.Lock()

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        model = self._load()
        order = sorted(
            range(len(texts)), key=lambda i: len(texts[i])
        )  # alike in length: no padding
        try:
            rows = list(model.embed([texts[i] for i in order], batch_size=self._batch_size))
        except Exception as error:  # onnxruntime's own errors, of every kind
            raise ModelUnavailable(
                f"embedder {self.name!r} failed ({type(error).__name__}: {error}); "
                "its folder may hold another kind of model, see pooling="
            ) from error
        found = np.empty((len(texts), len(rows[0])), np.float32)
        found[order] = rows
        return found

    def _load(self) -> Any:
        """Return the model, loaded once in each process: its threads do not survive a fork."""
        if self._model is not None and self._process == os.getpid():
            return self._model
        if self._process not in (0, os.getpid()):
            _inherited.append(self._model)
            self._loading, self._model, self._process = threading.Lock(), None, 0
        with self._loading:
            if self._model is None:
                try:
                    self._model = self._opened()
                except Exception as error:  # network, missing files, onnxruntime: of every kind
                    where = self._folder or self._model_name
                    raise ModelUnavailable(
                        f"embedder {str(where)!r} cannot be loaded ({type(error).__name__}: "
                        f"{_first_line(error)}); name a folder that holds it, or check the name "
                        "(fastembed.TextEmbedding.list_supported_models()) and the network"
                    ) from error
                self._process = os.getpid()
        return self._model

    def _opened(self) -> Any:
        from fastembed import TextEmbedding  # noqa: PLC0415  # heavy

        if self._folder is None:
            return TextEmbedding(self._model_name, **self._options)
        with _registering:
            self._register(TextEmbedding)
        return TextEmbedding(
            self._model_name, specific_model_path=str(self._folder), **self._options
        )

    def _register(self, library: Any) -> None:
        """Tell fastembed of a folder's model, once in a process."""
        from fastembed.common.model_description import (  # noqa: PLC0415  # heavy
            ModelSource,
            PoolingType,
        )

        known = {model["model"].lower() for model in library.list_supported_models()}
        if self._model_name.lower() in known:
            return
        library.add_custom_model(
            model=self._model_name,
            pooling=PoolingType[self._pooling.upper()],
            normalization=True,
            sources=ModelSource(url="file:nowhere"),  # it must name one; the folder is used
            dim=1,  # only what list_supported_models tells; a vector tells its length
            model_file=self._file,
        )


def _folder(name_or_folder: str | Path) -> Path | None:
    """Return the folder that is meant; None where it is a model's name."""
    given: object = name_or_folder
    if not isinstance(given, (str, Path)) or not str(given).strip():
        raise InvalidInput(f"name_or_folder must be a model's name or folder, not {given!r}")
    text = str(given).strip()
    folder = Path(text).expanduser()
    if folder.is_dir():
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise InvalidInput(f"name_or_folder: {text!r} lacks {' and '.join(missing)}")
        return folder.resolve()
    if isinstance(given, Path) or looks_like_folder(text):
        raise InvalidInput(f"name_or_folder: there is no folder {text!r}")
    return None


def _onnx_file(folder: Path) -> str:
    """Return the path of the model within its folder."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.onnx"))
    for usual in _ONNX_FILES:
        if usual in found:
            return usual
    if len(found) != 1:
        raise InvalidInput(
            f"name_or_folder: {str(folder)!r} must hold model.onnx, onnx/model.onnx or one .onnx "
            f"file alone; it holds {', '.join(found) or 'none'}"
        )
    return found[0]


def _pooling_of(folder: Path) -> Pooling:
    """Return what a sentence-transformers folder says of pooling, else "mean"."""
    try:
        said = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "mean"
    if not isinstance(said, dict):
        return "mean"
    if said.get("pooling_mode_cls_token"):
        return "cls"
    return "last_token" if said.get("pooling_mode_lasttoken") else "mean"


def _fingerprint(folder: Path, file: str, pooling: str) -> str:
    """Return what is stored with the vectors: a folder may be moved, and others be called alike."""
    digest = hashlib.sha256(f"{pooling}:{file}:{(folder / file).stat().st_size}".encode())
    digest.update((folder / "tokenizer.json").read_bytes())
    return f"{folder.name}@{digest.hexdigest()[:8]}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
