"""Files are pages of the journal: found by meaning, erased for good, and of one user alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.files import FileProblem, Files


def test_write_read_overwrite(files: Files) -> None:
    text = "# Ramen\n\nSpicy, with an egg ü.\n"
    assert files.find("/a/b.md") is None
    written = files.write("/a/b.md", text)
    assert files.read("/a//./b.md") == written
    assert (written.path, written.content, written.size) == ("/a/b.md", text, len(text) + 1)
    again = files.write("/a/b.md", "new")
    assert again.content == "new"
    assert again.created == written.created <= again.modified
    assert [file.path for file in files.under()] == ["/a/b.md"]


@pytest.mark.parametrize(
    "text", ["", "\n", "a\r\nb", "  x  ", "trailing\n\n", "</memory>", "日本語"]
)
def test_text_comes_back_as_it_was(files: Files, text: str) -> None:
    files.write("/f", text)
    assert files.read("/f").content == text


@pytest.mark.parametrize(
    "path",
    [
        "",
        "notes.md",
        "/../etc/passwd",
        "/a/../../b",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/~/x",
        "/a\\b",
        "/a\x00b",
        "/a\nb",
        "/a\u202eb",
        "/" + "x" * 2000,
        "\ud83d",
        7,
        None,
    ],
)
def test_paths_that_lead_astray_are_refused(files: Files, path: str) -> None:
    for act in (files.read, files.under, files.delete, lambda p: files.write(p, "x")):
        with pytest.raises(FileProblem):
            act(path)
    assert files.under() == []


def test_dots_in_names_are_no_way_out(files: Files) -> None:
    for path in ("/a..b", "/...", "/.hidden", "/a/~b"):
        files.write(path, "x")
    assert len(files.under()) == 4


def test_huge_and_binary_content(files: Files) -> None:
    with pytest.raises(FileProblem, match="1,000,001 bytes"):
        files.write("/huge", "x" * 1_000_001)
    with pytest.raises(FileProblem, match="binary"):
        files.write("/nul", "a\x00b")
    with pytest.raises(FileProblem, match="half a character"):
        files.write("/half", "a\ud83d")
    raw = bytes(range(256))
    assert files.write("/photo.png", raw).is_binary
    assert files.read("/photo.png").size == 256
    assert files.search("AAECAwQF", 5) == []
    assert files.memory.recall("AAECAwQF photo").text() == ""


def test_a_file_is_no_directory_and_a_directory_no_file(files: Files) -> None:
    files.write("/a/b", "x")
    with pytest.raises(FileProblem, match="directory"):
        files.write("/a", "y")
    with pytest.raises(FileProblem, match="is a file"):
        files.write("/a/b/c", "y")
    with pytest.raises(FileProblem, match="is a directory"):
        files.read("/a")
    with pytest.raises(FileProblem, match="root"):
        files.write("/", "y")


def test_moving(files: Files) -> None:
    first = files.write("/a/1", "one")
    files.write("/a/b/2", "two")
    files.write("/c", "three")
    for old, new in (("/a", "/c"), ("/a", "/a/b"), ("/", "/x"), ("/none", "/x"), ("/a", "/c/d")):
        with pytest.raises(FileProblem):
            files.move(old, new)
    files.move("/a", "/z")
    assert [(f.path, f.content) for f in files.under("/z")] == [("/z/1", "one"), ("/z/b/2", "two")]
    assert files.under("/a") == []
    assert files.read("/z/1").created == first.created


def test_recall_by_meaning_and_as_nobodys_words(engine: Engine, files: Files) -> None:
    files.write("/food.md", "Tom is allergic to peanuts and shellfish.")
    files.write("/work.md", "Tom repairs violins in Cork.")
    engine.memory("tom").add("I went to Oslo", "How was it?")
    engine.memory("tom").flush()
    (found, relevance), *_ = files.search("Which foods make him ill? peanuts?")
    assert found.path == "/food.md"
    assert relevance > 0.3
    assert [f.path for f, _ in files.search("violins", 1, "/work.md")] == ["/work.md"]
    text = engine.memory("tom").recall("peanuts allergic").text()
    assert "Document: Tom is allergic" in text
    assert "Assistant: Tom is" not in text
    # A file is no turn: it is in no segment, in no short-term memory, and nothing is known of it.
    assert all(p.segment_id == "" for p in engine.memory("tom").pages("files"))
    assert all("allergic" not in s.summary for s in engine.memory("tom").segments())
    assert engine.memory("tom").stats().waiting == 0


def test_deleting_leaves_nothing_in_the_database(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with Engine.open(f"sqlite:///{path}") as engine:
        files = Files(engine, "tom")
        for number in range(50):
            files.write(f"/secret/{number}", f"the xylophone code is {number} " * 20)
        files.write("/kept", "a harmless marmalade")
        assert files.delete("/secret") == sorted(f"/secret/{n}" for n in range(50))
        assert b"xylophone" not in path.read_bytes()
        wal = path.with_name(path.name + "-wal")
        assert not wal.exists() or b"xylophone" not in wal.read_bytes()
        assert b"marmalade" in path.read_bytes()
        assert "xylophone" not in engine.memory("tom").recall("xylophone code").text()
        assert len(engine.memory("tom").receipts()) == 2
        with pytest.raises(FileProblem, match="does not exist"):
            files.delete("/secret")
    assert sqlite3.connect(path).execute("SELECT count(*) FROM pages").fetchone() == (1,)


def test_every_users_files_are_their_own(engine: Engine, files: Files) -> None:
    files.write("/a", "Tom's")
    eve = Files(engine, "eve")
    assert eve.under() == []
    assert eve.search("Tom's") == []
    eve.write("/a", "Eve's")
    eve.delete("/")
    assert files.read("/a").content == "Tom's"


def test_other_processes_see_and_keep_what_is_written(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri) as one, Engine.open(sqlite_uri) as other:
        here, there = Files(one, "tom"), Files(other, "tom")
        here.write("/a", "1")
        assert [f.content for f in there.under()] == ["1"]
        there.write("/a", "2")
        here.write("/b", "3")
        assert [f.content for f in here.under()] == ["2", "3"]
        there.delete("/a")
        assert [f.path for f in here.under()] == ["/b"]
        there.move("/b", "/c")
        assert [f.path for f in here.under()] == ["/c"]


def test_files_survive_export_and_rebuild(engine: Engine, files: Files, tmp_path: Path) -> None:
    files.write("/a", "about chess")
    engine.memory("tom").add("hello", "hi")
    engine.memory("tom").rebuild()
    assert engine.memory("tom").pages("files")[0].segment_id == ""
    engine.memory("tom").export(tmp_path / "x.jsonl")
    engine.memory("ann").import_(tmp_path / "x.jsonl")
    engine.memory("ann").flush()
    assert Files(engine, "ann").read("/a").content == "about chess"
    assert engine.memory("ann").pages("files")[0].segment_id == ""
    assert engine.doctor().findings == ()


def test_what_an_engine_is(sqlite_uri: str, engine: Engine) -> None:
    files = Files(user_id="tom", storage_uri=sqlite_uri)
    files.write("/a", "x")
    for arguments in ((None, "tom"), ("sqlite:///x", "tom"), (engine, None)):
        with pytest.raises(InvalidInput):
            Files(*arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="not both"):
        Files(engine, "tom", storage_uri=sqlite_uri)
