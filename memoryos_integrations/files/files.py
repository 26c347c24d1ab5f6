"""Files of one user, each a page of the journal: read, written, found by meaning, erased."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from memoryos import Engine, Page
from memoryos.errors import InvalidInput
from memoryos.memory.documents import Document, Documents, Draft
from memoryos.model import Id
from memoryos_integrations.files.paths import FileProblem, checked_path, is_under

KIND = "file"
"""The kind of document that a file is, and the name of its fields in the page's metadata."""
_SESSION = "files"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it stands."""

    path: str
    content: str
    """Text; of a binary file its base64."""
    is_binary: bool
    created: datetime
    modified: datetime

    @property
    def size(self) -> int:
        """Bytes."""
        if self.is_binary:
            return len(base64.b64decode(self.content))
        return len(self.content.encode())


class Files:
    """The files of one user with one assistant. Thread-safe; what it does is durable.

    engine or storage_uri: an open engine, or where to open one, once per process for all who ask.
    Directories are what paths say: "/a/b.md" is in "/a", which needs no making.

    The text of a file is recalled with all else that is remembered of the user, as a document,
    and nobody's words. A file is as large as a page may be (`MemoryConfig.max_text_bytes`, 1 MB).
    Raises FileProblem for what cannot be done, with a message that a model can read, and
    StorageError.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: Id | None = None,
        assistant_id: Id = "assistant",
        *,
        storage_uri: str | None = None,
    ) -> None:
        if user_id is None:
            raise InvalidInput("whose files? Give user_id")
        self._engine = Engine.of(engine, storage_uri)
        self.memory = self._engine.memory(user_id, assistant_id)
        self._most_bytes = self._engine.config.max_text_bytes
        self._documents: Documents[File] = Documents(self.memory, KIND, _file)

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def find(self, path: str) -> File | None:
        """Return a file, or None if there is none at the path."""
        document = self._documents.get(checked_path(path))
        return None if document is None else document.value

    def read(self, path: str) -> File:
        """Return a file. Raises FileProblem if it is not there."""
        file = self.find(path)
        if file is None:
            if self.is_directory(path):
                raise FileProblem(f"{path} is a directory")
            raise FileProblem(f"{path} does not exist")
        return file

    def under(self, directory: str = "/") -> list[File]:
        """Return the files in a directory and below, or the one of that path, by path."""
        root = checked_path(directory)
        files = (document.value for document in self._documents.within().values())
        return sorted((f for f in files if is_under(f.path, root)), key=lambda file: file.path)

    def is_directory(self, path: str) -> bool:
        """Return whether there are files below a path; the root always is one."""
        root = checked_path(path)
        return root == "/" or any(file.path != root for file in self.under(root))

    def search(self, query: str, k: int = 4, directory: str = "/") -> list[tuple[File, float]]:
        """Return the files that bear most on a query, with their relevance, 0 to 1, best first."""
        root = checked_path(directory)
        documents = {
            seq: document
            for seq, document in self._documents.within().items()
            if is_under(document.value.path, root)
        }
        if not query.strip():
            return []
        return [
            (document.value, score)
            for document, score in self._documents.search(query, k, documents)
        ]

    # ── changing ─────────────────────────────────────────────────────────────────────────────

    def write(self, path: str, content: str | bytes) -> File:
        """Write a file, or what is there anew. Bytes that are no text are kept, not searched."""
        return self.write_many({path: content})[0]

    def write_many(self, contents: dict[str, str | bytes]) -> list[File]:
        """Write several files in one transaction: all or none."""
        drafts = [self._draft(path, content) for path, content in contents.items()]
        pages = self._documents.put(drafts)
        return [_file(page) for page in pages]

    def move(self, old: str, new: str) -> list[File]:
        """Move a file, or a directory with all in it, to a path where nothing is."""
        source, target = checked_path(old), checked_path(new)
        moved = self.under(source)
        if source == "/":
            raise FileProblem("the root cannot be moved")
        if not moved:
            raise FileProblem(f"{old} does not exist")
        if is_under(target, source):
            raise FileProblem(f"{new} is {old} or lies in it")
        if self.under(target):
            raise FileProblem(f"{new} is there already")
        self._check_place(target)
        gone = self._at(source)
        drafts = [
            _draft_of(target + f.path[len(source) :], f.content, f.is_binary, f.created)
            for f in moved
        ]
        self._documents.put(drafts)
        self._documents.discard(gone, "file moved")
        return self.under(target)

    def delete(self, path: str) -> list[str]:
        """Erase a file, or a directory with all in it, for good; return the paths.

        With words, vectors and what of them is left in the database's file; a receipt stays
        (`Memory.receipts`). The root is emptied. Raises FileProblem if nothing is there.
        """
        gone = self._at(checked_path(path))
        if not gone:
            raise FileProblem(f"{path} does not exist")
        *others, last = gone
        self._documents.discard(others, "files")
        # The last goes by a whole erasure, which also writes the database's file anew.
        self.memory.forget(page_id=last.page.id)
        return sorted(document.value.path for document in gone)

    def _at(self, root: str) -> list[Document[File]]:
        documents = self._documents.within().values()
        return [document for document in documents if is_under(document.value.path, root)]

    def _draft(self, path: str, content: str | bytes) -> Draft:
        path = checked_path(path)
        if path == "/":
            raise FileProblem("the root is a directory")
        self._check_place(path)
        text, is_binary = _text_of(path, content)
        size = len(text.encode())
        if size > self._most_bytes:
            raise FileProblem(
                f"{path} would have {size:,} bytes, at most {self._most_bytes:,} may be: split it"
            )
        return _draft_of(path, text, is_binary, None)

    def _check_place(self, path: str) -> None:
        """Raise FileProblem where a file and a directory would have one path."""
        held = {document.value.path for document in self._documents.within().values()}
        if any(other.startswith(path + "/") for other in held):
            raise FileProblem(f"{path} is a directory")
        parent = path
        while parent := parent.rpartition("/")[0]:
            if parent in held:
                raise FileProblem(f"{parent} is a file, and no directory")


def _draft_of(path: str, text: str, is_binary: bool, created: datetime | None) -> Draft:
    kept: dict[str, Any] = {"path": path, "modified_at": datetime.now(timezone.utc).isoformat()}
    if is_binary:
        kept["base64"] = text
    # Text stands in the page itself, where it is searched and erased as words are.
    return Draft(path, _SESSION, "" if is_binary else text, {KIND: kept}, created)


def _file(page: Page) -> File:
    kept = page.metadata[KIND]
    binary = kept.get("base64")
    return File(
        path=kept["path"],
        content=page.agent_response if binary is None else binary,
        is_binary=binary is not None,
        created=page.timestamp,
        modified=max(page.timestamp, datetime.fromisoformat(kept["modified_at"])),
    )


def _text_of(path: str, content: object) -> tuple[str, bool]:
    """Return a content as text, and whether that is the base64 of a binary one."""
    if isinstance(content, (bytes, bytearray)):
        raw = bytes(content)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return base64.b64encode(raw).decode(), True
        return (base64.b64encode(raw).decode(), True) if "\x00" in text else (text, False)
    if not isinstance(content, str):
        raise FileProblem(f"the content of {path} must be a text, not {type(content).__name__}")
    if "\x00" in content:
        raise FileProblem(f"the content of {path} is binary: it holds a NUL character")
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise FileProblem(f"the content of {path} is no text: half a character") from error
    return content, False


def decoded(file: File) -> bytes:
    """Return the bytes of a file."""
    if not file.is_binary:
        return file.content.encode()
    try:
        return base64.b64decode(file.content, validate=True)
    except binascii.Error as error:
        raise FileProblem(f"{file.path} cannot be read: its base64 is damaged") from error
