"""What becomes of the memory's outages: by default they never reach the user's agent."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, get_args
from weakref import WeakKeyDictionary

from memoryos import Engine
from memoryos.errors import ModelError, StorageError, UnknownSetting

OnError = Literal["log", "raise"]
"""What to do when the memory is away: log it once and go on without memory, or raise.

Wrong arguments, a closed engine and whatever else is no outage always raise.
"""

_OUTAGES = (StorageError, ModelError)

_log = logging.getLogger("memoryos_integrations.langchain")


class Failures:
    """Tolerates the memory's outages; each is logged once until the engine works again.

    All adapters of an engine share what was logged. Thread-safe. Raises UnknownSetting for an
    `on_error` that does not exist.
    """

    def __init__(self, engine: Engine, on_error: OnError) -> None:
        if on_error not in get_args(OnError):
            raise UnknownSetting(f"on_error must be 'log' or 'raise', not {on_error!r}")
        self.on_error = on_error
        with _lock:
            self._outage = _outages.setdefault(engine, _Outage())

    def tolerated(self, doing: str) -> AbstractContextManager[None, bool]:
        """Run the body; what it raises goes to the log, unless on_error is "raise".

        `doing` completes "… failed", such as "recalling".
        """
        return _Tolerated(self, doing)

    def ended(self, doing: str, error: BaseException | None) -> bool:
        """Take note of how something ended; return whether its error is to be swallowed."""
        if error is None:
            self._outage.worked(doing)
            return False
        if self.on_error == "raise" or not isinstance(error, _OUTAGES):
            return False
        self._outage.failed(doing, error)
        return True


class _Tolerated(AbstractContextManager[None, bool]):
    """A class, because of a generator mypy would not know that the body may end early."""

    def __init__(self, failures: Failures, doing: str) -> None:
        self._failures = failures
        self._doing = doing

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return self._failures.ended(self._doing, error)


class _Outage:
    """What does not work at the moment, and has been logged."""

    def __init__(self) -> None:
        self._reported: dict[str, str] = {}
        self._missed = 0
        self._changing = threading.Lock()

    def failed(self, doing: str, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        with self._changing:
            known = told in self._reported.values()
            self._reported[doing] = told
            self._missed += 1
        if known:
            _log.debug("%s failed again: %s", doing, told)
        else:
            # The traceback only on demand: a database that is away is no bug to be traced.
            debugging = _log.isEnabledFor(logging.DEBUG)
            _log.warning("going on without memory: %s failed: %s", doing, told, exc_info=debugging)

    def worked(self, doing: str) -> None:
        if not self._reported:
            return
        with self._changing:
            if self._reported.pop(doing, None) is None or self._reported:
                return
            missed, self._missed = self._missed, 0
        _log.info("the memory works again; %d operations were missed", missed)


_outages: WeakKeyDictionary[Engine, _Outage] = WeakKeyDictionary()
_lock = threading.Lock()
