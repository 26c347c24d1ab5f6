"""Spans and metrics, as the SDK's own in-memory exporter receives them."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from memoryos import AsyncEngine, Engine
from memoryos.errors import InvalidInput, MemoryOSError, NotFound
from memoryos.llm import OpenAIChat
from memoryos.ports import observers
from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_server import OpenAIServer
from memoryos_integrations.opentelemetry import CAPTURE, MemoryOSInstrumentor, store_id

SECRET = "zanzibar"


class Telescope:
    """What an application that watches its memory sets up, and what it gets to see."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def watch(self, **settings: Any) -> None:
        MemoryOSInstrumentor().instrument(
            tracer_provider=self.tracers, meter_provider=self.meters, **settings
        )

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        return [s for s in self.exporter.get_finished_spans() if name in (None, s.name)]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def points(self, metric: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for one in scope.metrics
            if one.name == metric
            for point in one.data.data_points
        ]


@pytest.fixture
def telescope() -> Iterator[Telescope]:
    made = Telescope()
    made.watch()
    yield made
    MemoryOSInstrumentor().uninstrument()
    assert not observers


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        yield engine


def test_what_a_memory_does_is_told_in_the_words_of_the_conventions(
    telescope: Telescope, engine: Engine
) -> None:
    memory = engine.memory(SECRET, session_id=f"{SECRET} session")
    page = memory.add(f"My password is {SECRET}", f"I shall not say {SECRET}.")
    found = memory.recall(f"What is my password, {SECRET}?", k=3, max_tokens=500)
    fact = memory.remember(f"{SECRET} is an island")
    memory.correct(fact.id, f"{SECRET} is two islands")
    memory.flush()
    memory.rebuild()
    memory.forget(page_id=page.id)
    memory.forget(everything=True)
    add, recall, remember, correct, file, rebuild, forget, everything = telescope.spans()
    assert [span.name for span in telescope.spans()] == [
        "create_memory",
        "search_memory",
        "create_memory",
        "update_memory",
        "upsert_memory",
        "upsert_memory",
        "delete_memory",
        "delete_memory",
    ]
    for span in telescope.spans():
        told = span.attributes
        assert told["gen_ai.operation.name"] == span.name
        assert told["gen_ai.memory.store.id"] == store_id(SECRET)
        assert span.kind is SpanKind.INTERNAL
        assert span.status.status_code is StatusCode.UNSET
        assert not span.events
        assert SECRET not in span.to_json()
    record, count = "gen_ai.memory.record.id", "gen_ai.memory.record.count"
    assert (add.attributes[record], add.attributes[count]) == (page.id, 1)
    assert recall.attributes[count] == len(found.pages) == 1
    assert recall.attributes["memoryos.recall.relevance"] == found.relevance > 0
    assert recall.attributes["memoryos.recall.k"] == 3
    assert recall.attributes["memoryos.recall.max_tokens"] == 500
    conversation = "gen_ai.conversation.id"
    assert add.attributes[conversation] == recall.attributes[conversation]
    assert conversation not in file.attributes
    assert remember.attributes[record] == correct.attributes[record] == fact.id
    assert (file.attributes["memoryos.verb"], file.attributes[count]) == ("file", 1)
    assert rebuild.attributes["memoryos.verb"] == "rebuild"
    assert (forget.attributes[record], forget.attributes[count]) == (page.id, 1)
    assert forget.attributes["memoryos.erased.pages"] == 1
    assert record not in everything.attributes  # by the conventions: all of them
    assert everything.attributes["memoryos.erasure"] == "everything"


def test_what_a_memory_does_is_measured(telescope: Telescope, engine: Engine) -> None:
    memory = engine.memory("tom")
    memory.add_many([("My cat is called Minka", "A fine cat"), ("I live in Porto", "Nice")])
    memory.recall("What is my cat called?")
    seconds = {
        point.attributes["gen_ai.operation.name"]: point
        for point in telescope.points("gen_ai.client.operation.duration")
    }
    assert set(seconds) == {"create_memory", "search_memory"}
    assert all(0 < point.sum < 60 and point.count == 1 for point in seconds.values())
    (relevance,) = telescope.points("memoryos.recall.relevance")
    assert 0 < relevance.sum <= 1
    records = {
        point.attributes["gen_ai.operation.name"]: point.value
        for point in telescope.points("memoryos.records")
    }
    assert records["create_memory"] == 2


def test_content_is_told_when_asked_for(
    telescope: Telescope, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    telescope.watch()
    memory = engine.memory("tom")
    page = memory.add("My cat is called Minka", "A fine cat")
    memory.recall("my cat")
    for name in ("create_memory", "search_memory"):
        (record, *_) = json.loads(telescope.span(name).attributes["gen_ai.memory.records"])
        assert record["id"] == page.id
        assert record["content"]["user_input"] == "My cat is called Minka"
    assert 0 < record["score"] <= 1
    assert telescope.span("search_memory").attributes["gen_ai.memory.query.text"] == "my cat"
    with pytest.raises(InvalidInput):
        memory.recall("\ud800 cat")
    told = telescope.spans("search_memory")[1].attributes["gen_ai.memory.query.text"]
    assert told == "? cat"  # an exporter could not encode it otherwise
    telescope.exporter.clear()
    telescope.watch(capture_content=False)  # what the program says counts, not the environment
    memory.recall("my cat")
    assert "Minka" not in telescope.span("search_memory").to_json()


def test_names_are_hashed_with_the_salt(telescope: Telescope, engine: Engine) -> None:
    telescope.watch(salt="pepper")
    engine.memory(7).add("Hello", "Hi")
    told = telescope.span("create_memory").attributes["gen_ai.memory.store.id"]
    assert told == store_id(7, salt="pepper") != store_id(7)
    assert store_id("a", "b\0c") != store_id("a\0b", "c")
    assert store_id("\ud800")


def test_errors_are_told_by_their_kind(telescope: Telescope, engine: Engine) -> None:
    memory = engine.memory("tom")
    with pytest.raises(NotFound):
        memory.forget(page_id=f"the page about {SECRET}")  # as a model may write it
    span = telescope.span("delete_memory")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.status.description) == ("NotFound", None)
    assert not span.events
    assert SECRET not in span.to_json()
    (point,) = telescope.points("gen_ai.client.operation.duration")
    assert point.attributes["error.type"] == "NotFound"
    with pytest.raises(TypeError):  # no operation: the arguments are no verb's
        memory.recall("x", nonsense=1)
    assert not telescope.spans("search_memory")


def test_model_calls_are_spans_under_what_asked_for_them(telescope: Telescope) -> None:
    with OpenAIServer(chat=memory_answers) as server:
        model = OpenAIChat("gpt-4o-mini", api_key="k", base_url=server.url, max_retries=0)
        config = {"promotion": "manual"}
        with Engine.open("sqlite:///:memory:", config, chat_model=model) as engine:
            memory = engine.memory("tom")
            memory.add("I live in Porto.", "Lovely.")
            memory.flush()
            memory.respond("Where do I live?")
            server.close()
            with pytest.raises(MemoryOSError):
                memory.respond("And now?")
        model.close()
    filed = telescope.span("upsert_memory")
    reading, answering, failed = telescope.spans("chat gpt-4o-mini")
    assert reading.parent.span_id == filed.context.span_id
    assert filed.start_time <= reading.start_time < reading.end_time <= filed.end_time
    assert reading.kind is SpanKind.CLIENT
    assert reading.attributes["gen_ai.provider.name"] == "openai"
    assert reading.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert reading.attributes["gen_ai.usage.input_tokens"] > 10
    assert reading.attributes["gen_ai.usage.output_tokens"] > 0
    assert reading.attributes["gen_ai.memory.store.id"] == store_id("tom")
    assert answering.attributes["memoryos.purpose"] == "respond"
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"].startswith("Model")
    assert "Porto" not in "".join(span.to_json() for span in telescope.spans())
    tokens = telescope.points("gen_ai.client.token.usage")
    assert {point.attributes["gen_ai.token.type"] for point in tokens} == {"input", "output"}


def test_filing_behind_the_scenes_is_told(telescope: Telescope, sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri) as engine:
        memory = engine.memory("tom")
        for number in range(3):
            memory.add(f"I have {number} cats", "Good")
        engine.close(timeout=None)
    filed = telescope.spans("upsert_memory")
    assert sum(span.attributes["gen_ai.memory.record.count"] for span in filed) >= 3
    assert all(span.parent is None for span in filed)


def test_spans_nest_in_the_callers_own(telescope: Telescope) -> None:
    async def chat() -> None:
        async with AsyncEngine.open("sqlite:///:memory:") as engine:
            with telescope.tracers.get_tracer("app").start_as_current_span("request"):
                await engine.memory("tom").add("Hello", "Hi")
                await engine.memory("tom").respond("Hello?")
                assert trace.get_current_span().name == "request"

    asyncio.run(chat())
    request = telescope.span("request")
    own = [*telescope.spans("create_memory"), *telescope.spans("search_memory")]
    assert len(own) == 3
    assert {span.parent.span_id for span in own} == {request.context.span_id}


def test_a_watcher_at_fault_harms_no_memory(
    telescope: Telescope, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            if span.name == "search_memory":
                raise RuntimeError(SECRET)

        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError(SECRET)

    telescope.tracers.add_span_processor(Broken())
    memory = engine.memory("tom")
    with caplog.at_level(logging.WARNING, "memoryos"):
        memory.add("My cat is called Minka", "A fine cat")
        assert memory.recall("my cat").pages
    assert "an observer failed with RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_it_is_switched_on_and_off(telescope: Telescope, engine: Engine) -> None:
    telescope.watch()
    telescope.watch()
    assert len(observers) == 1  # twice is once
    MemoryOSInstrumentor().uninstrument()
    engine.memory("tom").add("Hello", "Hi")
    assert not telescope.spans()
    MemoryOSInstrumentor().instrument()  # the API's own provider: nothing is recorded
    engine.memory("tom").recall("Hello")
    assert not telescope.spans()


def test_opentelemetry_instrument_finds_it(telescope: Telescope, engine: Engine) -> None:
    found = importlib.metadata.entry_points(group="opentelemetry_instrumentor", name="memoryos")
    instrumentor = next(iter(found)).load()
    assert instrumentor is MemoryOSInstrumentor
    instrumentor().uninstrument()
    instrumentor().instrument(
        tracer_provider=telescope.tracers, skip_dep_check=True, raise_exception_on_conflict=True
    )
    engine.memory("tom").add("Hello", "Hi")
    assert telescope.spans("create_memory")


ABSENT = """
import sys
sys.modules["opentelemetry"] = None  # as where it is not installed
from memoryos import Engine
from memoryos.errors import MissingExtra
with Engine.open("sqlite:///:memory:") as engine:
    engine.memory("tom").add("Hello", "Hi")
try:
    import memoryos_integrations.opentelemetry
except MissingExtra as error:
    assert "[otel]" in str(error)
else:
    raise AssertionError("no opentelemetry")
"""


def test_without_it_nothing_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
