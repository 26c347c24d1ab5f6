"""Work that a thread does while its caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Beside(Generic[Result]):
    """Does `work` in a thread of its own, which has ended when the `with` block is left.

    Where the system has no thread to give, or `apart` is false, it is done when it is asked for.
    """

    def __init__(self, work: Callable[[], Result], *, apart: bool = True) -> None:
        self._work = work
        self._results: list[Result] = []
        self._errors: list[BaseException] = []
        self._thread: threading.Thread | None = None
        if apart:
            thread = threading.Thread(target=self._run, name="memoryos-beside")
            try:
                thread.start()
                self._thread = thread
            except RuntimeError:  # no more threads, or the interpreter is ending
                pass

    def result(self) -> Result:
        """Return what `work` gives, or raise what it raises."""
        if self._thread is not None:
            self._thread.join()
        elif not (self._results or self._errors):
            self._run()
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def __enter__(self) -> Beside[Result]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001  # it is raised where the result is asked for
            self._errors.append(error)
