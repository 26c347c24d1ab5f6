"""What holds a call: its deadline, its size, its origin, `close` and the endpoint's breaker."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import contextmanager

import openai  # noqa: F401  # now, and not within the time of the first call
import pytest

from memoryos.embedders import OpenAIEmbedder
from memoryos.errors import InvalidInput, ModelAnswerInvalid, ModelError, ModelUnavailable
from memoryos.llm import OpenAIChat, breaker
from memoryos.llm.limits import CallCancelled, Deadline
from memoryos.llm.openai_endpoint import OpenAIEndpoint
from memoryos.testing.openai_server import Drip, Failure, OpenAIServer, Raw, Reply

HELLO = [{"role": "user", "content": "hello"}]
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
LONG_EVENT = EVENT.replace(b"x", b"x" * 100_000)


@pytest.fixture(params=["complete", "stream", "embed"])
def call(request, server):
    """A call by each of the three ways to an endpoint, quick to give up."""
    options = {"api_key": "k", "base_url": server.url, "timeout": 0.6, "max_retries": 0}
    chat, embedder = OpenAIChat("m", **options), OpenAIEmbedder("e", **options)
    yield {
        "complete": lambda: chat.complete(HELLO),
        "stream": lambda: list(chat.stream(HELLO)),
        "embed": lambda: embedder.embed_query("hello"),
    }[request.param]
    chat.close()
    embedder.close()


def set_script(server, script):
    server.chat = server.embeddings = script


@contextmanager
def within(seconds):
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@pytest.mark.parametrize(
    "drip",
    [
        Drip(every=0.1),
        Drip(every=0.1, headers_too=True),
        Drip(b"d", every=0.1, content_type="text/event-stream"),
        Drip(b"\n", every=0.1, content_type="text/event-stream"),
        Drip(b"x", every=0.1, content_type=""),
        Reply("late", delay=20),
    ],
    ids=["json", "headers", "half an event", "empty lines", "no type", "silence"],
)
def test_a_drip_ends_at_the_deadline(server, call, drip):
    set_script(server, drip if isinstance(drip, Drip) else Drip(every=20))
    server.chat = drip
    with within(10), pytest.raises(ModelUnavailable, match=r"within 0.6 s; raise timeout="):
        call()


def test_a_stream_that_goes_on_is_no_silence_but_has_a_last_moment(server):
    server.chat = Drip(EVENT, every=0.15, content_type="text/event-stream")
    model = OpenAIChat("m", "k", server.url, timeout=0.3, max_retries=0)
    said = []
    begun = time.monotonic()
    with pytest.raises(ModelUnavailable):
        said.extend(model.stream(HELLO))
    assert 2.5 < time.monotonic() - begun < 20
    assert len(said) > 10
    model.close()


def test_comments_in_a_stream_end_the_silence(server):
    server.chat = Drip(
        b": still thinking\n\n", every=0.3, times=5, content_type="text/event-stream"
    )
    model = OpenAIChat("m", "k", server.url, timeout=0.6, max_retries=0)
    with pytest.raises(ModelUnavailable, match="broke off"):  # it ended, but not by the deadline
        model.complete(HELLO)
    model.close()


def test_importing_the_client_is_not_the_endpoints_time(server):
    server.chat = "hi"
    code = (
        "import sys, time\n"
        "class Slowly:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'openai': time.sleep(1)\n"
        "sys.meta_path.insert(0, Slowly())\n"
        "from memoryos.llm import OpenAIChat\n"
        f"model = OpenAIChat('m', 'k', {server.url!r}, timeout=0.9, max_retries=0)\n"
        f"print(model.complete({HELLO!r}).text)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("hi\n", "")


def test_a_long_answer_that_comes_steadily_is_read_to_its_end(server):
    finish = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    server.chat = Drip(EVENT * 3 + finish, every=0.0, times=1, content_type="text/event-stream")
    model = OpenAIChat("m", "k", server.url, timeout=1, max_retries=0)
    assert model.complete(HELLO).text == "xxx"
    model.close()


def test_a_reader_who_takes_his_time_is_not_the_endpoints_silence(server):
    server.chat = "one two three"
    model = OpenAIChat("m", "k", server.url, timeout=0.4, max_retries=0)
    said = []
    for piece in model.stream(HELLO):
        time.sleep(0.5)
        said.append(piece)
    assert "".join(said) == "one two three"
    model.close()


@pytest.mark.parametrize(
    "endless",
    [
        Drip(b" " * 1_000_000, every=0.0),
        Drip(LONG_EVENT * 10, every=0.0, content_type="text/event-stream"),
        Drip(b" " * 1_000_000, every=0.0, times=300, encoding="gzip"),
        Drip(LONG_EVENT * 10, 0.0, 300, content_type="text/event-stream", encoding="gzip"),
    ],
    ids=["body", "stream", "gzip", "gzip stream"],
)
def test_an_answer_without_end_is_cut_off(server, endless):
    server.chat = endless
    model = OpenAIChat("m", "k", server.url, timeout=60, max_retries=0)
    tracemalloc.start()
    try:
        with pytest.raises(ModelUnavailable, match="more than an answer can hold"):
            model.complete(HELLO)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000
    model.close()


def test_an_error_without_end_is_an_error(server, call):
    big = Raw(b"x" * 5_000_000, "text/plain", 400)
    set_script(server, big)
    with pytest.raises(ModelError, match="HTTP 400"):
        call()


def test_a_compressed_answer_is_read(server):
    body = b'{"choices":[{"message":{"content":"hi"}}]}'
    server.chat = Drip(body, times=1, every=0, encoding="gzip")
    model = OpenAIChat("m", "k", server.url)
    assert model.complete(HELLO).text == "hi"
    server.chat = Drip(body, times=1, every=0, encoding="br")
    with pytest.raises(ModelUnavailable):
        model.complete(HELLO)
    model.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_not_followed(server, call, status):
    with OpenAIServer() as other:
        elsewhere = Raw(b"", status=status, headers={"location": f"{other.url}/chat/completions"})
        set_script(server, elsewhere)
        with pytest.raises(ModelUnavailable, match=f"redirects to {other.url[:-3]}"):
            call()
        assert not other.requests
        assert len(server.requests) == 1


@pytest.mark.parametrize("target", ["http://[::1", "file:///etc/passwd", "//elsewhere.example/v1"])
def test_a_redirect_to_no_address_is_not_followed(server, call, target):
    set_script(server, Raw(b"", status=307, headers={"location": target}))
    with pytest.raises(ModelUnavailable, match="redirects to"):
        call()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_origin_is_followed_with_its_body(server, status):
    moved = Raw(b"", status=status, headers={"location": "/v2/chat/completions"})
    server.chat = lambda request: "hi" if request.path.startswith("/v2/") else moved
    model = OpenAIChat("m", "k", server.url)
    assert model.complete(HELLO).text == "hi"
    assert server.requests[-1].messages == HELLO
    server.chat = Raw(b"", status=307, headers={"location": "/v1/chat/completions"})
    with pytest.raises(ModelUnavailable):
        model.complete(HELLO)
    model.close()


# ── Closing ──


@pytest.mark.parametrize(
    "script",
    [
        Drip(every=30),
        Drip(every=30, headers_too=True),
        Failure(429, headers={"retry-after": "30"}),
        Drip(EVENT, every=0.05, content_type="text/event-stream"),
    ],
    ids=["silence", "headers", "waiting to retry", "stream"],
)
def test_closing_ends_the_calls_under_way(server, script):
    set_script(server, script)
    model = OpenAIChat("m", "k", server.url, timeout=60)
    ended = []

    def ask():
        try:
            model.complete(HELLO)
        except ModelUnavailable as error:
            ended.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(server.requests) < 3:
        time.sleep(0.01)
    with within(20):
        model.close()
        for thread in threads:
            thread.join()
    assert len(ended) == 3
    assert all("was closed during the call" in told for told in ended)
    server.chat = "hi"
    assert model.complete(HELLO).text == "hi"  # the next call opens a new connection
    model.close()


def test_what_a_closed_connection_raises_is_the_closing():
    deadline = Deadline(5, 5)

    def request(*_):
        raise ValueError("file descriptor cannot be a negative integer (-1)")

    with pytest.raises(InvalidInput):
        OpenAIEndpoint._send(None, request, deadline)
    deadline.cancel()
    with pytest.raises(CallCancelled):
        OpenAIEndpoint._send(None, request, deadline)


def test_an_address_that_never_answers_has_a_deadline():
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = listening.getsockname()[1]
    waiting = [socket.socket() for _ in range(4)]  # fill the queue: further connects hang
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    model = OpenAIChat("m", "k", f"http://127.0.0.1:{port}/v1", timeout=0.5)
    with within(3), pytest.raises(ModelUnavailable):
        model.complete(HELLO)
    model.close()
    for one in (*waiting, listening):
        one.close()


@pytest.mark.parametrize("name", ["a..b", "a" * 70 + ".example"])
def test_a_name_that_no_machine_can_have(name):
    model = OpenAIChat("m", "k", f"http://{name}/v1", timeout=5, max_retries=0)
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        model.complete(HELLO)
    model.close()


def test_a_name_that_is_never_looked_up_has_a_deadline(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: released.wait(30) and [])
    model = OpenAIChat("m", "k", "http://models.example/v1", timeout=0.4, max_retries=0)
    with within(20), pytest.raises(ModelUnavailable, match=r"within 0.4 s"):
        model.complete(HELLO)
    released.set()
    model.close()


# ── Retrying ──


def test_a_retry_waits_as_long_as_it_is_asked_to(server):
    model = OpenAIChat("m", "k", server.url, timeout=10, max_retries=1)
    server.chat = [Failure(503, headers={"retry-after": "1"}), "hi"]
    begun = time.monotonic()
    assert model.complete(HELLO).text == "hi"
    assert 1.0 <= time.monotonic() - begun < 8
    model.close()


def test_no_retry_where_the_wait_is_longer_than_the_deadline(server, call):
    set_script(server, Failure(429, headers={"retry-after": "3600"}))
    with within(1.5), pytest.raises(ModelUnavailable) as caught:
        call()
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


# ── The breaker ──


def test_a_broken_endpoint_is_left_alone_by_all_its_models(server, caplog):
    models = [
        OpenAIChat("m", "k", server.url, timeout=5, max_retries=0),
        OpenAIChat("m", "k", server.url, timeout=9, max_retries=2, temperature=0.5),
    ]
    server.chat = Failure(500)
    errors = []
    for _ in range(breaker.THRESHOLD + 2):
        with pytest.raises(ModelUnavailable) as caught:
            models[0].complete(HELLO)
        errors.append(caught.value)
    assert len(server.requests) == breaker.THRESHOLD
    with pytest.raises(ModelUnavailable, match=r"HTTP 500.*several times in a row") as caught:
        models[1].complete(HELLO)
    assert 0 < caught.value.retry_after <= 2
    assert len(server.requests) == breaker.THRESHOLD
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    other = OpenAIChat("another", "k", server.url, max_retries=0)
    with pytest.raises(ModelUnavailable, match="HTTP 500"):
        other.complete(HELLO)  # that one model is overloaded says nothing of the others
    for model in (*models, other):
        model.close()


def test_one_caller_probes_and_the_rest_fail_at_once(server):
    model = OpenAIChat("m", "k", server.url, timeout=5, max_retries=0)
    server.chat = Failure(500)
    for _ in range(breaker.THRESHOLD):
        with pytest.raises(ModelUnavailable):
            model.complete(HELLO)
    with pytest.raises(ModelUnavailable) as caught:
        model.complete(HELLO)
    time.sleep(caught.value.retry_after)
    server.requests.clear()
    server.chat = Reply("back", delay=0.6)
    outcomes = []

    def ask():
        try:
            outcomes.append(model.complete(HELLO).text)
        except ModelUnavailable:
            outcomes.append("turned away")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["back", *["turned away"] * 5]
    assert len(server.requests) == 1
    server.chat = "hi"
    assert model.complete(HELLO).text == "hi"
    model.close()


def test_answers_that_cannot_be_used_are_no_outage(server):
    model = OpenAIChat("m", "k", server.url, max_retries=0)
    server.chat = Raw()
    for _ in range(2 * breaker.THRESHOLD):
        with pytest.raises(ModelAnswerInvalid):
            model.complete(HELLO)
    server.chat = "hi"
    assert model.complete(HELLO).text == "hi"
    model.close()


def test_a_stream_that_is_abandoned_is_neither(server):
    model = OpenAIChat("m", "k", server.url, max_retries=0)
    server.chat = "one two three"
    for _ in range(2 * breaker.THRESHOLD):
        pieces = model.stream(HELLO)
        next(pieces)
        pieces.close()
    assert model.complete(HELLO).text == "one two three"
    model.close()


def test_the_embedder_has_a_breaker_too(server):
    server.embeddings = Failure(500)
    embedder = OpenAIEmbedder("e", "k", server.url, max_retries=0)
    for _ in range(2 * breaker.THRESHOLD):
        with pytest.raises(ModelUnavailable):
            embedder.embed_query("hello")
    assert len(server.requests) == breaker.THRESHOLD
    embedder.close()
