"""Documents, pages that are no turns: nothing files them, and nothing is learned from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memory
from memoryos.errors import InvalidInput
from memoryos.memory.documents import Document, Documents, Draft
from memoryos.model import DOCUMENT, NO_SEGMENT, Chain, Message, Page
from memoryos.storage.codec import decode, encode
from memoryos.storage.journal import drafts_of, message_page
from memoryos.storage.port import Changes

SAID = "I'm allergic to peanuts and I live in Lisbon."
"""Of a turn, the rules would make statements of it."""


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        yield engine.memory("tom", session_id="talk")


def kept(memory: Memory, text: str = SAID) -> Document[Any]:
    documents = Documents(memory, "test", lambda page: page.metadata["said"])
    documents.put([Draft("one", "kept", text, {"said": text})])
    document = documents.get("one")
    assert document is not None
    return document


def kept_as_said(memory: Memory) -> Page:
    """Keep a document in words of a user's, as a store may hold it that another program wrote."""
    page = message_page(
        [Message("user", SAID)],
        id_="p1",
        timestamp=datetime(2026, 1, 1, tzinfo=timezone.utc),
        session_id="kept",
        metadata={DOCUMENT: "test"},
        most_bytes=1000,
    )
    return memory._modules.store.append(memory.scope, drafts_of([page]))[0]


def test_the_rules_file_what_is_around_a_document(memory: Memory) -> None:
    memory.add("I repair violins.", "Nice.")
    document = kept_as_said(memory)
    memory.add("I went to Oslo.", "How was it?")
    assert memory.stats().waiting == 2
    memory.flush()
    assert memory.stats().waiting == 0
    assert sum(segment.pages for segment in memory.segments()) == 2
    assert memory.page(document.id).segment_id == NO_SEGMENT
    assert [item.text for item in memory.knowledge()] == ["I repair violins.", "I went to Oslo."]
    changed = memory.rebuild()
    assert (changed.added, changed.removed, changed.rewritten) == ({}, {}, {})
    assert memory.page(document.id).segment_id == NO_SEGMENT


def test_what_an_older_edition_of_a_model_filed_is_read_again_without_documents(
    memory: Memory,
) -> None:
    memory.add("I repair violins.", "Nice.")
    memory.flush()
    kept_as_said(memory)
    store = memory._modules.store
    (chain,) = (decode(record) for record in store.records(memory.scope, ["chain"]))
    assert isinstance(chain, Chain)
    old = encode(replace(chain, analyst="a model", edition=0))
    assert store.commit(memory.scope, store.head(memory.scope), Changes(put=[old]))
    memory.flush()
    assert [item.text for item in memory.knowledge()] == ["I repair violins."]


def test_a_recall_of_a_document_heats_nothing(memory: Memory) -> None:
    document = kept(memory)
    found = memory.recall("peanuts")
    assert [item.page.id for item in found.pages] == [document.page.id]
    memory.flush()
    assert memory._modules.store.records(memory.scope, ["visits"]) == []


def test_no_fact_is_stated_from_a_document(memory: Memory) -> None:
    document = kept(memory)
    with pytest.raises(InvalidInput, match="source"):
        memory.remember("Tom lives in Lisbon", source=document.page.id)


def test_a_turn_is_no_document(memory: Memory) -> None:
    page = memory.add("I repair violins.", "Nice.", key="one")
    with pytest.raises(InvalidInput, match="metadata"):
        memory.add("I build violins.", "Nice.", key="one", metadata={DOCUMENT: "mine"})
    with pytest.raises(InvalidInput, match="metadata"):
        memory.add_messages([Message("user", "hello")], metadata={DOCUMENT: "mine"})
    assert memory.pages() == [page]


def test_messages_do_not_go_on_with_a_document(memory: Memory) -> None:
    document = kept(memory)
    session = memory.session("kept")
    (page,) = session.add_messages([Message("assistant", "Good morning.")])
    assert page.id != document.page.id
    assert session.page(document.page.id) == document.page


def test_documents_outlive_export_and_import(memory: Memory, tmp_path: Path) -> None:
    document = kept(memory)
    memory.export(tmp_path / "memory.jsonl")
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        other = engine.memory("tom")
        other.import_(tmp_path / "memory.jsonl")
        assert other.stats().waiting == 0
        assert other.page(document.page.id).segment_id == NO_SEGMENT
