"""Documents, pages that are no turns: nothing files them, and nothing is learned from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memory
from memoryos.errors import InvalidInput
from memoryos.memory.documents import Document, Documents, Draft
from memoryos.model import DOCUMENT, DREW_ON, NO_SEGMENT, Chain, Message, Page
from memoryos.storage.codec import decode, encode
from memoryos.storage.journal import drafts_of, message_page
from memoryos.storage.port import Assignment, Changes

SAID = "I'm allergic to peanuts and I live in Lisbon."
"""Of a turn, the rules would make statements of it."""


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        yield engine.memory("tom", session_id="talk")


@pytest.fixture
def stored(quick_folder: Path) -> Iterator[Memory]:
    with Engine.open(f"sqlite:///{quick_folder / 'm.db'}", {"promotion": "manual"}) as engine:
        yield engine.memory("tom", session_id="talk")


def all_kept(memory: Memory) -> Documents[Any]:
    return Documents(memory, "test", lambda page: page.metadata["said"])


def kept(memory: Memory, text: str = SAID, key: str = "one") -> Document[Any]:
    documents = all_kept(memory)
    documents.put([Draft(key, "kept", text, {"said": text})])
    document = documents.get(key)
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


def test_an_answer_that_quotes_a_document_goes_when_that_is_discarded(memory: Memory) -> None:
    document = kept(memory, "The recipe: ramen with zibeline sauce.")
    other = kept(memory.session("other"), "Ramen is eaten hot.", key="two")
    memory.respond("What is in the zibeline ramen?")
    assert document.page.id in memory.pages(session_id="talk")[-1].metadata[DREW_ON]
    documents = all_kept(memory)
    assert documents.discard([document, other]) == 2
    assert "zibeline sauce" not in str(memory.pages())
    assert documents.within() == {}
    assert sorted(id_ for receipt in memory.receipts() for id_ in receipt.page_ids) == sorted(
        [document.page.id, other.page.id]
    )


def test_a_document_that_was_put_anew_is_not_forgotten(memory: Memory) -> None:
    document = kept(memory, "The recipe: ramen with zibeline sauce.")
    memory.respond("What is in the zibeline ramen?")
    again = kept(memory, "The recipe: ramen with miso.")
    assert all_kept(memory).discard([document]) == 0
    assert memory.page(again.page.id) == again.page


def test_a_damaged_document_stands_in_the_way_of_no_other(
    stored: Memory, quick_folder: Path
) -> None:
    memory = stored
    one, two = kept(memory, "ramen"), kept(memory, "soba", key="two")
    with closing(sqlite3.connect(quick_folder / "m.db")) as db, db:
        db.execute("UPDATE pages SET metadata = x'ff' WHERE id = ?", (one.page.id,))
    documents = all_kept(memory)
    assert [document.value for document in documents.within().values()] == ["soba"]
    memory.flush()
    memory.rebuild()
    assert memory.page(one.page.id).segment_id == NO_SEGMENT
    assert memory.segments() == []
    assert documents.discard([two]) == 1
    memory.forget(page_id=one.page.id)
    assert memory.pages() == []


def test_new_metadata_are_as_they_were_written(stored: Memory) -> None:
    memory = stored
    document = kept(memory)
    documents = all_kept(memory)
    documents.retouch({document.page.seq: {"said": "read"}})
    page = memory.page(document.page.id)
    assert page.metadata == {DOCUMENT: "test", "said": "read"}
    assert not page.damaged


def test_the_doctor_knows_documents_and_puts_them_back(stored: Memory, quick_folder: Path) -> None:
    stored.add("I repair violins.", "Nice.")
    stored.flush()
    for key in ("one", "two"):
        kept(stored, "", key=key)
    document = kept(stored)
    store = stored._modules.store
    with Engine.open(store.uri, {"promotion": "manual"}) as engine:
        report = engine.doctor()
        assert (report.findings, report.duplicate_pages) == ((), 0)
        for place in (None, "gone"):
            changes = Changes(assign=[Assignment(document.page.id, place, None)])
            assert store.commit(stored.scope, store.head(stored.scope), changes)
            (finding,) = engine.doctor(repair=True).findings
            assert (finding.what, finding.repaired) == ("orphan", True)
            assert stored.page(document.page.id).segment_id == NO_SEGMENT
        assert engine.doctor().findings == ()
