"""The circuit breaker, with a clock of its own."""

from __future__ import annotations

import multiprocessing

import pytest

from memoryos.llm.breaker import MAX_BREAKERS, CircuitBreaker, Ticket, breaker_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(threshold=3, first_pause=2.0, longest_pause=10.0, clock=clock)


def opened(breaker):
    return [breaker.failed(breaker.admit()) for _ in range(3)]


def test_it_opens_after_failures_in_a_row_and_says_so_once(breaker):
    assert opened(breaker) == [False, False, True]
    assert breaker.is_open
    assert breaker.admit() == Ticket(retry_after=2.0)


def test_a_success_between_failures_keeps_it_closed(breaker):
    for _ in range(5):
        breaker.failed(breaker.admit())
        breaker.failed(breaker.admit())
        assert not breaker.succeeded(breaker.admit())
    assert not breaker.is_open


def test_one_probe_at_a_time(breaker, clock):
    opened(breaker)
    clock.now += 2
    probe = breaker.admit()
    assert probe == Ticket(probe=True)
    assert breaker.admit().retry_after > 0
    assert breaker.succeeded(probe)
    assert breaker.admit() == Ticket()


def test_the_pause_doubles_up_to_the_longest(breaker, clock):
    opened(breaker)
    pauses = []
    for _ in range(4):
        clock.now += breaker.admit().retry_after
        assert not breaker.failed(breaker.admit())  # it was open: nothing to say again
        pauses.append(breaker.admit().retry_after)
    assert pauses == [4.0, 8.0, 10.0, 10.0]


def test_the_endpoint_may_ask_for_a_longer_pause(breaker):
    for _ in range(3):
        breaker.failed(breaker.admit(), retry_after=7.5)
    assert breaker.admit().retry_after == 7.5


def test_a_probe_that_tells_nothing_makes_room_for_the_next(breaker, clock):
    opened(breaker)
    clock.now += 2
    breaker.released(breaker.admit())
    assert breaker.admit().probe


def test_calls_from_before_it_opened_change_nothing_when_they_fail(breaker, clock):
    early = breaker.admit()
    opened(breaker)
    clock.now += 1
    assert not breaker.failed(early)
    assert breaker.admit().retry_after == 1.0
    breaker.succeeded(early)  # but an answer is an answer
    assert not breaker.is_open


def test_an_endpoint_has_one_breaker():
    assert breaker_of("https://a.example", "m") is breaker_of("https://a.example", "m")
    assert breaker_of("https://a.example", "m") is not breaker_of("https://a.example", "n")
    first = breaker_of("https://first.example")
    for number in range(MAX_BREAKERS):
        breaker_of("https://many.example", str(number))
    assert breaker_of("https://first.example") is not first


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform cannot fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_with_closed_breakers():
    here = breaker_of("https://forked.example")
    for _ in range(20):
        here.failed(here.admit())
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()
    child = context.Process(target=lambda: said.put(breaker_of("https://forked.example").is_open))
    child.start()
    child.join(20)
    assert here.is_open
    assert said.get() is False
