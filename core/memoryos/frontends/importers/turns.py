"""Results of importers: turns to journal, and problems to report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.model import Message


@dataclass(frozen=True, slots=True)
class Turn:
    """One page to be."""

    key: str
    """Names it: a turn of the same key is stored once."""
    session_id: str
    messages: tuple[Message, ...]
    timestamp: datetime | str
    user: str | None = None
    """Whose it is, where the file holds several users."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be imported."""

    where: str
    """File, and line or place in it."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Report:
    """What an import has done."""

    format: str
    read: int = 0
    """Turns found in the file."""
    new: int = 0
    """Pages journalled; the others were there already."""
    users: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def sides(
    user: str, agent: str, user_name: str | None, agent_name: str | None
) -> tuple[Message, ...]:
    """Return the messages of a turn; a side without words has none."""
    pairs = (("user", user, user_name), ("assistant", agent, agent_name))
    return tuple(Message(role, said, name=name) for role, said, name in pairs if said.strip())


def load_json(path: Path) -> Any:
    """Return a JSON file's content. Raises InvalidInput."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"path {str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"path {str(path)!r} is not JSON: {error}") from None


def json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | Problem]]:
    """Yield (line number, object) of a JSON Lines file; a damaged line is a Problem."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    value = Problem(f"line {number}", f"not JSON: {error}")
                if not isinstance(value, (Mapping, Problem)):
                    value = Problem(f"line {number}", "not a JSON object")
                yield number, value
    except OSError as error:
        raise InvalidInput(f"path {str(path)!r} cannot be read: {error.strerror}") from error
