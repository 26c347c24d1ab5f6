from __future__ import annotations

import pickle
import sys
import threading
import types
from typing import ClassVar

import numpy as np
import pytest

from memoryos.embedders import OpenAIEmbedder, SentenceTransformerEmbedder, caching
from memoryos.embedders.prefixes import Prefixes, prefixes_of
from memoryos.errors import InvalidInput, MissingExtra, ModelAnswerInvalid, ModelUnavailable
from memoryos.ports import Embedder
from memoryos.testing.openai_server import Drop, Failure, Raw


@pytest.fixture
def embedder(server, key):
    made = OpenAIEmbedder("scripted", key, server.url, timeout=4.0, max_retries=0)
    yield made
    made.close()


def asked(server) -> list[str]:
    return [text for request in server.requests for text in request.body["input"]]


def test_unit_vectors_in_order(server, embedder):
    vectors = embedder.embed_documents(["a", "b", "c"])
    assert vectors.shape == (3, 8)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.array_equal(vectors[1], embedder.embed_query("b"))
    assert embedder.dimension == 8
    assert isinstance(embedder, Embedder)


def test_base64_is_the_same_as_numbers(server, key, embedder):
    server.refuses = frozenset(["base64"])
    with_numbers = OpenAIEmbedder("scripted", key, server.url)
    numbers = with_numbers.embed_query("text")
    assert server.requests[-1].body["encoding_format"] == "float"
    with_numbers.embed_query("other")
    assert len(server.requests) == 3  # it remembers
    server.refuses = frozenset()
    assert np.array_equal(numbers, embedder.embed_query("text"))
    with_numbers.close()


def test_each_text_is_asked_for_once(server, embedder):
    embedder.embed_documents(["a", "b", "a"])
    embedder.embed_documents(["b", "c"])
    embedder.embed_query("a")
    assert asked(server) == ["a", "b", "c"]


def test_the_cache_is_bounded(server, embedder, monkeypatch):
    monkeypatch.setattr(caching, "CACHED_VECTORS", 3)
    embedder.embed_documents(["a", "b", "c"])
    embedder.embed_query("a")
    embedder.embed_query("d")  # b was used longest ago
    assert len(embedder._cache) == 3
    server.requests.clear()
    embedder.embed_documents(["a", "c", "d", "b"])
    assert asked(server) == ["b"]


def test_more_texts_than_the_cache_holds(embedder, monkeypatch):
    monkeypatch.setattr(caching, "CACHED_VECTORS", 2)
    assert embedder.embed_documents([str(n) for n in range(10)]).shape == (10, 8)


def test_batches(server, embedder):
    texts = [f"{n} " + "x" * 2000 for n in range(300)]
    vectors = embedder.embed_documents(texts)
    assert len(server.requests) == 3
    assert asked(server) == texts
    assert np.array_equal(vectors[299], embedder.embed_query(texts[299]))


@pytest.mark.parametrize("texts", [[], [""], ["", "  \n"]])
def test_empty_texts_are_zero_and_not_asked_for(server, key, texts):
    embedder = OpenAIEmbedder("text-embedding-3-small", key, server.url)
    vectors = embedder.embed_documents(texts)
    assert vectors.shape == (len(texts), 1536)
    assert not vectors.any()
    assert not server.requests
    embedder.close()


def test_a_zero_vector_stays_zero(server, embedder):
    server.embeddings = lambda text: [0.0] * 8
    assert not embedder.embed_query("nothing").any()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (lambda text: [float("nan")] * 8, ModelAnswerInvalid),
        (lambda text: [], ModelAnswerInvalid),
        (lambda text: [1.0] * len(text), ModelAnswerInvalid),
        (Raw(b'{"data": []}'), ModelAnswerInvalid),
        (Raw(), ModelAnswerInvalid),
        (Failure(401), ModelUnavailable),
        (Failure(500), ModelUnavailable),
        (Drop(), ModelUnavailable),
    ],
)
def test_failures(server, embedder, script, kind):
    server.embeddings = script
    with pytest.raises(kind):
        embedder.embed_documents(["a", "bb"])
    server.embeddings = None
    assert embedder.embed_documents(["a", "bb"]).shape == (2, 8)  # nothing wrong was kept


def test_a_model_that_changes_its_dimension(server, embedder):
    embedder.embed_query("a")
    server.dimension = 4
    with pytest.raises(ModelAnswerInvalid, match="4 numbers, not of 8"):
        embedder.embed_query("b")


def test_dimension_is_known_asked_or_given(server, key, embedder):
    assert OpenAIEmbedder("text-embedding-3-large").dimension == 3072
    assert embedder.dimension == 8
    short = OpenAIEmbedder("text-embedding-3-small", key, server.url, dimension=64)
    assert short.dimension == 64
    assert short.name == "text-embedding-3-small@64"
    assert short.embed_query("a").shape == (64,)
    assert server.requests[-1].body["dimensions"] == 64
    short.close()


def test_a_text_too_long_for_the_model_is_cut(server, key):
    embedder = OpenAIEmbedder("text-embedding-3-small", key, server.url, max_input_tokens=50)
    server.dimension = 1536
    embedder.embed_query("many words " * 1000)
    (sent,) = asked(server)
    assert sent.startswith("many words")
    assert server.requests[0].prompt_tokens <= 50
    embedder.close()


def test_threads(embedder):
    texts = [f"text {n}" for n in range(40)]
    expected = embedder.embed_documents(texts)
    wrong = []

    def work(seed):
        order = np.random.default_rng(seed).permutation(40)
        if not np.array_equal(embedder.embed_documents([texts[n] for n in order]), expected[order]):
            wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_surrogates(embedder):
    assert embedder.embed_query("a lone \ud83d half").shape == (8,)


@pytest.mark.parametrize(
    ("model", "prefixes"),
    [
        ("intfloat/e5-base-v2", Prefixes("query: ", "passage: ")),
        ("intfloat/multilingual-e5-large", Prefixes("query: ", "passage: ")),
        (
            "BAAI/bge-small-en-v1.5",
            Prefixes("Represent this sentence for searching relevant passages: "),
        ),
        ("BAAI/bge-m3", Prefixes()),
        ("nomic-embed-text", Prefixes("search_query: ", "search_document: ")),
        ("nomic-ai/nomic-embed-text-v1.5", Prefixes("search_query: ", "search_document: ")),
        ("sentence-transformers/all-MiniLM-L6-v2", None),
        ("text-embedding-3-small", None),
        ("made5up", None),
    ],
)
def test_prefixes(model, prefixes):
    assert prefixes_of(model) == prefixes


def test_prefixes_are_put_before_texts_and_can_be_overridden(server, key):
    embedder = OpenAIEmbedder("nomic-embed-text", key, server.url)
    embedder.embed_documents(["a page"])
    embedder.embed_query("a page")
    assert asked(server) == ["search_document: a page", "search_query: a page"]
    embedder.close()
    server.requests.clear()
    other = OpenAIEmbedder(
        "nomic-embed-text", key, server.url, query_prefix="", document_prefix="doc: "
    )
    other.embed_documents(["a page"])
    other.embed_query("a page")
    assert asked(server) == ["doc: a page", "a page"]
    assert other.name != embedder.name  # its vectors are not comparable
    other.close()


def test_a_pickled_embedder_works(embedder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    loaded = pickle.loads(pickle.dumps(embedder))
    assert np.array_equal(loaded.embed_query("a"), embedder.embed_query("a"))
    loaded.close()


def test_wrong_dimension_is_named():
    with pytest.raises(InvalidInput, match=r"^dimension "):
        OpenAIEmbedder("m", dimension=0)


# ── sentence-transformers, by a stand-in: torch is not among what the tests install ──


class StandIn:
    """The part of SentenceTransformer that is used."""

    made: ClassVar[list[str]] = []

    def __init__(self, source, **options):
        if "missing" in source:
            raise OSError("not found on the hub")
        self.source, self.options, self.seen = source, options, []
        self.prompts = {"query": "q: ", "document": "d: "} if "own-prompts" in source else {}
        StandIn.made.append(source)

    def get_sentence_embedding_dimension(self):
        return 3

    def encode(self, texts, **options):
        assert options["prompt"] == ""
        assert options["show_progress_bar"] is False
        self.seen += texts
        return np.array([[3.0, 4.0, len(text) * 0] for text in texts])


class Hub(types.ModuleType):
    """A hub that can or cannot be reached, with some models on this machine."""

    def __init__(self, cached=(), down=False):
        super().__init__("huggingface_hub")
        self.cached, self.down, self.asked = cached, down, []

    def HfApi(self, token=None):
        return self

    def model_info(self, name, timeout):
        self.asked.append((name, timeout))
        if self.down:
            raise ConnectionError("no network")

    def try_to_load_from_cache(self, name, file, cache):
        return f"/cache/{name}/{file}" if name in self.cached else None


@pytest.fixture
def stand_in(monkeypatch):
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = StandIn
    module.__spec__ = types.SimpleNamespace(name="sentence_transformers")
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub())
    monkeypatch.setattr(StandIn, "made", [])


def test_sentence_transformers(stand_in):
    embedder = SentenceTransformerEmbedder("all-MiniLM-L6-v2", options={"device": "cpu"})
    assert StandIn.made == []  # loaded when needed
    assert embedder.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert embedder.dimension == 3
    assert np.allclose(
        embedder.embed_documents(["a", "", "b"]), [[0.6, 0.8, 0], [0] * 3, [0.6, 0.8, 0]]
    )
    assert embedder.embed_query("a").shape == (3,)
    assert StandIn.made == ["sentence-transformers/all-MiniLM-L6-v2"]
    assert embedder._model.options == {"device": "cpu"}
    assert embedder._model.seen == ["a", "b"]
    loaded = pickle.loads(pickle.dumps(embedder))
    assert loaded.embed_query("c").shape == (3,)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("intfloat/e5-small-v2", ["passage: x", "query: x"]),
        ("someone/own-prompts", ["d: x", "q: x"]),
        ("someone/plain", ["x"]),
    ],
)
def test_sentence_transformers_prefixes(stand_in, name, seen):
    embedder = SentenceTransformerEmbedder(name)
    embedder.embed_documents(["x"])
    embedder.embed_query("x")
    assert embedder._model.seen == seen
    bare = SentenceTransformerEmbedder(name, query_prefix="", document_prefix="")
    bare.embed_documents(["x"])
    assert bare._model.seen == ["x"]


def test_a_folder_is_known_by_what_it_holds(stand_in, tmp_path):
    names = []
    for parent, config in (("a", "{}"), ("b", "{}"), ("c", '{"other": 1}')):
        folder = tmp_path / parent / "model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(config)
        names.append(SentenceTransformerEmbedder(folder).name)
    assert names[0] == names[1] != names[2]
    assert str(tmp_path) not in names[0]


def test_what_cannot_be_loaded_says_what_to_do(stand_in, tmp_path):
    with pytest.raises(ModelUnavailable, match="check the name"):
        SentenceTransformerEmbedder("missing/model").embed_query("a")
    with pytest.raises(InvalidInput, match="no folder"):
        SentenceTransformerEmbedder(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="name_or_folder"):
        SentenceTransformerEmbedder("  ")


def test_a_hub_that_cannot_be_reached_is_asked_once(stand_in, monkeypatch):
    hub = Hub(cached=["someone/here"], down=True)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(ModelUnavailable, match="someone/elsewhere"):
        SentenceTransformerEmbedder("someone/elsewhere").embed_query("a")
    assert StandIn.made == []  # not even loaded: its own questions take half a minute each
    assert [name for name, seconds in hub.asked if seconds <= 5] == ["someone/elsewhere"]
    here = SentenceTransformerEmbedder("someone/here")
    assert here.dimension == 3
    assert here._model.options == {"local_files_only": True}
    hub.down = False
    assert SentenceTransformerEmbedder("someone/elsewhere").dimension == 3


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"\[sentence-transformers\]"):
        SentenceTransformerEmbedder("all-MiniLM-L6-v2")
