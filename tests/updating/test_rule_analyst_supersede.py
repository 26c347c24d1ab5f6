"""What a new fact does to known ones, as the rules read it."""

from __future__ import annotations

import pytest

from memoryos.model import Knowledge
from tests.updating.test_rule_analyst_facts import NOON, fact_of, page, promote


def known(said: str, *, status: str = "active", owner: str = "user") -> Knowledge:
    draft = fact_of(said)
    return Knowledge(
        id=f"k-{said}",
        owner=owner,
        text=draft.text,
        sources=draft.sources,
        analyst="rules",
        created=NOON,
        updated=NOON,
        derived=NOON,
        attribute=draft.attribute,
        value=draft.value,
        subject=draft.subject,
        status=status,
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("I live in Oslo.", "I live in Rome."),
        ("I live in Oslo.", "Vivo en Roma."),
        ("My name is Tom.", "My name is Anna."),
        ("I'm a nurse.", "I'm a pilot."),
        ("I work for Acme.", "I work for Globex."),
        ("I'm married.", "I'm divorced."),
        ("I love chess.", "I don't like chess anymore."),
        ("I love playing chess.", "I hate chess."),
        ("I hate chess.", "I love chess."),
        ("Me gusta el ajedrez.", "Ya no me gusta el ajedrez."),
        ("我喜欢下棋。", "我不再喜欢下棋了。"),
        ("I live in Oslo.", "I no longer live in Oslo."),
        ("Vivo en Oslo.", "Ya no vivo en Oslo."),
        ("我住在上海。", "我不再住在上海。"),
        ("My favorite color is blue.", "My favorite color is red."),
        ("I'm 34 years old.", "I'm 35 years old."),
    ],
)
def test_what_contradicts_a_known_fact_supersedes_it(before: str, now: str):
    old = known(before)
    [fact] = promote(page(now), known=[old]).facts
    assert fact.supersedes == (old.id,)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("I live in Oslo.", "I live in Oslo."),
        ("I live in Oslo.", "I live in oslo."),
        ("I live in Rome.", "I no longer live in Oslo."),
        ("I like tea.", "I like coffee."),
        ("I like tea.", "I hate coffee."),
        ("I speak French.", "I speak German."),
        ("I have a dog named Rex.", "I have a cat named Luna."),
        ("My daughter is called Emma.", "My daughter is called Mia."),
        ("I was born in Lima.", "I live in Rome."),
        ("I love chess.", "I like chess."),
    ],
)
def test_what_may_be_true_together_supersedes_nothing(before: str, now: str):
    for fact in promote(page(now), known=[known(before)]).facts:
        assert fact.supersedes == ()


def test_only_active_facts_of_the_same_owner_are_superseded():
    others = [known("I live in Oslo.", status="archived"), known("I live in Oslo.", owner="agent")]
    [fact] = promote(page("I live in Rome."), known=others).facts
    assert fact.supersedes == ()


def test_a_fact_repeated_has_all_its_sources():
    [fact] = promote(page("I like tea."), page("Yes, I love tea!", number=1)).facts
    assert [source.page_id for source in fact.sources] == ["p0", "p1"]


def test_of_two_contrary_tastes_the_later_stands():
    facts = promote(page("I love chess."), page("I don't like chess anymore.", number=1)).facts
    assert [fact.text for fact in facts] == ["User no longer likes chess"]
    facts = promote(page("I live in Oslo."), page("I no longer live in Oslo.", number=1)).facts
    assert [fact.text for fact in facts] == ["User no longer lives in Oslo"]


def test_attributes_keep_their_history_in_order():
    facts = promote(page("I live in Oslo."), page("I live in Rome.", number=1)).facts
    assert [fact.value for fact in facts] == ["Oslo", "Rome"]
