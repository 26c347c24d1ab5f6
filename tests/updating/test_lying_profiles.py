"""What a model's answer may end, and which attributes and traits it may set."""

from __future__ import annotations

import pytest

from tests.updating.model_answers import attributes, fact, facts, known, said

PEANUTS = known("k1", "Tom is allergic to peanuts.")
PORTO = known("k2", "Tom lives in Porto.", attribute="home", value="Porto")
TEA = known("k3", "Tom's favourite drink is green tea.")


@pytest.mark.parametrize(
    ("user", "told", "ended"),
    [
        (
            "I had a test: I'm not allergic to peanuts any more.",
            fact(
                "Tom is not allergic to peanuts any more.", "I'm not allergic to peanuts any more"
            ),
            ["k1"],
        ),
        (
            "Thanks to the test I'm not allergic to peanuts any more.",
            fact(
                "Tom is not allergic to peanuts any more.", "I'm not allergic to peanuts any more"
            ),
            ["k1"],
        ),
        (
            "My favourite drink is black coffee these days.",
            fact("Tom's favourite drink is black coffee.", "My favourite drink is black coffee"),
            ["k3"],
        ),
        ("I bought a bike.", fact("Tom bought a bike.", "I bought a bike"), []),
        (
            "I'm allergic to peanuts, as you know.",
            fact("Tom is allergic to peanuts.", "I'm allergic to peanuts"),
            [],
        ),
    ],
)
def test_only_a_contradiction_ends_what_is_known(user, told, ended):
    kept = facts(said(user), [{**told, "supersedes": [1, 2, 3]}], already=[PEANUTS, PORTO, TEA])
    assert [id_ for one in kept for id_ in one.supersedes] == ended


def test_a_lie_ends_nothing():
    lie = fact("Tom is not allergic to peanuts any more.", "allergic to peanuts", supersedes=[1])
    turns = said("I am still allergic to peanuts.")
    assert facts(turns, [lie], already=[PEANUTS]) == ()


@pytest.mark.parametrize(
    ("user", "told", "value"),
    [
        ("I moved to Lisbon.", {"attribute": "home", "value": "lisbon"}, "lisbon"),
        ("I moved to Lisbon.", {"attribute": "Home", "value": "Lisbon"}, "Lisbon"),
        ("I moved to Lisbon.", {"attribute": "home", "value": "Porto"}, None),
        ("I moved to Lisbon.", {"attribute": "home", "value": "Lis"}, None),
        ("I moved to Lisbon.", {"attribute": "home", "value": None}, None),
        ("I moved to Lisbon.", {"attribute": "shoe size", "value": "Lisbon"}, None),
        ("I work as a counselor.", {"attribute": "role", "value": "counsellor"}, "counselor"),
        ("I was born in 1990.", {"attribute": "birth_year", "value": 1990}, "1990"),
        ("I was born in 1990.", {"attribute": "birth_year", "value": "199"}, None),
    ],
)
def test_values_are_words_of_the_quote(user, told, value):
    draft = attributes(said(user), {**fact(f"Tom: {user}", user), **told})
    assert [one.value for one in draft.facts] == ([value] if value else [])


def test_an_attribute_takes_the_place_of_the_same_one():
    told = {**fact("Tom moved to Lisbon.", "I moved to Lisbon"), "attribute": "home"}
    draft = attributes(
        said("I moved to Lisbon."), {**told, "value": "Lisbon", "supersedes": [1]}, already=[PORTO]
    )
    assert [one.supersedes for one in draft.facts] == [("k2",)]


@pytest.mark.parametrize(
    ("user", "told", "kept"),
    [
        ("I sketch every evening.", {"name": "Art Interest", "level": "high"}, True),
        ("I sketch every evening.", {"name": "art", "level": "High"}, True),
        ("I sketch every evening.", {"name": "Wickedness", "level": "high"}, False),
        ("I sketch every evening.", {"name": "Openness", "level": "sky-high"}, False),
        ("Do I sketch every evening?", {"name": "Art Interest", "level": "high"}, False),
        (
            "You sketch every evening, she told him.",
            {"name": "Art Interest", "level": "low"},
            False,
        ),
    ],
)
def test_traits_stand_on_what_the_user_says(user, told, kept):
    trait = {"page": 1, "quote": "sketch every evening", "reason": "Tom sketches.", **told}
    assert bool(attributes(said(user), traits=[trait]).traits) is kept
