"""LlamaIndex's models for the engine: any LLM reads the memory, any embedding model finds in it.

`Engine.open(uri, chat_model=from_llama_index(llm), embedder=from_llama_index(embedding))`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast, overload

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms.llm import LLM
from llama_index.core.utils import get_tokenizer

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm.json_answers import parse_answer, shape_in_words
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.ports import Completion, TokenUsage, Vectors


@overload
def from_llama_index(model: LLM) -> LlamaIndexChat: ...
@overload
def from_llama_index(model: BaseEmbedding) -> LlamaIndexEmbedder: ...
def from_llama_index(model: LLM | BaseEmbedding) -> LlamaIndexChat | LlamaIndexEmbedder:
    """Return `model` as the engine takes it: chat_model= for an LLM, embedder= for embeddings.

    Calls nothing.  Raises InvalidInput.
    """
    given = cast("object", model)
    if isinstance(given, LLM):
        return LlamaIndexChat(given)
    if isinstance(given, BaseEmbedding):
        return LlamaIndexEmbedder(given)
    raise InvalidInput(
        f"model must be an LLM or a BaseEmbedding of LlamaIndex, not {type(given).__name__}"
    )


class LlamaIndexChat:
    """A LlamaIndex LLM as the engine's chat model; as thread-safe as the LLM's sync methods are.

    Limits, retries and timeouts are the LLM's own: no option is passed that only some would take.
    """

    def __init__(self, llm: LLM, name: str | None = None) -> None:
        self._llm = llm
        known = llm.metadata.model_name
        self.name = name or (known if known and known != "unknown" else llm.class_name())
        of_package = type(llm).__module__.partition("llama_index.llms.")[2]
        self.provider = of_package.partition(".")[0] or "llama_index"

    def __repr__(self) -> str:
        return f"LlamaIndexChat({self.name!r})"

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: type[Any] | None = None,
        max_tokens: int | None = None,  # noqa: ARG002  # the LLM's own setting holds
    ) -> Completion:
        """Return the answer; with `schema`, a pydantic model class, `parsed` is an instance of it.

        An answer that is empty or not of the schema is asked for once more.  Raises
        ModelUnavailable, or ModelAnswerInvalid; both with `usage`.
        """
        chat = _chat_messages(messages)
        if schema is not None:
            chat.append(ChatMessage(role="user", content=_form(schema)))
        usage = TokenUsage(calls=0)
        for _ in range(2):
            try:
                text = self._call(self._llm.chat, chat).message.content or ""
            except ModelError as error:
                error.usage = usage + TokenUsage()
                raise
            usage += _usage(chat, text)
            parsed = None if schema is None else parse_answer(text, schema)
            if parsed is not None:
                return Completion(text, parsed, usage)
            if schema is None and (answer := without_thinking(text)):
                return Completion(answer, usage=usage)
        failure = ModelAnswerInvalid(f"model {self.name!r} twice gave no answer that can be used")
        failure.usage = usage
        raise failure

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,  # noqa: ARG002  # the LLM's own setting holds
    ) -> Iterator[str]:
        """Yield the answer piece by piece, thinking left out.

        Raises ModelUnavailable, also midway, and ModelAnswerInvalid for an empty answer.
        """
        chat = _chat_messages(messages)
        said = False
        for piece in pieces_without_thinking(self._pieces(chat)):
            said = True
            yield piece
        if not said:
            raise ModelAnswerInvalid(f"model {self.name!r} gave an empty answer")

    def _pieces(self, chat: list[ChatMessage]) -> Iterator[str]:
        coming = iter(self._call(self._llm.stream_chat, chat))
        while True:
            response: ChatResponse | None = self._call(next, coming, None)
            if response is None:
                return
            if response.delta:
                yield response.delta

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        failure = None
        try:
            return function(*arguments)
        except Exception as error:  # noqa: BLE001  # every LLM has errors of its own
            failure = type(error).__name__
        # Not chained, and without its message, which may hold a key or the prompt.
        raise ModelUnavailable(f"model {self.name!r} failed: {failure}")


class LlamaIndexEmbedder:
    """A LlamaIndex embedding model as the engine's embedder: unit vectors, cached.

    name: what is stored with the vectors (default: the model's own name).
    """

    def __init__(self, embedding: BaseEmbedding, name: str | None = None) -> None:
        known = embedding.model_name
        self.name = name or (known if known != "unknown" else embedding.class_name())
        self._documents = _Side(self.name, embedding.get_text_embedding_batch)
        self._queries = _Side(
            self.name, lambda texts: [embedding.get_query_embedding(text) for text in texts]
        )

    def __repr__(self) -> str:
        return f"LlamaIndexEmbedder({self.name!r})"

    @property
    def dimension(self) -> int:
        """Length of a vector; the first time it takes a call. Raises ModelError."""
        return self._documents.dimension

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an (n, dimension) array. Raises ModelError."""
        return self._documents.embed_documents(texts)

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) array. Raises ModelError."""
        vector: Vectors = self._queries.embed_documents([text])[0]
        return vector


class _Side(CachingEmbedder):
    """One of the two ways in which a model embeds: documents or queries."""

    def __init__(self, name: str, embed: Callable[[list[str]], Any]) -> None:
        super().__init__(name, Prefixes(), None)
        self._ask = embed

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        failure = None
        try:
            return np.asarray(self._ask(list(texts)), np.float32)
        except Exception as error:  # noqa: BLE001  # every model has errors of its own
            failure = type(error).__name__
        raise ModelUnavailable(f"embedder {self.name!r} failed: {failure}")


def _chat_messages(messages: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    return [ChatMessage(role=m["role"], content=m["content"]) for m in messages]


def _form(schema: type[Any]) -> str:
    return f"Answer with one JSON object of this shape and nothing else: {shape_in_words(schema)}"


def _usage(chat: Sequence[ChatMessage], answer: str) -> TokenUsage:
    count = get_tokenizer()
    prompt = sum(len(count(message.content or "")) for message in chat)
    return TokenUsage(prompt_tokens=prompt, completion_tokens=len(count(answer)))
