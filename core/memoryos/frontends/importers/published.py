"""The published MemoryOS package's data folder.

    users/<id>/short_term.json       [{user_input, agent_response, timestamp}, …]
    users/<id>/mid_term.json         {"sessions": {id: {summary, summary_keywords, details, N_visit,
                                      L_interaction, timestamp, last_visit_time, …}}, …}
    users/<id>/long_term_user.json   {"user_profiles": {id: {data, last_updated}},
                                      "knowledge_base": [{knowledge, timestamp}, …], …}
    assistants/<id>/long_term_assistant.json   {"assistant_knowledge": [{knowledge, timestamp}], …}

That package stores a page once for each theme of its batch: here it is one page, in the first of
its segments, and the summaries of the others join that segment's. Times are taken as UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.frontends.importers.profile_text import traits_in
from memoryos.frontends.importers.published_mid_term import Session, chains, segments
from memoryos.frontends.importers.scope_file import DraftPage, ScopeFile, in_order, short_hash
from memoryos.frontends.importers.turns import Problem, load_json, sides
from memoryos.model import Owner
from memoryos.storage.journal import checked_text, checked_time

ORIGIN = "MemoryOS"
SESSION = "default"
"""The one conversation that the published package keeps for a user."""
_USER_FILES = ("short_term.json", "mid_term.json", "long_term_user.json")
_ASSISTANT_FILE = "long_term_assistant.json"
_USUAL_ASSISTANT = "default_assistant_profile"
_MOST_BYTES = 1_000_000


@dataclass(slots=True)
class Folder:
    """What a data folder holds: the folder of each user and of each assistant, by id."""

    users: dict[str, Path] = field(default_factory=dict)
    assistants: dict[str, Path] = field(default_factory=dict)

    def assistant_of(self, user_id: str) -> str:
        """Return the assistant that a user's pages were with; the package does not store which."""
        for likely in (f"assistant_{user_id}", _USUAL_ASSISTANT):
            if likely in self.assistants:
                return likely
        return next(iter(self.assistants), _USUAL_ASSISTANT)


def scan(path: Path) -> Folder:
    """Return the users and assistants of a data folder. Raises InvalidInput for another folder."""
    found = Folder()
    for name in _USER_FILES:
        for file in sorted((path / "users").rglob(name)):
            id_ = file.parent.relative_to(path / "users").as_posix()
            found.users.setdefault(id_, file.parent)
    for file in sorted((path / "assistants").rglob(_ASSISTANT_FILE)):
        id_ = file.parent.relative_to(path / "assistants").as_posix()
        found.assistants.setdefault(id_, file.parent)
    if not found.users:
        raise InvalidInput(
            f"path {str(path)!r} is not the published package's data folder: "
            "it has no users/<id>/short_term.json, mid_term.json or long_term_user.json"
        )
    return found


def read_user(
    folder: Folder, user_id: str, assistant_id: str, problems: list[Problem]
) -> ScopeFile:
    """Return one user's memory with one assistant; what is damaged is added to `problems`."""
    return _Reader(problems).read(folder.users[user_id], folder.assistants.get(assistant_id))


class _Reader:
    """Reads one user's files."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._scope = ScopeFile(ORIGIN)
        self._latest = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def read(self, user: Path, assistant: Path | None) -> ScopeFile:
        sessions = list(self._sessions(user / "mid_term.json"))
        pages = [page for session in sessions for page in session.pages]
        pages += self._turns(self._list(user / "short_term.json", None), user / "short_term.json")
        # A page that stands in several places is the first of them.
        first: dict[str, DraftPage] = {}
        for page in pages:
            first.setdefault(page.key, page)
        self._scope.pages = in_order(list(first.values()))
        self._scope.derived += segments(sessions, self._scope, ORIGIN)
        self._scope.derived += chains(sessions, self._scope, ORIGIN)
        known = user / "long_term_user.json"
        self._facts(self._list(known, "knowledge_base"), known, "user")
        self._profiles(known)
        if assistant is not None:
            known = assistant / _ASSISTANT_FILE
            self._facts(self._list(known, "assistant_knowledge"), known, "agent")
        self._scope.pages = in_order(list(self._scope.pages.values()))
        return self._scope

    def _sessions(self, path: Path) -> Iterator[Session]:
        found = self._load(path, Mapping)
        if found is None:
            return
        sessions = found.get("sessions")
        if not isinstance(sessions, Mapping):
            self._problem(path, "has no sessions")
            return
        for id_, session in sessions.items():
            where = f"{path}, session {id_}"
            if not isinstance(session, Mapping):
                self._problem(where, "is not an object")
                continue
            details = session.get("details")
            if not isinstance(details, list):
                self._problem(where, "has no pages")
                continue
            at = self._time(session.get("timestamp"), where)
            pages = self._turns(details, where)
            if pages:
                last = session.get("last_visit_time")
                visited = self._time(last, where) if last else at
                yield Session(str(id_), dict(session), pages, at, visited)

    def _turns(self, entries: list[Any], where: object) -> list[DraftPage]:
        pages = []
        for place, entry in enumerate(entries, 1):
            here = f"{where}, page {place}"
            if not isinstance(entry, Mapping):
                self._problem(here, "is not an object")
                continue
            said = [entry.get(name) or "" for name in ("user_input", "agent_response")]
            try:
                user, agent = (checked_text(text, here, _MOST_BYTES) for text in said)
            except InvalidInput as error:
                self._problem(here, str(error))
                continue
            messages = sides(user, agent, None, None)
            if not messages:
                self._problem(here, "says nothing")
                continue
            at = self._time(entry.get("timestamp"), here)
            key = f"{ORIGIN}:{short_hash('|'.join((user, agent, at.isoformat())))}"
            page = DraftPage(key, SESSION, at, messages)
            page.metadata = {"imported_from": ORIGIN}
            page.link = dict(entry)
            pages.append(page)
        return pages

    def _facts(self, entries: list[Any], path: Path, owner: Owner) -> None:
        for place, entry in enumerate(entries, 1):
            where = f"{path}, entry {place}"
            text = entry.get("knowledge") if isinstance(entry, Mapping) else None
            try:
                if not isinstance(text, str) or not text.strip():
                    raise InvalidInput("has no words")
                checked_text(text, "knowledge", _MOST_BYTES)
            except InvalidInput as error:
                self._problem(where, str(error))
                continue
            self._scope.state(text.strip(), owner, self._time(entry.get("timestamp"), where))

    def _profiles(self, path: Path) -> None:
        found = self._load(path, Mapping)
        profiles = (found or {}).get("user_profiles") or {}
        if not isinstance(profiles, Mapping):
            self._problem(path, "user_profiles is not an object")
            return
        for user_id, profile in profiles.items():
            where = f"{path}, profile of {user_id}"
            data = profile.get("data") if isinstance(profile, Mapping) else profile
            if not isinstance(data, str):
                self._problem(where, "has no words")
                continue
            if data.strip().lower() in ("", "none"):
                continue
            last = profile.get("last_updated") if isinstance(profile, Mapping) else None
            try:
                checked_text(data, "data", _MOST_BYTES)
            except InvalidInput as error:
                self._problem(where, str(error))
                continue
            told = self._scope.state(data.strip(), "user", self._time(last, where), "profile")
            for name, level, line in traits_in(data):
                self._scope.trait(name, level, line, told)

    def _list(self, path: Path, name: str | None) -> list[Any]:
        """Return a file's list, or the list called `name` in it; nothing when it is damaged."""
        found = self._load(path, list if name is None else Mapping)
        if found is None:
            return []
        entries = found if name is None else found.get(name, [])
        if not isinstance(entries, list):
            self._problem(path, f"{name} is not a list")
            return []
        return entries

    def _load(self, path: Path, kind: type) -> Any:
        if not path.is_file():
            return None
        try:
            found = load_json(path)
        except InvalidInput as error:
            self._problem(path, str(error))
            return None
        if not isinstance(found, kind):
            self._problem(path, f"holds a {type(found).__name__}, not what the package writes")
            return None
        return found

    def _time(self, value: object, where: object) -> datetime:
        """Return a time; for one that cannot be read, the newest so far."""
        try:
            time = checked_time(value, "timestamp")
        except InvalidInput as error:
            self._problem(where, f"{error}; the time before it is taken")
            return self._latest
        self._latest = max(self._latest, time)
        return time

    def _problem(self, where: object, what: str) -> None:
        problem = Problem(str(where), what)
        if problem not in self._problems:
            self._problems.append(problem)
