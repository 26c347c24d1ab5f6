"""Leases: renewed while work lasts, given back for the dead, and told apart from the living."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from memoryos import Engine
from memoryos.model import Scope
from memoryos.ports import utc_now
from memoryos.storage import leases
from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.journal import drafts_of, text_page
from memoryos.storage.leases import Leases, Owner, is_dead, new_owner

TOM = Scope("tom")


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    page = text_page(
        "hello",
        "",
        timestamp=utc_now(),
        session_id="s",
        metadata=None,
        key=None,
        most_bytes=1000,
    )
    store.append(TOM, drafts_of([page]))
    return store


def test_a_lease_is_renewed_while_the_work_lasts(store: InMemoryStore) -> None:
    mine, other = Leases(store, utc_now, seconds=0.4), Leases(store, utc_now, seconds=0.4)
    with mine.holding(TOM) as held:
        assert held
        for _ in range(6):
            time.sleep(0.2)
            with other.holding(TOM) as stolen:
                assert not stolen
    with other.holding(TOM) as held:
        assert held
    assert store.leased(TOM) is None


def test_a_lease_held_twice_is_given_back_once_both_are_done(store: InMemoryStore) -> None:
    mine = Leases(store, utc_now)
    with mine.holding(TOM):
        with mine.holding(TOM):
            pass
        assert store.leased(TOM) is not None
    assert store.leased(TOM) is None


def test_what_is_given_back_is_not_renewed(store: InMemoryStore) -> None:
    mine = Leases(store, utc_now, seconds=0.2)
    done = threading.Event()

    def work() -> None:
        with mine.holding(TOM):
            done.wait(5)

    thread = threading.Thread(target=work)
    thread.start()
    while store.leased(TOM) is None:
        time.sleep(0.01)
    mine.give_back()
    time.sleep(0.3)
    assert store.leased(TOM) is None
    done.set()
    thread.join()


def of(**changes: str) -> str:
    mine = Owner.of(new_owner())
    assert mine is not None
    return "/".join(mine._replace(**changes))


def ended_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return str(process.pid)


def test_who_is_dead() -> None:
    assert not is_dead(new_owner())
    assert is_dead(of(process=ended_process()))
    assert is_dead(of(boot="another")), "the machine was started anew"
    assert is_dead(of(started="1")), "the number belongs to another process now"
    assert is_dead(of(process="1", started="1")), "a container that was started anew"
    assert not is_dead(of(machine="another", process=ended_process())), "who knows"
    for name in ("", "nobody", "host/12/abc", "a/b/c/d/e/f"):
        assert not is_dead(name)


def test_a_container_started_anew_waits_for_nothing(
    store: InMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has the number that the one before had."""
    monkeypatch.setattr(leases, "_started", lambda _: "100")
    before = new_owner()
    assert store.lease(TOM, before, 3600, utc_now())
    monkeypatch.setattr(leases, "_started", lambda _: "200")
    with Leases(store, utc_now).holding(TOM) as held:
        assert held


@pytest.mark.parametrize("how", ["dead", "alive"])
def test_the_doctor_names_a_stuck_lease(how: str) -> None:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        long_ago = utc_now() - timedelta(hours=3)
        engine.memory("tom").add_many([(f"I like town {n}.", "Good.", long_ago) for n in range(20)])
        owner = of(process=ended_process()) if how == "dead" else of(machine="elsewhere.x")
        assert engine.store.lease(TOM, owner, 3600, utc_now())
        (found,) = [f for f in engine.doctor().findings if f.what == "lease"]
        if how == "dead":
            assert "has ended" in found.detail
            assert engine.doctor(repair=True).healthy
            assert engine.store.leased(TOM) is None
        else:
            assert f"process {os.getpid()} on elsewhere.x" in found.detail
            assert not found.repairable


ADDS = """
import sys, time
from memoryos import Engine
with Engine.open(sys.argv[1], {"durability": "normal"}) as engine:
    print("ready", flush=True)
    end = time.monotonic() + float(sys.argv[2])
    number = 0
    while time.monotonic() < end:
        engine.memory("tom", session_id=str(number % 3)).add(f"I like chess {number}.", "Good.")
        number += 1
        time.sleep(0.02)
"""


def test_a_flush_ends_while_another_process_adds(sqlite_uri: str) -> None:
    with Engine.open(sqlite_uri, {"durability": "normal"}) as engine:
        memory = engine.memory("tom")
        memory.add("The first.", "Good.")
        process = subprocess.Popen(
            [sys.executable, "-c", ADDS, sqlite_uri, "20"], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.5)
        started = time.monotonic()
        memory.flush()
        took = time.monotonic() - started
        still_adding = process.poll() is None
        process.communicate()
    assert still_adding
    assert took < 15
