"""The one way to change a scope: read where it stands, work out the changes, commit, else again.

Models and analysts are asked before, never within: what is worked out here may be worked out twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from memoryos.errors import StorageBusy
from memoryos.model import Scope
from memoryos.storage.port import Changes, Head, PageMoved, Store

MOST_TRIES = 100
_RETRY_SECONDS = 0.001
Result = TypeVar("Result")


def attempts(what: str) -> Iterator[int]:
    """Yield the numbers of tries, with a growing pause between them.

    Args:
        what: What is being tried, for the error ("export").

    Raises:
        StorageBusy: after `MOST_TRIES` tries; others are writing all the time.
    """
    for number in range(MOST_TRIES):
        if number > 1:
            time.sleep(min(number * _RETRY_SECONDS, 0.05))
        yield number
    raise StorageBusy(
        f"{what}: others write the scope all the time; nothing was changed, trying again is safe"
    )


def transact(
    store: Store,
    scope: Scope,
    what: str,
    work: Callable[[Head], tuple[Changes | None, Result]],
) -> Result:
    """Change a scope in one transaction; return the result of the `work` that was committed.

    Args:
        what: What is being done, for the error ("erasure").
        work: Given the scope's head, returns the changes (None: there is nothing to do) and the
            result. Called again where the scope was changed meanwhile.

    Raises:
        StorageBusy: the scope was changed by others during every try.
        MemoryOSError: whatever `work` or the store raises; nothing has changed then.
    """
    for _ in attempts(what):
        head = store.head(scope)
        with suppress(PageMoved):  # a page to replace was written meanwhile: look again
            changes, result = work(head)
            if changes is None or store.commit(scope, head, changes):
                return result
    raise AssertionError("unreachable")


def snapshot(store: Store, scope: Scope, what: str, read: Callable[[Head], Result]) -> Result:
    """Return what `read` reads of a scope, as of one moment.

    Raises:
        StorageBusy: the scope was written during every try.
    """
    for _ in attempts(what):
        head = store.head(scope)
        found = read(head)
        if store.head(scope) == head:
            return found
    raise AssertionError("unreachable")
