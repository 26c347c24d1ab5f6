"""`memoryos doctor --model`: what a person is told of the model that they configured."""

from __future__ import annotations

import pytest

from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_script import Failure


def test_a_model_that_works(run, server):
    server.chat = memory_answers
    done = run("doctor", "--model", "gpt-4o-mini", "--base-url", server.url)
    assert done.code == 0
    assert "model gpt-4o-mini: works" in done.out
    assert "a JSON schema, with its bounds" in done.out
    assert "streams: yes, with usage: yes" in done.out
    assert "peanuts" in done.out
    assert "num_ctx" in done.out  # the window is not told


def test_a_model_of_no_use(run, server):
    server.chat = "Let us talk about the weather."
    done = run("doctor", "--model", "m", "--base-url", server.url)
    assert done.code == 1
    assert "does not work" in done.out
    assert "a larger model" in done.out


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (["response_format"], "words only"),
        (["stream"], "streams: no"),
        ([], "streams: yes"),
    ],
)
def test_what_the_endpoint_takes(run, server, refused, words):
    server.refuses = frozenset(refused)
    assert words in run("doctor", "--model", "m", "--base-url", server.url).out


def test_a_wrong_key(run, server):
    server.chat = Failure(401, "Incorrect API key provided", "invalid_api_key")
    done = run("doctor", "--model", "m", "--base-url", server.url, "--json")
    assert done.code == 1
    assert done.json["healthy"] is False
    assert "refused the key" in done.json["model"]["error"]


def test_the_database_is_examined_beside_it(run, server):
    run("add", "I live in Oslo.", "Fine.")
    done = run("doctor", "--model", "m", "--base-url", server.url, "--json")
    assert done.json["pages"] == 1
    assert done.json["model"]["works"] is True
