"""Runs an import: finds the format, reads, journals, and reports."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from memoryos.engine import Engine
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.frontends.importers import jsonl, locomo, mem0, published
from memoryos.frontends.importers.scope_file import ScopeFile
from memoryos.frontends.importers.turns import Problem, Report, Turn, load_json
from memoryos.memory.memory import Memory
from memoryos.memory.writing import keyed_page, put_pages
from memoryos.model import Page

FORMATS = ("locomo", "jsonl", "memoryos", "mem0", "export")
"""LoCoMo; JSON Lines; the published package's folder; mem0's list; an export of this library."""
_AT_ONCE = 250
"""Turns journalled in one transaction."""
DEFAULT_USER = "me"
DEFAULT_ASSISTANT = "assistant"

Progress = Callable[[int, int], None]
"""Called with (done, total) turns."""


def import_file(
    engine: Engine,
    path: str | Path,
    format: str | None = None,  # noqa: A002  # what users call it
    *,
    user_id: str | None = None,
    assistant_id: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Bring a file or folder into an engine's memories; return what was done. Safe to run again.

    `format` is one of `FORMATS`; None finds it out. `user_id` is whose memory it becomes: by
    default whom the file names, else "me"; with several LoCoMo conversations it is put before each
    one's name. What is damaged is reported, and the rest imported. Raises StorageError, and
    InvalidInput when nothing can be read at all.
    """
    source = Path(path).expanduser()
    if not source.exists():
        raise InvalidInput(f"path {str(path)!r} does not exist")
    kind = format or detect(source)
    if kind not in FORMATS:
        raise InvalidInput(f"format must be one of {', '.join(FORMATS)}, not {kind!r}")
    if source.is_dir() != (kind == "memoryos"):
        wanted = "a folder" if kind == "memoryos" else "a file"
        raise InvalidInput(f"path {str(path)!r} must be {wanted} for the format {kind!r}")
    run = _Import(engine, Report(kind), user_id, assistant_id, progress)
    if kind in ("locomo", "jsonl"):
        run.turns((locomo if kind == "locomo" else jsonl).read(source))
    elif kind == "memoryos":
        run.published(source)
    elif kind == "mem0":
        run.mem0(source)
    else:
        run.export(source)
    return run.report


def detect(path: Path) -> str:
    """Return the format of a file or folder. Raises InvalidInput when it is none of `FORMATS`."""
    if path.is_dir():
        return "memoryos"
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline())
        if isinstance(first, dict) and "memoryos" in first:
            return "export"
        if isinstance(first, dict) and ("user" in first or "agent" in first):
            return "jsonl"
    except OSError as error:
        raise InvalidInput(f"path {str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        pass  # not a line of JSON: perhaps a whole file of it
    found = load_json(path)
    samples = found if isinstance(found, list) else [found]
    if any(locomo.is_sample(sample) for sample in samples):
        return "locomo"
    if mem0.memories_of(found) is not None:
        return "mem0"
    raise InvalidInput(
        f"path {str(path)!r} is of no known format: name one of {', '.join(FORMATS)}"
    )


class _Import:
    """An import under way."""

    def __init__(
        self,
        engine: Engine,
        report: Report,
        user_id: str | None,
        assistant_id: str | None,
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._user_id = user_id
        self._assistant_id = assistant_id
        self._progress = progress
        self.report = report

    def turns(self, found: Iterator[Turn | Problem]) -> None:
        """Journal turns, in batches."""
        turns: list[Turn] = []
        for item in found:
            if isinstance(item, Turn):
                turns.append(item)
            else:
                self.report.problems.append(item)
        self.report.read = len(turns)
        several = len({turn.user for turn in turns}) > 1
        parts = self._engine.modules
        # Consolidating after each page may derive other things than after many.
        most = 1 if parts.config.promotion == "inline" else _AT_ONCE
        held: dict[str, int] = {}
        batch: dict[str, Page] = {}
        memory: Memory | None = None
        for done, turn in enumerate(turns):
            self._progress(done, len(turns))
            user = self._whose(turn.user, several)
            if memory is None or user != memory.scope.user_id:
                self._journal(memory, batch)
                memory = self._memory(user)
            if user not in held:
                held[user] = memory.stats().pages
            try:
                page = keyed_page(parts, turn.session_id, turn.messages, turn.timestamp, turn.key)
            except InvalidInput as error:
                self.report.problems.append(Problem(turn.key, str(error)))
                continue
            # What comes again under its key comes after what it takes the place of.
            if page.id in batch or len(batch) == most:
                self._journal(memory, batch)
            batch[page.id] = page
        self._journal(memory, batch)
        self._progress(len(turns), len(turns))
        self.report.users = list(held)
        self.report.new = sum(
            self._memory(user).stats().pages - before for user, before in held.items()
        )

    def _journal(self, memory: Memory | None, batch: dict[str, Page]) -> None:
        """Journal a batch of one memory's pages, and empty it."""
        if memory is not None and batch:
            put_pages(self._engine.modules, memory.scope, list(batch.values()))
        batch.clear()

    def published(self, path: Path) -> None:
        """Import the published package's folder."""
        folder = published.scan(path)
        chosen = list(folder.users)
        if self._user_id is not None and (self._user_id in chosen or len(chosen) > 1):
            if self._user_id not in chosen:
                raise InvalidInput(
                    f"user_id {self._user_id!r} is not in the folder; it has {', '.join(chosen)}"
                )
            chosen = [self._user_id]
        for done, user in enumerate(chosen):
            self._progress(done, len(chosen))
            assistant = self._assistant_id or folder.assistant_of(user)
            scope = published.read_user(folder, user, assistant, self.report.problems)
            self._put(scope, self._memory(self._user_id or user, assistant))
        self._progress(len(chosen), len(chosen))

    def mem0(self, path: Path) -> None:
        """Import mem0's memories."""
        scopes = mem0.read(path, self.report.problems)
        for user, scope in scopes.items():
            self._put(scope, self._memory(self._whose(user, len(scopes) > 1)))

    def export(self, path: Path) -> None:
        """Import an export of this library, by default into the scope that it names."""
        with path.open("rb") as file:
            head = json.loads(file.readline())
        user = self._user_id or str(head.get("user_id") or DEFAULT_USER)
        assistant = self._assistant_id or str(head.get("assistant_id") or DEFAULT_ASSISTANT)
        memory = self._memory(user, assistant)
        self.report.users = [user]
        self.report.read = int(head.get("pages") or 0)
        self.report.new = memory.import_(path)

    def _put(self, scope: ScopeFile, memory: Memory) -> None:
        """Put a scope in, whole or not at all."""
        self.report.users.append(memory.scope.user_id)
        self.report.read += len(scope.pages)
        with tempfile.TemporaryDirectory(prefix="memoryos-import-") as folder:
            file = Path(folder) / "scope.jsonl"
            scope.write(file, memory.scope.user_id, memory.scope.assistant_id)
            try:
                self.report.new += memory.import_(file)
            except MemoryOSError as error:
                self.report.problems.append(Problem(memory.scope.user_id, str(error)))

    def _whose(self, named: str | None, several: bool) -> str:
        if self._user_id is None:
            return named or DEFAULT_USER
        return f"{self._user_id}-{named}" if several and named else self._user_id

    def _memory(self, user_id: str, assistant_id: str | None = None) -> Memory:
        return self._engine.memory(user_id, assistant_id or self._assistant_id or DEFAULT_ASSISTANT)
