"""A file of this edition's predecessor opens, is indexed passage by passage, and loses nothing.

predecessor.db.gz was written by the code of commit 6b781b4, which indexed whole pages: nine pages
of "tom", one of them 3,500 characters long, and one of "ana".
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.embedders import HashingEmbedder, StaticEmbedder
from memoryos.ports import Embedder
from memoryos.retrieval.index import ScopeIndex
from memoryos.storage.journal import page_passages
from memoryos.storage.port import PageQuery
from memoryos.text.terms import INDEXING

MANUAL = {"promotion": "manual"}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    file = tmp_path / "old.db"
    packed = Path(__file__).with_name("predecessor.db.gz")
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    return f"sqlite:///{file}"


def test_recall_goes_by_what_is_there_until_pages_are_indexed_anew(uri: str) -> None:
    with Engine.open(uri, MANUAL, embedder=HashingEmbedder()) as engine:
        memory = engine.memory("tom")
        assert engine.store.head(memory.scope).indexing == 0
        found = memory.recall("Where do the hinges come from?", k=1)
        assert "Aldeburgh" in found.pages[0].page.agent_response
        assert len(found.pages[0].passages) == len(page_passages(found.pages[0].page)) > 5
        # Pages that come now are indexed as this version does.
        memory.add("Tell me of sheds.", "A shed is a small house. " * 60 + "Its roof is zinc.")
        newest = memory.recall("Of what is the roof?", k=1).pages[0]
        assert newest.passages[0].text.endswith("Its roof is zinc.")


@pytest.mark.parametrize("embedder", [HashingEmbedder(), StaticEmbedder()], ids=lambda e: e.name)
def test_pages_are_indexed_anew_and_nothing_is_lost(uri: str, embedder: Embedder) -> None:
    with Engine.open(uri, MANUAL, embedder=embedder) as engine:
        memory, store = engine.memory("tom"), engine.store
        before = memory.pages()
        assert memory.scope in store.scopes(waiting=True)
        memory.flush()
        assert store.head(memory.scope).indexing == INDEXING
        assert [page.text for page in memory.pages()] == [page.text for page in before]
        first = memory.recall("Where do the hinges come from?", k=1).pages[0]
        assert first.passages[0].text.endswith("The hinges come from Aldeburgh.")
        assert len(first.passages[0].text) < 600 < len(first.page.agent_response)
        seqs, blobs = store.vectors(memory.scope, 0, 99)
        pages = store.pages(memory.scope, PageQuery(seqs=seqs))
        assert len(seqs) == 9
        assert [len(blob) for blob in blobs] == [384 * len(page_passages(p)) for p in pages]
        engine.memory("ana").flush()
        assert not engine.doctor().findings


def test_the_worker_does_it_without_being_asked(uri: str) -> None:
    with Engine.open(uri, embedder=HashingEmbedder()) as engine:
        scopes = [engine.memory(user).scope for user in ("tom", "ana")]
        until = time.monotonic() + 20
        while any(engine.store.head(s).indexing != INDEXING for s in scopes):
            assert time.monotonic() < until
            time.sleep(0.01)
    with Engine.open(uri, MANUAL, embedder=HashingEmbedder()) as engine:
        for user in ("tom", "ana"):
            assert engine.store.head(engine.memory(user).scope).indexing == INDEXING
        index = engine.modules.views.get(engine.memory("tom").scope).index
        assert isinstance(index, ScopeIndex)
        assert index.passages > len(index) == 9


def test_the_doctor_says_what_waits(uri: str) -> None:
    with Engine.open(uri, MANUAL, embedder=HashingEmbedder()) as engine:
        found = engine.doctor().findings
        assert [finding.what for finding in found if "former version" in finding.detail] == [
            "waiting",
            "waiting",
        ]
        assert not [finding for finding in found if finding.what in ("terms", "vector")]
        engine.doctor(repair=True)
        assert not engine.doctor().findings
