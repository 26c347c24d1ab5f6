"""The scripted endpoint, as the official client and plain sockets see it."""

from __future__ import annotations

import http.client
import json
import threading
import time

import openai
import pytest

from memoryos.testing.openai_server import Drop, Failure, OpenAIServer, Raw, Reply, schema_answers
from memoryos.text.terms import tokens

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(server):
    made = openai.OpenAI(api_key="sk-any", base_url=server.url, max_retries=0, timeout=5)
    yield made
    made.close()


def ask(client, **more):
    return client.chat.completions.create(model="m", messages=HELLO, **more)


def test_requests_are_recorded_with_headers_that_no_repr_shows(server, client):
    server.chat = "hi"
    assert ask(client).choices[0].message.content == "hi"
    (request,) = server.requests
    assert server.chats == [request]
    assert request.headers["authorization"] == "Bearer sk-any"
    assert "sk-any" not in repr(request)
    assert request.messages == HELLO
    assert request.prompt_tokens == 5
    assert server.url.startswith("http://127.0.0.1:")
    assert server.url.endswith("/v1")


def test_scripts(server, client):
    def said():
        return ask(client).choices[0].message.content

    server.chat = ["one", lambda request: request.prompt.upper(), Reply("last")]
    assert [said() for _ in range(4)] == ["one", "HELLO", "last", "last"]
    server.chat = ["again"]
    assert said() == "again"


def test_streaming(server, client):
    server.chat = "one two"
    stream = ask(client, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 2


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(server, client, stream):
    server.chat = Reply(tool_calls=[{"name": "add", "arguments": {"a": 1}}])
    answer = ask(client, stream=stream)
    if stream:
        calls = [c for chunk in answer for c in chunk.choices[0].delta.tool_calls or ()]
    else:
        assert answer.choices[0].finish_reason == "tool_calls"
        calls = answer.choices[0].message.tool_calls
    assert [c.function.name for c in calls] == ["add"]
    assert json.loads(calls[0].function.arguments) == {"a": 1}


def test_schema_answers(server, client):
    server.chat = schema_answers
    schema = {
        "type": "object",
        "properties": {
            "who": {"type": "string"},
            "rank": {"enum": ["a", "b"]},
            "many": {"type": "array", "items": {"$ref": "#/$defs/N"}},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        },
        "$defs": {"N": {"type": "integer"}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    said = json.loads(ask(client, response_format=form).choices[0].message.content)
    assert said == {"who": "text", "rank": "a", "many": [1], "maybe": None}


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Failure(401), openai.AuthenticationError),
        (Failure(429, retry_after_ms=7), openai.RateLimitError),
        (Failure(500), openai.InternalServerError),
        (Drop(), openai.APIConnectionError),
    ],
)
def test_failures(server, client, script, error):
    server.chat = script
    with pytest.raises(error) as caught:
        ask(client)
    if script == Failure(429, retry_after_ms=7):
        assert caught.value.response.headers["retry-after-ms"] == "7"
    server.chat = "fine"
    assert ask(client).choices[0].message.content == "fine"


def test_a_stream_that_breaks(server, client):
    server.chat = Drop("one two three", after_pieces=1)
    said = []
    with pytest.raises(Exception, match=r"(?i)incomplete|closed|connection"):
        said.extend(chunk.choices[0].delta.content for chunk in ask(client, stream=True))
    assert said == ["one "]


def test_keys(server, client):
    server.key = "sk-right"
    with pytest.raises(openai.AuthenticationError):
        ask(client)


def test_garbage_and_unknown_paths(server):
    server.chat = Raw(b"garbage")
    where = http.client.HTTPConnection(server.url[7:-3], timeout=5)
    for method, path, body, status in (
        ("POST", "/v1/chat/completions", "{}", 200),
        ("POST", "/v1/chat/completions", "not json", 400),
        ("POST", "/v1/elsewhere", "{}", 404),
        ("GET", "/v1/models", None, 200),
        ("GET", "/", None, 404),
    ):
        where.request(method, path, body)
        answer = where.getresponse()
        assert answer.status == status
        answer.read()
    where.close()


def test_embeddings(server, client):
    vectors = client.embeddings.create(model="e", input=["a", "b", "a"], dimensions=4).data
    assert [len(v.embedding) for v in vectors] == [4, 4, 4]
    assert vectors[0].embedding == vectors[2].embedding != vectors[1].embedding
    server.embeddings = lambda text: [len(text), 0.5]
    for encoding in ("float", "base64"):
        made = client.embeddings.create(model="e", input="four", encoding_format=encoding)
        if encoding == "float":
            assert made.data[0].embedding == [4, 0.5]
        else:
            assert isinstance(made.data[0].embedding, str)


def test_closing_frees_those_who_wait():
    outcome = []
    with OpenAIServer(chat=Reply("late", delay=60)) as server:
        client = openai.OpenAI(api_key="k", base_url=server.url, max_retries=0)

        def wait():
            try:
                ask(client)
            except openai.APIConnectionError:
                outcome.append("broken off")
            else:
                outcome.append("answered")

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not server.requests:
            time.sleep(0.01)
        begun = time.monotonic()
    waiting.join(10)
    assert outcome
    assert time.monotonic() - begun < 10
    client.close()


def test_what_it_keeps_is_bounded(server, client):
    assert server.requests.maxlen == 10_000


def test_a_remembering_answer_to_a_user(server, client):
    messages = [
        {"role": "system", "content": "<memory>\nTom moved to Lisbon.\nTom has a cat.\n</memory>"},
        {"role": "user", "content": "Where did I move?"},
    ]
    said = client.chat.completions.create(model="m", messages=messages).choices[0].message.content
    assert said == "As I remember: Tom moved to Lisbon."
    assert set(tokens("cat")).isdisjoint(tokens(said))
    assert ask(client).choices[0].message.content == "I hear you: hello"
