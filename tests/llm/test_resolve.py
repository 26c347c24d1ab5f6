from __future__ import annotations

import pytest

import memoryos.embedders
from memoryos.embedders import (
    FastEmbedEmbedder,
    HashingEmbedder,
    OpenAIEmbedder,
    SentenceTransformerEmbedder,
    StaticEmbedder,
)
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import InvalidInput
from memoryos.llm import OpenAIChat
from memoryos.llm.resolve import resolve_chat_model


def test_no_model_stays_no_model_whatever_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert resolve_chat_model(None) is None
    assert isinstance(resolve_embedder(None), StaticEmbedder)


@pytest.mark.parametrize("spec", ["gpt-4o-mini", "openai:gpt-4o-mini"])
def test_chat_model_by_name(spec):
    model = resolve_chat_model(spec)
    assert isinstance(model, OpenAIChat)
    assert model.name == "gpt-4o-mini"


class Chat:
    name = "mine"

    def complete(self, messages, *, schema=None, max_tokens=None): ...

    def stream(self, messages, *, max_tokens=None): ...


class Nameless(Chat):
    name = None


class Vectors:
    name = "mine"

    @property
    def dimension(self):
        raise AssertionError("nobody needs it yet")

    def embed_documents(self, texts): ...

    def embed_query(self, text): ...


def test_objects_are_taken_as_they_are():
    chat, vectors = Chat(), Vectors()
    assert resolve_chat_model(chat) is chat
    assert resolve_embedder(vectors) is vectors


@pytest.mark.parametrize(
    "spec", ["", "openai:", 3, Chat, Nameless(), object(), ["gpt-4o"], Vectors()]
)
def test_wrong_chat_models(spec):
    with pytest.raises(InvalidInput, match=r"^chat_model "):
        resolve_chat_model(spec)


@pytest.mark.parametrize("spec", ["", 3, Vectors, object(), Chat(), True])
def test_wrong_embedders(spec):
    with pytest.raises(InvalidInput, match=r"^embedder "):
        resolve_embedder(spec)


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("static", StaticEmbedder, "static-minilm-384-2"),
        ("fastembed:BAAI/bge-small-en-v1.5", FastEmbedEmbedder, "fastembed:BAAI/bge-small-en-v1.5"),
        ("hashing", HashingEmbedder, "hashing-384"),
        ("hashing-64", HashingEmbedder, "hashing-64"),
        ("text-embedding-3-small", OpenAIEmbedder, "text-embedding-3-small"),
        ("openai:nomic-embed-text", OpenAIEmbedder, "nomic-embed-text"),
        ("all-MiniLM-L6-v2", SentenceTransformerEmbedder, "sentence-transformers/all-MiniLM-L6-v2"),
        (
            "sentence-transformers/all-MiniLM-L6-v2",
            SentenceTransformerEmbedder,
            "sentence-transformers/all-MiniLM-L6-v2",
        ),
        ("BAAI/bge-small-en-v1.5", SentenceTransformerEmbedder, "BAAI/bge-small-en-v1.5"),
    ],
)
def test_embedder_by_name(spec, kind, name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: object())
    embedder = resolve_embedder(spec)
    assert isinstance(embedder, kind)
    assert embedder.name == name


def test_embedder_by_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: object())
    assert resolve_embedder(str(tmp_path)).name.startswith(tmp_path.name)
    with pytest.raises(InvalidInput, match="no folder"):
        resolve_embedder(str(tmp_path / "nowhere"))


def test_names_of_the_package():
    assert set(memoryos.embedders.__all__) <= set(dir(memoryos.embedders))
    with pytest.raises(AttributeError):
        _ = memoryos.embedders.NoSuchEmbedder
