"""The six commands of Claude's memory tool (memory_20250818), on a user's files.

view, create, str_replace, insert, delete, rename, under "/memories", which is the root of `Files`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from memoryos_integrations.files.files import File, Files
from memoryos_integrations.files.paths import FileProblem, checked_path

ROOT = "/memories"
_DEPTH = 2
_AROUND = 2
"""Lines shown before and after a change."""
_MOST_SHOWN = 16_000
"""Characters of a file that one view shows; the rest is to be asked for by its lines."""


class MemoryCommands:
    """Runs commands; each answer is a text for the model. Thread-safe.

    Raises FileProblem where a command cannot be done: its message is for the model too, to be sent
    as a result that is an error.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self._verbs: dict[str, Callable[[Mapping[str, Any]], str]] = {
            "view": self._view,
            "create": self._create,
            "str_replace": self._replace,
            "insert": self._insert,
            "delete": self._delete,
            "rename": self._rename,
        }

    def run(self, command: Mapping[str, Any]) -> str:
        """Do what a tool call asks; `command` is the call's input."""
        if not isinstance(command, Mapping):
            raise FileProblem(f"a command is a mapping, not {type(command).__name__}")
        verb = self._verbs.get(str(command.get("command")))
        if verb is None:
            raise FileProblem(
                f"there is no command {command.get('command')!r}: {', '.join(self._verbs)}"
            )
        return verb(command)

    # ── the commands ─────────────────────────────────────────────────────────────────────────

    def _view(self, command: Mapping[str, Any]) -> str:
        shown = _text(command, "path")
        path = _inner(shown)
        file = None if path == "/" else self.files.find(path)
        if file is not None:
            return _numbered(_editable(file), shown, command.get("view_range"))
        if not self.files.is_directory(path):
            raise FileProblem(f"{shown} does not exist")
        if command.get("view_range") is not None:
            raise FileProblem(f"{shown} is a directory: view_range is of files")
        return self._listing(path, shown)

    def _create(self, command: Mapping[str, Any]) -> str:
        shown = _text(command, "path")
        text = _text(command, "file_text")
        path = _inner(shown)
        if self.files.find(path) is not None:
            raise FileProblem(f"{shown} is there already: change it with str_replace or insert")
        self.files.write(path, text)
        return f"Created {shown}."

    def _replace(self, command: Mapping[str, Any]) -> str:
        shown = _text(command, "path")
        old, new = _text(command, "old_str"), _text(command, "new_str", "")
        path = _inner(shown)
        text = _editable(self.files.read(path))
        if not old:
            raise FileProblem("old_str is empty: say what to replace")
        at = _lines_of(text, old)
        if not at:
            raise FileProblem(f"nothing was replaced: {shown} does not hold old_str word for word")
        if len(at) > 1:
            lines = ", ".join(map(str, at))
            raise FileProblem(
                f"nothing was replaced: old_str stands {len(at)} times in {shown}, on lines "
                f"{lines}; give more of what is around it"
            )
        changed = text.replace(old, new, 1)
        self.files.write(path, changed)
        return f"Changed {shown}:\n" + _around(changed, at[0], new.count("\n"))

    def _insert(self, command: Mapping[str, Any]) -> str:
        shown = _text(command, "path")
        text = _text(command, "insert_text")
        path = _inner(shown)
        lines = _split(_editable(self.files.read(path)))
        at = command.get("insert_line")
        if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at <= len(lines):
            raise FileProblem(f"insert_line must be a number from 0 to {len(lines)}, not {at!r}")
        lines.insert(at, text.removesuffix("\n"))
        changed = "\n".join(lines) + "\n"
        self.files.write(path, changed)
        return f"Changed {shown}:\n" + _around(changed, at + 1, text.removesuffix("\n").count("\n"))

    def _delete(self, command: Mapping[str, Any]) -> str:
        shown = _text(command, "path")
        path = _inner(shown)
        if path == "/":
            raise FileProblem(f"{ROOT} itself cannot be deleted; delete what is in it")
        if not self.files.under(path):
            raise FileProblem(f"{shown} does not exist")
        self.files.delete(path)
        return f"Deleted {shown}."

    def _rename(self, command: Mapping[str, Any]) -> str:
        name = "old_path" if command.get("old_path") is not None else "path"
        old, new = _text(command, name), _text(command, "new_path")
        source, target = _inner(old), _inner(new)
        if source == "/":
            raise FileProblem(f"{ROOT} itself cannot be renamed")
        if not self.files.under(source):
            raise FileProblem(f"{old} does not exist")
        self.files.move(source, target)
        return f"Renamed {old} to {new}."

    def _listing(self, path: str, shown: str) -> str:
        """Return a directory's files and directories, with their sizes, to a depth of two."""
        sizes: dict[str, int] = {}
        start = 0 if path == "/" else len(path)
        for file in self.files.under(path):
            parts = file.path[start + 1 :].split("/")
            if any(part.startswith(".") for part in parts):
                continue
            size = file.size
            sizes["/"] = sizes.get("/", 0) + size
            for depth in range(1, min(len(parts), _DEPTH) + 1):
                name = "/" + "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
                sizes[name] = sizes.get(name, 0) + size
        base = shown.rstrip("/")
        lines = [f"{_size(sizes.pop('/', 0))}\t{base}"]
        lines += [f"{_size(size)}\t{base}{name}" for name, size in sorted(sizes.items())]
        return f"In {base}, two levels deep, hidden files left out:\n" + "\n".join(lines)


def _inner(path: str) -> str:
    """Return the path within `Files` of one under /memories. Raises FileProblem."""
    whole = checked_path(path)
    if whole != ROOT and not whole.startswith(ROOT + "/"):
        raise FileProblem(f"the path must be {ROOT} or begin with {ROOT}/, not {path!r}")
    return whole[len(ROOT) :] or "/"


def _text(command: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = command.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise FileProblem(f"{command.get('command')} needs {name}, a text, not {value!r}")
    return value


def _editable(file: File) -> str:
    if file.is_binary:
        raise FileProblem(f"{ROOT}{file.path} is binary, {file.size:,} bytes: it is no text")
    return file.content


def _split(text: str) -> list[str]:
    """Return the lines of a text; a line break at its end begins no other."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _lines_of(text: str, part: str) -> list[int]:
    """Return the numbers of the lines on which a part of a text begins."""
    found, at = [], text.find(part)
    while at >= 0:
        found.append(text.count("\n", 0, at) + 1)
        at = text.find(part, at + 1)
    return found


def _numbered(text: str, shown: str, view_range: object) -> str:
    lines = text.split("\n")
    first, last = _range(view_range, len(lines))
    head: list[str] = []
    size = 0
    for number in range(first, last + 1):
        line = f"{number:6d}\t{lines[number - 1]}"
        size += len(line) + 1
        if size > _MOST_SHOWN and head:
            head.append(
                f"[{shown} has {len(lines)} lines; view_range [{number}, …] shows what follows]"
            )
            break
        if size > _MOST_SHOWN:
            line = line[:_MOST_SHOWN] + f" [… {size - _MOST_SHOWN} characters more]"
        head.append(line)
    return f"{shown}, with line numbers:\n" + "\n".join(head)


def _range(view_range: object, lines: int) -> tuple[int, int]:
    if view_range is None:
        return 1, lines
    if (
        not isinstance(view_range, (list, tuple))
        or len(view_range) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) for n in view_range)
    ):
        raise FileProblem(f"view_range must be [first, last], not {view_range!r}")
    first, last = view_range
    last = lines if last == -1 else min(last, lines)
    if not 1 <= first <= max(last, 1) or first > lines:
        raise FileProblem(f"view_range {list(view_range)} is not within the {lines} lines")
    return first, last


def _around(text: str, line: int, more: int) -> str:
    """Return the lines at and around a change."""
    lines = text.split("\n")
    first, last = max(1, line - _AROUND), min(len(lines), line + more + _AROUND)
    shown = [f"{number:6d}\t{lines[number - 1]}" for number in range(first, last + 1)]
    return "\n".join(shown)[:_MOST_SHOWN]


def _size(size: int) -> str:
    """Return a number of bytes for people: 0B, 512B, 1.5K."""
    value = float(size)
    for unit in ("B", "K", "M"):
        if value < 1024 or unit == "M":
            return f"{value:.0f}{unit}" if value == int(value) else f"{value:.1f}{unit}"
        value /= 1024
    raise AssertionError("unreachable")
