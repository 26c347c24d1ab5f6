"""How a component that LlamaIndex pickles, copies and writes to JSON finds its engine again."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from llama_index.core.bridge.pydantic import BaseModel, ConfigDict, Field

from memoryos import Engine, Memory
from memoryos.errors import EngineClosed, InvalidInput

DEFAULT_URI = "sqlite:///memoryos.db"
"""What `Engine.open` opens when it is told nothing."""

_SQLITE = "sqlite:///"
_IN_MEMORY = (f"{_SQLITE}:memory:", "sqlite://")
_Self = TypeVar("_Self", bound="Connected")

_engines: weakref.WeakValueDictionary[str, Engine] = weakref.WeakValueDictionary()
"""One engine per storage URI and process, for as long as somebody uses it."""
_lock = threading.Lock()


def use_engine(engine: Engine) -> Engine:
    """Let what this process restores (from JSON, a pickle, a workflow's context) use `engine`.

    Needed where the engine has models or settings of its own, which no storage URI tells.  The
    engine that a component was made with is known already.  Returns `engine`.
    """
    uri = location(engine.store.uri)
    if uri not in _IN_MEMORY:
        with _lock:
            _engines[uri] = engine
    return engine


def checked_count(name: str, value: object) -> None:
    """Raise InvalidInput where an argument is no whole number from 1 up."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name} must be a whole number from 1 up, not {value!r}")


def engine_at(uri: str) -> Engine:
    """Return this process's engine for `uri`, opened with default settings if there is none yet.

    Raises InvalidInput, StorageError, EmbedderMismatch or MissingExtra.
    """
    if not isinstance(uri, str):
        raise InvalidInput(f"storage_uri must be a text such as {DEFAULT_URI!r}, not {uri!r}")
    where = location(uri)
    with _lock:
        known = _engines.get(where)
        if known is not None and _is_open(known):
            return known
        engine = Engine.of(storage_uri=uri)
        if where not in _IN_MEMORY:
            _engines[where] = engine
    return engine


def engine_of(engine: object, storage_uri: str | None) -> Engine:
    """Return the engine given, else the one at `storage_uri` (default: `DEFAULT_URI`).

    Raises InvalidInput, which says what was expected, or what `engine_at` raises.
    """
    if engine is None:
        return engine_at(DEFAULT_URI if storage_uri is None else storage_uri)
    return Engine.of(engine)


def location(uri: str) -> str:
    """Return `uri` as it may be written down: files absolute, no password.

    Another process may have another working folder; it finds the password of a server where
    libpq looks for it (PGPASSWORD, ~/.pgpass).
    """
    if uri in _IN_MEMORY:
        return _IN_MEMORY[0]
    if uri.startswith(_SQLITE):
        return _SQLITE + str(Path(uri.removeprefix(_SQLITE)).expanduser().absolute())
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))


class Connected(BaseModel):
    """Base of components that live on an engine and are found again through its storage URI.

    engine: an open engine; the caller closes it.  storage_uri: without an engine, what to open
    (default: a file memoryos.db in the working folder).  user_id, assistant_id: whose memory.
    Raises InvalidInput for ids that cannot be one.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    engine: Any = Field(default=None, exclude=True, repr=False, description="An open engine.")
    storage_uri: str = Field(default="", description="Where the engine's database is.")
    user_id: str = Field(description="Whose memory it is.")
    assistant_id: str = Field(default="assistant", description="Of which assistant.")

    def __init__(self, engine: Any = None, **data: Any) -> None:
        restored = data.pop("class_name", None) is not None
        uri = data.pop("storage_uri", None) or None
        if engine is None:
            if restored and (uri is None or location(uri) in _IN_MEMORY):
                raise InvalidInput(
                    "the memory was in sqlite:///:memory:, which only the engine that opened it "
                    "can reach: use a file, or give the engine: from_dict(data, engine=engine)"
                )
            engine = engine_at(uri or DEFAULT_URI)
        else:
            engine = use_engine(Engine.of(engine))
        # Says what ids cannot be before pydantic does; ints and UUIDs become texts here.
        session_id = data.get("session_id")
        memory = engine.memory(
            data.pop("user_id", None),
            data.pop("assistant_id", "assistant"),
            "default" if session_id is None else session_id,
        )
        if session_id is not None:
            data["session_id"] = memory.session_id
        ids = {"user_id": memory.scope.user_id, "assistant_id": memory.scope.assistant_id}
        super().__init__(engine=engine, storage_uri=location(engine.store.uri), **ids, **data)

    def memory_of(self, session_id: str) -> Memory:
        """Return the engine's memory of this user, seen from a session. Raises EngineClosed."""
        memory: Memory = self.engine.memory(self.user_id, self.assistant_id, session_id)
        return memory

    def __deepcopy__(self: _Self, memo: dict[int, Any] | None = None) -> _Self:
        """Return itself: a copy would only be another handle of the same memory."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseComponent.__getstate__ takes what cannot be pickled off the live object.
        return _restored, (type(self), {"class_name": "", **self.model_dump(mode="json")})


def _restored(kind: type[_Self], data: dict[str, Any]) -> _Self:
    return kind(**data)


def _is_open(engine: Engine) -> bool:
    try:
        engine.memory("anybody")
    except EngineClosed:
        return False
    return True
