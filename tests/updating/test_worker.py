"""The background thread: that it stops at once, and drops nothing that it had taken up."""

from __future__ import annotations

import threading

from memoryos.model import Scope
from memoryos.updating.worker import Enqueuer, Worker


class Noting(Enqueuer):
    """Notes what is asked for; whatever comes while the worker closes is left to do."""

    def __init__(self) -> None:
        self.asked: list[Scope] = []

    def run(self, scope: Scope, *, stopped: object = None) -> bool:
        self.asked.append(scope)
        assert callable(stopped)
        return not stopped()


def test_a_closing_worker_waits_for_nothing() -> None:
    worker = Worker(Noting(), list, 900.0)
    worker.closing = True  # as close() does while the thread is between two waits
    thread = threading.Thread(target=worker.next_due, args=(60.0,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_scope_taken_up_while_closing_is_still_said_to_be_left() -> None:
    scope = Scope("tom")

    class ClosesMeanwhile(Worker):
        def next_due(self, timeout: float) -> Scope | None:
            found = super().next_due(timeout)
            self.closing = self.closing or found is not None
            return found

    worker = ClosesMeanwhile(Noting(), lambda: [scope], 900.0)
    worker.start()
    while not worker.closing:
        threading.Event().wait(0.01)
    assert worker.close() == [scope]
