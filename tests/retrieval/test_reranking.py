"""Questions are not answers, nothing is shown twice, and the newest word on a matter is first."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine
from memoryos.text.asking import is_follow_up, is_ignorance, is_question, is_small_talk

START = datetime(2025, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def memory():
    with Engine.open("sqlite:///:memory:") as engine:
        yield engine.memory("u1", session_id="earlier")


def add(memory, *turns):
    for day, (user, agent) in enumerate(turns):
        memory.session(f"day {day}").add(user, agent, timestamp=START + timedelta(days=day))
    memory.flush()


@pytest.mark.parametrize(
    "answers", [("I don't know.", "Sorry, I don't have that information."), ("", "No idea!")]
)
@pytest.mark.parametrize("k", [1, 3, 10])
def test_a_fact_stands_before_twenty_days_of_asking(memory, answers, k):
    asked = [("What is my cat called?", answers[day % 2]) for day in range(20)]
    add(memory, ("My cat is called Miso.", "What a nice name."), *asked)
    found = memory.session("now").recall("What is my cat called?", k=k)
    assert found.pages[0].page.user_input == "My cat is called Miso."
    assert len({item.page.agent_response for item in found.pages}) == len(found.pages)


def test_hundreds_of_the_same_question_do_not_hide_the_fact(memory):
    asked = [(f"What is my cat called, take {day}?", "I don't know.") for day in range(120)]
    add(memory, ("Miso is what we named our cat.", "Lovely."), *asked)
    found = memory.session("now").recall("What is my cat called?", k=1)
    assert found.pages[0].page.user_input == "Miso is what we named our cat."


def test_only_questions_are_no_memory(memory):
    add(memory, *[("What is my cat called?", "I don't know.")] * 3)
    assert not memory.session("now").recall("What is my cat called?")


def test_an_answered_question_is_a_memory(memory):
    add(memory, ("What is the capital of Peru?", "The capital of Peru is Lima."))
    found = memory.session("now").recall("capital of Peru")
    assert found.pages[0].page.agent_response == "The capital of Peru is Lima."


def test_what_was_said_several_times_comes_once_the_newest(memory):
    add(
        memory,
        ("I take my coffee black.", "Noted."),
        ("The train leaves at nine.", "Noted."),
        ("I take my coffee black.", "Noted."),
    )
    found = memory.session("now").recall("How do I take my coffee?", min_relevance=0)
    coffee = [item for item in found.pages if "coffee" in item.page.user_input]
    assert [item.page.timestamp for item in coffee] == [START + timedelta(days=2)]
    assert "said 2 times" in coffee[0].reasons


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_of_statements_on_the_same_matter_the_newest_is_first(memory, order):
    said = [
        "My phone number is 555-0101.",
        "My phone number is 555-0199 now, please note it.",
        "My new phone number is 555-0142.",
    ]
    add(memory, *[(said[number], "Noted.") for number in order], ("I like tea.", "Me too."))
    found = memory.session("now").recall("What is my phone number?", k=1)
    assert found.pages[0].page.user_input == said[order[-1]]


@pytest.mark.parametrize(
    "text",
    ["ok thanks", "Hello!", "vale, muchas gracias", "好的，谢谢", "👍", "thank you so much!"],
)
def test_small_talk_recalls_nothing(memory, text):
    assert is_small_talk(text)
    add(memory, ("Thanks for the book, ok?", "You're welcome."))
    assert not memory.session("now").recall(text)


@pytest.mark.parametrize(
    "text",
    [
        "thanks to whom did I move?",
        "ok, my dog is ill",
        "谢谢你的书叫什么",
    ],
)
def test_what_says_more_is_no_small_talk(text):
    assert not is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    ["What is my cat called?", "where do I live", "¿Dónde vivo?", "我住在哪里？", "Do I smoke?"],
)
def test_questions(text):
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "I live in Rome. Nice, isn't it?",
        "My cat is called Miso.",
        "我住在上海。",
        "",
    ],
)
def test_what_is_more_than_a_question(text):
    assert not is_question(text)


def test_ignorance_is_short():
    assert is_ignorance("I’m sorry, I don’t know what your cat is called.")
    assert is_ignorance("No lo sé.")
    assert is_ignorance("我不知道。")
    assert not is_ignorance("I know: it is Miso.")


@pytest.mark.parametrize(
    "text",
    ["and her birthday?", "how big is it?", "what was wrong with the second one?", "她的生日呢？"],
)
def test_follow_ups(text):
    assert is_follow_up(text)


def test_a_question_of_its_own_is_no_follow_up():
    assert not is_follow_up("What is my cat called?")


@pytest.mark.parametrize(
    ("said", "others", "before", "asked"),
    [
        (
            "Marta's birthday is on 14 March, she wants a telescope.",
            ["Paolo's birthday is on 2 August, I need a present.", "Marta works in Genoa."],
            ("Where does my cousin Marta work?", "At the aquarium in Genoa."),
            "and her birthday?",
        ),
    ],
)
def test_a_follow_up_is_searched_with_the_turn_before_it(memory, said, others, before, asked):
    add(memory, (said, "Noted."), *[(other, "Noted.") for other in others])
    session = memory.session("now")
    session.add(*before)
    memory.flush()
    assert session.recall(asked, k=1).pages[0].page.user_input == said
    alone = memory.session("elsewhere").recall(asked, k=1, min_relevance=0)
    assert alone.pages[0].page.user_input != said


def test_pages_that_were_judged_before_are_not_read_again(memory, monkeypatch):
    add(memory, *((f"I keep bees in garden {n}.", f"Lovely, bee number {n}.") for n in range(40)))
    now = memory.session("now")
    first = now.recall("Which garden has the bees?", k=3)
    memory.flush()  # what is behind the recall changes nothing any more
    now.recall("Which garden has the bees?", k=3, visit=False)
    store, read, here = memory._modules.store, [], threading.get_ident()
    pages = store.pages

    def counted(scope, query):
        if threading.get_ident() == here:
            read.append(list(query.seqs or ()))
        return pages(scope, query)

    monkeypatch.setattr(store, "pages", counted)
    again = now.recall("Which garden has the bees?", k=3, visit=False)
    assert [item.page.id for item in again.pages] == [item.page.id for item in first.pages]
    assert read == []  # nor those returned, nor short-term memory, which are as they were
    # What is forgotten is judged no more, and nothing is shown in its place twice.
    memory.forget(page_id=first.pages[0].page.id)
    left = now.recall("Which garden has the bees?", k=3)
    assert first.pages[0].page.id not in [item.page.id for item in left.pages]
    assert len(left.pages) == 3
