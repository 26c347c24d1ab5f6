"""A store that cannot be: each an error that names the remedy, and what was stored is intact."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.embedders import HashingEmbedder
from memoryos.errors import (
    EmbedderMismatch,
    InvalidInput,
    NotADatabase,
    SchemaTooNew,
    StorageError,
    StorageFull,
    StorageReadOnly,
    UnknownSetting,
)

CONFIG = {"promotion": "manual"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one page."""
    file = tmp_path / "memories.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add("stored before")
        engine.memory("tom").flush()
    return file


def intact(file: Path) -> None:
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        memory = engine.memory("tom")
        assert [page.user_input for page in memory.pages()] == ["stored before"]
        assert memory.recall("stored").pages
        assert engine.doctor().findings == ()


@pytest.mark.parametrize(
    "content", [b"hello, this is not a database", b"\x00" * 4096, os.urandom(8192)], ids=range(3)
)
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(NotADatabase, match=r"notes\.txt"):
        Engine.open(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_another_programs_database(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE pages (x)")
    db.commit()
    db.close()
    before = file.read_bytes()
    with pytest.raises(NotADatabase, match="another program"):
        Engine.open(f"sqlite:///{file}")
    db = sqlite3.connect(file)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("pages",)]
    db.close()
    assert len(file.read_bytes()) == len(before)


def test_a_newer_schema(file: Path) -> None:
    db = sqlite3.connect(file, isolation_level=None)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew, match=r"schema 999.*upgrade"):
        Engine.open(f"sqlite:///{file}")
    db.execute(f"PRAGMA user_version = {version:d}")
    db.close()
    intact(file)


def test_another_embedder(file: Path) -> None:
    with pytest.raises(EmbedderMismatch, match=r"static-minilm-384-2.*rebuild"):
        Engine.open(f"sqlite:///{file}", embedder=HashingEmbedder(64))
    intact(file)


def test_another_embedders_vectors_are_refused_until_they_are_made_anew(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri, CONFIG, embedder=HashingEmbedder(64)) as engine:
        memory = engine.memory("tom")
        memory.add("I like chess.", "Good.")  # nobody's vectors yet
        with Engine.open(uri, CONFIG) as other:
            other.memory("tom").flush()
        with pytest.raises(EmbedderMismatch, match=r"static-minilm-384-2.*rebuild"):
            memory.recall("chess")
        memory.rebuild()
        assert "meaning" in str(memory.recall("chess").pages[0].reasons)
        with Engine.open(uri, CONFIG, embedder=HashingEmbedder(64)) as other:
            assert "meaning" in str(other.memory("tom").recall("chess").pages[0].reasons)


def test_a_damaged_database(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with (
        pytest.raises(NotADatabase, match="damaged"),
        Engine.open(f"sqlite:///{file}", CONFIG) as engine,
    ):
        engine.memory("tom").pages()
    file.write_bytes(whole)
    intact(file)


def test_a_database_damaged_where_the_pages_are(tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add_many([("word " * 600, f"turn {n}") for n in range(200)])
    whole = file.read_bytes()
    half = len(whole) // 2
    file.write_bytes(whole[:half] + os.urandom(len(whole) - half))
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        with pytest.raises(NotADatabase, match="damaged"):
            engine.memory("tom").pages()
        with pytest.raises(NotADatabase, match="damaged"):
            engine.memory("tom").recall("turn 199")


def test_everything_is_erased_though_an_index_has_lost_its_rows(file: Path) -> None:
    db = sqlite3.connect(file)
    (size,) = db.execute("PRAGMA page_size").fetchone()
    indexes = "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'records'"
    roots = [root for (root,) in db.execute(indexes)]
    db.close()
    damaged = bytearray(file.read_bytes())
    for root in roots:
        cells = (root - 1) * size + 3
        assert damaged[cells : cells + 2] != b"\0\0"
        damaged[cells : cells + 2] = b"\0\0"
    file.write_bytes(damaged)
    assert b"stored before" in file.read_bytes()
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        memory = engine.memory("tom")
        memory.forget(everything=True)
        assert memory.pages() == []
    assert b"stored before" not in file.read_bytes()


def test_everything_is_erased_though_a_record_lost_its_scope(file: Path) -> None:
    db = sqlite3.connect(file)
    changed = db.execute("UPDATE records SET scope_id = 99 WHERE body LIKE '%stored before%'")
    assert changed.rowcount
    db.commit()
    db.close()
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").forget(everything=True)
    assert b"stored before" not in file.read_bytes()


def test_a_name_in_the_schema_with_a_flipped_bit_is_put_right(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = file.read_bytes()
    assert whole.count(b"embedded_seq INTEGER") == 1
    file.write_bytes(whole.replace(b"embedded_seq INTEGER", b"embeddud_seq INTEGER"))
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        assert "put right" in caplog.text
        assert engine.memory("tom").recall("What was stored before?").pages
        assert engine.doctor().healthy


def test_a_schema_that_sqlite_cannot_read_is_told_as_damage(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"CREATE INDEX", b"CREATE IND\xc5X", 1))
    with pytest.raises(NotADatabase, match="damaged"):
        Engine.open(f"sqlite:///{file}", CONFIG)


def test_a_repair_keeps_pages_that_only_a_scan_meets(tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add_many([("word " * 600, f"turn {n}") for n in range(40)])
        wanted = [page.agent_response for page in engine.memory("tom").pages()]
    db = sqlite3.connect(file)
    (size,) = db.execute("PRAGMA page_size").fetchone()
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pages'").fetchone()
    db.close()
    damaged = bytearray(file.read_bytes())
    node = (root - 1) * size
    assert damaged[node] == 5  # an inner node of a table: cells of a child and the last key in it
    cell = node + int.from_bytes(damaged[node + 12 : node + 14], "big")
    damaged[cell + 8] -= 1  # the last byte of the key: its row is sought in the next child
    file.write_bytes(damaged)
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        assert not engine.doctor().healthy
        engine.doctor(repair=True)
        memory = engine.memory("tom")
        assert [page.agent_response for page in memory.pages()] == wanted
        assert all(memory.page(page.id) for page in memory.pages())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metadata", '{"place": '),
        ("metadata", "[1]"),
        ("metadata", b"\xff"),
        ("messages", '[{"role": 1, "content": "x"}]'),
        ("messages", "{"),
        ("user_input", b"stored"),
        ("id", ""),
        ("timestamp", 1 << 62),
    ],
)
def test_a_row_that_lost_its_checksum_is_read_as_far_as_it_can_be(
    file: Path, column: str, value: object
) -> None:
    db = sqlite3.connect(file)
    change = f"UPDATE pages SET checksum = NULL, {column} = ?"  # of this list
    db.execute(change, (value,))
    db.commit()
    db.close()
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        memory = engine.memory("tom")
        assert [page.damaged for page in memory.pages()] == [True]
        assert not engine.doctor().healthy
        memory.forget(everything=True)
        assert memory.pages() == []


@pytest.mark.parametrize("place", ["a file for a folder", "no such folder", "a folder"])
def test_a_place_that_cannot_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("x")
    where = {
        "a file for a folder": tmp_path / "taken" / "m.db",
        "no such folder": tmp_path / "none" / "m.db",
        "a folder": tmp_path,
    }[place]
    kind = InvalidInput if place == "a folder" else StorageError
    with pytest.raises(kind, match=r"names the folder|writable|not a MemoryOS database"):
        Engine.open(f"sqlite:///{where}")


OPENER = textwrap.dedent(
    """
    import os, sys
    from memoryos import Engine
    with Engine.open(sys.argv[2]) as engine:  # loads all that it needs
        engine.memory("tom").add("hello")
    if os.geteuid() == 0:  # who may write everything
        os.setegid(65534), os.seteuid(65534)
    try:
        with Engine.open(sys.argv[1], {"promotion": "manual"}) as engine:
            engine.memory("tom").add("not stored")
    except Exception as error:
        print(type(error).__name__, error)
    """
)


@pytest.mark.parametrize("what", ["the folder", "the file"])
def test_read_only(quick_folder: Path, tmp_path: Path, what: str) -> None:
    quick_folder.chmod(0o755)
    file = quick_folder / "memories.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add("stored before")
        engine.memory("tom").flush()
    if what == "the folder":
        file.chmod(0o644)
        quick_folder.chmod(stat.S_IRUSR | stat.S_IXUSR | 0o055)
    else:
        quick_folder.chmod(0o777)
        file.chmod(0o444)
    done = subprocess.run(
        [sys.executable, "-c", OPENER, f"sqlite:///{file}", f"sqlite:///{tmp_path}/x.db"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("StorageReadOnly "), done
    assert "writable" in done.stdout
    quick_folder.chmod(0o755)
    file.chmod(0o644)
    intact(file)


FILLER = textwrap.dedent(
    """
    import resource, signal, sys
    from memoryos import Engine
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Engine.open(sys.argv[1], {"promotion": "manual"}) as engine:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        memory = engine.memory("tom")
        for number in range(1000):
            try:
                memory.add(f"turn {number} " + "word " * 500, key=str(number))
            except Exception as error:
                print(type(error).__name__, number, error)
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert len(memory.pages()) == number + 1, "not what was acknowledged"
        memory.add("there is room again")
        assert len(memory.pages()) == number + 2
    """
)


def test_a_file_that_may_not_grow(quick_folder: Path) -> None:
    """What a quota does."""
    file = quick_folder / "memories.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add("stored before")
    done = subprocess.run(
        [sys.executable, "-c", FILLER, f"sqlite:///{file}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("StorageError "), done
    assert "check its free space" in done.stdout
    assert done.returncode == 0, done.stderr
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        assert engine.doctor().findings == ()


def test_a_full_disk(file: Path) -> None:
    """SQLite says the same (SQLITE_FULL) of a file that may have no more pages."""
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        memory = engine.memory("tom")
        writer = engine.store._db._writer
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages:d}")
        with pytest.raises(StorageFull, match=r"no space is left .* nothing of this call"):
            memory.add("word " * 100_000)
        with pytest.raises(StorageFull):
            memory.add_many([("word " * 10_000, "x")] * 9)
        assert [page.user_input for page in memory.pages()] == ["stored before"]
        writer.execute("PRAGMA max_page_count = 1000000")
        memory.forget(page_id=memory.add("there is room again").id)
    intact(file)


@pytest.mark.parametrize("uri", ["", "sqlite:", "sqlite:///", "mysql://x", "postgres", 5, None])
def test_uris_that_name_no_store(uri: object) -> None:
    with pytest.raises(InvalidInput, match="uri must be a file such as"):
        Engine.open(uri)


def test_unknown_settings(sqlite_uri: str) -> None:
    with pytest.raises(UnknownSetting, match="heat_treshold"):
        Engine.open(sqlite_uri, {"heat_treshold": 5})
    with pytest.raises(InvalidInput, match="top_pages"):
        Engine.open(sqlite_uri, {"top_pages": 0})
    assert not Path(sqlite_uri.removeprefix("sqlite:///")).exists()


def test_errors_are_of_one_tree() -> None:
    for error in (NotADatabase, SchemaTooNew, StorageFull, StorageReadOnly, EmbedderMismatch):
        assert issubclass(error, StorageError)


def test_what_is_forgotten_leaves_a_damaged_file_that_cannot_be_vacuumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.db"
    with Engine.open(f"sqlite:///{file}", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        for n in range(50):
            memory.add(f"My secret is number {n}, kept with zebras.", "Noted.")
        memory.flush()
        connections = engine.store._db
        monkeypatch.setattr(connections, "scrub", lambda: False)  # VACUUM refuses
        monkeypatch.setattr(connections, "is_sound", lambda: False)
        rescues, rescue = [], connections.rescue

        def noted(without: int | None = None) -> None:
            rescues.append(without)
            rescue(without=without)

        monkeypatch.setattr(connections, "rescue", noted)
        memory.forget(everything=True)
        assert memory.pages() == []
    assert len(rescues) == 1  # the file was written anew, with the scope left behind
    assert b"zebras" not in file.read_bytes()
