"""Anything at all is either refused by an error that names the argument, or kept exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryos import Engine
from memoryos.errors import InvalidInput, MemoryOSError, ModelError
from memoryos.llm.json_answers import parse_answer
from memoryos.memory.memory import Memory
from memoryos.model import Message
from memoryos.ports import Completion, TokenUsage

EXAMPLES = pytest.mark.parametrize(
    "examples", [30, pytest.param(200, marks=pytest.mark.slow)], indirect=True
)
"""Five tests: 2,000 cases in the slow run."""
pytestmark = pytest.mark.timeout(600)

characters = st.characters(codec=None, exclude_categories=[])  # lone surrogates and NUL too
wild = st.text(characters, max_size=40) | st.sampled_from(
    (
        "../../etc/passwd",
        "'; DROP TABLE pages; --",
        "%s%n{0}",
        "\x00",
        "\ud800",
        "a\x00b",
        "\ufeff",
        "e\u0301",
        "👩🏽‍🚀",
        "\u202egnirts",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "x" * 1_001,
        "x" * 1_000,
        " ",
        "",
        "CON",
        "nul\n",
        "true",
        "0",
    )
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | wild
    | st.binary(max_size=5)
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(wild | st.integers(), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=6,
)
ids = wild | anything
texts = wild | anything
times = st.none() | st.datetimes() | wild | anything


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("hostile")
    config = {"promotion": "manual", "durability": "normal", "max_text_bytes": 2_000}
    with Engine.open(f"sqlite:///{folder / 'memories.db'}", config) as engine:
        yield engine


def some(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def refused(error: MemoryOSError, *names: str) -> None:
    """See that a refusal is a sentence that names what was wrong, and can be printed."""
    message = str(error)
    assert message.encode("utf-8", "backslashreplace")
    assert any(name in message for name in names), message


@EXAMPLES
def test_turns(engine: Engine, examples: int) -> None:
    @some(examples)
    @given(ids, ids, ids, texts, texts, times, texts, st.none() | ids)
    def check(user_id, assistant_id, session_id, said, answer, at, metadata, key):
        try:
            memory = engine.memory(user_id, assistant_id, session_id)
        except MemoryOSError as error:
            refused(error, "user_id", "assistant_id", "session_id")
            return
        earlier = {page.id for page in memory.pages()}
        try:
            page = memory.add(said, answer, at, metadata, key=key)
        except MemoryOSError as error:
            names = ("user_input", "agent_response", "timestamp", "metadata", "key")
            refused(error, *names)
            assert {page.id for page in memory.pages()} == earlier
            return
        if page.id in earlier:  # the key of an earlier example: that turn is stored already
            assert key is not None
            assert {page.id for page in memory.pages()} == earlier
            return
        assert (page.user_input, page.agent_response) == (said or "", answer or "")
        same(memory, page)
        assert page.metadata == json.loads(json.dumps(metadata or {}))  # a tuple comes as a list
        if isinstance(at, datetime):
            given_time = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
            assert page.timestamp == given_time
        assert page.session_id == session_id
        assert engine.memory(user_id, assistant_id).page(page.id) == page

    check()


def same(memory: Memory, page: Any) -> None:
    """See that what is stored is what was returned, and that it is in its own scope only."""
    assert memory.page(page.id) == page
    assert page in memory.pages()
    for value in (page.user_input, page.agent_response):
        assert value.encode().decode() == value


roles = st.sampled_from(("user", "assistant", "tool", "system")) | wild | anything


@EXAMPLES
def test_messages(engine: Engine, examples: int) -> None:
    @some(examples)
    @given(
        st.lists(st.tuples(roles, texts, st.none() | texts, texts, texts), max_size=3),
        times,
        texts,
        st.none() | ids,
    )
    def check(given_messages, at, metadata, key):
        memory = engine.memory("messages")
        messages = [
            Message(role, content, name=name, tool_calls=calls, metadata=extra)
            for role, content, name, calls, extra in given_messages
        ]
        before = memory.pages()
        try:
            pages = memory.add_messages(messages, at, metadata, key=key)
        except MemoryOSError as error:
            names = ("message", "role", "content", "timestamp", "metadata", "key", "name", "tool")
            refused(error, *names)
            assert memory.pages() == before
            return
        stored = [message for page in pages for message in page.messages]
        assert json_of(stored[-len(messages) :]) == json_of(messages)
        for page in pages:
            same(memory, page)

    check()


def json_of(messages: Any) -> Any:
    plain = [
        {
            "role": m.role,
            "content": m.content,
            "name": m.name,
            "tool_calls": list(m.tool_calls or ()),
            "metadata": dict(m.metadata or {}),
        }
        for m in messages
    ]
    return json.loads(json.dumps(plain))


@EXAMPLES
def test_questions(engine: Engine, examples: int) -> None:
    memory = engine.memory("questions")
    memory.add("I like chess and tea", "Noted", "2025-06-01", {"place": "Lisbon"})

    @some(examples)
    @given(
        texts,
        st.none() | st.integers(-3, 30) | anything,
        st.none() | st.integers(-3, 300) | anything,
        st.none() | st.dictionaries(st.sampled_from(("since", "session_id", "place")), texts),
        ids,
        times,
    )
    def check(query, k, max_tokens, where, id_, at):
        try:
            found = memory.recall(query, k=k, max_tokens=max_tokens, where=where)
            assert len(found.pages) <= 100
            assert isinstance(found.text().encode(), bytes)
        except MemoryOSError as error:
            refused(error, "query", "k must", "max_tokens", "where", "since", "session_id", "place")
        for verb in (
            lambda: memory.page(id_),
            lambda: memory.explain(id_),
            lambda: memory.restore(id_),
            lambda: memory.forget(page_id=id_),
            lambda: memory.forget(knowledge_id=id_),
            lambda: memory.usage(at),
            lambda: memory.pages(limit=k),
            lambda: memory.knowledge(id_),
        ):
            try:
                verb()
            except MemoryOSError as error:
                refused(error, "")
        assert len(memory.pages()) == 1

    check()


def lines_of(memory: Memory, folder: Path) -> list[Any]:
    memory.export(folder / "whole.jsonl")
    text = (folder / "whole.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@EXAMPLES
def test_import_files(engine: Engine, tmp_path: Path, examples: int) -> None:
    source = engine.memory("source")
    start = datetime(2025, 6, 1, tzinfo=timezone.utc)
    for number in range(20):
        said = ("I live in Lisbon and love chess.", "My name is Ana.", "ok")[number % 3]
        source.add(said, "Noted.", start + timedelta(minutes=number), key=str(number))
    source.flush()
    whole = lines_of(source, tmp_path)
    assert {next(iter(line)) for line in whole} >= {"page", "segment", "topic", "chain"}
    count = iter(range(10**9))

    @some(examples)
    @given(st.data())
    def check(data):
        lines = json.loads(json.dumps(whole))
        for _ in range(data.draw(st.integers(1, 2))):
            broken(lines, data)
        text = "\n".join(json.dumps(line) for line in lines)
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(text)))
            text = (
                text[:at]
                + data.draw(wild | st.just(""))
                + text[at + data.draw(st.integers(0, 9)) :]
            )
        file = tmp_path / "broken.jsonl"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        memory = engine.memory(f"target-{next(count)}")
        try:
            memory.import_(file)
        except MemoryOSError as error:
            refused(error, "path")
            assert memory.pages() == []
            assert memory.knowledge(status="all") == []
            return
        used(memory, tmp_path)

    check()


def used(memory: Memory, folder: Path) -> None:
    """See that what was taken in can be worked with: nothing in it breaks a verb."""
    pages = memory.pages()
    for page in pages:
        same(memory, page)
    memory.recall("chess")
    memory.stats()
    memory.segments()
    for fact in memory.knowledge(status="all"):
        assert memory.explain(fact.id).text
    assert memory.profile().text is not None
    first = lines_of(memory, folder)
    if pages:
        memory.forget(page_id=pages[0].id)
    memory.flush()
    assert len(first) >= len(pages)


def broken(lines: list[Any], data: Any) -> None:
    """Change one place of an export."""
    line = data.draw(st.sampled_from(lines)) if lines else {}
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in list(inner):
            places.append((value, key))
            if isinstance(item, (dict, list)):
                walk(item)

    walk(line)
    if not places:
        return
    holder, key = data.draw(st.sampled_from(places))
    what = data.draw(st.sampled_from(("replace", "delete", "add", "twice")))
    if what == "delete":
        del holder[key]
    elif what == "twice" and line in lines:
        lines.append(line)
    elif what == "add" and isinstance(holder, dict):
        holder[data.draw(wild)] = data.draw(json_values)
    else:
        holder[key] = data.draw(json_values)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | wild,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(wild, inner, max_size=2),
    max_leaves=4,
)


class Lying:
    """A chat model whose answers are whatever it is told."""

    name = "lying"

    def __init__(self) -> None:
        self.says = ""

    def complete(self, messages, *, schema=None, max_tokens=None):
        return Completion(self.says, schema and parse_answer(self.says, schema), TokenUsage(5, 5))

    def stream(self, messages, *, max_tokens=None):
        yield self.says


answers = st.recursive(
    json_values,
    lambda inner: st.dictionaries(
        st.sampled_from(
            "topics chains pages summary keywords facts traits text owner quote page name level "
            "reason attribute value".split()
        ),
        inner | st.lists(inner, max_size=3),
        max_size=5,
    ),
    max_leaves=12,
)


@EXAMPLES
def test_answers_of_a_model(tmp_path: Path, examples: int) -> None:
    model = Lying()
    config = {
        "promotion": "manual",
        "durability": "normal",
        "short_term_capacity": 1,
        "page_out_batch": 1,
        "heat_threshold": 1.0,
    }
    count = iter(range(10**9))
    with Engine.open(f"sqlite:///{tmp_path / 'memories.db'}", config, chat_model=model) as engine:

        @some(examples)
        @given(answers, wild, st.sampled_from(("{}", "```json\n{}\n```", "<think>{{</think>{}")))
        def check(answer, prose, form):
            memory = engine.memory(f"user-{next(count)}")
            said = ("I live in Lisbon.", "I love chess.")
            for text in said:
                memory.add(text, "Noted.")
            model.says = prose or form.format(json.dumps(answer))
            try:
                memory.flush()
            except ModelError as error:
                refused(error, "")
            assert [page.user_input for page in memory.pages()] == list(said)
            for fact in memory.knowledge(status="all"):
                quotes = memory.explain(fact.id).quotes
                assert all(any(quote in text for text in (*said, "Noted.")) for quote in quotes)
            assert {item.page.user_input for item in memory.recall("chess").pages} == set(said)

        check()


# ── the list of bad input of issue 2 ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("", ""), "user_input and agent_response"),
        ((" \n", "\t"), "user_input and agent_response"),
        ((5, "x"), "user_input must be a text"),
        (("x", b"y"), "agent_response must be a text"),
        (("a\ud800", ""), "user_input contains a lone surrogate"),
        (("", "a\x00"), "agent_response contains a NUL"),
        (("x" * 10_000_000, ""), "user_input has 10000000 bytes"),
        (("x", "y", "yesterday"), "timestamp 'yesterday' is not ISO 8601"),
        (("x", "y", [17]), "timestamp must be a datetime"),
        (("x", "y", None, {"k": object()}), "metadata must be plain JSON"),
        (("x", "y", None, {"k": math.nan}), "metadata must be plain JSON"),
        (("x", "y", None, [1]), "metadata must be a mapping"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_bad_turns(engine: Engine, arguments: tuple[Any, ...], named: str) -> None:
    memory = engine.memory("bad")
    memory.add("stored before")
    with pytest.raises(InvalidInput, match=named):
        memory.add(*arguments)
    assert {page.user_input for page in memory.pages()} == {"stored before"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"k": 0}, "k must be"),
        ({"k": -1}, "k must be"),
        ({"k": 1.5}, "k must be"),
        ({"max_tokens": -1}, "max_tokens must be"),
        ({"where": {"since": "then"}}, "since"),
        ({"where": 3}, "where"),
        ({"query": ""}, "query is empty"),
        ({"query": 3}, "query must be a text"),
        ({"query": "\ud800"}, "query contains a lone surrogate"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_bad_questions(engine: Engine, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        engine.memory("bad").recall(**{"query": "chess", **arguments})
