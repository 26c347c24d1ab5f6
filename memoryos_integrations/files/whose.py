"""Whose files a run is about."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.files.files import Files

_MOST_USERS = 1024


class FilesOfRuns:
    """Gives the files of the user that a run names, unless the constructor names one. Thread-safe.

    A run names its user as `context={"user_id": …}` (or an object's `user_id`), else as
    `config={"configurable": {"user_id": …}}`. A run that names nobody raises InvalidInput.
    """

    def __init__(
        self,
        engine: Engine | None,
        user_id: str | None,
        assistant_id: str,
        storage_uri: str | None,
    ) -> None:
        self.engine = Engine.of(engine, storage_uri)
        self._assistant_id = assistant_id
        self._fixed = None if user_id is None else Files(self.engine, user_id, assistant_id)
        self._lock = threading.Lock()
        self._by_user: OrderedDict[str, Files] = OrderedDict()

    def files(self, runtime: Any = None) -> Files:
        """Return the files of this run's user."""
        if self._fixed is not None:
            return self._fixed
        user_id = _user_of(runtime)
        if user_id is None:
            raise InvalidInput(
                "whose files? Give user_id to the constructor, or with each run as "
                "context={'user_id': …} or config={'configurable': {'user_id': …}}"
            )
        with self._lock:
            found = self._by_user.get(user_id)
            if found is None:
                found = self._by_user[user_id] = Files(self.engine, user_id, self._assistant_id)
                if len(self._by_user) > _MOST_USERS:
                    self._by_user.popitem(last=False)
            else:
                self._by_user.move_to_end(user_id)
            return found


def _user_of(runtime: Any) -> str | None:
    from langgraph.config import get_config  # noqa: PLC0415  # needs an extra
    from langgraph.runtime import get_runtime  # noqa: PLC0415

    try:
        context = getattr(get_runtime() if runtime is None else runtime, "context", None)
        configurable = get_config().get("configurable") or {}
    except (RuntimeError, KeyError):  # outside of a run
        context, configurable = getattr(runtime, "context", None), {}
    for place in (context, configurable):
        value = (
            place.get("user_id") if isinstance(place, Mapping) else getattr(place, "user_id", None)
        )
        if value is not None:
            return value if isinstance(value, str) else str(value)
    return None
