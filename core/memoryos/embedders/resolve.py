"""Resolves the argument `embedder` to an object."""

from __future__ import annotations

import re
from typing import cast

from memoryos.errors import InvalidInput
from memoryos.ports import Embedder

_HASHING = re.compile(r"hashing(?:-(\d+))?")


def resolve_embedder(spec: str | Embedder | None) -> Embedder:
    """Return the embedder that `spec` names or is. Nothing is called or loaded.

    None and "static" are StaticEmbedder(), "hashing" and "hashing-64" HashingEmbedder;
    "fastembed:…" (a name or a folder) is FastEmbedEmbedder; "text-embedding-…" and "openai:…" are
    OpenAIEmbedder; any other name ("all-MiniLM-L6-v2", "BAAI/bge-small-en-v1.5") and a folder are
    SentenceTransformerEmbedder.  Raises InvalidInput, or MissingExtra naming the extra.
    """
    if spec is None:
        spec = "static"
    if isinstance(spec, str):
        return _named(spec.strip())
    given = cast("object", spec)
    kind = type(given)
    # Not isinstance(given, Embedder): before Python 3.12 that reads `dimension`, maybe by a call.
    if isinstance(given, type) or not all(
        callable(getattr(given, verb, None)) for verb in ("embed_documents", "embed_query")
    ):
        what = f"the class {given.__name__}" if isinstance(given, type) else kind.__name__
        raise InvalidInput(
            "embedder must be the name or folder of a model, None or an object with "
            f"embed_documents() and embed_query() such as OpenAIEmbedder(…), not {what}"
        )
    if not isinstance(getattr(given, "name", None), str):
        raise InvalidInput(
            f"embedder must have a name and a dimension; {kind.__name__} has no name"
        )
    return spec


def _named(spec: str) -> Embedder:
    if not spec:
        raise InvalidInput("embedder is an empty string; name a model or leave it None")
    if spec == "static":
        from memoryos.embedders.static import StaticEmbedder  # noqa: PLC0415  # one per provider

        return StaticEmbedder()
    if spec.startswith("fastembed:"):
        from memoryos.embedders.fastembed import FastEmbedEmbedder  # noqa: PLC0415  # the same

        return FastEmbedEmbedder(spec.removeprefix("fastembed:"))
    if hashing := _HASHING.fullmatch(spec):
        from memoryos.embedders.hashing import HashingEmbedder  # noqa: PLC0415  # the same

        return HashingEmbedder(int(hashing[1])) if hashing[1] else HashingEmbedder()
    if spec.startswith(("text-embedding-", "openai:")):
        from memoryos.embedders.openai_embedder import OpenAIEmbedder  # noqa: PLC0415  # the same

        return OpenAIEmbedder(spec.removeprefix("openai:"))
    from memoryos.embedders.sentence_transformers import SentenceTransformerEmbedder  # noqa: PLC0415  # the same

    return SentenceTransformerEmbedder(spec.removeprefix("sentence-transformers:"))
