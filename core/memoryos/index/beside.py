"""Two pieces of work at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Mine = TypeVar("Mine")
    Other = TypeVar("Other")


def both(mine: Callable[[], Mine], other: Callable[[], Other]) -> tuple[Mine, Other]:
    """Return what `mine` gives and what `other` gives, which a thread of its own does meanwhile.

    The thread has ended when this returns or raises.  Raises what `mine` raises, else what `other`.
    """
    results: list[Other] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(other())
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name="memoryos-beside")
    try:
        thread.start()
        started = True
    except RuntimeError:  # the system has no more threads, or the interpreter is ending
        started = False
    try:
        result = mine()
    finally:
        if started:
            thread.join()
    if not started:
        run()
    if errors:
        raise errors[0]
    return result, results[0]
