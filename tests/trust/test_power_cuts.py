"""What a power cut leaves: with durability="full" every acknowledged turn, torn writes or not."""

from __future__ import annotations

import random
import shutil
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from memoryos.model import Scope
from memoryos.storage.port import Changes, PageQuery
from memoryos.storage.sqlite import SQLiteStore
from memoryos.testing.store_samples import draft

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
SCOPE = Scope("tom")


class Disk:
    """A database file and its log as a power cut leaves them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.log = file.with_name(file.name + "-wal")
        self.saved = (b"", b"")

    def sync(self) -> None:
        """All that is written now is on the disk."""
        self.saved = (self.file.read_bytes(), self.log.read_bytes())

    def cut(self, folder: Path, chance: random.Random) -> Path:
        """Return the files with a random part of what was written to the log since `sync`.

        The disk takes sectors of 512 bytes in any order; one of them may be torn, in the bytes that
        were being written (which is what SQLite expects of a disk: powersafe overwrite). Only a log
        that begins again has its first sector, the header, waited for before anything else.
        """
        old, new = self.saved[1], self.log.read_bytes()
        log = bytearray(old.ljust(len(new), b"\0"))
        written = [at for at in range(0, len(new), 512) if log[at : at + 512] != new[at : at + 512]]
        if new[:32] != old[:32]:
            log[:32] = new[:32]
            if chance.random() < 0.2:
                written = []
        for at in chance.sample(written, chance.randint(0, len(written))):
            log[at : at + 512] = new[at : at + 512]
        if written and chance.random() < 0.5:
            start = chance.choice(written)
            changed = [
                at for at in range(start, start + 512) if old[at : at + 1] != new[at : at + 1]
            ]
            at = chance.choice([at for at in changed if at >= 32] or [len(new) - 1])
            log[at] ^= 0x55
        return self._files(folder, self.saved[0], bytes(log))

    def without_log(self, folder: Path) -> Path:
        """Return the files if nothing of the log had reached the disk since the last checkpoint."""
        return self._files(folder, self.file.read_bytes(), b"")

    def _files(self, folder: Path, file: bytes, log: bytes) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        copy = folder / self.file.name
        copy.write_bytes(file)
        copy.with_name(copy.name + "-wal").write_bytes(log)
        return copy


def ids_in(file: Path) -> set[str]:
    """Return the ids of the pages in a database, which must be whole."""
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    store = SQLiteStore(file, durability="normal")
    pages = store.pages(SCOPE, PageQuery())
    store.append(SCOPE, [draft("after")])
    assert len(store.pages(SCOPE, PageQuery())) == len(pages) + 1
    store.close()
    return {page.id for page in pages}


def test_full_durability_waits_for_the_disk(tmp_path: Path) -> None:
    """SQLite syncs its log at every commit with FULL (2), at checkpoints only with NORMAL (1)."""
    for durability, level in (("full", 2), ("normal", 1)):
        store = SQLiteStore(tmp_path / f"{durability}.db", durability=durability)
        assert store._db._writer.execute("PRAGMA synchronous").fetchone() == (level,)
        assert store._db._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        store.close()


@pytest.mark.parametrize("turns", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_power_cut_takes_no_acknowledged_turn(quick_folder: Path, turns: int) -> None:
    chance = random.Random(turns)
    store = SQLiteStore(quick_folder / "memories.db", durability="full")
    disk = Disk(store.path)
    acknowledged: set[str] = set()
    taken = 0
    for number in range(turns):
        disk.sync()  # as durability="full" has it, before the last turn was acknowledged
        text = "word " * chance.choice((1, 50, 2000))
        store.append(SCOPE, [draft(f"p{number}", text, at=NOON + timedelta(minutes=number))])
        if number % 7 == 6:  # an erasure writes the whole file anew
            gone = chance.choice(sorted(acknowledged))
            disk.sync()
            store.commit(SCOPE, store.head(SCOPE), Changes(erase_pages=[gone]))
            acknowledged.add(f"p{number}")
            acknowledged.remove(gone)
            continue
        found = ids_in(disk.cut(quick_folder / "cut", chance))
        assert acknowledged <= found <= acknowledged | {f"p{number}"}
        taken += f"p{number}" not in found
        acknowledged.add(f"p{number}")
    store.close()
    assert 0 < taken < turns, "the cut came always too early or always too late"


def test_normal_durability_may_lose_what_came_since_a_checkpoint(quick_folder: Path) -> None:
    """What docs/durability.md says: an older state, whole; at most a log of some megabytes."""
    store = SQLiteStore(quick_folder / "memories.db", durability="normal")
    disk = Disk(store.path)
    lost = []
    for number in range(1, 1501):
        text = "a turn of about two hundred characters, " * 5
        store.append(SCOPE, [draft(f"p{number}", text, at=NOON + timedelta(minutes=number))])
        if number % 100 == 0:
            found = ids_in(disk.without_log(quick_folder / "cut"))
            assert found == {f"p{n}" for n in range(1, len(found) + 1)}, "not an older state"
            lost.append(number - len(found))
    store.close()
    assert max(lost) > 0
    assert max(lost) <= 500, lost  # a checkpoint comes at every 1,000 pages of log
