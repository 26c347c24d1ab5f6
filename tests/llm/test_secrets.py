"""The key is in the header of a request, and nowhere else."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest

from memoryos.embedders import OpenAIEmbedder
from memoryos.errors import MemoryOSError
from memoryos.llm import OpenAIChat
from memoryos.testing.openai_server import Drop, Failure, Raw, Reply

HELLO = [{"role": "user", "content": "a private matter"}]


def everything_about(model) -> str:
    return "\n".join([repr(model), str(model), f"{model}", repr(pickle.dumps(model))])


@pytest.fixture
def models(server, key):
    made = (
        OpenAIChat("gpt-4o-mini", key, server.url, timeout=1.0, max_retries=1),
        OpenAIEmbedder("text-embedding-3-small", key, server.url, timeout=1.0, max_retries=1),
    )
    yield made
    for model in made:
        model.close()


def test_not_in_what_an_object_shows_of_itself(models, server, key):
    server.chat = "hi"
    for model in models:
        assert key not in everything_about(model)
    models[0].complete(HELLO)
    for model in models:
        assert key not in everything_about(model)


def test_an_address_is_shown_without_what_it_hides():
    model = OpenAIChat("m", "k", "https://tom:hunter2@models.example:8443/v1?token=abc")
    assert repr(model) == "OpenAIChat('m', base_url='https://models.example:8443')"


def test_a_pickle_reads_the_key_where_it_is_loaded(models, server, key, monkeypatch):
    server.chat = "hi"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-other-process")
    loaded = pickle.loads(pickle.dumps(models[0]))
    assert loaded.complete(HELLO).text == "hi"
    assert server.requests[-1].headers["authorization"] == "Bearer sk-of-the-other-process"
    loaded.close()


def test_headers_and_parameters_named_like_keys_are_kept_as_keys_are(server, key):
    model = OpenAIChat(
        "m",
        "",
        server.url,
        default_headers={"Api-Key": key, "X-Title": "memory"},
        default_query={"key": key, "api-version": "1"},
    )
    assert key not in everything_about(model)
    server.chat = "hi"
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.complete(HELLO).text == "hi"
    assert server.requests[-1].headers["x-title"] == "memory"
    assert server.requests[-1].path.endswith("?api-version=1")
    loaded.close()


def test_no_log_of_any_library_shows_what_an_address_hides(server, key, caplog):
    caplog.set_level(logging.DEBUG)
    server.chat = "hi"
    hidden = f"http://tom:hunter2@{server.url.removeprefix('http://')}?token=abcabc"
    for given in (key, ""):
        model = OpenAIChat("m", given, hidden, default_query={"key": key, "api-version": "1"})
        assert model.complete(HELLO).text == "hi"
        model.close()
    path = server.requests[-1].path
    assert path == f"/v1/chat/completions?api-version=1&token=abcabc&key={key}"
    assert "/v1/chat/completions?api-version=1" in caplog.text
    for secret in (key, "hunter2", "abcabc"):
        assert secret not in caplog.text


def test_a_deep_copy_keeps_the_key(models, server, key):
    server.chat = "hi"
    copied = copy.deepcopy(models[0])
    assert copied.complete(HELLO).text == "hi"
    assert server.requests[-1].headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(401),
        Failure(400, "your header was Bearer sk-test-3f9c1d7a5b2e4860 and you said {prompt}"),
        Failure(500, "a private matter", retry_after_ms=2),
        Failure(429, "a private matter", retry_after_ms=2),
        Drop(),
        Raw(),
        Reply("late", delay=5),
    ],
)
def test_not_in_errors_tracebacks_or_logs(models, server, key, failure, caplog):
    caplog.set_level(logging.DEBUG)
    server.key = "another one" if failure == Failure(401) else None
    server.chat = failure
    server.embeddings = failure if not isinstance(failure, Reply) else None
    chat, embedder = models
    told = []
    for call in (
        lambda: chat.complete(HELLO),
        lambda: list(chat.stream(HELLO)),
        lambda: embedder.embed_query("a private matter"),
    ):
        try:
            call()
        except MemoryOSError as error:
            told += traceback.format_exception(error)
            told += [repr(vars(error)), repr(error.__context__), repr(error.__cause__)]
            told.append(repr(pickle.dumps(error)))
    assert told
    assert key not in "\n".join(told)
    assert key[8:] not in caplog.text
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("memoryos")]
    assert "private matter" not in "\n".join(ours)
    assert '"a private matter"' not in "\n".join(line for line in told if "File" not in line)


def test_wrong_keys_are_refused_without_being_repeated():
    with pytest.raises(MemoryOSError) as caught:
        OpenAIChat("m", "sk-secret with blanks")
    assert "secret" not in str(caught.value)


def test_a_wrong_key_from_the_environment_is_not_repeated(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-geheimnis-ü")
    with pytest.raises(MemoryOSError) as caught:
        OpenAIChat("m").complete(HELLO)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
