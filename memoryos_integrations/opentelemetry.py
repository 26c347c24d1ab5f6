"""OpenTelemetry spans and metrics of a memory, by the conventions for generative AI.

    from memoryos_integrations.opentelemetry import MemoryOSInstrumentor

    MemoryOSInstrumentor().instrument()

All engines of the process are then watched. `opentelemetry-instrument` finds it by itself. Needs
the extra `otel`: the API alone; without an SDK nothing is recorded.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from memoryos import Page, Recall, __version__
from memoryos.errors import MissingExtra
from memoryos.model import ErasureReceipt, Id, Knowledge, Scope
from memoryos.ports import Call, ChatModel, End, observers

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
except ImportError as error:
    raise MissingExtra.of("memoryos_integrations.opentelemetry", "otel") from error

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""Environment variable of the conventions: "true" or "span_only" asks for content in spans."""
_OPERATIONS: Final = {
    "recall": "search_memory",
    "add": "create_memory",
    "add_many": "create_memory",
    "add_messages": "upsert_memory",  # they may go into a page that exists
    "remember": "create_memory",
    "correct": "update_memory",
    "file": "upsert_memory",
    "rebuild": "upsert_memory",
    "forget": "delete_memory",
}
"""What the conventions call what a memory does."""
_PROVIDER: Final = "memoryos"
_SECONDS: Final = [0.01 * 2**n for n in range(14)]
_TOKENS: Final = [4**n for n in range(14)]
_SHARES: Final = [n / 10 for n in range(1, 10)]

Attributes = dict[str, Any]


def store_id(user_id: Id, assistant_id: Id = "assistant", *, salt: str = "") -> str:
    """Return what spans call a memory in `gen_ai.memory.store.id`: to find those of a user.

    Args:
        user_id: Whose memory.
        assistant_id: With which assistant.
        salt: What `instrument` was given.
    """
    return _hash(salt, str(user_id), str(assistant_id))


class MemoryOSInstrumentor:
    """Switches spans and metrics on and off, for all engines of the process."""

    def instrument(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool | None = None,
        salt: str = "",
        **_more: Any,
    ) -> None:
        """Record spans and metrics from now on; what was set before is replaced.

        Users, assistants and sessions are hashed; ids of pages and facts are opaque anyway.

        Args:
            tracer_provider: Where spans go; None is the process's own.
            meter_provider: Where metrics go; likewise.
            capture_content: Put questions and what was found or stored into the spans. None asks
                the environment: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT; without, no.
            salt: A secret, so that nobody finds a user by hashing the names they know.
        """
        if capture_content is None:
            wanted = os.environ.get(CAPTURE, "").strip().lower()
            capture_content = wanted in ("true", "1", "span_only", "span_and_event")
        watcher = _Watcher(tracer_provider, meter_provider, salt, content=capture_content)
        self.uninstrument()
        observers.append(watcher)

    def uninstrument(self, **_more: Any) -> None:
        """Record nothing any more."""
        observers[:] = [one for one in observers if not isinstance(one, _Watcher)]


class _Watcher:
    """A `memoryos.ports.Observer` that makes spans and metrics of what it is told."""

    def __init__(
        self,
        tracers: TracerProvider | None,
        meters: MeterProvider | None,
        salt: str,
        *,
        content: bool,
    ) -> None:
        self._tracer = trace.get_tracer("memoryos", __version__, tracers)
        meter = metrics.get_meter("memoryos", __version__, meters)
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "Duration of memory operations and model calls.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of the memory's model calls.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._relevance = meter.create_histogram(
            "memoryos.recall.relevance",
            "1",
            "How much the memory bears on the question of a recall.",
            explicit_bucket_boundaries_advisory=_SHARES,
        )
        self._records = meter.create_counter(
            "memoryos.records", "{record}", "Pages and facts stored, found, filed and erased."
        )
        self._salt = salt
        self._content = content

    def begin(
        self, doing: str, scope: Scope, session_id: str | None, given: Mapping[str, Any]
    ) -> End:
        """Begin a span, which is the current one until its end."""
        operation = _OPERATIONS[doing]
        attributes: Attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.memory.store.id": self._store(scope),
            "memoryos.verb": doing,
            **_asked(given),
        }
        if session_id is not None and doing not in ("forget", "rebuild"):
            attributes["gen_ai.conversation.id"] = _hash(self._salt, session_id)
        if self._content and isinstance(query := given.get("query"), str):
            attributes["gen_ai.memory.query.text"] = query.encode("utf-8", "replace").decode()
        span = self._tracer.start_span(operation, kind=SpanKind.INTERNAL, attributes=attributes)
        token = context.attach(trace.set_span_in_context(span))
        started = time.perf_counter()

        def end(result: Any, failure: BaseException | None) -> None:
            seconds = time.perf_counter() - started
            context.detach(token)
            common = {"gen_ai.operation.name": operation, "gen_ai.provider.name": _PROVIDER}
            try:
                if failure is None:
                    told = _came_of(result, given)
                    span.set_attributes(told)
                    self._count(told, operation)
                    if self._content and (records := _records(result)):
                        said = json.dumps(records, ensure_ascii=False, default=str)
                        span.set_attribute("gen_ai.memory.records", said)
                else:
                    common["error.type"] = _failed(span, type(failure).__name__)
                self._seconds.record(seconds, common)
            finally:
                span.end()

        return end

    def called(self, scope: Scope, call: Call, model: ChatModel) -> None:
        """Record a model call that has just ended, as a span of the time that it took."""
        now = time.time_ns()
        common: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": getattr(model, "provider", type(model).__name__),
            "gen_ai.request.model": call.model,
        }
        span = self._tracer.start_span(
            f"chat {call.model}",
            kind=SpanKind.CLIENT,
            start_time=now - int(call.seconds * 1e9),
            attributes={
                **common,
                "gen_ai.memory.store.id": self._store(scope),
                "gen_ai.usage.input_tokens": call.prompt_tokens,
                "gen_ai.usage.output_tokens": call.completion_tokens,
                "memoryos.purpose": call.purpose,
            },
        )
        for kind, tokens in (("input", call.prompt_tokens), ("output", call.completion_tokens)):
            self._tokens.record(tokens, {**common, "gen_ai.token.type": kind})
        if call.outcome != "ok":
            common["error.type"] = _failed(span, call.outcome)
        self._seconds.record(call.seconds, common)
        span.end(now)

    def _store(self, scope: Scope) -> str:
        return store_id(scope.user_id, scope.assistant_id, salt=self._salt)

    def _count(self, told: Attributes, operation: str) -> None:
        if "memoryos.recall.relevance" in told:
            self._relevance.record(told["memoryos.recall.relevance"])
        if count := told.get("gen_ai.memory.record.count"):
            self._records.add(count, {"gen_ai.operation.name": operation})


def _hash(salt: str, *names: str) -> str:
    key = blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    return blake2b(json.dumps(names).encode(), digest_size=8, key=key).hexdigest()


def _failed(span: Span, kind: str) -> str:
    """Mark a span as failed; return the kind of error. Messages may quote, and are left out."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", kind)
    return kind


def _asked(given: Mapping[str, Any]) -> Attributes:
    """Return what can be told of the arguments before an operation, none of the words."""
    told: Attributes = {}
    for name in ("k", "max_tokens"):
        if isinstance(given.get(name), int):
            told[f"memoryos.recall.{name}"] = given[name]
    return told


def _came_of(result: Any, given: Mapping[str, Any]) -> Attributes:
    """Return what can be told of a result, and the id that was asked about, which then is one."""
    count, record = "gen_ai.memory.record.count", "gen_ai.memory.record.id"
    asked = given.get("knowledge_id") or given.get("page_id")  # of correct and forget
    about: Attributes = {record: asked} if isinstance(asked, str) else {}
    if isinstance(result, Recall):
        return {
            count: len(result.pages),
            "memoryos.recall.relevance": result.relevance,
            "memoryos.recall.knowledge": len(result.user_knowledge) + len(result.agent_knowledge),
        }
    if isinstance(result, (Page, Knowledge)):
        return {count: 1, record: result.id, **about}
    if isinstance(result, list):
        return {count: len(result)}
    if isinstance(result, ErasureReceipt):
        erased = {f"memoryos.erased.{kind}": number for kind, number in result.erased.items()}
        number = result.erased.get("pages") or result.erased.get("knowledge", 0)
        return {count: number, "memoryos.erasure": result.request, **erased, **about}
    pages = given.get("pages")  # of "file"
    return {count: pages} if isinstance(pages, int) else {}


def _records(result: Any) -> list[dict[str, Any]]:
    """Return the words found or stored, in the form of the conventions."""
    if isinstance(result, Recall):
        found = [
            {"id": item.page.id, "content": _said(item.page), "score": item.relevance}
            for item in result.pages
        ]
        known = [*result.user_knowledge, *result.agent_knowledge]
        return [*found, *({"id": item.id, "content": item.text} for item in known)]
    if isinstance(result, Knowledge):
        return [{"id": result.id, "content": result.text}]
    pages = result if isinstance(result, list) else [result]
    return [{"id": page.id, "content": _said(page)} for page in pages if isinstance(page, Page)]


def _said(page: Page) -> dict[str, str]:
    return {"user_input": page.user_input, "agent_response": page.agent_response}
