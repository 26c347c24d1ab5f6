"""Threads that recall from small scopes do so by turns."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.retrieval import views
from memoryos.retrieval.index import ScopeIndex


@pytest.mark.parametrize(("small", "together"), [(20_000, 1), (0, 4)])
def test_threads_recall_by_turns_from_few_pages_only(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, small: int, together: int
) -> None:
    monkeypatch.setattr(views, "_SMALL", small)
    memories = [engine.memory(f"user {number}") for number in range(4)]
    for memory in memories:
        memory.add("I like chess.", "Good.")
    ranked, here, most, all_here = ScopeIndex.ranked, [0], [0], threading.Event()

    def counted(*given: Any, **more: Any) -> Any:
        here[0] += 1
        most[0] = max(most[0], here[0])
        if here[0] == together == 4:
            all_here.set()
        elif together == 4:
            assert all_here.wait(10)
        else:
            time.sleep(0.02)  # long enough for another to come in, if it may
        try:
            return ranked(*given, **more)
        finally:
            here[0] -= 1

    monkeypatch.setattr(ScopeIndex, "ranked", counted)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda memory: len(memory.recall("chess").pages), memories))
    assert found == [1] * 4
    assert most[0] == together


def test_nobody_waits_for_anothers_embedding(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = engine.memory("tom")
    memory.add("I like chess.", "Good.")
    memory.flush()
    memory.recall("chess")
    embed, asked, go = engine.modules.embedder.embed_query, threading.Event(), threading.Event()

    def slow(text: str) -> Any:
        if text == "slow chess":
            asked.set()
            assert go.wait(10)
        return embed(text)

    monkeypatch.setattr(engine.modules.embedder, "embed_query", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(memory.recall, "slow chess")
        assert asked.wait(10)
        assert len(memory.recall("chess").pages) == 1
        assert not waiting.done()
        go.set()
        assert len(waiting.result(10).pages) == 1


def test_vectors_that_another_made_since_are_compared(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    manual = {"promotion": "manual"}
    with Engine.open(uri, manual) as engine, Engine.open(uri, manual) as other:
        memory = engine.memory("tom")
        memory.add("I like chess.", "Good.")
        assert "meaning" not in str(memory.recall("chess").pages[0].reasons)
        other.memory("tom").flush()
        assert "meaning" in str(memory.recall("chess").pages[0].reasons)


def test_the_scopes_row_is_read_within_the_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = [engine.memory(f"user {number}") for number in range(4)]
    for memory in memories:
        memory.add("I like chess.", "Good.")
        memory.recall("chess")
    head, here, most = engine.store.head, [0], [0]

    def counted(scope: Any) -> Any:
        here[0] += 1
        most[0] = max(most[0], here[0])
        time.sleep(0.02)  # long enough for another to come in, if it may
        here[0] -= 1
        return head(scope)

    monkeypatch.setattr(engine.store, "head", counted)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda memory: memory.recall("chess"), memories))
    assert most[0] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_a_forked_child_does_not_wait_for_its_parents_turn(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/m.db") as engine:
        memory = engine.memory("tom")
        memory.add("I like chess.", "Good.")
        with engine.modules.views.recall_lock(engine.modules.views.get(memory.scope)):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                try:
                    os._exit(len(memory.recall("chess").pages))
                finally:
                    os._exit(100)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 1
