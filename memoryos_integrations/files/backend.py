"""A deepagents backend whose files are pages of the memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepagents.backends.protocol import (
    FILE_NOT_FOUND,
    INVALID_PATH,
    IS_DIRECTORY,
    BackendProtocol,
    DeleteResult,
    EditResult,
    FileData,
    FileDownloadResponse,
    FileInfo,
    FileUploadResponse,
    GlobResult,
    GrepResult,
    LsResult,
    ReadResult,
    WriteResult,
)
from deepagents.backends.utils import (
    compile_grep_include_glob,
    grep_matches_from_files,
    perform_string_replacement,
    slice_read_response,
)

from memoryos import Engine
from memoryos_integrations.files.files import File, Files, decoded
from memoryos_integrations.files.paths import FileProblem, checked_path
from memoryos_integrations.files.whose import FilesOfRuns


class MemoryOSBackend(BackendProtocol):
    """Every verb of `BackendProtocol` on the files of one user.

        create_deep_agent(model, backend=CompositeBackend(
            default=StateBackend(), routes={"/memories/": MemoryOSBackend(engine)}))

    engine or storage_uri: an open engine, or where to open one. user_id: whose files; None takes
    the user of each run, from its context or configuration. What cannot be done is an error in the
    result, never raised; a run that names nobody, and a store that fails, raise MemoryOSError.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: str | None = None,
        assistant_id: str = "assistant",
        *,
        storage_uri: str | None = None,
    ) -> None:
        self._whose = FilesOfRuns(engine, user_id, assistant_id, storage_uri)

    @property
    def files(self) -> Files:
        """The files of this run's user."""
        return self._whose.files()

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def ls(self, path: str) -> LsResult:
        """List the files and directories in a directory."""
        try:
            root = checked_path(path)
            files = self.files.under(root)
        except FileProblem as problem:
            return LsResult(error=_error(problem))
        base = "/" if root == "/" else root + "/"
        entries: dict[str, FileInfo] = {}
        for file in files:
            name, _, below = file.path.removeprefix(base).partition("/")
            if file.path == root:
                continue
            if below:
                entries[base + name + "/"] = {
                    "path": base + name + "/",
                    "is_dir": True,
                    "size": 0,
                    "modified_at": file.modified.isoformat(),
                }
            else:
                entries[file.path] = _info(file)
        return LsResult(entries=[entries[name] for name in sorted(entries)])

    def read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """Read lines of a text file, or a binary one whole, as base64."""
        try:
            file = self.files.read(file_path)
        except FileProblem as problem:
            return ReadResult(error=_error(problem))
        if file.is_binary:
            return ReadResult(file_data=_data(file))
        return slice_read_response(_data(file), offset, limit)

    def grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        """Find lines that hold a text, literally."""
        try:
            root = checked_path(path or "/")
            files: dict[str, Any] = {file.path: _data(file) for file in self.files.under(root)}
        except FileProblem as problem:
            return GrepResult(error=_error(problem))
        return grep_matches_from_files(files, pattern, root, glob, max_count=max_count)

    def glob(self, pattern: str, path: str | None = None) -> GlobResult:
        """Find files by their names, the last modified first."""
        try:
            root = checked_path(path or "/")
            files = self.files.under(root)
            matches: Callable[[str], bool] = compile_grep_include_glob(pattern)
        except ValueError as error:  # of the path or of the pattern
            return GlobResult(error=_error(error))
        base = "/" if root == "/" else root + "/"
        found = [f for f in files if f.path != root and matches(f.path.removeprefix(base))]
        found.sort(key=lambda file: file.modified, reverse=True)
        return GlobResult(matches=[_info(file) for file in found])

    def search(self, query: str, k: int = 4, path: str = "/") -> list[tuple[str, float]]:
        """Return the paths of the files that bear most on a query, with their relevance, 0 to 1."""
        return [(file.path, score) for file, score in self.files.search(query, k, path)]

    # ── changing ─────────────────────────────────────────────────────────────────────────────

    def write(self, file_path: str, content: str) -> WriteResult:
        """Write a text file, or what is there anew."""
        try:
            file = self.files.write(file_path, content)
        except FileProblem as problem:
            return WriteResult(error=_error(problem))
        return WriteResult(path=file.path)

    def edit(
        self,
        file_path: str,
        old_string: str,
        new_string: str,
        replace_all: bool = False,
    ) -> EditResult:
        """Replace a text in a file: one occurrence that is the only one, or all."""
        try:
            file = self.files.read(file_path)
            if file.is_binary:
                return EditResult(error=f"Error: {file_path} is binary: it has no text to edit")
            changed = perform_string_replacement(file.content, old_string, new_string, replace_all)
            if isinstance(changed, str):
                return EditResult(error=changed)
            self.files.write(file.path, changed[0])
        except FileProblem as problem:
            return EditResult(error=_error(problem))
        return EditResult(path=file.path, occurrences=changed[1])

    def delete(self, file_path: str) -> DeleteResult:
        """Erase a file, or a directory with all in it, for good."""
        try:
            self.files.delete(file_path)
        except FileProblem as problem:
            return DeleteResult(error=_error(problem))
        return DeleteResult(path=file_path)

    # ── bytes ────────────────────────────────────────────────────────────────────────────────

    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """Write files, each by itself. What is no text is kept, and never searched."""
        answers = []
        for path, content in files:
            try:
                self.files.write(path, content)
                answers.append(FileUploadResponse(path=path))
            except FileProblem as problem:
                answers.append(FileUploadResponse(path=path, error=_code(path) or str(problem)))
        return answers

    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """Read files whole, each by itself."""
        answers = []
        for path in paths:
            code = _code(path)
            if code is None:
                file = self.files.find(path)
                if file is not None:
                    answers.append(FileDownloadResponse(path=path, content=decoded(file)))
                    continue
                code = IS_DIRECTORY if self.files.is_directory(path) else FILE_NOT_FOUND
            answers.append(FileDownloadResponse(path=path, error=code))
        return answers


def _code(path: str) -> str | None:
    """Return the protocol's code for a path that cannot be, or None."""
    try:
        checked_path(path)
    except FileProblem:
        return INVALID_PATH
    return None


def _error(problem: Exception) -> str:
    return f"Error: {problem}"


def _data(file: File) -> FileData:
    return {
        "content": file.content,
        "encoding": "base64" if file.is_binary else "utf-8",
        "created_at": file.created.isoformat(),
        "modified_at": file.modified.isoformat(),
    }


def _info(file: File) -> FileInfo:
    return {
        "path": file.path,
        "is_dir": False,
        "size": file.size,
        "modified_at": file.modified.isoformat(),
    }
