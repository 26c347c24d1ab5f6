"""Mid-term memory's rules: which segment a topic is nearest to, however the layout came about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from numpy.typing import NDArray

from memoryos.config import MemoryConfig
from memoryos.model import Segment
from memoryos.tiers.mid_term import Nearness, evictions, heat

NOON = datetime(2025, 5, 1, 12, tzinfo=timezone.utc)
WORDS = ("tea", "chess", "lisbon", "violin")


def segment(number: int, word: str) -> Segment:
    return Segment(f"s{number}", "", (word,), 1, 0, 1, NOON, NOON)


def test_a_layout_made_step_by_step_is_that_made_at_once() -> None:
    chance = np.random.default_rng(7)
    rows = {f"s{n}": chance.normal(size=8).astype(np.float32) for n in range(150)}
    held = {f"s{n}": segment(n, WORDS[n % 4]) for n in range(40)}
    stepwise = Nearness.of(held.values(), rows)
    for n in range(150):  # beyond what is held beside the matrix; some change, others are new
        fresh = replace(held.get(f"s{n}", segment(n, "tea")), keywords=(WORDS[(n + 1) % 4],))
        rows[fresh.id] = chance.normal(size=8).astype(np.float32)
        held[fresh.id] = fresh
        changes: dict[str, tuple[Segment, NDArray[np.float32]] | None]
        changes = {fresh.id: (fresh, rows[fresh.id])}
        if n % 5 == 0:  # one of those in the matrix, or of those beside it
            gone = list(held)[n % len(held)]
            if gone != fresh.id:
                del held[gone]
                changes[gone] = None
        before, its = stepwise, list(stepwise.segments)
        stepwise = stepwise.with_changes(changes)
        assert before.segments == its
        if n % 2:
            stepwise = stepwise.compacted()
        whole = Nearness.of(held.values(), rows)
        asked = chance.normal(size=8).astype(np.float32)
        assert stepwise.segments == whole.segments == list(held.values())
        assert stepwise.affinities(["tea"], asked) == pytest.approx(
            whole.affinities(["tea"], asked), abs=1e-4
        )
    assert len(stepwise.compacted().changed) <= 64


def test_a_layout_of_nothing_and_words_that_nobody_has() -> None:
    asked = np.ones(4, np.float32)
    assert not len(Nearness.of((), {}).affinities(["tea"], asked))
    bare = [replace(segment(n, ""), keywords=()) for n in range(80)]
    whole = Nearness.of(bare, {s.id: asked / 4 for s in bare})
    assert whole.affinities([], asked) == pytest.approx(np.ones(80))
    assert whole.affinities(["tea"], asked) == pytest.approx(np.ones(80))
    gone = whole.with_changes({s.id: None for s in bare})
    assert gone.segments == gone.compacted().segments == []
    assert not len(gone.compacted().affinities(["tea"], asked))


def test_the_coldest_leave_the_oldest_of_equals_first() -> None:
    chance = np.random.default_rng(3)
    for size in range(1, 40):
        held = {}
        for n in chance.permutation(size).tolist():
            created = NOON + timedelta(hours=int(chance.integers(3)))
            visits = int(chance.integers(3))
            held[f"s{n}"] = replace(segment(n, "tea"), created=created, visits=visits)
        config = MemoryConfig(mid_term_capacity=int(chance.integers(1, 40)))
        ranked = sorted(held.values(), key=lambda s: (heat(s, NOON, config), s.created, s.id))
        beyond = max(0, size - config.mid_term_capacity)
        assert evictions(held, NOON, config) == ranked[:beyond]
