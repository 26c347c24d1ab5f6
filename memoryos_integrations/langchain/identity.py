"""Whose memory a call is about: the constructor says it, else the run's context or config."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memoryos import Engine, Memory
from memoryos.errors import EngineClosed, InvalidInput
from memoryos.model import Id

_RUNTIME = "__pregel_runtime"
"""Where LangGraph keeps the run's `Runtime` in the configuration it hands to tools; its own
`get_runtime()` needs context variables, which Python 3.10 does not pass on to asyncio tasks."""


@dataclass(frozen=True, slots=True)
class Who:
    """The user, assistant and session of one call."""

    user_id: Id
    assistant_id: Id
    session_id: Id

    @property
    def ids(self) -> tuple[Id, Id, Id]:
        """The arguments of `Engine.memory`."""
        return self.user_id, self.assistant_id, self.session_id

    def memory(self, engine: Engine) -> Memory:
        """Return their memory. Raises InvalidInput for ids that cannot be, or EngineClosed."""
        return engine.memory(self.user_id, self.assistant_id, self.session_id)


def check_ids(
    engine: Engine, user_id: Id | None, assistant_id: Id, session_id: Id | None = None
) -> None:
    """Raise InvalidInput for ids that cannot be; says nothing of an engine that is closed."""
    with suppress(EngineClosed):
        engine.memory(
            "anybody" if user_id is None else user_id,
            assistant_id,
            "default" if session_id is None else session_id,
        )


class Identity:
    """Finds the memory of a call. `user_id` None: every call brings its own user.

    Order of precedence: what was given here, then the run's `context` (an object or a mapping),
    then `config["configurable"]`. The session is likewise `session_id`, else the `thread_id`.
    """

    def __init__(
        self,
        engine: Engine,
        user_id: Id | None,
        assistant_id: Id = "assistant",
        session_id: Id | None = None,
    ) -> None:
        check_ids(engine, user_id, assistant_id, session_id)
        self.user_id = user_id
        self.assistant_id = assistant_id
        self.session_id = session_id

    def who(self, config: Mapping[str, Any] | None, runtime: Any = None) -> Who:
        """Return whose memory this run is about. Raises InvalidInput if it names nobody."""
        places = self._places(config, runtime)
        user_id = self.user_id if self.user_id is not None else _first(places, "user_id")
        if user_id is None:
            raise InvalidInput(
                "whose memory? Give user_id to the constructor, or with each call as "
                "context={'user_id': …} or config={'configurable': {'user_id': …}}"
            )
        session_id = self.session_id
        if session_id is None:
            session_id = _first(places, "session_id")
        if session_id is None:
            session_id = _configurable(config).get("thread_id")
        return Who(user_id, self.assistant_id, "default" if session_id is None else session_id)

    @staticmethod
    def _places(config: Mapping[str, Any] | None, runtime: Any) -> list[Any]:
        configurable = _configurable(config)
        if runtime is None:
            runtime = configurable.get(_RUNTIME)
        return [getattr(runtime, "context", None), configurable]


def text_id(value: Id | None) -> Any:
    """Return an id as its text; what cannot be one stays, to be refused."""
    return str(value) if isinstance(value, (int, UUID)) and not isinstance(value, bool) else value


def _configurable(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (config or {}).get("configurable") or {}


def _first(places: list[Any], name: str) -> Any:
    for place in places:
        value = place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)
        if value is not None:
            return value
    return None
