"""How a model's names, quotes and values are held against what is known."""

from __future__ import annotations

import pytest

from memoryos.tiers.traits import TRAITS
from memoryos.updating.analysts.grounding.quotes import folded, found_quote, holds
from memoryos.updating.analysts.grounding.trait_names import trait_named


@pytest.mark.parametrize("name", TRAITS)
def test_every_trait_is_known_by_its_name(name):
    assert trait_named(name) == name
    assert trait_named(f"  {name.upper()} ") == name


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Openness to Experience", "Openness"),
        ("extroversion", "Extraversion"),
        ("interest in music", "Music Interest"),
        ("need for order", "Need for Order"),
        ("Concise answers", None),
        ("conciseness", "Conciseness"),
        ("sense of humour", "Sense of Humor"),
        ("privacy", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_what_is_meant_by_other_names(said, meant):
    if said == "privacy":
        assert trait_named(said) in {None, "Need for Privacy"}
    else:
        assert trait_named(said) == meant


# ── calls ──


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("I MOVED to lisbon", "Well, I moved\n  to Lisbon!", "I moved\n  to Lisbon"),
        ('"it\'s fine"', "She said it’s  fine, really", "it’s  fine"),
        ("…in Lisbon.", "I live in Lisbon", "in Lisbon"),
        ("ﬁne", "a fine day", "fine"),
        ("fine", "a ﬁne day", "ﬁne"),
        ("上海", "我住在上海。", "上海"),
        ("straße", "die STRASSE", "STRASSE"),
        ("zero\u200bwidth", "zerowidth", "zerowidth"),
        ("hm", "hm, well", None),
        ("?!", "what?!", None),
        ("", "anything", None),
    ],
)
def test_quotes_are_found_and_given_back_verbatim(quote, text, found):
    where = found_quote(quote, folded(text))
    assert (text[slice(*where)] if where else None) == found


@pytest.mark.parametrize(
    ("value", "text", "held"),
    [
        ("Lisbon", "I moved to LISBON.", True),
        ("Lis", "I moved to Lisbon.", False),
        ("199", "born in 1990", False),
        ("1990", "born in 1990", True),
        ("上海", "我住在上海。", True),
        ("C++", "I write C++ daily", True),
        (".*", "anything", False),
        ("", "anything", False),
    ],
)
def test_values_are_whole_words(value, text, held):
    assert holds(value, [folded(text)]) is held
