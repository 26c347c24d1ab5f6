"""How much a memory bears on a question: what it tells, and what is left out below the least."""

from __future__ import annotations

import pytest

from memoryos import Engine, MemoryConfig
from memoryos.errors import InvalidInput


@pytest.fixture
def memory():
    with Engine.open("sqlite:///:memory:") as engine:
        yield engine.memory("tom", session_id="earlier")


def asked(memory, question, **options):
    memory.flush()
    return memory.session("asking").recall(question, **options)


def test_a_memory_of_one_page_knows_whether_it_bears_on_the_question(memory):
    memory.add("My dog is called Rex and he loves swimming in the lake.", "Lovely!")
    perfect = asked(memory, "My dog is called Rex and he loves swimming in the lake.")
    assert perfect
    assert perfect.relevance > 0.9
    assert perfect.relevance >= perfect.pages[0].relevance > 0.9
    assert asked(memory, "What is my dog called?").relevance > 0.6
    assert asked(memory, "asdf qwer").relevance < 0.1


def test_meaning_counts_where_no_word_is_shared(memory):
    memory.add("I moved to Seattle for a job at Globex.", "Noted.")
    other = memory.session("earlier")
    by_meaning = asked(other, "Where do I live?")
    assert by_meaning.pages
    with Engine.open("sqlite:///:memory:") as engine:
        shop = engine.memory("tom")
        shop.add("Order number is 4411-B.", "Thanks.")
        away = asked(shop, "Where do I live?")
    assert away.relevance < 0.1
    assert away.relevance < by_meaning.relevance


def test_below_the_least_relevance_nothing_is_shown(memory):
    memory.add("Order number is 4411-B.", "Thanks.")
    memory.add("I work as a nurse.", "Good to know.")
    found = asked(memory, "Which football club do I support?")
    assert not found
    assert (found.pages, found.segments, found.user_knowledge, found.agent_knowledge) == (
        (),
        (),
        (),
        (),
    )
    assert not found.profile.lines
    assert found.text() == ""
    assert found.prompt() == ""
    assert memory.recall("Which football club do I support?").text() == ""  # in its own session
    anyway = asked(memory, "Which football club do I support?", min_relevance=0)
    assert anyway
    assert anyway.text()


def test_each_page_reaches_the_relevance_asked_for(memory):
    memory.add("My dog is called Rex.", "Hello Rex!")
    memory.add("The dentist is on Elm Street.", "Noted.")
    found = asked(memory, "What is my dog called?", min_relevance=0.5)
    assert [item.page.user_input for item in found.pages] == ["My dog is called Rex."]
    assert not asked(memory, "What is the name of my boat?", min_relevance=1)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "high", True, float("nan")])
def test_a_least_relevance_that_cannot_be_is_refused(memory, wrong):
    with pytest.raises(InvalidInput, match="min_relevance"):
        memory.recall("dog", min_relevance=wrong)
    with pytest.raises(InvalidInput, match="min_relevance"):
        MemoryConfig(min_relevance=wrong)


def test_respond_without_a_model_says_that_nothing_bears_on_it(memory):
    memory.add("Order number is 4411-B.", "Thanks.")
    memory.flush()
    said = memory.session("asking").respond("Which football club do I support?")
    assert said.startswith("I remember nothing about that yet.")


def test_the_users_own_name_is_no_strong_word(memory):
    memory.add("Tom here. The boiler was repaired on Tuesday.", "Noted.")
    assert not asked(memory, "What is Tom's blood type?")
    assert asked(memory, "Was Tom's boiler repaired?")
