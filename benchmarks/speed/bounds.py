"""Lower bounds: what any memory must at least do, done as plainly as can be."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from benchmarks.speed.corpus import DIMENSION, Turn
from benchmarks.speed.subject import RESULTS
from memoryos.ports import Embedder
from memoryos.text.language import languages
from memoryos.text.tokenizer import words

_STOP = languages()["en"].stop_words


class BareCommit:
    """One row of a page's bytes and one durable commit (WAL, synchronous = FULL)."""

    name = "one WAL commit"

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE pages (number INTEGER PRIMARY KEY, body BLOB)")

    def add(self, page: Turn) -> None:
        """Commit the bytes of one page."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO pages (body) VALUES (?)", (page.text.encode(),))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class FullText:
    """One FTS5 query for the best 20 pages, the question's stop words left out."""

    name = "FTS5, best 20"

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute(
            "CREATE VIRTUAL TABLE pages USING fts5(body, content='', tokenize='porter unicode61')"
        )

    def fill(self, pages: Sequence[Turn]) -> None:
        """Index the pages and merge the index."""
        rows = ((number, page.text) for number, page in enumerate(pages, 1))
        self._db.executemany("INSERT INTO pages (rowid, body) VALUES (?, ?)", rows)
        self._db.execute("INSERT INTO pages (pages) VALUES ('optimize')")
        self._db.commit()

    def recall(self, question: str) -> int:
        """Rank the pages that hold any word of the question that is no stop word."""
        asked = [word for word in words(question) if word.isalnum() and word not in _STOP]
        match = " OR ".join(f'"{word}"' for word in asked)
        if not match:
            return 0
        rows = self._db.execute(
            "SELECT rowid FROM pages WHERE pages MATCH ? ORDER BY bm25(pages) LIMIT ?",
            (match, RESULTS),
        )
        return len(rows.fetchall())

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Flat:
    """FAISS's flat index, and numpy's product of the same matrix."""

    name = "FAISS flat, best 20"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._index = faiss.IndexFlatIP(DIMENSION)
        self.matrix = np.zeros((0, DIMENSION), np.float32)

    def fill(self, pages: Sequence[Turn]) -> None:
        """Take the pages' vectors."""
        self.matrix = self._embedder.embed_documents([page.text for page in pages])
        self._index.add(self.matrix)

    def recall(self, question: str) -> int:
        """Search once."""
        vector = self._embedder.embed_query(question)[None]
        return len(self._index.search(vector, RESULTS)[1][0])

    def product(self, question: str) -> int:
        """Multiply once."""
        return len(self.matrix @ self._embedder.embed_query(question))
