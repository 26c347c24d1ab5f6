"""Chat with any endpoint that speaks OpenAI's protocol: OpenAI, Azure, vLLM, llama.cpp, Ollama."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memoryos.errors import ContextOverflow, InvalidInput, ModelAnswerInvalid, ModelError
from memoryos.llm.dialect import ChatRequest, Dialect, learned
from memoryos.llm.json_answers import parse_answer
from memoryos.llm.openai_endpoint import OpenAIEndpoint, Request, checked_name, is_number, unchained
from memoryos.llm.refusals import Refusal, window_in_listing, window_of
from memoryos.llm.reply import Reply
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.llm.tokens import token_counter
from memoryos.ports import Completion, TokenUsage

if TYPE_CHECKING:
    from openai import OpenAI
    from pydantic import BaseModel

    from memoryos.llm.limits import Deadline
    from memoryos.llm.network import Response

_log = logging.getLogger(__name__)

MAX_TOKENS = 4_096
"""Longest answer, in tokens, where the caller sets none; never more than half the window."""
MAX_BYTES = 16_000_000
"""Most bytes of one answer that are read."""


class OpenAIChat:
    """A language model behind an OpenAI-compatible endpoint. Thread-safe, and safe to fork.

    model: the endpoint's name for it ("gpt-4o-mini").
    api_key: None reads OPENAI_API_KEY when first needed; "" sends none, right for local servers.
    base_url: None reads OPENAI_BASE_URL, and that failing means api.openai.com.
    timeout: seconds that the endpoint may be silent: until its answer has come whole or, where it
    streams, from one piece to the next; a streamed answer may take ten times as long in all.
    Retries count.  max_retries: further attempts of one call (429, 5xx, network).
    temperature: None is 0 for answers in a form and the endpoint's own for prose.  seed: sent where
    it is taken.  extra_body: more fields of each request; they win over those made here.
    default_headers, default_query: sent with each request (Azure's `api-version`).
    context_window: tokens of prompt and answer together; None is found out where it is told.

    Answers are streamed where the endpoint streams.  What it turns down (a JSON schema,
    `max_tokens`, the system role, usage of a stream) is left out, and remembered.  After failures
    in a row all models of this process at that endpoint fail at once until it answers again.
    Raises InvalidInput for arguments of the wrong kind; never calls anything here.
    """

    provider = "openai"
    """Whose API it speaks, for traces; the endpoint may be another's."""

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 2,
        temperature: float | None = None,
        seed: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, str] | None = None,
        context_window: int | None = None,
    ) -> None:
        self.name = checked_name("model", model)
        self._endpoint = OpenAIEndpoint(
            MAX_BYTES, api_key, base_url, timeout, max_retries, default_headers, default_query
        )
        if temperature is not None and not (
            is_number(temperature, float) and 0 <= temperature <= 2
        ):
            raise InvalidInput(f"temperature must be None or from 0 to 2, not {temperature!r}")
        if seed is not None and not is_number(seed, int):
            raise InvalidInput(f"seed must be None or a whole number, not {seed!r}")
        if extra_body is not None and not isinstance(extra_body, Mapping):
            raise InvalidInput(f"extra_body must be a mapping, not {type(extra_body).__name__}")
        if context_window is not None and window_of(context_window) is None:
            raise InvalidInput(
                f"context_window must be None or a number of tokens above 0, not {context_window!r}"
            )
        self._temperature = temperature
        self._seed = seed
        self._extra_body = dict(extra_body or {})
        self._window = context_window
        self._listing_asked = context_window is not None
        self._count = token_counter(self.name)
        self._dialect = Dialect()

    def __repr__(self) -> str:
        return f"OpenAIChat({self.name!r}, base_url={self._endpoint.where!r})"

    def close(self) -> None:
        """End the calls under way and close the connections; the next call opens new ones.

        What is waited for raises ModelUnavailable within a second.
        """
        self._endpoint.close()

    @property
    def dialect(self) -> Dialect:
        """What the endpoint is known to take so far."""
        return self._dialect

    @property
    def context_window(self) -> int | None:
        """Tokens of prompt and answer together: as given, or as the endpoint has told so far."""
        return self._window

    def find_context_window(self) -> int | None:
        """Return `context_window`; where it is not known, /models is asked for it, once.

        None when the endpoint does not tell, or cannot be reached.
        """
        if self._window is None and not self._listing_asked:
            self._listing_asked = True
            try:
                listing = self._endpoint.ask(
                    self.name,
                    lambda client, deadline: client.models.with_raw_response.list(timeout=deadline),
                    lambda response: response.json(),
                )
                self._window = window_in_listing(listing, self.name)
            except (ModelError, Refusal):
                _log.debug("%s does not list its models", self._endpoint.where)
        return self._window

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        schema: type[BaseModel] | None = None,
        max_tokens: int | None = None,
    ) -> Completion:
        """Return the answer to `messages`; with `schema`, `parsed` is an instance of it.

        max_tokens: longest answer; None is 4,096 or half the context window, if that is less.  An
        answer that is empty or not of the schema is asked for once more, unless it became too long;
        `usage` holds both calls.  Raises ModelUnavailable; ModelRefused, ContextOverflow and
        ModelAnswerInvalid, which the same request would give again; all with `usage`.
        """
        usage = TokenUsage(calls=0)
        failure: ModelError | None = None
        for again in (False, True):
            try:
                reply = self._reply(messages, schema, max_tokens, again=again)
            except ModelError as error:
                failure = error
                usage += TokenUsage()
                break
            usage += reply.usage or self._counted(messages, reply.text)
            if schema is None:
                if answer := without_thinking(reply.text):
                    return Completion(answer, usage=usage, truncated=reply.is_cut)
            elif (parsed := parse_answer(reply.text, schema)) is not None:
                if again:  # it needed to be told in words
                    self._dialect = replace(self._dialect, shape_told=True)
                return Completion(reply.text, parsed, usage, reply.is_cut)
            _log.debug("%s gave an answer that cannot be used", self.name)
            if reply.is_cut:
                failure = ModelAnswerInvalid(
                    f"model {self.name!r} reached its longest answer before it said anything that "
                    "can be used; ask for less at a time, or turn its thinking off with extra_body="
                )
                break
        if failure is None:
            wanted = "text" if schema is None else "the JSON that was asked for"
            failure = ModelAnswerInvalid(
                f"model {self.name!r} twice gave no answer that is {wanted}; another may do better"
            )
        failure.usage = usage
        raise unchained(failure)

    def stream(
        self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int | None = None
    ) -> Generator[str, None, TokenUsage]:
        """Yield the answer piece by piece, thinking left out; return the usage at the end.

        Raises ModelUnavailable, also midway and when the stream ends before the answer does,
        ModelRefused, ContextOverflow, and ModelAnswerInvalid for an empty answer.
        """
        reply = Reply()
        said: list[str] = []
        failure: ModelError | None = None
        try:
            for piece in pieces_without_thinking(self._pieces(messages, max_tokens, reply)):
                said.append(piece)
                yield piece
        except ModelError as error:
            failure = error
        if failure is None and not said:
            failure = ModelAnswerInvalid(f"model {self.name!r} gave an empty answer")
        if failure is not None:
            raise unchained(failure)
        return reply.usage or self._counted(messages, "".join(said))

    # ── calls ──

    def _reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        schema: type[BaseModel] | None,
        max_tokens: int | None,
        *,
        again: bool,
    ) -> Reply:
        """Return a whole answer. Raises ModelError."""

        def call(body: Mapping[str, Any]) -> Reply:
            def read(response: Response) -> Reply:
                reply = Reply()
                for _ in reply.read(response):
                    pass
                return reply

            return self._endpoint.ask(self.name, _chat(body), read)

        reply: Reply = self._negotiated(call, messages, schema, max_tokens, again=again)
        return reply

    def _pieces(
        self, messages: Sequence[Mapping[str, Any]], max_tokens: int | None, reply: Reply
    ) -> Iterator[str]:
        """Yield an answer piece by piece; `reply` takes what else it tells. Raises ModelError."""

        def call(body: Mapping[str, Any]) -> tuple[str, Iterator[str]]:
            pieces = self._endpoint.stream(self.name, _chat(body), reply.read)
            return next(pieces, ""), pieces  # a refusal comes before the first piece

        first, others = self._negotiated(call, messages, None, max_tokens, again=False)
        yield first
        try:
            yield from others
        except Refusal as refusal:
            raise self._endpoint.error(refusal, self.name) from None

    def _negotiated(
        self,
        call: Callable[[Mapping[str, Any]], Any],
        messages: Sequence[Mapping[str, Any]],
        schema: type[BaseModel] | None,
        max_tokens: int | None,
        *,
        again: bool,
    ) -> Any:
        """Return what `call` returns, leaving out step by step what the endpoint turns down.

        What was left out is kept for later calls only if leaving it out helped.
        """
        dialect = self._dialect
        longest = self._longest(max_tokens)
        while True:
            request = ChatRequest(
                model=self.name,
                messages=messages,
                schema=schema,
                max_tokens=longest,
                temperature=self._heat(schema, again=again),
                seed=self._seed,
                extra_body=self._extra_body,
            )
            body = request.body(dialect, again=again)
            try:
                answer = call(body)
            except Refusal as refusal:
                if refusal.window is not None and refusal.is_overflow:
                    self._window = refusal.window
                    shorter = self._longest(max_tokens)
                    if shorter < longest:
                        longest = shorter
                        continue
                better = learned(dialect, refusal, body)
                if better is None:
                    raise self._error(refusal) from None
                dialect = better
            else:
                if dialect is not self._dialect:
                    self._dialect = replace(dialect, shape_told=self._dialect.shape_told)
                return answer

    def _error(self, refusal: Refusal) -> ModelError:
        error = self._endpoint.error(refusal, self.name)
        if isinstance(error, ContextOverflow) and error.window is None:
            error.window = self._window
        return error

    def _longest(self, max_tokens: int | None) -> int:
        """Return the longest answer to ask for, in tokens."""
        longest = MAX_TOKENS if max_tokens is None else max_tokens
        return longest if self._window is None else max(1, min(longest, self._window // 2))

    def _heat(self, schema: type[BaseModel] | None, *, again: bool) -> float | None:
        """Return the temperature; a second attempt at 0 would give the same words."""
        if self._temperature is None and schema is not None:
            return 0.5 if again else 0.0
        return self._temperature

    def _counted(self, messages: Sequence[Mapping[str, Any]], answer: str) -> TokenUsage:
        """Return the usage of a call as counted here, for endpoints that do not report it."""
        prompt = sum(self._count(str(message.get("content", ""))) + 4 for message in messages)
        return TokenUsage(prompt, self._count(answer))


def _chat(body: Mapping[str, Any]) -> Request:
    """Return the request for an answer to `body`, which may hold what openai has no names for."""
    named = {name: body[name] for name in ("model", "messages", "stream") if name in body}
    others = {name: value for name, value in body.items() if name not in named}

    def send(client: OpenAI, deadline: Deadline) -> Any:
        ask: Callable[..., Any] = client.chat.completions.with_raw_response.create
        return ask(**named, extra_body=others, timeout=deadline)

    return send
