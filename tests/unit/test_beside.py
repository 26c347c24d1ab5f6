"""Two pieces of work at once: both are done, nothing is left behind, errors come through."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from memoryos.index.beside import both


def failing(error: BaseException) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


def test_both_are_done_at_once() -> None:
    here, there = threading.Event(), threading.Event()

    def mine() -> tuple[bool, int]:
        here.set()
        return there.wait(10), threading.get_ident()

    def other() -> tuple[bool, int]:
        there.set()
        return here.wait(10), threading.get_ident()

    (first, me), (second, helper) = both(mine, other)
    assert first
    assert second
    assert me == threading.get_ident() != helper


@pytest.mark.parametrize("mine_fails", [True, False])
@pytest.mark.parametrize("other_fails", [True, False])
def test_errors_come_through_and_no_thread_stays(mine_fails: bool, other_fails: bool) -> None:
    before = threading.active_count()
    mine = failing(ValueError("mine")) if mine_fails else lambda: 1
    other = failing(KeyboardInterrupt("other")) if other_fails else lambda: 2
    if mine_fails:
        with pytest.raises(ValueError, match="mine"):
            both(mine, other)
    elif other_fails:
        with pytest.raises(KeyboardInterrupt, match="other"):
            both(mine, other)
    else:
        assert both(mine, other) == (1, 2)
    assert threading.active_count() == before


def test_without_a_thread_one_comes_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    order: list[str] = []
    assert both(lambda: order.append("mine"), lambda: order.append("other")) == (None, None)
    assert order == ["mine", "other"]
    with pytest.raises(ValueError, match="other"):
        both(lambda: 1, failing(ValueError("other")))
