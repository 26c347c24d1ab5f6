"""Score fusion: what each signal does to the order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from memoryos.config import RankingConfig
from memoryos.retrieval.ranking import (
    chained,
    date_bonus,
    inverse_document_frequencies,
    length_norm,
    saturated,
    standardise,
    top,
)
from memoryos.text.dates import Period

CONFIG = RankingConfig()
scores = arrays(np.float32, st.integers(1, 40), elements=st.floats(-5, 5, width=32))


def test_bm25_is_the_published_formula():
    # Robertson and Zaragoza 2009, eq. 3.15, by hand: tf 2, length 6, average 4, k1 0.9, b 0.6.
    norm = length_norm(np.array([6], np.float32), 4.0, CONFIG)
    share = saturated(np.array([2], np.float32), norm)
    assert share[0] == pytest.approx(2 / (2 + 0.9 * (0.4 + 0.6 * 6 / 4)))


def test_idf_is_lucenes_and_never_negative():
    weights = inverse_document_frequencies((0, 1, 100), 100)
    assert weights[1] == pytest.approx(np.log(1 + 99.5 / 1.5))
    assert weights[0] > weights[1] > weights[2] > 0


def test_a_page_without_the_word_earns_nothing_even_when_empty():
    norm = length_norm(np.array([0, 5], np.float32), 0.0, CONFIG)
    assert saturated(np.zeros(2, np.float32), norm).tolist() == [0, 0]


@given(scores)
def test_standard_scores_keep_the_order_and_have_mean_zero(raw):
    standard = standardise(raw, 0.1, CONFIG.prior_pages)
    assert abs(float(standard.mean())) < 1e-3
    assert (np.diff(standard[np.argsort(raw, kind="stable")]) >= 0).all()
    assert np.isfinite(standard).all()


def test_a_small_difference_among_few_pages_is_not_blown_up():
    few = standardise(np.array([0.101, 0.1], np.float32), 0.1, CONFIG.prior_pages)
    assert float(np.ptp(few)) < 0.05
    many = standardise(np.linspace(0.1, 0.101, 10_000, dtype=np.float32), 0.1, CONFIG.prior_pages)
    assert float(np.ptp(many)) > 0.3


def test_one_page_or_none_is_average():
    assert standardise(np.array([7], np.float32), 0.1, 10.0).tolist() == [0]
    assert standardise(np.array([], np.float32), 0.1, 10.0).tolist() == []


def test_a_page_whose_vector_is_pending_is_average():
    raw = np.array([0.9, 0.0, 0.1], np.float32)
    standard = standardise(raw, 0.1, 10.0, np.array([True, False, True]))
    assert standard[1] == 0
    assert standard[0] > 0 > standard[2]
    assert standard[0] == pytest.approx(-standard[2])
    nothing = standardise(raw, 0.1, 10.0, np.zeros(3, bool))
    assert nothing.tolist() == [0, 0, 0]


def test_a_neighbour_shares_what_it_has_above_the_mean_only():
    raw = np.array([0, 4, 0, -4, 0], np.float32)  # row 0 is no page
    before, after = np.array([0, 0, 1, 2, 3]), np.array([0, 2, 3, 4, 0])
    given_ = chained(raw, before, after, CONFIG)
    assert given_[1:].tolist() == pytest.approx([4, 4 * CONFIG.neighbour, -4, 0])


def test_nobody_is_the_neighbour_of_a_lone_page():
    raw = np.array([9, 1, 2], np.float32)  # whatever stands in row 0
    alone = np.zeros(3, np.intp)
    assert chained(raw, alone, alone, CONFIG)[1:].tolist() == [1, 2]


def test_inside_a_period_beats_near_it_beats_far_from_it():
    day = 86_400.0
    times = np.array([0.5, 2.0, 100.0, 400.0]) * day
    bonus = date_bonus(times, [Period(0, day, "then")], CONFIG)
    assert bonus[0] > bonus[1] > bonus[2] >= bonus[3] == pytest.approx(0, abs=1e-6)


def test_a_rare_period_tells_more_than_one_that_holds_every_page():
    times = np.arange(100) * 86_400.0
    rare = date_bonus(times, [Period(0, 86_400, "a day")], CONFIG)
    all_of_them = date_bonus(times, [Period(0, 1e9, "always")], CONFIG)
    assert rare[0] > 3 * all_of_them[0]
    assert np.ptp(all_of_them) == 0


@given(scores, st.integers(1, 50))
def test_top_is_the_k_best_the_later_page_first_among_equals(raw, k):
    expected = sorted(range(len(raw)), key=lambda i: (-raw[i], -i))[:k]
    assert top(raw, k).tolist() == expected


def test_top_never_returns_what_is_ruled_out():
    assert top(np.array([-np.inf, 1, -np.inf], np.float32), 3).tolist() == [1]
    assert top(np.full(5, -np.inf, np.float32), 2).tolist() == []


def test_spelling_weighs_less_than_meaning():
    assert CONFIG.for_embedder("hashing-384").dense == CONFIG.dense_spelling < CONFIG.dense
    assert CONFIG.for_embedder("text-embedding-3-small") is CONFIG
