"""Scores of answers, against ones computed by hand."""

from __future__ import annotations

import math

import pytest
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from benchmarks import intervals
from benchmarks.locomo.scores import bleu1, official_f1, published_f1


def test_published_f1_takes_words_as_a_set() -> None:
    assert published_f1("Pebble", "pebble.") == 1
    # said {the, red, car}, wanted {a, red, car}: 2 of 3 and 2 of 3
    assert published_f1("the red, red car!", "a red car") == pytest.approx(2 / 3)
    # 1 of 4 said, 1 of 1 wanted: 2 · 0.25 · 1 / 1.25
    assert published_f1("it was in Bergen", "Bergen") == pytest.approx(0.4)
    assert published_f1("Oslo", "Bergen") == 0
    assert published_f1("", "Bergen") == 0


def test_bleu_clips_and_punishes_what_is_short() -> None:
    assert bleu1("red car", "red car") == pytest.approx(1)
    # "red" counts once of three, and the answer is no shorter: 1/3
    assert bleu1("red red red", "red car") == pytest.approx(1 / 3)
    # both words right, two of four: exp(1 - 4/2)
    assert bleu1("red car", "a red car yesterday") == pytest.approx(math.exp(-1))
    assert bleu1("blue", "red car") == 0
    assert bleu1("", "red car") == 0


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ("It was on 7 May, 2023.", "7 May 2023"),
        ("Porto and Lyon", "Lyon, Porto and Nice"),
        ("she didn't go", "she did not go to Rome"),
        ("a a b", "a b b"),
    ],
)
def test_bleu_is_that_of_nltk(answer: str, truth: str) -> None:
    said, wanted = (NLTKWordTokenizer().tokenize(text.lower()) for text in (answer, truth))
    smooth = SmoothingFunction().method1
    theirs = sentence_bleu([wanted], said, weights=(1, 0, 0, 0), smoothing_function=smooth)
    assert bleu1(answer, truth) == pytest.approx(theirs)


def test_official_f1_stems_and_drops_articles_and_punctuation() -> None:
    assert official_f1("She runs.", "running, she", 4) == 1
    assert official_f1("The car and the boat", "a car, boat", 4) == 1
    # said {blue, car}, wanted {car}: 1/2 and 1
    assert official_f1("blue cars", "the car", 2) == pytest.approx(2 / 3)


def test_official_f1_of_category_one_wants_each_thing() -> None:
    # Porto found whole, Lyon found as one word of two (2/3), Nice not: (1 + 2/3 + 0) / 3
    score = official_f1("Porto, old Lyon", "Porto, Lyon, Nice", 1)
    assert score == pytest.approx((1 + 2 / 3) / 3)


def test_official_f1_of_category_three_leaves_the_reason_out() -> None:
    assert official_f1("Likely no", "Likely no; it went badly", 3) == 1
    assert official_f1("Likely no", "Likely no; it went badly", 4) < 1


def test_intervals_hold_the_mean_and_repeat() -> None:
    values = [0.0, 1.0] * 50
    mean = intervals.mean(values)
    assert mean.value == 0.5
    # The mean of 100 fair coins has a deviation of 0.05: 1.96 of them on each side.
    assert mean.low == pytest.approx(0.4, abs=0.02)
    assert mean.high == pytest.approx(0.6, abs=0.02)
    assert intervals.mean(values) == mean
    same = intervals.difference(values, values)
    assert (same.value, same.low, same.high) == (0, 0, 0)
