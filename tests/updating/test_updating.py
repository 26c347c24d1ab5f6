"""Page out, heat, promotion, eviction: the paper's Updating module on a real engine."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from memoryos import Engine, Memory, Message
from tests.conftest import ManualClock

TOPICS = {
    "garden": "My garden has tomatoes and roses, I water the garden tomatoes every morning",
    "chess": "I play chess openings at the chess club, the Sicilian chess opening above all",
    "opera": "The opera singer sang Verdi arias at the opera house, what an opera evening",
}


def talk(memory: Memory, topic: str, turns: int, start: int = 0) -> None:
    for number in range(start, start + turns):
        memory.add(f"{TOPICS[topic]} ({number})", "I see.")


def open_engine(clock: ManualClock, **settings: object) -> Engine:
    config = {"promotion": "manual", "short_term_capacity": 3, "page_out_batch": 5, **settings}
    return Engine.open("sqlite:///:memory:", config=config, clock=clock)


def test_short_term_is_the_newest_pages_and_flush_files_them_all(
    clock: ManualClock,
) -> None:
    with open_engine(clock) as engine:
        memory = engine.memory("tom")
        talk(memory, "garden", 13)
        memory.flush()
        assert [page.user_input[-3:] for page in memory.short_term()] == ["10)", "11)", "12)"]
        assert memory.stats().waiting == 0
        assert sum(segment.pages for segment in memory.segments()) == 13
        for page in memory.pages():
            assert page.segment_id
            assert page.chain_id


def test_each_page_is_in_one_segment_and_topics_keep_apart(clock: ManualClock) -> None:
    with open_engine(clock) as engine:
        memory = engine.memory("tom")
        for round_ in range(3):
            for topic in TOPICS:
                talk(memory, topic, 5, 5 * round_)
        memory.flush()
        segments = memory.segments()
        assert 2 <= len(segments) <= 6
        for segment in segments:
            words = {
                topic
                for topic in TOPICS
                for page in memory.pages()
                if page.segment_id == segment.id and topic in page.user_input.lower()
            }
            assert len(words) == 1
        assert sum(segment.pages for segment in segments) == 45


def test_heat_is_equation_4_at_the_moment_of_asking(clock: ManualClock) -> None:
    with open_engine(clock, heat_threshold=100) as engine:
        memory = engine.memory("tom")
        talk(memory, "garden", 8)
        memory.flush()
        (segment,) = memory.segments()
        assert segment.heat == pytest.approx(0 + 8 + 1)
        clock.advance(seconds=1e7)
        assert memory.segments()[0].heat == pytest.approx(8 + math.exp(-1))
        memory.recall("garden tomatoes")
        assert memory.segments()[0].heat == pytest.approx(1 + 8 + 1)  # visited just now
        assert memory.segments()[0].visits == 1


def test_every_hot_segment_is_promoted_and_cools_down(clock: ManualClock) -> None:
    with open_engine(clock) as engine:
        memory = engine.memory("tom")
        memory.add("My name is Tom and I live in Lisbon.", "Hello Tom")
        talk(memory, "garden", 9)
        memory.add("I work as a nurse. " + TOPICS["chess"], "Good")
        talk(memory, "chess", 12)
        memory.flush()
        assert all(segment.heat < 5 for segment in memory.segments())
        fact = next(f for f in memory.knowledge("user") if "Lisbon" in f.text)
        why = memory.explain(fact.id)
        assert why.pages[0].user_input.startswith("My name is Tom")
        assert all(quote in why.pages[0].user_input for quote in why.quotes)
        assert why.analyst == "rules"


def test_the_coldest_segment_is_evicted_and_its_pages_still_recalled(
    clock: ManualClock,
) -> None:
    with open_engine(clock, mid_term_capacity=2, heat_threshold=100) as engine:
        memory = engine.memory("tom")
        for topic in TOPICS:
            talk(memory, topic, 5)
            clock.advance(seconds=86400)
        talk(memory, "opera", 3, 5)
        memory.flush()
        stats = memory.stats()
        assert stats.segments == 2
        assert stats.evicted_segments >= 1
        assert not any("garden" in segment.keywords for segment in memory.segments())
        found = memory.recall("garden tomatoes", k=5)
        assert all("garden" in item.page.user_input for item in found.pages)


def test_chains_and_summaries_survive_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    config = {"promotion": "manual", "short_term_capacity": 2, "page_out_batch": 2}
    with Engine.open(uri, config=config, clock=clock) as engine:
        talk(engine.memory("tom"), "chess", 6)
        engine.memory("tom").flush()
    with Engine.open(uri, config=config, clock=clock) as engine:
        memory = engine.memory("tom")
        talk(memory, "chess", 4, 6)
        memory.flush()
        chains = {page.chain_id for page in memory.pages() if page.chain_id}
        assert len(chains) == 1
        assert memory.stats().chains == 1


def test_the_same_journal_gives_the_same_memory_whenever_it_is_worked_through(
    clock: ManualClock, tmp_path: Path
) -> None:
    exports = []
    for eager in (True, False):
        with open_engine(clock, promotion="inline" if eager else "manual") as engine:
            for number in range(40):
                memory = engine.memory("tom", session_id=f"s{number // 11}")
                topic = list(TOPICS)[number % 7 % 3]
                memory.add(f"I like {topic} {number}. {TOPICS[topic]}", key=str(number))
            engine.memory("tom").flush()
            path = tmp_path / f"{eager}.jsonl"
            engine.memory("tom").export(path)
            exports.append(path.read_text())
    assert exports[0] == exports[1]


def test_background_work_needs_no_flush(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri, config={"short_term_capacity": 2, "page_out_batch": 2}) as engine:
        talk(engine.memory("tom"), "opera", 10)
    with Engine.open(uri, config={"promotion": "manual"}) as engine:  # close finished what was due
        stats = engine.memory("tom").stats()
        assert (stats.waiting, stats.unembedded) == (0, 0)


def test_work_left_by_another_process_is_found_at_open(tmp_path: Path) -> None:

    uri = f"sqlite:///{tmp_path}/m.db"
    with Engine.open(uri, config={"promotion": "manual"}) as engine:
        talk(engine.memory("tom"), "opera", 40)
    with Engine.open(uri) as engine:
        memory = engine.memory("tom")
        deadline = time.monotonic() + 20
        while memory.stats().waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        assert memory.stats().waiting == 0


def test_a_fork_waits_for_threads_that_read(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/m.db") as engine:
        store = engine.store
        done, inside = threading.Event(), threading.Event()

        def reader() -> None:
            with store._db.reading():
                inside.set()
                time.sleep(0.2)
                done.set()

        thread = threading.Thread(target=reader)
        thread.start()
        inside.wait()
        store.before_fork()
        waited = done.is_set()
        store.after_fork(child=False)
        thread.join()
        assert waited
        assert engine.memory("tom").add("still here", "yes").seq == 1


def test_an_index_of_replaced_pages_is_filled_anew(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/m.db", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        for number in range(200):
            memory.add_messages([Message("user", f"turn {number} about the garden")])
            memory.recall("garden", k=1)
            memory.add_messages([Message("assistant", f"answer {number}")])
            memory.recall("garden", k=1)
        index = engine.modules.views.get(memory.scope).index
        assert len(index) == 200
        assert index.last_seq == 400
        assert index._now.columns.size < 400  # not a row for each page that ever was


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on Windows")
def test_a_forked_child_goes_on_with_the_engine(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/m.db") as engine:
        memory = engine.memory("tom")
        memory.add(
            "the parent is here", "hello"
        )  # a fork amid an import leaves Python's own lock held
        memory.recall("parent")
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                memory.add("the parent talks about the garden", "yes")
                memory.recall("garden")

        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        children = []
        for number in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    memory.add(f"the child {number} is here", "hello child")
                    found = memory.recall(f"child {number} here", k=5).pages
                    said = [item.page.user_input for item in found]
                    code = 0 if f"the child {number} is here" in said else 2
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        stop.set()
        for thread in threads:
            thread.join()
        assert codes == [0] * 5
        assert sum("the child" in page.user_input for page in memory.pages()) == 5


def test_the_interpreter_ends_in_order_without_close(tmp_path: Path) -> None:
    program = (
        "from memoryos import Engine\n"
        f"engine = Engine.open('sqlite:///{tmp_path}/m.db')\n"
        "memory = engine.memory('tom')\n"
        "for n in range(60): memory.add(f'turn {n} on the garden and its tomatoes', 'yes')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with Engine.open(f"sqlite:///{tmp_path}/m.db") as engine:
        assert len(engine.memory("tom").pages()) == 60
