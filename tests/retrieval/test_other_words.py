"""What was said in other words than it is asked for, and by whom."""

from __future__ import annotations

import pytest

from memoryos import Engine, MemoryConfig
from memoryos.config import RankingConfig

TALK = (
    "I work as a nurse.",
    "My cat is called Minka.",
    "I am allergic to peanuts.",
    "We went to the cinema yesterday.",
)


def recalled(said, asked, ranking=None, **arguments):
    config = MemoryConfig(ranking=ranking or RankingConfig())
    with Engine.open("sqlite:///:memory:", config) as engine:
        memory = engine.memory("tom")
        for each in said:
            memory.add(*((each, "Noted.") if isinstance(each, str) else each))
        memory.flush()
        return engine.memory("tom", session_id="asking").recall(asked, **arguments)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("What's my profession?", "I work as a nurse."),
        ("Which food must I avoid?", "I am allergic to peanuts."),
    ],
)
def test_what_is_asked_for_in_other_words_is_found_at_the_default_relevance(asked, said):
    found = recalled(TALK, asked)
    assert found.pages[0].page.user_input == said
    assert found.relevance < 0.3  # a hint: it stands below whatever shares a word


@pytest.mark.parametrize(
    "asked", ["asdf qwer", "What is the capital of France?", "What's my favourite colour?"]
)
def test_what_has_nothing_to_do_with_the_memory_is_refused(asked):
    assert not recalled(TALK, asked)


def test_where_no_page_holds_the_words_meaning_decides():
    filler = [f"The bus of line {n} was late, and so was my career adviser." for n in range(60)]
    said = ["I work as a nurse.", *filler[:30], "Our guide to Rome was late.", *filler[30:]]

    def score(**weights):
        asked = "Which profession and occupation did the zorgle guide?"
        found = recalled(said, asked, RankingConfig(**weights), k=70, min_relevance=0)
        scores = {item.page.user_input: item.score for item in found.pages}
        return scores["I work as a nurse."] - scores["Our guide to Rome was late."]

    assert score() > score(unworded=0.0, unworded_lexical=0.0)


@pytest.mark.parametrize(("name", "place"), [("Ana", 1), ("Bo", 0)])
def test_the_side_of_the_named_speaker_weighs_more(name, place):
    said = [
        ("Ana: Look at the photo.", "Bo: I did buy a red kayak when in Oslo."),
        ("Ana: I did buy a red kayak when in Oslo.", "Bo: How lovely, a picture!"),
    ]
    found = recalled(said, f"Did {name} buy a kayak in Oslo that is red?", k=2)
    assert found.pages[0].page.user_input == said[place][0]
