"""An exported list of mem0's memories: [{"memory", "user_id"?, "created_at"?, …}, …].

Also as {"results": [...]} or {"memories": [...]}. Each memory is a fact that mem0 had a model
write down, without the words it came from: it becomes a fact here whose source is a page with just
its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.frontends.importers.scope_file import ScopeFile, in_order
from memoryos.frontends.importers.turns import Problem, load_json
from memoryos.model import Owner
from memoryos.storage.journal import checked_text, checked_time

ORIGIN = "mem0"
_LISTS = ("results", "memories")
_MOST_BYTES = 1_000_000


def memories_of(found: object) -> list[Any] | None:
    """Return the list of memories in a file's content, or None when it has none."""
    if isinstance(found, Mapping):
        found = next((found[name] for name in _LISTS if isinstance(found.get(name), list)), None)
    if isinstance(found, list) and any(_words(entry) for entry in found):
        return found
    return None


def read(path: Path, problems: list[Problem]) -> dict[str | None, ScopeFile]:
    """Return the memories of each user; what is damaged is added to `problems`."""
    entries = memories_of(load_json(path))
    if entries is None:
        raise InvalidInput(f"path {str(path)!r} holds no list of mem0's memories")
    scopes: dict[str | None, ScopeFile] = {}
    for place, entry in enumerate(entries, 1):
        where = f"memory {place}"
        words = _words(entry)
        try:
            if not words:
                raise InvalidInput("has no words")
            text = checked_text(words, "memory", _MOST_BYTES).strip()
            at = _time(entry)
        except InvalidInput as error:
            problems.append(Problem(where, str(error)))
            continue
        user = entry.get("user_id")
        scope = scopes.setdefault(str(user) if user else None, ScopeFile(ORIGIN))
        owner: Owner = "agent" if not user and entry.get("agent_id") else "user"
        scope.state(text, owner, at)
    for scope in scopes.values():
        scope.pages = in_order(list(scope.pages.values()))
    return scopes


def _words(entry: object) -> str | None:
    if not isinstance(entry, Mapping):
        return None
    words = entry.get("memory") or entry.get("text") or entry.get("data")
    return words if isinstance(words, str) and words.strip() else None


def _time(entry: Mapping[str, Any]) -> datetime:
    given = entry.get("updated_at") or entry.get("created_at")
    return datetime(1970, 1, 1, tzinfo=timezone.utc) if given is None else checked_time(given)
