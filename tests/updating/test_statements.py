"""What is quoted of a speaker: what they tell of themselves, and nothing that is not their own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memoryos import Engine, Memory, Message
from memoryos.model import Page
from memoryos.text.language import languages
from memoryos.updating.analysts.statements import statements
from tests.updating.days import NOON, say


def quoted(user: str, agent: str = "") -> list[str]:
    return [draft.text for draft in statements(Page("p", user, agent, NOON, "s"))]


TOLD = {
    "ar": "أنا أعيش في القاهرة وأعمل طبيبا.",
    "de": "Ich bin Krankenpfleger und wohne in Köln.",
    "en": "I'm a nurse and I live in Leeds.",
    "es": "Soy enfermera y vivo en Bogotá.",
    "fr": "Je suis infirmière et j'habite à Lyon.",
    "hi": "मैं दिल्ली में रहता हूँ और मैं डॉक्टर हूँ।",
    "it": "Mi chiamo Luca e vivo a Torino.",
    "ja": "私は医者です。東京に住んでいます。",
    "ko": "저는 서울에 살고 있어요.",
    "nl": "Ik woon in Utrecht en heb twee katten.",
    "pt": "Eu moro em Coimbra e sou alérgico a camarão.",
    "ru": "Меня зовут Ольга, я живу в Казани.",
    "zh": "我对花生过敏。",
}
ASKED = {
    "ar": "هل أنا طبيب؟",
    "de": "Wo wohne ich?",
    "en": "Where do I live?",
    "es": "¿Dónde vivo yo?",
    "fr": "Où est-ce que j'habite ?",
    "hi": "मैं कहाँ रहता हूँ?",
    "it": "Dove vivo io?",
    "ja": "私はどこに住んでいますか？",
    "ko": "저는 어디에 살고 있나요?",
    "nl": "Waar woon ik?",
    "pt": "Onde eu moro?",
    "ru": "Где я живу?",
    "zh": "我住在哪里？",
}
HANDED_OVER = {
    "ar": "صحح هذه الجملة. أنا طبيب وأعيش في القاهرة.",
    "de": "Korrigiere diesen Satz. Ich bin Arzt und wohne in Köln.",
    "en": "Fix the grammar of this sentence. I am a doctor and I live in Leeds.",
    "es": "Corrige esta frase. Soy médico y vivo en Lima.",
    "fr": "Corrige cette phrase. Je suis médecin et j'habite à Lyon.",
    "hi": "इस वाक्य को सुधारें। मैं डॉक्टर हूँ और मैं दिल्ली में रहता हूँ।",
    "it": "Correggi questa frase. Mi chiamo Luca e sono un medico.",
    "ja": "この文章を添削してください。私は医者です。",
    "ko": "이 문장을 고쳐 주세요. 저는 의사예요.",
    "nl": "Verbeter deze zin. Ik ben arts en ik woon in Utrecht.",
    "pt": "Corrija esta frase. Eu sou médico e moro em Coimbra.",
    "ru": "Исправь это предложение. Я врач, я живу в Казани.",
    "zh": "请修改这段话。我是医生，我住在北京。",
}
PLAYED = {
    "ar": "أنت عميل. أنا نادل في مطعم.",
    "de": "Du bist ein Kunde. Ich bin ein Kellner in Wien.",
    "en": "You are a customer. I am a waiter in Rome.",
    "es": "Eres un cliente. Soy camarero en Roma.",
    "fr": "Tu es un client. Je suis serveur à Rome.",
    "hi": "आप एक ग्राहक हैं। मैं एक वेटर हूँ।",
    "it": "Tu sei un cliente. Io sono un cameriere a Roma.",
    "ja": "あなたは客です。私は店員です。",
    "ko": "당신은 손님이에요. 저는 점원이에요.",
    "nl": "Jij bent een klant. Ik ben een ober in Rome.",
    "pt": "Você é um cliente. Eu sou garçom em Roma.",
    "ru": "Ты клиент. Я официант в Риме.",
    "zh": "你是一个顾客。我是服务员。",
}


@pytest.mark.parametrize("code", sorted(languages()))
def test_in_every_language_what_is_told_is_quoted_and_nothing_else(code: str) -> None:
    assert quoted(TOLD[code]) == [TOLD[code]]
    assert quoted(ASKED[code]) == []
    assert quoted(HANDED_OVER[code]) == []
    assert quoted(PLAYED[code]) == []


@pytest.mark.parametrize(
    "text",
    [
        "Is this correct English? I am a doctor.",
        "Does this sound natural? My name is Kenji and I live in Osaka.",
        "Extract the name. My name is Carla Ruiz.",
        "Customer email below. I live in Boston. My name is Sarah.",
        "A user wrote in today. I live in Texas and I'm vegan.",
        "Reply to this customer. I live in Ohio and I'm allergic to nuts.",
        "This is from my grandmother's diary. I live in Vienna. I am married.",
        "Let's do a mock interview. I'm a nurse from Leeds.",
        "Ana: I live in Rome.\nBob: I live in Oslo.",
        'She said "I am a doctor".',
        "My boss told me I am lazy.",
        "If I were rich I would live in Paris.",
        "```\nI = my_name + 'I am a doctor'\n```",
        "Thanks, I appreciate it!",
        "I want you to act as a doctor.",
        "Count me in!",
        "Was wäre wenn",
        "",
    ],
)
def test_what_is_not_the_speakers_own_is_not_quoted(text: str) -> None:
    assert quoted(text) == []


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("I'm vegan. Any restaurant tips?", ["I'm vegan."]),
        (
            "Can you recommend a restaurant? I'm vegan and live in Oslo.",
            ["I'm vegan and live in Oslo."],
        ),
        (
            "I'm preparing a talk on turbines for 3 May, can you help me with the slides?",
            ["I'm preparing a talk on turbines for 3 May"],
        ),
        ("I keep a daily schedule or to-do list.", ["I keep a daily schedule or to-do list."]),
        ("When I was ten, we moved to Ohio.", ["When I was ten, we moved to Ohio."]),
        ("I'm trying to understand how triangles work.", []),
        ("Your dedication to our community is amazing.", []),
        ("Correction: I live in Berlin.", ["Correction: I live in Berlin."]),
        ("Summarize: I was born in Chile and sing in a choir.", []),  # a task is no speaker
        ("Traduce: Tengo un perro llamado Rex.", []),
        ("My friend Dawn, who's 40, lives in Rome.", ["My friend Dawn, who's 40, lives in Rome."]),
        ("I told my boss I quit.", ["I told my boss I quit."]),
    ],
)
def test_a_quotation_has_what_it_needs_and_no_more(text: str, quotes: list[str]) -> None:
    assert quoted(text) == quotes


def test_an_assistant_without_a_name_is_not_quoted() -> None:
    assert quoted("Hm.", "I am a language model and I live in a data centre.") == []


def test_names_before_a_colon_and_of_messages_stay_with_what_is_said() -> None:
    page = Page("p", "Ana: I'm vegan.", "Bob: I live in Oslo.", NOON, "s")
    drafts = statements(page)
    assert [(d.owner, d.speaker, d.text) for d in drafts] == [
        ("user", "Ana", "I'm vegan."),
        ("agent", "Bob", "I live in Oslo."),
    ]
    assert [page.user_input[slice(*(d.sources[0].span or ()))] for d in drafts[:1]] == [
        "I'm vegan."
    ]


def test_statements_claim_no_attribute_and_no_trait(memory: Memory) -> None:
    say(memory, "My name is Tom and I live in Lisbon.", "I love chess.")
    assert [item.kind for item in memory.knowledge()] == ["statement", "statement"]
    assert memory.knowledge(kind="fact") == []
    assert (memory.profile().text, memory.traits()) == ("", [])
    assert all((item.attribute, item.value) == (None, None) for item in memory.knowledge())


def test_who_says_it_again_is_one_entry_with_both_sources(memory: Memory) -> None:
    say(memory, "I'm allergic to peanuts.", "What about nuts?", "I am allergic to peanuts!")
    (item,) = memory.knowledge()
    assert len(item.sources) == 2
    assert (item.created, item.updated) == (NOON, NOON + timedelta(days=2))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("I'm allergic to peanuts.", "I'm not allergic to peanuts."),
        ("I'm vegan.", "I'm not vegan anymore, I eat meat again."),
        ("I'm married.", "I'm not married anymore."),
        ("I have two kids.", "I have three kids now."),
        ("My phone number is 555-0101.", "My phone number is 555-0199."),
        ("Trabajo para Google.", "Ya no trabajo para Google."),
        ("我对花生过敏。", "我对花生不过敏了。"),
    ],
)
def test_of_one_matter_the_newest_is_current_and_the_older_is_history(
    memory: Memory, older: str, newer: str
) -> None:
    say(memory, older, newer)
    (now,) = memory.knowledge()
    (before,) = memory.knowledge(status="superseded")
    assert (now.text, before.text) == (newer, older)
    assert (before.superseded_by, now.supersedes) == (now.id, (before.id,))
    (then,) = memory.knowledge(as_of=NOON + timedelta(hours=1))
    assert (then.text, then.status) == (older, "active")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("My daughter is Lily.", "My son is Max."),
        ("I'm allergic to peanuts.", "I'm allergic to shrimp."),
        ("I have a dog named Rex.", "I have a cat named Tom."),
    ],
)
def test_what_is_of_another_matter_stays(memory: Memory, one: str, other: str) -> None:
    say(memory, one, other)
    assert [item.text for item in memory.knowledge()] == [one, other]


def test_people_in_one_chat_stay_apart_and_are_named_in_the_block(memory: Memory) -> None:
    for day, (name, said) in enumerate((("Ana", "I'm vegan."), ("Bob", "I'm not vegan."))):
        messages = [Message("user", said, name=name), Message("assistant", "ok")]
        memory.add_messages(messages, NOON + timedelta(days=day))
    memory.flush()
    assert [(item.speaker, item.text) for item in memory.knowledge()] == [
        ("Ana", "I'm vegan."),
        ("Bob", "I'm not vegan."),
    ]
    lines = {item.line for item in memory.recall("Who is vegan?").user_knowledge}
    assert "Ana said on 2024-05-01: “I'm vegan.”" in lines


def test_a_context_block_in_a_message_is_not_read(memory: Memory) -> None:
    say(memory, "I live in Lisbon.")
    block = memory.recall("Where do I live?").text()
    memory.add(f"{block}\n\nI love chess.", "ok", NOON + timedelta(days=3))
    memory.flush()
    assert [item.text for item in memory.knowledge()] == ["I live in Lisbon.", "I love chess."]


def test_an_erased_statement_is_not_learned_again(memory: Memory) -> None:
    say(memory, "I live in Lisbon.")
    memory.forget(knowledge_id=memory.knowledge()[0].id)
    memory.rebuild()
    assert memory.knowledge(status="all") == []


def test_erasing_the_page_erases_the_statement_and_brings_the_older_back(memory: Memory) -> None:
    say(memory, "I'm vegan.", "I'm not vegan.")
    memory.forget(page_id=memory.pages()[1].id)
    assert [item.text for item in memory.knowledge(status="all")] == ["I'm vegan."]
    assert memory.knowledge()[0].status == "active"


@pytest.mark.parametrize(
    "text",
    [
        "Imagine I am a lighthouse keeper. I live on a rock.",
        "Imaginez que je suis pirate. J'habite sur une île.",
        "Stell dir vor, ich bin Kapitän. Ich wohne auf einem Schiff.",
        "Write a bio for Lena. I am a cellist from Graz.",
        "Draft a speech for the mayor. I have lived here for thirty years.",
        "Please shorten the blurb. I am a beekeeper who loves Bach.",
    ],
)
def test_what_is_imagined_or_written_for_others_is_not_quoted(text: str) -> None:
    assert quoted(text) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I drive a Fiat.", "Actually, I don't drive a Fiat. I drive a Skoda."),
        ("I can eat walnuts.", "I can't eat walnuts."),
        ("I own a boat.", "I don't own a boat."),
        ("Sono celiaco.", "Non sono celiaco, era un errore."),
        ("Ik eet vlees.", "Ik eet geen vlees."),
    ],
)
def test_a_denial_in_any_form_replaces_and_is_not_taken_for_the_same(
    memory: Memory, before: str, after: str
) -> None:
    say(memory, before, after)
    assert [item.text for item in memory.knowledge()] == [after]
    assert [item.text for item in memory.knowledge(status="superseded")] == [before]


def test_what_is_said_in_one_turn_does_not_replace_itself() -> None:
    walk = "Today the weather was nice and we went hiking. " * 8
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        memory.add(f"I'm allergic to peanuts and live in Cologne. {walk}My dog is called Waldi.")
        memory.flush()
        told = " ".join(item.text for item in memory.knowledge())
    assert "allergic to peanuts" in told
    assert "Waldi" in told
