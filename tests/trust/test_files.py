"""Files of the memory: whose they are, and what happens when one is taken away under an engine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput, MemoryOSError, StorageError
from memoryos.frontends.cli.options import opened

CONFIG = {"promotion": "manual"}


def test_files_are_their_owners_alone(quick_folder: Path) -> None:
    before = os.umask(0)
    try:
        with Engine.open(f"sqlite:///{quick_folder / 'm.db'}", CONFIG) as engine:
            memory = engine.memory("tom")
            memory.add("I like chess.")
            memory.export(quick_folder / "tom.jsonl")
            engine.backup(quick_folder / "copy.db")
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in quick_folder.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) >= {"m.db", "m.db-wal", "tom.jsonl", "copy.db"}
    assert set(modes.values()) == {0o600}, modes


def test_a_file_that_others_may_read_stays_as_it_was_made(quick_folder: Path) -> None:
    file = quick_folder / "m.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        engine.memory("tom").add("I like chess.")
    file.chmod(0o640)
    with Engine.open(f"sqlite:///{file}", CONFIG):
        assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_taken_away_under_an_engine_is_noticed_at_the_next_add(
    quick_folder: Path, how: str
) -> None:
    file = quick_folder / "m.db"
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        memory = engine.memory("tom")
        memory.add("I like chess.")
        file.rename(quick_folder / "away.db")
        if how == "replaced":
            with Engine.open(f"sqlite:///{file}", CONFIG) as other:
                other.memory("tom").add("Another file.")
        with pytest.raises(StorageError, match="removed, or another file"):
            memory.add("This must not be lost.")
        with pytest.raises(StorageError, match="removed, or another file"):
            memory.forget(everything=True)
        if how == "replaced":
            return  # the log that lay beside it is gone as well
        (quick_folder / "away.db").rename(file)
        memory.add("It is there again.")
    with Engine.open(f"sqlite:///{file}", CONFIG) as engine:
        said = [page.user_input for page in engine.memory("tom").pages()]
        assert said == ["I like chess.", "It is there again."]


@pytest.mark.parametrize(
    "uri",
    [
        "postgre://tom:s3cret@host/db",
        "postgresql//tom:s3cret@host/db",
        "postgresql:/tom:s3cret@host/db",
        "tom:s3cret@host/db",
        "postgresql://tom:s3cret",
        "postgresql://tom:s3cret@host:port/db",
        "postgresql://tom:x@s3cret@host:54x/db",
        "postgresql://tom:s3cret@[host/db",
        "postgresql://host/db?pasword=s3cret&x",
        "postgresql://tom:s3cret@host/db?pool_size=many",
        "sqlite:///postgres://tom:s3cret@host/db",
        "sqlite://tom:s3cret@host/db",
        "mysql://tom:a/s3cret?@host/db",
    ],
)
def test_a_mistyped_uri_never_shows_its_password(uri: str) -> None:
    with pytest.raises(InvalidInput, match="uri") as caught:
        Engine.open(uri, CONFIG)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "s3cret" not in str(shown)
        shown = shown.__cause__
    with pytest.raises(MemoryOSError) as caught_by_cli, opened(uri, exists=True):
        pass
    assert "s3cret" not in str(caught_by_cli.value)
