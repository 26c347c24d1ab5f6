"""Embeddings from any endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes, prefixes_of
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelError
from memoryos.llm.openai_endpoint import OpenAIEndpoint, checked_name, sendable, unchained
from memoryos.llm.refusals import Refusal, refusal_in
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


MAX_BYTES = 64_000_000
"""Most bytes of one answer that are read: 256 vectors of 8,192 numbers in words."""


class OpenAIEmbedder(CachingEmbedder):
    """An embedding model behind an OpenAI-compatible endpoint. Thread-safe, and safe to fork.

    model: the endpoint's name for it ("text-embedding-3-small").
    api_key, base_url, timeout, max_retries, default_headers, default_query: as for OpenAIChat; the
    timeout is for one request whole, and a request holds up to 256 texts.
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
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, str] | None = None,
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
        self._endpoint = OpenAIEndpoint(
            MAX_BYTES, api_key, base_url, timeout, max_retries, default_headers, default_query
        )
        self._asked_dimension = dimension
        self._max_input_tokens = max_input_tokens
        self._count = token_counter(self._model)
        self._encoding: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self.name!r}, base_url={self._endpoint.where!r})"

    def close(self) -> None:
        """End the calls under way and close the connections; the next call opens new ones."""
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
        """Return one vector per text, in order. Raises ModelError."""
        failure: ModelError
        try:
            return self._call(texts)
        except Refusal as refusal:
            failure = self._endpoint.error(refusal, self._model)
            other_form = refusal.status in {400, 422} and "encoding_format" in refusal.told
        except ModelError as error:
            failure, other_form = error, False
        if other_form and not self._encoding:
            self._encoding = {"encoding_format": "float"}
            return self._request(texts)
        raise unchained(failure)

    def _call(self, texts: list[str]) -> list[Vectors]:
        body: dict[str, Any] = {"model": self._model, "input": texts}
        body |= self._encoding or {"encoding_format": "base64"}  # a third of the bytes
        if self._asked_dimension is not None and self._model.startswith("text-embedding-3"):
            body["dimensions"] = self._asked_dimension
        return self._endpoint.ask(
            self._model,
            lambda client, deadline: client.embeddings.with_raw_response.create(
                **body, timeout=deadline
            ),
            lambda response: _rows(response.json(), len(texts)),
        )


def _rows(answer: Any, number: int) -> list[Vectors]:
    """Return the vectors of an answer, in the order of the texts.

    Raises Refusal for an error in it, ValueError or TypeError for what is no answer.
    """
    if not isinstance(answer, Mapping):
        raise TypeError
    if (refusal := refusal_in(answer)) is not None:
        raise refusal
    rows = answer.get("data")
    if not isinstance(rows, list) or len(rows) != number:
        raise ValueError("not one vector for each text")
    places = [row.get("index", place) for place, row in enumerate(rows)]
    if sorted(places) != list(range(number)):
        raise ValueError("not one vector for each text")
    found: list[Vectors] = [np.empty(0, np.float32)] * number
    for place, row in zip(places, rows, strict=True):
        vector = row.get("embedding")
        if isinstance(vector, str):
            found[place] = np.frombuffer(base64.b64decode(vector, validate=True), "<f4")
        else:
            found[place] = np.asarray(vector, np.float32)
        if found[place].ndim != 1 or not found[place].size:
            raise ValueError("a vector that is none")
    return found


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
