"""What endpoints do besides the protocol: each row of the project's issue 19, part 5."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from pydantic import BaseModel, Field

from memoryos.errors import (
    ContextOverflow,
    InvalidInput,
    ModelAnswerInvalid,
    ModelRefused,
    ModelUnavailable,
)
from memoryos.llm import OpenAIChat
from memoryos.testing.openai_server import Failure, OpenAIServer, Raw, Reply

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


class City(BaseModel):
    name: str = Field(max_length=40)
    people: int = 0


LISBON = '{"name": "Lisbon", "people": 5}'
WANTED = City(name="Lisbon", people=5)


def said(chat):
    """The answer whole and streamed, which must be the same."""
    whole = chat.complete(HELLO).text
    assert "".join(chat.stream(HELLO)) == whole
    return whole


def shape_of(request):
    return request.body["response_format"]["json_schema"]["schema"]["properties"]


# ── Answers in other forms ──


@pytest.mark.parametrize("ignores", [[], ["stream"]])
def test_content_as_a_list_of_parts(server, chat, ignores):
    server.ignores = frozenset(ignores)
    server.chat = Reply("one two", parts=True)
    assert said(chat) == "one two"


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "yes"}],
        [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "yes"}],
        ["y", {"type": "text", "text": "es"}, {"type": "image_url"}, None, 3],
        {"type": "text", "text": "yes"},
    ],
)
def test_parts_that_are_no_text_are_left_out(server, chat, content):
    body = {"choices": [{"message": {"content": content}}]}
    server.chat = Raw(json.dumps(body).encode())
    assert said(chat) == "yes"


def test_a_stream_that_is_ignored(server, chat):
    server.ignores = frozenset(["stream"])
    server.chat = "one two"
    assert said(chat) == "one two"
    server.chat = LISBON
    assert chat.complete(HELLO, schema=City).parsed == WANTED


FIRST = 'data: {"choices":[{"delta":{"content":"one\u2028"}}]}'
SECOND = 'data: {"choices":[{"delta":{"content":"two"}}]}'


@pytest.mark.parametrize(
    "stream",
    [
        f"{FIRST}\n\n{SECOND}\n\ndata: [DONE]\n\n",
        f"{FIRST}\r\n\r\n{SECOND}\r\n\r\ndata: [DONE]\r\n\r\n",
        f"{FIRST}\n{SECOND}\ndata: [DONE]\n",
        f"{FIRST}\n\n{SECOND}\n\ndata: [DONE]",
        f": hello\n\nid: 3\nevent: message\n{FIRST}\n\nretry: 5\n{SECOND}\n\ndata:[DONE]\n\n",
    ],
    ids=["as it should be", "CRLF", "no empty lines", "no end", "all fields"],
)
def test_a_stream_as_endpoints_write_it(server, chat, stream):
    server.chat = Raw(stream.encode(), "text/event-stream")
    assert said(chat) == "one\u2028two"


def test_a_stream_that_is_refused_is_not_asked_for_again(server, chat):
    server.refuses = frozenset(["stream", "stream_options"])
    server.chat = "one two"
    assert said(chat) == "one two"
    assert "stream" not in server.requests[-1].body
    assert len(server.requests) == 4  # both refusals, then each answer


@pytest.mark.parametrize("ignores", [[], ["stream"]])
def test_no_finish_reason(server, chat, ignores):
    server.ignores = frozenset(ignores)
    server.chat = Reply("one two", finish_reason=None)
    assert said(chat) == "one two"


@pytest.mark.parametrize("ignores", [[], ["stream"]])
def test_an_answer_that_was_cut_is_flagged(server, chat, ignores):
    server.ignores = frozenset(ignores)
    server.chat = Reply("one two", finish_reason="length")
    assert chat.complete(HELLO).truncated
    server.chat = Reply("one two")
    assert not chat.complete(HELLO).truncated


def test_of_a_cut_answer_in_a_form_what_is_complete_is_taken(server, chat):
    class Cities(BaseModel):
        cities: list[City]

    cut = f'{{"cities": [{LISBON}, {{"name": "Por'
    server.chat = Reply(cut, finish_reason="length")
    answer = chat.complete(HELLO, schema=Cities)
    assert answer.parsed == Cities(cities=[WANTED])
    assert answer.truncated


def test_an_answer_cut_before_it_said_anything_is_not_asked_for_again(server, chat):
    server.chat = Reply("<think>where was I", finish_reason="length")
    for schema in (None, City):
        server.requests.clear()
        with pytest.raises(ModelAnswerInvalid, match="longest answer") as caught:
            chat.complete(HELLO, schema=schema)
        assert len(server.requests) == 1
        assert caught.value.permanent


@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>analysis<|message|>Hm?<|end|><|start|>assistant<|channel|>final<|message|>Yes!",
        "<|start|>assistant<|channel|>final<|message|>Yes!",
        "<think>hm</think>Yes!<|im_end|>",
        "Yes!<end_of_turn>",
        "Yes!<|eot_id|><|start|>user<|message|>And then?",
    ],
)
def test_channels_and_marks_of_the_template_are_stripped(server, chat, text):
    server.chat = text
    assert said(chat) == "Yes!"


def test_thinking_beside_the_content_is_left_out(server, chat):
    server.chat = Reply("Yes!", thinking="Hm, yes?")
    assert said(chat) == "Yes!"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "overloaded", "code": 503}, ModelUnavailable),
        ({"message": "slow down", "code": "429"}, ModelUnavailable),
        ({"message": "This model's maximum context length is 4096 tokens."}, ContextOverflow),
        ({"message": "blocked", "code": 403, "type": "content_filter"}, ModelRefused),
        ({"message": "no such field", "type": "invalid_request_error"}, ModelRefused),
        ("something went wrong", ModelUnavailable),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_an_answer_with_status_200(server, chat, error, kind, stream):
    body = json.dumps({"error": error}).encode()
    if stream:
        server.chat = Raw(b"data: " + body + b"\n\n", "text/event-stream")
    else:
        server.chat = Raw(body)
    with pytest.raises(kind) as caught:
        chat.complete(HELLO)
    assert caught.value.permanent is (kind is not ModelUnavailable)
    with pytest.raises(kind):
        list(chat.stream(HELLO))


# ── Refusals ──


@pytest.mark.parametrize(
    "script",
    [
        Reply("", finish_reason="content_filter"),
        Reply("Well, first", finish_reason="content_filter"),
        Reply("", finish_reason="SAFETY"),
        Reply("", refusal="I cannot help with that."),
        Failure(400, "The response was filtered", "content_filter"),
        Failure(400, "Output data may contain inappropriate content.", "data_inspection_failed"),
        Failure(403, "flagged by moderation"),
    ],
)
@pytest.mark.parametrize("ignores", [[], ["stream"]])
def test_a_refusal_is_told_and_not_asked_again(server, chat, script, ignores):
    server.ignores = frozenset(ignores)
    server.chat = script
    for schema in (None, City):
        server.requests.clear()
        with pytest.raises(ModelRefused) as caught:
            chat.complete(HELLO, schema=schema)
        assert len(server.requests) == 1
        assert caught.value.permanent
        assert caught.value.usage.calls == 1
    with pytest.raises(ModelRefused):
        list(chat.stream(HELLO))


def test_what_is_passing(server, chat):
    server.chat = Failure(500)
    with pytest.raises(ModelUnavailable) as caught:
        chat.complete(HELLO)
    assert not caught.value.permanent


# ── What is left out ──


def test_a_refused_system_role_is_folded_into_the_users_message(server, chat):
    server.refuses = frozenset(["system"])
    server.chat = "hi"
    assert said(chat) == "hi"
    assert server.requests[1].messages == [{"role": "user", "content": "Be brief.\n\nhello"}]
    assert len(server.requests) == 3  # it is remembered


@pytest.mark.parametrize("name", ["temperature", "seed"])
def test_a_refused_parameter_is_left_out(server, name):
    server.refuses = frozenset([name])
    server.chat = "hi"
    with closing(OpenAIChat("m", "k", server.url, temperature=0.3, seed=7)) as chat:
        assert said(chat) == "hi"
    assert name not in server.requests[-1].body
    assert len(server.requests) == 3


def test_bounds_are_told_and_left_out_where_they_are_refused(server, chat):
    server.chat = LISBON
    assert chat.complete(HELLO, schema=City).parsed == WANTED
    assert shape_of(server.requests[-1])["name"] == {"type": "string", "maxLength": 40}
    server.refuses = frozenset(["bounds"])
    assert chat.complete(HELLO, schema=City).parsed == WANTED
    assert shape_of(server.requests[-1])["name"] == {"type": "string"}


def test_everything_refused_at_once(server, chat):
    server.refuses = frozenset(
        "max_tokens temperature seed stream stream_options system response_format".split()
    )
    server.chat = LISBON
    assert chat.complete(HELLO, schema=City).parsed == WANTED
    server.requests.clear()
    assert chat.complete(HELLO, schema=City).parsed == WANTED
    assert len(server.requests) == 1


# ── What is sent ──


def test_every_call_has_a_longest_answer(server, chat):
    server.chat = LISBON
    chat.complete(HELLO)
    chat.complete(HELLO, schema=City)
    list(chat.stream(HELLO))
    assert [r.body["max_tokens"] for r in server.requests] == [4096] * 3


def test_a_longest_answer_that_the_endpoint_finds_too_long(server, chat):
    def script(request):
        if request.body["max_tokens"] > 1024:
            told = "max_tokens is too large: 4096. This model supports at most 1024 completion"
            return Failure(400, f"{told} tokens")
        return "hi"

    server.chat = script
    assert chat.complete(HELLO).text == "hi"
    assert chat.complete(HELLO).text == "hi"
    assert [r.body["max_tokens"] for r in server.requests] == [4096, 1024, 1024]


def test_extraction_is_at_temperature_0_and_prose_as_the_endpoint_likes(server, chat):
    server.chat = LISBON
    chat.complete(HELLO, schema=City)
    chat.complete(HELLO)
    assert server.requests[0].body["temperature"] == 0
    assert "temperature" not in server.requests[1].body
    server.chat = ["nothing", LISBON]
    chat.complete(HELLO, schema=City)
    assert server.requests[-1].body["temperature"] > 0  # else it would say the same


def test_what_the_constructor_was_told(server):
    server.chat = LISBON
    chat = OpenAIChat(
        "m",
        "k",
        server.url,
        temperature=0.2,
        seed=11,
        extra_body={"chat_template_kwargs": {"enable_thinking": False}, "max_tokens": 5},
        default_headers={"X-Title": "memory", "Authorization": "Bearer other"},
        default_query={"api-version": "2024-10-21"},
    )
    with closing(chat):
        chat.complete(HELLO, schema=City)
    (request,) = server.requests
    assert request.body["temperature"] == 0.2
    assert request.body["seed"] == 11
    assert request.body["chat_template_kwargs"] == {"enable_thinking": False}
    assert request.body["max_tokens"] == 5
    assert request.headers["x-title"] == "memory"
    assert request.headers["user-agent"].startswith("OpenAI/Python")  # the official client asks
    assert request.headers["authorization"] == "Bearer other"
    assert request.path == "/v1/chat/completions?api-version=2024-10-21"


def test_azure(server):
    server.chat = "hi"
    where = f"{server.url[:-3]}/openai/deployments/gpt-4o"
    chat = OpenAIChat("gpt-4o", "azure-key", where, default_query={"api-version": "2024-10-21"})
    with closing(chat):
        assert chat.complete(HELLO).text == "hi"
    (request,) = server.requests
    assert request.path == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "azure-key"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "form", ["{}/", "{}?token=abc", "{}/chat/completions", "http://tom:hunter2@{}"]
)
def test_addresses_as_people_write_them(server, form):
    server.chat = "hi"
    url = form.format(server.url.removeprefix("http://") if "@" in form else server.url)
    with closing(OpenAIChat("m", "", url)) as chat:
        assert chat.complete(HELLO).text == "hi"
    (request,) = server.requests
    assert request.endpoint == "/v1/chat/completions"
    if "@" in form:
        assert request.headers["authorization"] == "Basic dG9tOmh1bnRlcjI="
    else:
        assert "authorization" not in request.headers


def test_an_address_of_the_environment_that_is_none(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000/v1")
    with closing(OpenAIChat("m", "k")) as chat, pytest.raises(ModelUnavailable, match="BASE_URL"):
        chat.complete(HELLO)


def test_a_proxy_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url[:-3])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.chat = "through the proxy"
    with closing(OpenAIChat("m", "k", "http://models.example/v1")) as chat:
        assert chat.complete(HELLO).text == "through the proxy"
    assert server.requests[0].path == "http://models.example/v1/chat/completions"
    with OpenAIServer(chat="directly") as near, closing(OpenAIChat("m", "k", near.url)) as chat:
        assert chat.complete(HELLO).text == "directly"


def test_what_no_json_can_hold(server, chat):
    for content in ({1, 2}, object(), float("nan"), ["a", b"b"]):
        with pytest.raises(InvalidInput, match="JSON"):
            chat.complete([{"role": "user", "content": content}])
        with pytest.raises(InvalidInput, match="JSON"):
            list(chat.stream([{"role": "user", "content": content}]))
    assert not server.requests


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"extra_body": [1]}, "extra_body"),
        ({"default_headers": "x"}, "default_headers"),
        ({"default_headers": {"X": 1}}, "default_headers"),
        ({"default_headers": {"X": "a\r\nY: b"}}, "default_headers"),
        ({"default_headers": {"": "a"}}, "default_headers"),
        ({"default_query": {1: "a"}}, "default_query"),
        ({"context_window": 0}, "context_window"),
        ({"context_window": 2.5}, "context_window"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"base_url": "http://"}, "base_url"),
        ({"base_url": "http://[::1"}, "base_url"),
        ({"base_url": "http://a:99999/v1"}, "base_url"),
        ({"base_url": "http://a/\n/v1"}, "base_url"),
    ],
)
def test_wrong_arguments_are_named(arguments, named):
    with pytest.raises(InvalidInput, match=f"^{named} "):
        OpenAIChat(**{"model": "m", **arguments})
