"""One run of the benchmark: its pages, its vectors, and the memories it has filled already."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.speed.corpus import Corpus
from benchmarks.speed.own import EngineSubject


class Run:
    """What all measurements share. A context manager: its files are gone at the end."""

    def __init__(self, corpus: Corpus, base: Path | None) -> None:
        self.corpus = corpus
        self.embedder = corpus.embedder()
        self._base = base
        self._shelf = tempfile.TemporaryDirectory(dir=base, prefix="memoryos-speed-")

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._shelf.cleanup()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Lend an empty folder on the disk to be measured."""
        with tempfile.TemporaryDirectory(dir=self._base, prefix="memoryos-speed-") as name:
            yield Path(name)

    def filled(self, where: Path, size: int, **config: Any) -> EngineSubject:
        """Return an engine in a new folder whose memory holds `size` pages with their vectors.

        It is filled once for each size, and copied.
        """
        kept = Path(self._shelf.name) / str(size)
        if not kept.exists():
            subject = EngineSubject(kept, self.embedder)
            subject.fill(self.corpus.pages(size))
            subject.close()
        shutil.copytree(kept, where)
        return EngineSubject(where, self.embedder, **config)
