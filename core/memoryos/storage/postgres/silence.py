"""A connection that gives up a server which is there and says nothing.

TCP tells of a server that is gone, not of one that has stopped answering: a frozen machine behind a
proxy, say. The server's own timeouts are of no use then.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

DEFAULT_SECONDS = 65.0


class ServerSilent(psycopg.OperationalError):
    """Nothing came from the server for too long. The connection is closed."""


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose every wait has a deadline on this side."""

    silence: float | None = DEFAULT_SECONDS
    """Seconds without a byte from the server, in a wait, after which it is closed. None: no limit.
    It must be longer than the server's `statement_timeout`, which tells more."""

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Consume a generator of the driver, which waits for the server. Raises ServerSilent."""
        if self.silence is None:
            return super().wait(gen, *args, **kwargs)
        return super().wait(self._watched(gen, self.silence), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, Any], silence: float) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            until = time.monotonic() + silence
            while True:
                ready = yield wanted
                if ready:
                    until = time.monotonic() + silence
                elif time.monotonic() > until:  # the driver looks ten times a second
                    self.pgconn.finish()
                    raise ServerSilent(f"the server has said nothing for {silence:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
