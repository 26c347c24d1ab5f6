"""LangChain's models as the engine's own, so that a user configures a provider once."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages

from memoryos.embedders.caching import CachingEmbedder
from memoryos.embedders.prefixes import Prefixes
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm.json_answers import parse_answer, shape_in_words
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.ports import Completion, TokenUsage, Vectors

_log = logging.getLogger("memoryos_integrations.langchain")


@overload
def from_langchain(model: BaseChatModel, *, name: str | None = None) -> LangChainChat: ...
@overload
def from_langchain(model: Embeddings, *, name: str | None = None) -> LangChainEmbedder: ...
def from_langchain(
    model: BaseChatModel | Embeddings, *, name: str | None = None
) -> LangChainChat | LangChainEmbedder:
    """Return a LangChain chat model or embeddings as `Engine.open` takes them.

    name: what the ledger and the store call it (default: found in the model). The store keeps the
    embedder's name: opening with another one is an error, so give embeddings that have no model
    name of their own a lasting one. Nothing is called here. Raises InvalidInput for anything else.
    """
    if isinstance(model, BaseChatModel):
        return LangChainChat(model, name)
    if isinstance(model, Embeddings):
        return LangChainEmbedder(model, name)
    raise InvalidInput(
        f"from_langchain takes a BaseChatModel or Embeddings, not {type(model).__name__}"
    )


class LangChainChat:
    """A `memoryos.ports.ChatModel` on a LangChain chat model; as thread-safe as that is."""

    def __init__(self, model: BaseChatModel, name: str | None = None) -> None:
        self.model = model
        self.name = name or _name_of(model)
        self.provider = type(model).__module__.partition(".")[0].removeprefix("langchain_")
        self._structured = True

    def __repr__(self) -> str:
        return f"LangChainChat({self.name!r})"

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: type[Any] | None = None,
        max_tokens: int | None = None,
    ) -> Completion:
        """Return the whole answer; with `schema`, `parsed` is an instance of it.

        Structured output where the model has it, else JSON in text; an answer that does not fit is
        asked for once more. Raises ModelUnavailable or ModelAnswerInvalid, both with `usage`.
        """
        prompt = convert_to_messages([dict(message) for message in messages])
        limits = self._limits(max_tokens)
        usage = TokenUsage(calls=0)
        for again in (False, True):
            try:
                if schema is None:
                    answer = self._said(prompt, limits)
                    parsed = None
                else:
                    answer, parsed = self._filled_in(prompt, schema, limits, in_words=again)
            except Exception as error:  # noqa: BLE001  # every provider has errors of its own
                usage += TokenUsage()
                if schema is not None and self._structured and not again:
                    self._structured = False  # the model may have no structured output at all
                    _log.debug("%s: structured output failed, asking in words", self.name)
                    continue
                self._structured = True  # it was not about the form
                raise _with(_unavailable(self.name, error), usage) from None
            usage += _usage(answer)
            text = without_thinking(str(answer.text))
            if (text and schema is None) or parsed is not None:
                return Completion(text, parsed, usage)
        wanted = "text" if schema is None else "the JSON that was asked for"
        raise _with(ModelAnswerInvalid(f"model {self.name!r} twice gave no {wanted}"), usage)

    def stream(
        self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int | None = None
    ) -> Generator[str, None, TokenUsage]:
        """Yield the answer piece by piece, thinking left out; return the usage at the end.

        Raises ModelUnavailable, also midway, and ModelAnswerInvalid for an empty answer.
        """
        prompt = convert_to_messages([dict(message) for message in messages])
        usage = [TokenUsage()]

        def pieces() -> Generator[str, None, None]:
            failure: ModelError | None = None
            try:
                for chunk in self.model.stream(prompt, **self._limits(max_tokens)):
                    found = _usage(chunk)
                    if found.prompt_tokens:
                        usage[0] = found
                    if text := str(chunk.text):
                        yield text
            except Exception as error:  # noqa: BLE001  # as above
                failure = _unavailable(self.name, error)
            if failure is not None:
                raise failure

        said = False
        for piece in pieces_without_thinking(pieces()):
            said = True
            yield piece
        if not said:
            raise ModelAnswerInvalid(f"model {self.name!r} gave an empty answer")
        return usage[0]

    def _said(self, prompt: Sequence[BaseMessage], limits: Mapping[str, Any]) -> BaseMessage:
        return self.model.invoke(list(prompt), **limits)

    def _filled_in(
        self,
        prompt: Sequence[BaseMessage],
        schema: type[Any],
        limits: Mapping[str, Any],
        *,
        in_words: bool,
    ) -> tuple[BaseMessage, Any]:
        """Make one call for an instance of `schema`; return the raw answer and it, or None."""
        if self._structured and not in_words:
            # Bound, not passed at the call: the runnable that is made does not hand them on.
            model = self.model.with_structured_output(schema, include_raw=True)
            given: Any = model.invoke(list(prompt))
            answer, parsed = given["raw"], given["parsed"]
            if not isinstance(parsed, schema):
                parsed = parse_answer(str(answer.text), schema)
            return answer, parsed
        first, *others = prompt
        told = f"{first.text}\nAnswer only with JSON: {shape_in_words(schema)}"
        answer = self._said([first.model_copy(update={"content": told}), *others], limits)
        return answer, parse_answer(str(answer.text), schema)

    def _limits(self, max_tokens: int | None) -> dict[str, Any]:
        """Return `max_tokens` as an argument, for models that have it among their own."""
        if max_tokens is None or "max_tokens" not in type(self.model).model_fields:
            return {}
        return {"max_tokens": max_tokens}


class LangChainEmbedder(CachingEmbedder):
    """A `memoryos.ports.Embedder` on LangChain embeddings: unit float32 vectors, cached."""

    def __init__(self, embeddings: Embeddings, name: str | None = None) -> None:
        super().__init__(name or _name_of(embeddings), Prefixes(), None)
        self.embeddings = embeddings

    def __repr__(self) -> str:
        return f"LangChainEmbedder({self.name!r})"

    def embed_query(self, text: str) -> Vectors:
        """Return a (dimension,) unit vector. Raises ModelError."""
        if not text.strip():
            return np.zeros(self.dimension, np.float32)
        # Not through the cache of documents: models may embed a query in another way.
        vectors = self._asked(lambda: [self.embeddings.embed_query(text)])
        vector: Vectors = self._normalised(vectors, 1)[0]
        return vector

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        return self._asked(lambda: self.embeddings.embed_documents(list(texts)))

    def _asked(self, ask: Any) -> Vectors:
        failure: ModelError
        try:
            rows = ask()
        except Exception as error:  # noqa: BLE001  # every provider has errors of its own
            failure = _unavailable(self.name, error)
        else:
            try:
                return np.asarray(rows, np.float32)
            except (TypeError, ValueError):
                failure = ModelAnswerInvalid(f"embedder {self.name!r} gave no usable vectors")
        raise failure


def _name_of(model: Any) -> str:
    """Return "Class:model", with the dimension where one is asked for."""
    for attribute in ("model", "model_name", "model_id", "repo_id", "deployment"):
        found = getattr(model, attribute, None)
        if isinstance(found, str) and found:
            size = getattr(model, "dimensions", None)
            cut = f"@{size}" if isinstance(size, int) else ""
            return f"{type(model).__name__}:{found}{cut}"
    return type(model).__name__


def _unavailable(name: str, error: Exception) -> ModelUnavailable:
    # The provider's message may hold the key or the prompt, so only its kind is told.
    status = getattr(error, "status_code", None)
    told = type(error).__name__ + (f" (status {status})" if isinstance(status, int) else "")
    return ModelUnavailable(f"model {name!r} did not answer: {told}")


def _with(error: ModelError, usage: TokenUsage) -> ModelError:
    error.usage = usage
    return error


def _usage(answer: BaseMessage) -> TokenUsage:
    reported = answer.usage_metadata if isinstance(answer, AIMessage) else None
    if not reported:
        return TokenUsage()
    return TokenUsage(reported["input_tokens"], reported["output_tokens"])
