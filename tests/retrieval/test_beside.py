"""Work beside other work: it is done, nothing is left behind, errors come through."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from memoryos.beside import Beside


def failing(error: BaseException) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


def test_it_is_done_meanwhile() -> None:
    here, there = threading.Event(), threading.Event()

    def work() -> tuple[bool, int]:
        there.set()
        return here.wait(10), threading.get_ident()

    with Beside(work) as beside:
        assert there.wait(10)
        here.set()
        done, helper = beside.result()
        assert done
        assert helper != threading.get_ident()


def test_errors_come_through_and_no_thread_stays() -> None:
    before = threading.active_count()
    with Beside(failing(KeyboardInterrupt("other"))) as beside:
        with pytest.raises(KeyboardInterrupt, match="other"):
            beside.result()
        with pytest.raises(KeyboardInterrupt, match="other"):
            beside.result()
    with pytest.raises(ValueError, match="mine"), Beside(lambda: 1):
        raise ValueError("mine")
    assert threading.active_count() == before


@pytest.mark.parametrize("apart", [True, False])
def test_without_a_thread_it_is_done_when_asked_for_and_once(
    monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    order: list[str] = []
    with Beside(lambda: order.append("other"), apart=apart) as beside:
        order.append("mine")
        beside.result()
        beside.result()
    assert order == ["mine", "other"]
    with (
        Beside(failing(ValueError("other")), apart=apart) as beside,
        pytest.raises(ValueError, match="other"),
    ):
        beside.result()


def test_what_is_not_asked_for_is_not_done() -> None:
    order: list[str] = []
    with Beside(lambda: order.append("other"), apart=False):
        pass
    assert not order
