"""Dates in questions."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryos.text.dates import periods


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()


NOW = at("2023-07-19")  # a Wednesday


def spans(question: str) -> list[tuple[str, str]]:
    found = periods(question, now=NOW, oldest=at("2022-11-02"), newest=NOW)
    return [
        tuple(
            datetime.fromtimestamp(moment, timezone.utc).date().isoformat()
            for moment in (period.start, period.end)
        )
        for period in found
    ]


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What happened on 8 May, 2023?", "2023-05-08", "2023-05-09"),
        ("What happened on May 8th, 2023?", "2023-05-08", "2023-05-09"),
        ("What happened on the 8th of May 2023?", "2023-05-08", "2023-05-09"),
        ("2023-05-08", "2023-05-08", "2023-05-09"),
        ("In December 2022 we met", "2022-12-01", "2023-01-01"),
        ("all of 2022", "2022-01-01", "2023-01-01"),
        ("¿Qué pasó el 8 de mayo de 2023?", "2023-05-08", "2023-05-09"),
        ("le 8 mai 2023", "2023-05-08", "2023-05-09"),
        ("am 8. Mai 2023", "2023-05-08", "2023-05-09"),
        ("8 мая 2023", "2023-05-08", "2023-05-09"),
        ("2023年5月8日发生了什么", "2023-05-08", "2023-05-09"),
        ("What did I do yesterday?", "2023-07-18", "2023-07-19"),
        ("¿Qué hice ayer?", "2023-07-18", "2023-07-19"),
        ("last weekend", "2023-07-15", "2023-07-17"),
        ("the past week", "2023-07-10", "2023-07-17"),
        ("el mes pasado", "2023-06-01", "2023-07-01"),
        ("last year", "2022-01-01", "2023-01-01"),
        ("this month", "2023-07-01", "2023-08-01"),
        ("three days ago", "2023-07-16", "2023-07-17"),
        ("hace dos semanas", "2023-07-02", "2023-07-09"),
    ],
)
def test_a_period_is_understood(question, start, end):
    assert spans(question) == [(start, end)]


def test_a_month_without_its_year_is_meant_in_every_year_of_the_memory():
    assert spans("in June") == [("2022-06-01", "2022-07-01"), ("2023-06-01", "2023-07-01")]


@pytest.mark.parametrize(
    "question",
    ["you may go", "we march on", "How many dogs?", "31 February 2023", "room 12", "la semana"],
)
def test_what_is_no_date_is_none(question):
    assert spans(question) == []


def test_the_label_is_what_the_question_said():
    (period,) = periods("Who came on May 8, 2023?", now=NOW, oldest=NOW, newest=NOW)
    assert period.label == "May 8, 2023"


@given(st.text(max_size=60), st.floats(allow_nan=True, allow_infinity=True))
def test_nothing_makes_it_fail(question, moment):
    periods(question, now=moment, oldest=moment, newest=moment)
    periods(f"{question} yesterday {question} May 2023", now=NOW, oldest=moment, newest=NOW)


@pytest.mark.parametrize("said", ["ſep", "aprıl", "yeſterday", "ſix days ago", "hace una ſemana"])
def test_letters_that_only_a_pattern_takes_for_others(said):
    assert spans(f"What was {said}, and in May 2023, and 3 days ago?") == spans(
        "What was it, and in May 2023, and 3 days ago?"
    )


@pytest.mark.parametrize("count", ["1", "99", "999"])
def test_any_number_of_years_ago_is_survived(count):
    periods(f"{count} years ago", now=at("0003-01-01"), oldest=NOW, newest=NOW)
