"""The background threads: that they stop at once, and drop nothing that they had taken up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from memoryos.errors import ModelUnavailable
from memoryos.model import Scope
from memoryos.updating.worker import Enqueuer, Worker

SCOPES = [Scope(f"user {n}") for n in range(8)]


class Scripted(Enqueuer):
    """Notes what is asked for, then does what the test says."""

    def __init__(self, work: Callable[[Scope], None] = lambda _: None) -> None:
        self.asked: list[Scope] = []
        self._work = work

    def run(self, scope: Scope, *, stopped: object = None) -> bool:
        self.asked.append(scope)
        self._work(scope)
        assert callable(stopped)
        return not stopped()


def test_a_closing_worker_waits_for_nothing() -> None:
    worker = Worker(Scripted(), list, 900.0)
    worker.closing = True  # as close() does while the thread is between two waits
    thread = threading.Thread(target=worker.next_due, args=(60.0,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_scope_taken_up_while_stopping_is_still_said_to_be_left() -> None:
    scope = SCOPES[0]

    class StopsMeanwhile(Worker):
        def next_due(self, timeout: float) -> Scope | None:
            found = super().next_due(timeout)
            self.closing = self.stopped = self.stopped or found is not None
            return found

    worker = StopsMeanwhile(Scripted(), lambda: [scope], 900.0)
    worker.start()
    while not worker.stopped:
        threading.Event().wait(0.01)
    assert worker.close() == [scope]


def test_closing_does_all_that_is_due_first() -> None:
    consolidator = Scripted(lambda _: time.sleep(0.02))
    worker = Worker(consolidator, list, 900.0, threads=2)
    for scope in SCOPES:
        worker.hint(scope)
    assert worker.close(10.0) == []
    assert set(consolidator.asked) == set(SCOPES)


def test_closing_in_time_leaves_what_is_not_done() -> None:
    hang = threading.Event()
    worker = Worker(Scripted(lambda _: bool(hang.wait(30))), list, 900.0, threads=2)
    for scope in SCOPES:
        worker.hint(scope)
    started = time.monotonic()
    left = worker.close(0.3)
    assert time.monotonic() - started < 20  # it hangs for thirty
    assert set(left) == set(SCOPES), "what is under way is not done either"
    hang.set()


def test_a_slow_scope_holds_up_no_other() -> None:
    slow, others = SCOPES[0], SCOPES[1:]
    hang, done = threading.Event(), threading.Event()
    finished: set[Scope] = set()

    def work(scope: Scope) -> None:
        if scope == slow:
            hang.wait(30)
        finished.add(scope)
        if finished >= set(others):
            done.set()

    worker = Worker(Scripted(work), list, 900.0, threads=3)
    for scope in SCOPES:
        worker.hint(scope)
    assert done.wait(10)
    assert slow not in finished
    hang.set()
    assert worker.close(10.0) == []


def test_one_scope_is_never_worked_on_by_two_threads() -> None:
    inside, most = 0, 0

    def work(_: Scope) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)
        inside -= 1

    worker = Worker(Scripted(work), list, 900.0, threads=4)
    for _ in range(20):
        worker.hint(SCOPES[0])
        time.sleep(0.005)
    worker.close(10.0)
    assert most == 1


def test_an_endpoint_that_fails_for_all_is_told_once_and_not_asked_before_its_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(_: Scope) -> None:
        raise ModelUnavailable("it is away", retry_after=60)

    consolidator = Scripted(work)
    worker = Worker(consolidator, list, 900.0, threads=4)
    with caplog.at_level(logging.WARNING):
        for scope in SCOPES:
            worker.hint(scope)
        while len(consolidator.asked) < len(SCOPES):
            time.sleep(0.01)
        time.sleep(1.2)  # a second is what is waited where nothing is known
    assert len(consolidator.asked) == len(SCOPES)
    assert len(caplog.records) == 1, caplog.text
    assert worker.close(5.0) == [], "what fails is not tried again while it closes"
    assert len(consolidator.asked) == len(SCOPES)
