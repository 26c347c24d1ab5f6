"""Errors as endpoints word them: permanent or passing, and the window that they tell."""

from __future__ import annotations

import json
from email.utils import formatdate
from time import time

import pytest

from memoryos.errors import ContextOverflow, ModelRefused, ModelUnavailable
from memoryos.llm.refusals import error_of, refusal_of, retry_after, window_in_listing

OVERFLOWS = [
    (
        400,
        {
            "code": 400,
            "message": "request (4031 tokens) exceeds the available context size (2048 tokens), "
            "try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 4031,
            "n_ctx": 2048,
        },
        2048,
    ),
    (
        400,
        {
            "message": "This model's maximum context length is 8192 tokens. However, your messages "
            "resulted in 9000 tokens. Please reduce the length of the messages.",
            "code": "context_length_exceeded",
        },
        8192,
    ),
    (400, "prompt is too long: 208310 tokens > 200000 maximum", 200_000),
    (
        400,
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
        200_000,
    ),
    (
        400,
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        1_048_576,
    ),
    (400, "However, the model is loaded with context length of only 4096 tokens", 4096),
    (400, "Range of input length should be [1, 30720]", 30_720),
    (
        400,
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        32768,
    ),
    (422, "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3000", 2048),
    (400, "litellm.ContextWindowExceededError: no more", None),
    (413, "Request Entity Too Large", None),
    (500, {"type": "exceed_context_size_error", "message": "", "n_ctx": -1}, None),
    (400, f"maximum context length is {'9' * 40} tokens", None),
]


def refused(status, error, headers=None):
    body = json.dumps({"error": {"message": error} if isinstance(error, str) else error})
    return refusal_of(status, headers or {}, body.encode())


@pytest.mark.parametrize(("status", "error", "window"), OVERFLOWS)
def test_a_context_overflow_and_its_window(status, error, window):
    found = error_of(refused(status, error), "model 'm'")
    assert isinstance(found, ContextOverflow)
    assert found.window == window
    assert found.permanent


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "no such thing", ModelRefused),
        (422, {"code": "unprocessable"}, ModelRefused),
        (400, {"code": "content_filter", "message": "filtered"}, ModelRefused),
        (400, {"innererror": {"code": "ResponsibleAIPolicyViolation"}}, ModelRefused),
        (401, "bad key", ModelUnavailable),
        (402, "pay", ModelUnavailable),
        (403, "no", ModelUnavailable),
        (404, "no such model", ModelUnavailable),
        (408, "", ModelUnavailable),
        (429, "slow", ModelUnavailable),
        (429, {"code": "insufficient_quota"}, ModelUnavailable),
        (500, "oops", ModelUnavailable),
        (529, "overloaded", ModelUnavailable),
        (204, "", ModelUnavailable),
    ],
)
def test_permanent_or_passing(status, error, kind):
    found = error_of(refused(status, error), "model 'm'")
    assert type(found) is kind
    assert found.permanent is (kind is ModelRefused)
    assert f"HTTP {status}" in str(found)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 50_000, b'{"error": 3}', b'{"error": null}', b"null", b'"x"']
)
def test_any_body_of_an_error_is_read(body):
    assert isinstance(error_of(refusal_of(500, {}, body), "m"), ModelUnavailable)


def test_the_endpoints_words_are_not_repeated():
    told = {"message": "your key is sk-123", "code": "sk-123 is wrong", "type": "Bad Thing"}
    assert "123" not in str(error_of(refused(401, told), "model 'm'"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_how_long_to_wait(headers, seconds):
    found = retry_after(headers)
    assert found == seconds if seconds is None else found == pytest.approx(seconds)


def test_a_date_to_wait_for():
    assert 50 < retry_after({"retry-after": formatdate(time() + 60, usegmt=True)}) <= 60


@pytest.mark.parametrize(
    ("listing", "window"),
    [
        ({"data": [{"id": "x.gguf", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]}, 2048),
        ({"data": [{"id": "x.gguf", "meta": {"n_ctx_train": 8192}}]}, 8192),
        ({"data": [{"id": "m", "max_model_len": 4096}, {"id": "n", "max_model_len": 1}]}, 4096),
        ({"data": [{"id": "o"}, {"id": "n", "max_model_len": 1}]}, None),
        ({"data": [{"id": "m", "context_length": 32_000}]}, 32_000),
        ({"data": [{"id": "m", "context_length": "much"}]}, None),
        ({"data": [3, None]}, None),
        ({"data": {}}, None),
        ([], None),
        (None, None),
        ({"data": [{"id": "m", "meta": [], "n_ctx": 2**80}]}, None),
    ],
)
def test_the_window_in_a_list_of_models(listing, window):
    assert window_in_listing(listing, "m") == window
