"""The numbers that endpoints tell: their context window, and what a call cost."""

from __future__ import annotations

from contextlib import closing

import pytest

from memoryos.errors import ContextOverflow
from memoryos.llm import OpenAIChat
from memoryos.ports import TokenUsage
from memoryos.testing.openai_server import Failure, Reply

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]


# ── The context window ──


def test_the_window_is_given(server):
    server.context_window = 100
    with closing(OpenAIChat("m", "k", server.url, context_window=500)) as chat:
        assert chat.find_context_window() == chat.context_window == 500
        assert not server.requests
        server.chat = "hi"
        chat.complete(HELLO)
        assert server.requests[-1].body["max_tokens"] == 250


def test_the_window_is_told_by_the_error(server, chat):
    server.context_window = 300
    assert chat.context_window is None
    with pytest.raises(ContextOverflow) as caught:
        chat.complete([{"role": "user", "content": "word " * 400}])
    assert caught.value.window == chat.context_window == 300
    assert caught.value.permanent
    server.chat = "hi"
    chat.complete(HELLO)
    assert server.requests[-1].body["max_tokens"] == 150


def test_the_window_is_asked_for_once(server, chat):
    server.context_window = 2048
    assert chat.find_context_window() == 2048
    server.context_window = 4096
    assert chat.find_context_window() == 2048


def test_an_endpoint_that_does_not_tell_its_window(server, chat):
    assert chat.find_context_window() is None
    server.close()
    assert chat.find_context_window() is None


def test_an_answer_that_would_not_fit_beside_the_prompt_is_asked_for_shorter(server, chat):
    def script(request):
        if request.body["max_tokens"] > 1500:
            return Failure(
                400,
                "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum "
                "context length is 2048 tokens and your request has 30 input tokens",
            )
        return "hi"

    server.chat = script
    assert chat.complete(HELLO).text == "hi"
    assert [r.body["max_tokens"] for r in server.requests] == [4096, 1024]


# ── Usage ──


@pytest.mark.parametrize(
    "number", [2**63, 10**40, -5, 0, "12", None, True, float("inf"), [1], {"n": 1}]
)
@pytest.mark.parametrize("ignores", [[], ["stream"]])
def test_numbers_that_cannot_be_are_counted_instead(server, chat, number, ignores):
    server.ignores = frozenset(ignores)
    usage = {"prompt_tokens": number, "completion_tokens": number}
    server.chat = Reply("Good morning.", usage=usage)
    assert chat.complete(HELLO).usage == TokenUsage(server.requests[0].prompt_tokens, 3, 1)


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": 7.0, "completion_tokens": -1}])
def test_part_of_a_usage(server, chat, usage):
    server.chat = Reply("hi", usage=usage)
    found = chat.complete(HELLO).usage
    assert found.prompt_tokens == (7 if usage else server.requests[0].prompt_tokens)
    assert found.completion_tokens == (0 if usage else 1)
