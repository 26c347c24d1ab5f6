from __future__ import annotations

import multiprocessing
import threading
import time

import pytest
from pydantic import BaseModel

from memoryos.errors import (
    InvalidInput,
    ModelAnswerInvalid,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from memoryos.llm import OpenAIChat
from memoryos.ports import ChatModel, TokenUsage
from memoryos.testing.openai_server import Drop, Failure, OpenAIServer, Raw, Reply, schema_answers

HELLO = [{"role": "user", "content": "hello"}]


class City(BaseModel):
    name: str
    people: int = 0


def test_it_is_a_chat_model(chat):
    assert isinstance(chat, ChatModel)
    assert chat.name == "gpt-4o-mini"


def test_text_answer_with_reported_usage(server, chat):
    server.chat = "Good morning."
    answer = chat.complete(HELLO, max_tokens=50)
    assert answer.text == "Good morning."
    assert answer.usage == TokenUsage(server.requests[0].prompt_tokens, 3, 1)
    assert server.requests[0].body["max_tokens"] == 50
    assert server.requests[0].headers["authorization"].startswith("Bearer sk-")


def test_usage_is_counted_where_it_is_not_reported(server, chat):
    server.chat = Reply("Good morning.", usage=False)
    assert chat.complete(HELLO).usage == TokenUsage(server.requests[0].prompt_tokens, 3, 1)


def test_structured_output_is_asked_for_strictly(server, chat):
    server.chat = schema_answers
    answer = chat.complete(HELLO, schema=City)
    assert answer.parsed == City(name="text", people=1)
    form = server.requests[0].body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["required"] == ["name", "people"]
    assert form["json_schema"]["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("refuses", "form"),
    [
        (["json_schema"], {"type": "json_object"}),
        (["json_schema", "json_object"], None),
        (["response_format"], None),
    ],
)
def test_what_the_endpoint_refuses_is_left_out_and_remembered(server, chat, refuses, form):
    server.refuses = frozenset(refuses)
    server.chat = '{"name": "Lisbon"}'
    assert chat.complete(HELLO, schema=City).parsed == City(name="Lisbon")
    server.requests.clear()
    assert chat.complete(HELLO, schema=City).parsed == City(name="Lisbon")
    (request,) = server.requests
    assert request.body.get("response_format") == form
    assert 'Answer only with JSON: {"name":str,"people":int}' in request.prompt


def test_max_completion_tokens_where_max_tokens_is_refused(server, chat):
    server.refuses = frozenset(["max_tokens"])
    server.chat = "yes"
    for _ in range(2):
        assert chat.complete(HELLO, max_tokens=9).text == "yes"
    assert len(server.requests) == 3
    assert server.requests[-1].body["max_completion_tokens"] == 9


def test_all_refusals_at_once(server, chat):
    server.refuses = frozenset(["max_tokens", "response_format"])
    server.chat = '{"name": "Lisbon"}'
    assert chat.complete(HELLO, schema=City, max_tokens=9).parsed == City(name="Lisbon")


def test_a_refusal_that_is_about_something_else_teaches_nothing(server, chat):
    server.chat = [Failure(400, "no such thing")] * 5 + ['{"name": "Lisbon"}']
    with pytest.raises(ModelRefused, match="HTTP 400"):
        chat.complete(HELLO, schema=City)
    assert len(server.requests) == 5
    assert chat.complete(HELLO, schema=City).parsed == City(name="Lisbon")
    assert server.requests[-1].body["response_format"]["type"] == "json_schema"


def test_an_invalid_answer_is_asked_for_once_more_and_the_shape_told(server, chat):
    server.chat = ["I think it is Lisbon.", '{"name": "Lisbon"}']
    answer = chat.complete(HELLO, schema=City)
    assert answer.parsed == City(name="Lisbon")
    first, second = server.requests
    assert answer.usage.calls == 2
    assert answer.usage.prompt_tokens == first.prompt_tokens + second.prompt_tokens
    assert "Answer only with JSON" not in first.prompt
    assert "Answer only with JSON" in second.prompt
    chat.complete(HELLO, schema=City)
    assert "Answer only with JSON" in server.requests[-1].prompt  # it has shown to be needed


def test_two_invalid_answers_are_an_error_with_their_usage(server, chat):
    server.chat = "I think it is Lisbon."
    with pytest.raises(ModelAnswerInvalid) as caught:
        chat.complete(HELLO, schema=City)
    assert len(server.requests) == 2
    assert caught.value.usage.calls == 2
    assert caught.value.usage.prompt_tokens > 0


def test_an_empty_answer_is_asked_for_once_more(server, chat):
    server.chat = ["", "here"]
    assert chat.complete(HELLO).text == "here"
    server.chat = "  \n"
    with pytest.raises(ModelAnswerInvalid):
        chat.complete(HELLO)


def test_thinking_is_left_out(server, chat):
    server.chat = "<think>hm, hello?</think>\n\nHello!"
    assert chat.complete(HELLO).text == "Hello!"
    assert "".join(chat.stream(HELLO)) == "Hello!"


def test_an_answer_of_tool_calls_only_is_no_answer(server, chat):
    server.chat = Reply(tool_calls=[{"name": "forget", "arguments": {"everything": True}}])
    with pytest.raises(ModelAnswerInvalid):
        chat.complete(HELLO)


@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        (Failure(401, "bad key"), ModelUnavailable, "check api_key= or OPENAI_API_KEY"),
        (Failure(403, "no"), ModelUnavailable, "check api_key= or OPENAI_API_KEY"),
        (Failure(404, "no such model"), ModelUnavailable, "model's name and base_url"),
        (Failure(429, "slow", retry_after_ms=2), ModelUnavailable, "max_retries="),
        (Failure(429, "pay", "insufficient_quota", 2), ModelUnavailable, "billing"),
        (Failure(500, "oops", retry_after_ms=2), ModelUnavailable, "HTTP 500"),
        (Reply("late", delay=20), ModelUnavailable, r"within 4 s; raise timeout="),
        (Drop(), ModelUnavailable, "broke off the connection"),
        (Raw(), ModelAnswerInvalid, "base_url"),
        (Raw(b"[]"), ModelAnswerInvalid, "base_url"),
        (Raw(b'{"choices": []}'), ModelAnswerInvalid, "base_url"),
        (Raw(b"<html>login</html>", "text/html"), ModelAnswerInvalid, "base_url"),
    ],
)
def test_errors_name_the_remedy(server, chat, script, kind, told):
    server.chat = script
    with pytest.raises(kind, match=told) as caught:
        chat.complete([{"role": "user", "content": "the secret garden"}])
    error: ModelError = caught.value
    assert error.usage.calls == 1
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "secret garden" not in str(error)


def test_a_throttled_call_succeeds_when_the_endpoint_relents(server, chat):
    server.chat = [Failure(429, "slow down", retry_after_ms=20), "at last"]
    assert chat.complete(HELLO).text == "at last"


def test_connection_refused():
    with OpenAIServer() as gone:
        url = gone.url
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        OpenAIChat("m", "k", url, max_retries=0).complete(HELLO)


def drained(stream):
    """Return the pieces of a stream and, last, the usage that it returns."""
    said = []

    def with_value():
        said.append((yield from stream))

    pieces = list(with_value())
    return pieces + said


def test_stream(server, chat):
    server.chat = "one two three"
    *said, usage = drained(chat.stream(HELLO, max_tokens=7))
    assert said == ["one ", "two ", "three"]
    assert usage == TokenUsage(server.requests[0].prompt_tokens, 3, 1)


def test_stream_without_usage_counts(server, chat):
    server.refuses = frozenset(["stream_options", "max_tokens"])
    server.chat = "one two three"
    *_, usage = drained(chat.stream(HELLO, max_tokens=7))
    assert usage == TokenUsage(server.requests[-1].prompt_tokens, 3, 1)
    assert "stream_options" not in server.requests[-1].body


@pytest.mark.parametrize("after", [0, 2])
def test_a_stream_that_breaks_is_an_error_after_what_was_said(server, chat, after):
    server.chat = Drop("one two three", after_pieces=after)
    said = []
    with pytest.raises(ModelUnavailable) as caught:
        said.extend(chat.stream(HELLO))
    assert caught.value.__context__ is None
    assert said == ["one ", "two "][:after]


def test_a_stream_that_ends_too_soon_is_an_error(server, chat):
    server.chat = Raw(
        b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n',
        "text/event-stream",
    )
    with pytest.raises(ModelUnavailable):
        list(chat.stream(HELLO))


def test_an_empty_stream_is_an_error(server, chat):
    server.chat = "<think>nothing to say"
    with pytest.raises(ModelAnswerInvalid):
        list(chat.stream(HELLO))


@pytest.mark.parametrize("script", [Failure(500, "x", retry_after_ms=2), Failure(401), Raw()])
def test_a_stream_that_never_begins(server, chat, script):
    server.chat = script
    with pytest.raises(ModelError):
        list(chat.stream(HELLO))


def test_abandoning_a_stream_closes_it(server, chat):
    server.chat = " ".join(["word"] * 2000)
    pieces = chat.stream(HELLO)
    assert next(pieces) == "word "
    pieces.close()
    server.chat = "fine"
    assert chat.complete(HELLO).text == "fine"


def test_threads_share_an_instance(server, chat):
    server.chat = lambda request: request.messages[0]["content"][::-1]
    answers = {}

    def ask(number):
        question = f"question {number}"
        answers[number] = chat.complete([{"role": "user", "content": question}]).text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"question {number}"[::-1] for number in range(16)}


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform cannot fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_connections(server, chat):
    server.chat = "hello"
    chat.complete(HELLO)
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()
    child = context.Process(target=lambda: said.put(chat.complete(HELLO).text))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert said.get() == "hello"
    assert chat.complete(HELLO).text == "hello"


def test_text_that_is_no_unicode_is_mended(server, chat):
    server.chat = "fine"
    broken = [{"role": "user", "content": "half \ud83d and whole \ud83d\ude00"}]
    assert chat.complete(broken).text == "fine"
    assert server.requests[0].messages[0]["content"] == "half \ufffd and whole \U0001f600"


def test_nothing_is_called_before_it_is_asked(server):
    OpenAIChat("m", "k", server.url).close()
    assert not server.requests


def test_an_empty_key_is_right_for_a_local_server(server):
    server.chat = "hi"
    model = OpenAIChat("llama", "", server.url)
    assert model.complete(HELLO).text == "hi"
    model.close()


def test_no_key_anywhere_says_what_to_do():
    with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
        OpenAIChat("gpt-4o-mini").complete(HELLO)


def test_key_and_address_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-env\n")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.chat = "hi"
    model = OpenAIChat("gpt-4o-mini")
    assert model.complete(HELLO).text == "hi"
    assert server.requests[0].headers["authorization"] == "Bearer sk-from-env"
    model.close()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"api_key": 3}, "api_key"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "schlüssel"}, "api_key"),
        ({"base_url": "localhost:8000"}, "base_url"),
        ({"base_url": 8000}, "base_url"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
    ],
)
def test_wrong_arguments_are_named(arguments, named):
    with pytest.raises(InvalidInput, match=f"^{named} "):
        OpenAIChat(**{"model": "m", **arguments})


def test_a_slow_endpoint_is_given_up_on(server):
    server.chat = Reply("late", delay=20)
    model = OpenAIChat("m", "k", server.url, timeout=0.2, max_retries=0)
    begun = time.monotonic()
    with pytest.raises(ModelUnavailable):
        model.complete(HELLO)
    assert time.monotonic() - begun < 15
    model.close()
