"""The doctor finds each kind of damage, repairs it, and finds a repaired store healthy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput, NotFound
from memoryos.memory.memory import Memory
from memoryos.storage.codec import ALL_KINDS, decode

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
CONFIG = {
    "promotion": "manual",
    "short_term_capacity": 2,
    "page_out_batch": 2,
    "heat_threshold": 2.0,
    "durability": "normal",
}
SAID = (
    "My name is Ana and I live in Lisbon.",
    "I love chess.",
    "I work as a nurse at the Santa Maria hospital.",
    "My sister Eva plays the violin.",
    "I hate coffee.",
    "We played chess on Sunday.",
    "My birthday is in May.",
)


@pytest.fixture
def uri(quick_folder: Path) -> str:
    return f"sqlite:///{quick_folder / 'memories.db'}"


@pytest.fixture
def engine(uri: str, clock: Any) -> Iterator[Engine]:
    with Engine.open(uri, CONFIG, clock=clock) as engine:
        memory = engine.memory("tom")
        for number, said in enumerate(SAID):
            memory.add(said, "ok", NOON + timedelta(minutes=number), key=str(number))
        memory.flush()
        engine.memory("ann").add("I live in Faro.", "ok", NOON)
        engine.memory("ann").flush()
        assert memory.knowledge()
        assert memory.stats().segments
        yield engine


def sql(engine: Engine, statements: str) -> None:
    """Do damage behind the store's back."""
    db = sqlite3.connect(engine.store.path, isolation_level=None)
    for statement in statements.split(";"):
        assert db.execute(statement).rowcount != 0
    db.execute("UPDATE scopes SET version = version + 1, epoch = epoch + 1")
    db.close()


DAMAGES: dict[str, tuple[str, str]] = {
    "a page in no segment that there is": (
        "orphan",
        "UPDATE pages SET segment_id = 'gone' WHERE slot = (SELECT min(slot) FROM pages)",
    ),
    "a page in no chain that there is": (
        "orphan",
        "UPDATE pages SET chain_id = 'gone' WHERE slot = (SELECT min(slot) FROM pages)",
    ),
    "a segment is gone": (
        "orphan",
        "DELETE FROM records WHERE rowid = (SELECT min(rowid) FROM records WHERE kind = 'segment')",
    ),
    "a topic is gone": (
        "orphan",
        "DELETE FROM records WHERE rowid = (SELECT min(rowid) FROM records WHERE kind = 'topic')",
    ),
    "a page is gone": (
        "orphan",
        """
        DELETE FROM vectors WHERE slot = (SELECT min(slot) FROM pages);
        DELETE FROM terms WHERE slot = (SELECT min(slot) FROM pages);
        DELETE FROM pages WHERE slot = (SELECT min(slot) FROM pages)
        """,
    ),
    "a wrong count": (
        "count",
        """
        UPDATE records SET body = json_set(body, '$.pages', 77), checksum = NULL
        WHERE kind = 'segment'
        """,
    ),
    "a vector is gone": (
        "vector",
        "DELETE FROM vectors WHERE slot = (SELECT min(slot) FROM vectors)",
    ),
    "a vector is cut": ("vector", "UPDATE vectors SET vector = substr(vector, 1, 8)"),
    "a fact's vector is gone": (
        "vector",
        "UPDATE records SET vector = NULL, checksum = NULL WHERE kind = 'knowledge'",
    ),
    "terms of another tokenizer": ("terms", "UPDATE terms SET terms = x'0100000001'"),
    "a lease that ran out": (
        "lease",
        "INSERT INTO leases (scope_id, owner, expires) VALUES (1, 'nobody/1/x', 1)",
    ),
    "a fact is there twice": (
        "duplicate fact",
        """
        INSERT INTO records SELECT scope_id, kind, 'kcopy', version, live,
            json_set(body, '$.id', 'kcopy'), vector, NULL, format FROM records
        WHERE rowid = (SELECT min(rowid) FROM records WHERE kind = 'knowledge' AND live)
        """,
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_repaired(engine: Engine, name: str) -> None:
    what, statement = DAMAGES[name]
    assert engine.doctor().healthy, engine.doctor().text
    journal = {page.id: page.text for page in engine.memory("tom").pages()}
    ann = everything(engine.memory("ann"))
    sql(engine, statement)
    left = {page.id: page.text for page in engine.memory("tom").pages()}
    report = engine.doctor()
    assert what in {finding.what for finding in report.findings}
    assert not report.healthy
    assert what in {finding.what for finding in engine.doctor().findings}, "looking repaired it"
    report = engine.doctor(repair=True)
    assert report.healthy, report.text
    again = engine.doctor()
    assert again.findings == (), again.text
    memory = engine.memory("tom")
    assert {page.id: page.text for page in memory.pages()} == left
    assert set(left) <= set(journal)
    memory.flush()
    for page in memory.pages():
        assert page.id in {item.page.id for item in memory.recall(page.user_input).pages}
    assert memory.stats().unembedded == 0
    if "vector" not in name and "terms" not in name:
        assert everything(engine.memory("ann")) == ann


def everything(memory: Memory) -> Any:
    """Return the pages of a memory, and its records by their id."""
    store = memory._modules.store
    records = store.records(memory.scope, ALL_KINDS)
    return memory.pages(), {(r.kind, r.id): decode(r) for r in records}


def test_positions_without_a_page_are_told_of(engine: Engine) -> None:
    sql(engine, "DELETE FROM pages WHERE slot = (SELECT min(slot) FROM pages)")
    assert not engine.doctor(repair=True).healthy
    assert "indexed that hold no page" in engine.doctor().text


def test_pages_that_wait_too_long(uri: str, clock: Any) -> None:
    with Engine.open(uri, CONFIG, clock=clock) as engine:
        memory = engine.memory("tom")
        for said in SAID:
            memory.add(said)
        assert engine.doctor().healthy
        clock.advance(hours=2)
        assert [finding.what for finding in engine.doctor().findings] == ["waiting"]
        assert engine.doctor(repair=True).healthy
        assert engine.doctor().findings == ()
        assert memory.segments()


def test_the_schema_has_drifted(engine: Engine) -> None:
    db = sqlite3.connect(engine.store.path)
    db.execute("DROP INDEX pages_waiting")
    db.execute("CREATE TABLE stray (x)")
    db.commit()
    db.close()
    report = engine.doctor(repair=True)
    assert [finding.detail for finding in report.findings] == [
        "the index pages_waiting is missing or altered",
        "the table stray is not ours",
    ]
    assert not report.healthy


def test_shares_of_duplicates_and_stale(uri: str) -> None:
    with Engine.open(uri, CONFIG) as engine:
        memory = engine.memory("tom")
        for number, said in enumerate(("I live in Lisbon.", "I love chess.", *["ok"] * 6)):
            memory.add(said, "ok", NOON + timedelta(days=number))
        memory.flush()
        memory.correct(memory.knowledge()[0].id, "Tom lives in Porto.")
        report = engine.doctor()
        assert (report.pages, report.duplicate_pages) == (8, 5)
        assert (report.knowledge, report.stale_knowledge) == (3, 1)
        assert "duplicate pages: 62%" in report.text
        assert "Lisbon" not in report.text


def test_a_backup_is_a_whole_store(engine: Engine, uri: str, quick_folder: Path) -> None:
    memory = engine.memory("tom")
    wanted = everything(memory)
    engine.backup(quick_folder / "copy.db")
    memory.add("said after the backup")
    memory.forget(session="default")
    with Engine.open(f"sqlite:///{quick_folder / 'copy.db'}", CONFIG) as copy:
        assert everything(copy.memory("tom")) == wanted
        assert copy.doctor().findings == ()
        assert copy.memory("tom").recall("chess").pages
        copy.memory("tom").add("the copy goes on")
    with pytest.raises(InvalidInput, match=r"copy.db' is there already"):
        engine.backup(quick_folder / "copy.db")
    with pytest.raises(Exception, match="cannot be") as caught:
        engine.backup(quick_folder / "no folder" / "copy.db")
    assert isinstance(caught.value, Exception)
    engine.close()
    with pytest.raises(EngineClosed):
        engine.backup(quick_folder / "late.db")
    with pytest.raises(EngineClosed):
        engine.doctor()


def test_a_store_in_memory_is_not_a_file() -> None:
    with Engine.open("sqlite:///:memory:") as engine:
        engine.memory("tom").add("hello")
        assert engine.doctor().healthy
        with pytest.raises(InvalidInput, match="not a file"):
            engine.backup("copy.db")


@pytest.fixture
def moved(engine: Engine) -> Memory:
    """Someone who has lived in two towns, as an agent noted down each time."""
    memory = engine.memory("eva")
    for day, town in enumerate(("Lisbon", "Porto")):
        page = memory.add(f"I live in {town}.", "ok", NOON + timedelta(days=day))
        memory.remember(town, attribute="home", source=page.id, by="agent")
        memory.add_many([("ok", "ok", NOON + timedelta(days=day))] * 3)
    memory.flush()
    assert memory.profile().user["home"] == "Porto"
    return memory


def test_a_supersession_is_undone(moved: Memory) -> None:
    (old,) = moved.knowledge(kind="fact", status="superseded")
    (new,) = moved.knowledge(kind="fact")
    back = moved.restore(old.id)
    assert (back.status, back.value, back.supersedes) == ("active", "Lisbon", (new.id,))
    assert moved.profile().user["home"] == "Lisbon"
    (gone,) = moved.knowledge(kind="fact", status="superseded")
    assert (gone.id, gone.superseded_by, gone.supersedes) == (new.id, old.id, ())
    assert (back.sources, gone.sources) == (old.sources, new.sources)
    assert [item.id for item in moved.explain(old.id).superseded] == [new.id]
    assert moved.restore(old.id) == back
    moved.restore(new.id)
    assert moved.profile().user["home"] == "Porto"
    with pytest.raises(NotFound, match="nothing"):
        moved.restore("nothing")


def test_a_receipt_can_be_checked(moved: Memory, quick_folder: Path) -> None:
    moved.export(quick_folder / "export.jsonl")
    (fact,) = moved.knowledge(kind="fact")
    page_id = fact.sources[0].page_id
    (statement,) = (
        item
        for item in moved.knowledge(kind="statement")
        if page_id in {source.page_id for source in item.sources}
    )
    receipt = moved.forget(page_id=page_id)
    assert moved.check(receipt).nothing
    other = moved.forget(everything=True)
    assert moved.check(other).nothing
    moved.import_(quick_folder / "export.jsonl")
    found = moved.check(receipt)
    assert found.page_ids == (page_id,)
    assert sorted(found.knowledge_ids) == sorted([fact.id, statement.id])
    assert fact.id in found.derived_ids
    assert not found.nothing


def test_a_receipt_of_a_fact_outlives_a_rebuild(moved: Memory) -> None:
    (fact,) = moved.knowledge(kind="fact")
    receipt = moved.forget(knowledge_id=fact.id)
    moved.rebuild()
    assert moved.check(receipt).nothing


@pytest.mark.parametrize("kind", ["note", "visits"])
def test_damage_to_what_the_journal_holds_beside_pages_is_told(engine: Engine, kind: str) -> None:
    memory = engine.memory("tom")
    fact = memory.remember("Tom keeps bees")
    memory.recall("chess")
    memory.flush()
    sql(engine, f"UPDATE records SET body = substr(body, 2) WHERE kind = '{kind}'")
    for repair in (False, True, False):
        (found,) = engine.doctor(repair=repair).findings
        assert (found.what, found.repairable, found.repaired) == ("damage", False, False)
        assert found.detail.startswith("1 recalls or notes")
        assert "backup" in found.detail
    assert fact in memory.knowledge()  # what came of it stays
    memory.forget(everything=True)
    assert engine.doctor().healthy
