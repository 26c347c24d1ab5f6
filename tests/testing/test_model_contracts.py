"""The embedders and the chat model that ship keep the contracts."""

from __future__ import annotations

import pytest

from memoryos.embedders import HashingEmbedder, OpenAIEmbedder
from memoryos.llm import OpenAIChat
from memoryos.testing.model_contracts import ChatModelContract, EmbedderContract
from memoryos.testing.openai_script import Request, schema_answers

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens


def asked_for_json(request: Request) -> bool:
    return "response_format" in request.body


class TestHashingEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return HashingEmbedder()


class TestOpenAIEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, server, key):
        made = OpenAIEmbedder("scripted", key, server.url, timeout=5, max_retries=0)
        yield made
        made.close()


class TestOpenAIChat(ChatModelContract):
    @pytest.fixture
    def chat_model(self, server, key):
        server.chat = lambda request: schema_answers(request) if asked_for_json(request) else "Yes"
        made = OpenAIChat("gpt-4o-mini", key, server.url, timeout=5, max_retries=0)
        yield made
        made.close()

    @pytest.fixture
    def unreachable(self, key):
        made = OpenAIChat("gpt-4o-mini", key, NOWHERE, timeout=1, max_retries=0)
        yield made
        made.close()
