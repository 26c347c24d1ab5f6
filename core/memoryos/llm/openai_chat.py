"""Chat with any endpoint that speaks OpenAI's protocol: OpenAI, vLLM, DeepSeek, Qwen, Ollama."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from memoryos.errors import ModelAnswerInvalid, ModelError
from memoryos.llm.json_answers import parse_answer, shape_in_words, strict_schema
from memoryos.llm.openai_endpoint import OpenAIEndpoint, checked_name, sendable, unchained
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.llm.tokens import token_counter
from memoryos.ports import Completion, TokenUsage

if TYPE_CHECKING:
    from pydantic import BaseModel

_log = logging.getLogger(__name__)

_Form = Literal["json_schema", "json_object", "text"]
_NEXT_FORM: dict[_Form, _Form] = {"json_schema": "json_object", "json_object": "text"}
_REFUSED = (400, 404, 415, 422, 500, 501)
"""Statuses with which endpoints turn down a parameter that they do not know."""


class OpenAIChat:
    """A language model behind an OpenAI-compatible endpoint. Thread-safe, and safe to fork.

    model: the endpoint's name for it ("gpt-4o-mini").
    api_key: None reads OPENAI_API_KEY when first needed; "" is right for local servers.
    base_url: None reads OPENAI_BASE_URL, and that failing means api.openai.com.
    timeout: seconds for one attempt. max_retries: further attempts of one call (429, 5xx, network).

    What an endpoint turns down (a JSON schema, `max_tokens`, usage of a stream) is left out, and
    remembered.  Raises InvalidInput for arguments of the wrong kind; never calls anything here.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 2,
    ) -> None:
        self.name = checked_name("model", model)
        self._endpoint = OpenAIEndpoint(api_key, base_url, timeout, max_retries)
        self._count = token_counter(self.name)
        self._form: _Form = "json_schema"
        self._limit_name = "max_tokens"
        self._stream_usage = True
        self._tell_shape = False

    def __repr__(self) -> str:
        return f"OpenAIChat({self.name!r}, base_url={self._endpoint.where!r})"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._endpoint.close()

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: type[BaseModel] | None = None,
        max_tokens: int | None = None,
    ) -> Completion:
        """Return the answer to `messages`; with `schema`, `parsed` is an instance of it.

        An answer that is empty or not of the schema is asked for once more; `usage` holds both.
        Raises ModelUnavailable, or ModelAnswerInvalid after the second one; both with `usage`.
        """
        usage = TokenUsage(calls=0)
        for again in (False, True):
            try:
                text, spent = self._answer(messages, schema, max_tokens, again=again)
            except ModelError as error:
                error.usage = usage + TokenUsage()
                raise
            usage += spent
            if schema is None:
                if answer := without_thinking(text):
                    return Completion(answer, usage=usage)
            elif (parsed := parse_answer(text, schema)) is not None:
                self._tell_shape = self._tell_shape or again  # it needed to be told in words
                return Completion(text, parsed, usage)
            _log.debug("%s gave an answer that cannot be used", self.name)
        wanted = "text" if schema is None else "the JSON that was asked for"
        failure = ModelAnswerInvalid(
            f"model {self.name!r} twice gave no answer that is {wanted}; another may do better"
        )
        failure.usage = usage
        raise failure

    def stream(
        self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int | None = None
    ) -> Generator[str, None, TokenUsage]:
        """Yield the answer piece by piece, thinking left out; return the usage at the end.

        Raises ModelUnavailable, also midway and when the stream ends before the answer does, and
        ModelAnswerInvalid for an empty answer.
        """
        usage = [TokenUsage()]
        said: list[str] = []
        for piece in pieces_without_thinking(self._pieces(messages, max_tokens, usage)):
            said.append(piece)
            yield piece
        if not said:
            raise ModelAnswerInvalid(f"model {self.name!r} gave an empty answer")
        if usage[0] == TokenUsage():
            usage[0] = self._counted(messages, "".join(said))
        return usage[0]

    # ── calls ──

    def _answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        schema: type[BaseModel] | None,
        max_tokens: int | None,
        *,
        again: bool,
    ) -> tuple[str, TokenUsage]:
        """Make one call; return the raw text and what it cost."""
        response = self._negotiated(
            lambda: self._arguments(messages, schema, max_tokens, again=again),
            structured=schema is not None,
        )
        failure: ModelError | None = None
        text = ""
        try:
            message = response.choices[0].message
            text = message.content or ""
            if not isinstance(text, str):
                raise TypeError
        except (AttributeError, IndexError, TypeError) as error:
            failure = self._endpoint.error(error, self.name)
        if failure is not None:
            raise unchained(failure)
        reported = getattr(response, "usage", None)
        return text, _usage(reported) or self._counted(messages, text)

    def _pieces(
        self,
        messages: Sequence[Mapping[str, Any]],
        max_tokens: int | None,
        usage: list[TokenUsage],
    ) -> Iterator[str]:
        """Yield the content of each chunk; put the usage into `usage` when a chunk reports it."""

        def arguments() -> dict[str, Any]:
            more = {"stream_options": {"include_usage": True}} if self._stream_usage else {}
            return {**self._arguments(messages, None, max_tokens), "stream": True, **more}

        stream = self._negotiated(arguments, structured=False)
        failure: ModelError | None = None
        finished = False
        try:
            with stream:
                for chunk in stream:
                    usage[0] = _usage(getattr(chunk, "usage", None)) or usage[0]
                    for choice in (chunk.choices or ())[:1]:
                        finished = finished or choice.finish_reason is not None
                        if choice.delta and choice.delta.content:
                            yield choice.delta.content
        except Exception as error:  # noqa: BLE001  # the client lets httpx and JSON errors through
            failure = self._endpoint.error(error, self.name)
        if failure is None and not finished:
            failure = self._endpoint.error(EOFError(), self.name)
        if failure is not None:
            raise unchained(failure)

    def _arguments(
        self,
        messages: Sequence[Mapping[str, Any]],
        schema: type[BaseModel] | None,
        max_tokens: int | None,
        *,
        again: bool = False,
    ) -> dict[str, Any]:
        """Return the body of a call as this endpoint is known to take it."""
        body: dict[str, Any] = {"model": self.name, "messages": [_sendable(m) for m in messages]}
        if max_tokens is not None:
            body[self._limit_name] = max_tokens
        if schema is None:
            return body
        if again or self._tell_shape or self._form != "json_schema":
            body["messages"] = _asking_for(shape_in_words(schema), body["messages"])
        if self._form == "json_schema":
            name = schema.__name__.strip("_")
            wanted = {"name": name, "strict": True, "schema": strict_schema(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif self._form == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _negotiated(self, arguments: Callable[[], dict[str, Any]], *, structured: bool) -> Any:
        """Call with `arguments()`, leaving out step by step what the endpoint turns down.

        What was left out is kept for later calls only if leaving it out helped.
        """
        before = (self._form, self._limit_name, self._stream_usage)
        while True:
            response, error = self._call(arguments())
            if error is None:
                return response
            if not self._gives_way(error, arguments(), structured=structured):
                self._form, self._limit_name, self._stream_usage = before
                raise unchained(self._endpoint.error(error, self.name))

    def _call(self, body: dict[str, Any]) -> tuple[Any, Exception | None]:
        """Return the response or the error, which the caller must not have in its chain."""
        try:
            return self._endpoint.client().chat.completions.create(**body), None
        except Exception as error:  # noqa: BLE001  # the client lets errors of httpx through
            return None, error

    def _gives_way(self, error: Exception, body: Mapping[str, Any], *, structured: bool) -> bool:
        """Leave out of later calls what `error` may be about; False when there is nothing left."""
        status = getattr(error, "status_code", None)
        if status not in _REFUSED:
            return False
        told = str(error).lower()
        if "max_tokens" in body and "max_completion_tokens" in told:
            self._limit_name = "max_completion_tokens"
            return True
        if "max_completion_tokens" in body and "max_completion_tokens" in told:
            return False
        if "stream_options" in body and status in {400, 422}:
            self._stream_usage = False
            return True
        about_form = any(word in told for word in ("response_format", "json", "schema", "grammar"))
        if structured and self._form in _NEXT_FORM and (about_form or status in {400, 415, 422}):
            self._form = _NEXT_FORM[self._form]
            return True
        return False

    def _counted(self, messages: Sequence[Mapping[str, Any]], answer: str) -> TokenUsage:
        """Return the usage of a call as counted here, for endpoints that do not report it."""
        prompt = sum(self._count(str(message.get("content", ""))) + 4 for message in messages)
        return TokenUsage(prompt, self._count(answer))


def _sendable(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    return {**message, "content": sendable(content) if isinstance(content, str) else content}


def _asking_for(shape: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `messages` with the shape told in the first one; a turn more may not alternate."""
    first, *others = messages
    told = f"{first['content']}\nAnswer only with JSON: {shape}"
    return [{**first, "content": told}, *others]


def _usage(reported: Any) -> TokenUsage | None:
    """Return what an endpoint reported; None when it reported nothing usable."""
    prompt = getattr(reported, "prompt_tokens", None)
    completion = getattr(reported, "completion_tokens", None)
    if not isinstance(prompt, int) or prompt <= 0:
        return None
    return TokenUsage(prompt, completion if isinstance(completion, int) and completion > 0 else 0)
