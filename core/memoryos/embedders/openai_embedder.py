"""Embeddings from any endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes, prefixes_of
from memoryos.errors import InvalidInput, ModelAnswerInvalid
from memoryos.llm.openai_endpoint import OpenAIEndpoint, checked_name, sendable, unchained
from memoryos.llm.tokens import fit_tokens, token_counter
from memoryos.ports import Vectors

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_BATCH_TEXTS = 256
_BATCH_BYTES = (
    250_000  # the endpoint takes 300,000 tokens in one request, and a token is a byte or more
)


class OpenAIEmbedder(CachingEmbedder):
    """An embedding model behind an OpenAI-compatible endpoint. Thread-safe, and safe to fork.

    model: the endpoint's name for it ("text-embedding-3-small").
    api_key, base_url, timeout, max_retries: as for OpenAIChat.
    dimension: length of the vectors; None is the model's own (found out by a call where unknown).
    query_prefix, document_prefix: None is what the model is known to want.
    max_input_tokens: longer texts are cut; 8,191 is what OpenAI's models read.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        dimension: int | None = None,
        *,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        max_input_tokens: int = 8191,
    ) -> None:
        self._model = checked_name("model", model)
        if dimension is not None and (isinstance(dimension, bool) or dimension < 1):
            raise InvalidInput(f"dimension must be None or at least 1, not {dimension!r}")
        known = prefixes_of(self._model) or Prefixes()
        prefixes = Prefixes(
            known.query if query_prefix is None else query_prefix,
            known.document if document_prefix is None else document_prefix,
        )
        name = self._model if dimension is None else f"{self._model}@{dimension}"
        if prefixes.document != known.document:
            name += f"+{prefixes.document.strip()}"
        super().__init__(name, prefixes, dimension or _DIMENSIONS.get(self._model))
        self._endpoint = OpenAIEndpoint(api_key, base_url, timeout, max_retries)
        self._asked_dimension = dimension
        self._max_input_tokens = max_input_tokens
        self._count = token_counter(self._model)
        self._encoding: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self.name!r}, base_url={self._endpoint.where!r})"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._endpoint.close()

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        cut = [fit_tokens(sendable(text), self._max_input_tokens, self._count) for text in texts]
        rows: list[Vectors] = []
        for batch in _batches(cut):
            rows += self._request(batch)
        if len({row.shape for row in rows}) > 1:
            raise ModelAnswerInvalid(f"embedder {self.name!r} gave vectors of different lengths")
        return np.stack(rows)

    def _request(self, texts: list[str]) -> list[Vectors]:
        """Return one vector per text, in order."""
        response, error = self._call(texts)
        if getattr(error, "status_code", None) in {400, 422} and "encoding_format" in str(error):
            self._encoding = {"encoding_format": "float"}  # the client asks for base64 by default
            response, error = self._call(texts)
        if error is None:
            try:
                rows = sorted(response.data, key=lambda row: row.index)
                vectors = [np.asarray(row.embedding, np.float32) for row in rows]
                if len(vectors) != len(texts) or any(v.ndim != 1 or not v.size for v in vectors):
                    raise ValueError
                return vectors
            except (AttributeError, TypeError, ValueError) as wrong:
                error = wrong
        raise unchained(self._endpoint.error(error, self._model))

    def _call(self, texts: list[str]) -> tuple[Any, Exception | None]:
        """Return the response or the error, which the caller must not have in its chain."""
        body: dict[str, Any] = {"model": self._model, "input": texts, **self._encoding}
        if self._asked_dimension is not None and self._model.startswith("text-embedding-3"):
            body["dimensions"] = self._asked_dimension
        try:
            return self._endpoint.client().embeddings.create(**body), None
        except Exception as error:  # noqa: BLE001  # the client lets errors of httpx and numpy through
            return None, error


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in order, in requests that an endpoint takes."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "replace"))
        if batch and (len(batch) == _BATCH_TEXTS or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch
