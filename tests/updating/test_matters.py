"""Matters: what a later statement ends of an earlier one, and what it must leave alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memoryos import Memory
from memoryos.tiers.matters import held, told
from tests.updating.days import NOON, say

ENDED = {
    "en": [
        ("I work at Siemens.", "I quit Siemens."),
        ("My wife is Anna.", "I got divorced."),
        ("My favourite food is sushi.", "These days my favourite food is ramen."),
        ("I live in Lisbon.", "I moved to Porto."),
        ("I live in Leeds.", "Big news: we moved to Bristol last month. The kids love it."),
        ("I work for Acme.", "I lost my job."),
        ("I'm single.", "We got married!"),
        ("My favorite band is Blur.", "My new favorite band is Pulp."),
        ("I live in Spain.", "I've moved to Portugal."),
        ("I work at Acme.", "I now work at Globex."),
        ("I work at Globex.", "I got laid off from Globex yesterday."),
    ],
    "es": [
        ("Vivo en Lima.", "Me mudé a Cusco."),
        ("Mi esposa es Ana.", "Me divorcié."),
        ("Mi comida favorita es la paella.", "Ahora mi comida favorita es el ramen."),
        ("Trabajo para Google.", "Me despidieron."),
        ("Trabajo en Telefónica.", "Ya no trabajo en Telefónica."),
    ],
    "de": [
        ("Ich wohne in Köln.", "Ich bin nach Berlin gezogen."),
        ("Ich arbeite bei Siemens.", "Ich habe bei Siemens gekündigt."),
        ("Meine Frau ist Anna.", "Ich bin jetzt geschieden."),
        ("Mein Lieblingsessen ist Pizza.", "Mein neues Lieblingsessen ist Ramen."),
        ("Ich wohne in Wien.", "Inzwischen wohne ich in Graz."),
    ],
    "fr": [
        ("J'habite à Lyon.", "J'ai déménagé à Nantes."),
        ("Je travaille chez Renault.", "J'ai quitté Renault."),
        ("Ma femme est Anne.", "J'ai divorcé."),
        ("Mon plat préféré est la ratatouille.", "Ces temps-ci, mon plat préféré est le ramen."),
        ("Je travaille chez Renault.", "J'ai perdu mon travail."),
    ],
    "pt": [
        ("Moro em Recife.", "Me mudei para Salvador."),
        ("Trabalho na Petrobras.", "Saí da Petrobras."),
        ("Minha esposa é Ana.", "Me divorciei."),
        ("Minha comida favorita é feijoada.", "Agora minha comida favorita é ramen."),
        ("Trabalho na Petrobras.", "Fui demitido."),
    ],
    "zh": [
        ("我住在北京。", "我搬到上海了。"),
        ("我在西门子工作。", "我从西门子辞职了。"),
        ("我妻子是小红。", "我离婚了。"),
        ("我最喜欢的菜是火锅。", "我现在最喜欢的菜是拉面。"),
        ("我在华为工作。", "我失业了。"),
    ],
}
"""Pairs by language: the second ends the first."""
BOTH_STAND = {
    "home": [
        ("I live in Lisbon.", "I moved to Postgres."),
        ("I live in Lisbon.", "I moved the meeting."),
        ("I live in Lisbon.", "My sister lives in Rome."),
        ("I live in Lisbon.", "I live in a small flat."),
        ("I live in Lisbon.", "I moved to Rome when I was ten."),
        ("I live in Lisbon.", "I moved to Porto in 2003."),
        ("I live in Lisbon.", "I moved to Marketing."),
        ("I live in Lisbon.", "I live in Portugal."),
        ("I live in Lisbon.", "I want to move to Berlin."),
        ("I live in Lisbon.", "My sister moved to Porto."),
        ("I live in Lisbon.", "In summer I live in Faro."),
        ("I live in Lisbon.", "I moved to Python last week."),
        ("I live in Lisbon.", "I lived in Rome."),
        ("I live in Lisbon.", "I live in fear."),
        ("I live in Lisbon.", "I moved to Paris for a semester."),
        ("I live in Lisbon.", "I'm flying to Rome."),
        ("I live in Lisbon and have two cats.", "I moved to Porto."),
        ("Vivo en Lima.", "Mi hermano se mudó a Cusco."),
        ("Vivo en Lima.", "Me mudé a Linux."),
        ("Ich wohne in Köln.", "Meine Schwester wohnt in Berlin."),
        ("我住在北京。", "我搬到新公司了。"),
        ("J'habite à Lyon.", "J'habite en France."),
    ],
    "work": [
        ("I work at Siemens.", "I work out at the gym."),
        ("I work at Siemens.", "I quit smoking."),
        ("I work at Siemens.", "I left London."),
        ("I work at Siemens.", "My sister quit Siemens."),
        ("I work at Siemens.", "I now work at night."),
        ("I work at Siemens.", "I quit Bosch."),
        ("I work at Siemens.", "I left Siemens at five."),
        ("I work at Siemens.", "I quit my gym."),
        ("I work at Siemens.", "I might quit Siemens."),
        ("I work at Siemens.", "I work at home."),
        ("I work at Siemens.", "I also work at Bosch."),
        ("I work at Siemens.", "I got fired up about chess."),
        ("Trabajo en Telefónica.", "Dejé el gimnasio."),
        ("Ich arbeite bei Siemens.", "Ich habe meinen Handyvertrag gekündigt."),
        ("我在西门子工作。", "我现在在家工作。"),
        ("Je travaille chez Renault.", "J'ai quitté Paris."),
    ],
    "marriage": [
        ("My wife is Anna.", "My parents got divorced."),
        ("My wife is Anna.", "My wife is Portuguese."),
        ("My wife is Anna.", "I got divorced in 2010."),
        ("My wife is Anna.", "My friend got divorced."),
        ("My wife is Anna.", "I'm single-minded about chess."),
        ("My wife is Anna.", "I split up the work."),
        ("My wife is Anna.", "I separated the eggs."),
        ("My wife is Anna.", "My brother got married."),
        ("I'm single.", "My sister got married."),
        ("My wife is Anna.", "My first husband and I got divorced."),
        ("My wife is Anna and she plays the cello.", "I got divorced."),
        ("Mi esposa es Ana.", "Mis padres se divorciaron."),
        ("Meine Frau ist Anna.", "Meine Eltern haben sich scheiden lassen."),
        ("我妻子是小红。", "我父母离婚了。"),
    ],
    "favourite": [
        ("My favourite food is sushi.", "My favourite drink is tea."),
        ("My favourite food is sushi.", "My sister's favourite food is ramen."),
        ("My favourite thing is hiking.", "My favourite thing is pizza."),
        ("One of my favourite foods is sushi.", "One of my favourite foods is ramen."),
        ("My favourite food is sushi.", "My favourite food in Japan is ramen."),
        ("My favourite part is the end.", "My favourite part is the start."),
        ("My favourite book is Dune.", "My daughter's favourite book is Heidi."),
        ("My favourite food is sushi.", "I cooked my favourite soup."),
        ("My favourite city is Rome.", "My favourite city park is Hyde Park."),
        ("My favourite food is sushi and I hate eggs.", "My favourite food is ramen."),
        ("Mi comida favorita es la paella.", "Mi bebida favorita es el té."),
        ("我最喜欢的菜是火锅。", "我最喜欢的书是三体。"),
    ],
}
"""Pairs by matter: the second says nothing against the first."""


def ends(newer: str, older: str) -> bool:
    return any(matter.ends(one) for matter in told(newer) for one in held(older))


@pytest.mark.parametrize("language", ENDED)
def test_a_later_sentence_ends_an_earlier_one_of_its_matter(language: str) -> None:
    assert [pair for pair in ENDED[language] if not ends(pair[1], pair[0])] == []


@pytest.mark.parametrize("matter", BOTH_STAND)
def test_what_is_said_of_something_else_ends_nothing(matter: str) -> None:
    assert [pair for pair in BOTH_STAND[matter] if ends(pair[1], pair[0])] == []


def current(memory: Memory) -> list[str]:
    return [item.text for item in memory.knowledge()]


def test_the_newest_home_is_current_the_older_is_history_and_a_rebuild_agrees(
    memory: Memory,
) -> None:
    say(memory, "I live in Lisbon.", "My sister lives in Rome.", "I moved to Porto.")
    assert current(memory) == ["My sister lives in Rome.", "I moved to Porto."]
    (before,) = memory.knowledge(status="superseded")
    assert before.text == "I live in Lisbon."
    (then,) = memory.knowledge(as_of=NOON + timedelta(hours=1))
    assert then.text == "I live in Lisbon."
    live = memory.knowledge(status="all")
    memory.rebuild()
    assert [(i.id, i.status) for i in memory.knowledge(status="all")] == [
        (i.id, i.status) for i in live
    ]


def test_of_two_jobs_nobody_knows_which_was_lost(memory: Memory) -> None:
    say(memory, "I work at Siemens.", "I work for Bosch.", "I lost my job.")
    assert current(memory) == ["I work at Siemens.", "I work for Bosch.", "I lost my job."]


def test_what_ended_stands_again_when_the_page_that_ended_it_is_forgotten(memory: Memory) -> None:
    say(memory, "My wife is Anna.", "I got divorced.")
    assert current(memory) == ["I got divorced."]
    memory.forget(page_id=memory.pages()[1].id)
    assert current(memory) == ["My wife is Anna."]


def test_one_speaker_ends_nothing_of_another(memory: Memory) -> None:
    say(memory, "Ana: I live in Lisbon.", "Bob: I moved to Porto.")
    assert current(memory) == ["I live in Lisbon.", "I moved to Porto."]
