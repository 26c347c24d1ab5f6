"""JSON Lines, one turn each: {"user", "agent", "timestamp"?, "session"?, "key"?, …names}.

`user` and `agent` may each be missing, not both. `timestamp` is ISO 8601; a turn without one is a
second later than the one before it. Without `key` a turn is known by its words, session and place
among its equals, so that running again stores nothing twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.frontends.importers.turns import Problem, Turn, json_lines, sides
from memoryos.storage.journal import checked_time

SESSION = "imported"


def read(path: Path) -> Iterator[Turn | Problem]:
    """Yield the turns of a file. Raises InvalidInput when it cannot be read at all."""
    seen: Counter[str] = Counter()
    time = _time_of(path)
    for number, line in json_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        try:
            turn = _turn(line, time + timedelta(seconds=1), seen)
        except InvalidInput as error:
            yield Problem(f"line {number}", str(error))
            continue
        time = checked_time(turn.timestamp)
        yield turn


def _turn(line: Mapping[str, Any], time: datetime, seen: Counter[str]) -> Turn:
    texts = {name: line.get(name) for name in ("user", "agent", "user_name", "agent_name", "key")}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name} must be a text, not {type(value).__name__}")
    session = line.get("session", SESSION)
    if not isinstance(session, str) or not session:
        raise InvalidInput(f"session must be a text, not {session!r}")
    user, agent = texts["user"] or "", texts["agent"] or ""
    messages = sides(user, agent, texts["user_name"], texts["agent_name"])
    if not messages:
        raise InvalidInput("user and agent are both missing or empty")
    given = line.get("timestamp")
    at = time if given is None else checked_time(given)
    return Turn(texts["key"] or _key(session, user, agent, given, seen), session, messages, at)


def _key(session: str, user: str, agent: str, time: object, seen: Counter[str]) -> str:
    words = json.dumps([session, user, agent, time], ensure_ascii=True)
    digest = blake2b(words.encode(), digest_size=12).hexdigest()
    seen[digest] += 1
    return f"jsonl:{digest}:{seen[digest]}"


def _time_of(path: Path) -> datetime:
    """Return when the file was written: the time of turns that tell none."""
    try:
        return datetime.fromtimestamp(int(path.stat().st_mtime), timezone.utc)
    except OSError as error:
        raise InvalidInput(f"path {str(path)!r} cannot be read: {error.strerror}") from error
