"""What the rule-based analyst learns from what people say, and what it must not learn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import pytest

from memoryos.model import Knowledge, Message, Page, Profile, Segment
from memoryos.ports import FactDraft, Promotion, PromotionRequest
from memoryos.updating.analysts.rules import RuleAnalyst

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
SEGMENT = Segment("s", "", (), 1, 1, 1, NOON, NOON)


def page(user: str, agent: str = "", number: int = 0) -> Page:
    return Page(f"p{number}", user, agent, NOON, "default", seq=number)


def promote(
    *pages: Page, known: Iterable[Knowledge] = (), language: str | None = None
) -> Promotion:
    request = PromotionRequest(SEGMENT, pages, tuple(known), Profile())
    return RuleAnalyst(language).promote(request)


def learned(user: str, agent: str = "", language: str | None = None) -> list[str]:
    return [fact.text for fact in promote(page(user, agent), language=language).facts]


def fact_of(text: str) -> FactDraft:
    facts = promote(page(text)).facts
    assert len(facts) == 1, facts
    return facts[0]


ENGLISH = {
    "My name is Tom Smith.": "User is called Tom Smith",
    "my name is tom": "User is called tom",
    "Hi! I'm Tom.": "User is called Tom",
    "Hello there, I am Anna and I need help.": "User is called Anna",
    "Please call me Kit.": "User is called Kit",
    "I was born in 1990.": "User was born in 1990",
    "I was born in Lima.": "User was born in Lima",
    "I'm 34 years old.": "User was 34 years old on 2024-05-01",
    "I’m 34.": "User was 34 years old on 2024-05-01",
    "My birthday is May 5th.": "User has birthday on May 5th",
    "I live in San Francisco.": "User lives in San Francisco",
    "i live in boston": "User lives in boston",
    "Well, I currently live in Austin, Texas.": "User lives in Austin, Texas",
    "I live in Rome, Tom.": "User lives in Rome",
    "I'm based in Berlin these days.": "User lives in Berlin",
    "I just moved to Oslo!": "User lives in Oslo",
    "I've lived in Quito for ten years.": "User lives in Quito",
    "I'm originally from New Zealand.": "User is from New Zealand",
    "I grew up in Porto.": "User grew up in Porto",
    "I'm a nurse.": "User is a nurse",
    "I work as a data scientist.": "User is a data scientist",
    "Thanks, but I'm actually a software engineer.": "User is a software engineer",
    "I work for Acme Robotics.": "User works for Acme Robotics",
    "I work for St. Mary's Hospital.": "User works for St. Mary's Hospital",
    "I work at a hospital.": "User works at a hospital",
    "I work in finance.": "User works in finance",
    "I'm studying computer science.": "User studies computer science",
    "I'm married.": "User is married",
    "We got engaged last week.": "User is engaged",
    "I have two kids.": "User has two kids",
    "I went hiking with my sister Ana.": "User has a sister called Ana",
    "My wife's name is Maria.": "User has a wife called Maria",
    "My daughter is called Emma.": "User has a daughter called Emma",
    "I have a dog named Rex.": "User has a dog called Rex",
    "My cat Luna is asleep.": "User has a cat called Luna",
    "I love chess.": "User likes chess",
    "I love to travel.": "User likes to travel",
    "I really enjoy hiking in the mountains.": "User likes hiking in the mountains",
    "I'm a big fan of jazz.": "User likes jazz",
    "I hate mushrooms.": "User dislikes mushrooms",
    "I don't like cold weather.": "User dislikes cold weather",
    "I don't like chess anymore.": "User no longer likes chess",
    "My favorite color is blue.": "User has blue as favorite color",
    "I prefer tea.": "User prefers tea",
    "I'm allergic to peanuts.": "User is allergic to peanuts",
    "I'm lactose intolerant.": "User is lactose intolerant",
    "I'm a vegetarian.": "User is vegetarian",
    "I have asthma.": "User has asthma",
    "I speak French.": "User speaks French",
    "My native language is Polish.": "User speaks Polish",
    "I'm learning Japanese.": "User is learning Japanese",
    "I'm Brazilian.": "User is Brazilian",
    "I own a sailboat.": "User has a sailboat",
    "I play the violin.": "User plays violin",
    "I want to learn Korean.": "User wants to learn Korean",
    "My goal is to run a marathon.": "User has the goal: run a marathon",
    "I live in Boston, what about you?": "User lives in Boston",
}

SPANISH = {
    "Me llamo Tom.": "El usuario se llama Tom",
    "¡Hola! Soy Ana.": "El usuario se llama Ana",
    "Nací en 1990.": "El usuario nació en 1990",
    "Nací en Lima.": "El usuario nació en Lima",
    "Tengo 34 años.": "El usuario tenía 34 años el 2024-05-01",
    "Vivo en la Ciudad de México.": "El usuario vive en la Ciudad de México",
    "vivo en madrid": "El usuario vive en madrid",
    "Pues ahora vivo en Buenos Aires.": "El usuario vive en Buenos Aires",
    "Soy de Sevilla.": "El usuario es de Sevilla",
    "Soy colombiana.": "El usuario es colombiana",
    "Soy ingeniera de software.": "El usuario es ingeniera de software",
    "Trabajo como camarero.": "El usuario es camarero",
    "Trabajo para Telefónica.": "El usuario trabaja para Telefónica",
    "Estudio medicina.": "El usuario estudia medicina",
    "Estoy casada.": "El usuario está casada",
    "Tengo dos hijos.": "El usuario tiene dos hijos",
    "Mi hermana se llama Lucía.": "El usuario tiene hermana: Lucía",
    "Mi perro Toby es un encanto.": "El usuario tiene perro: Toby",
    "Me gusta el ajedrez.": "El usuario dice que le gusta el ajedrez",
    "No me gustan los lunes.": "El usuario dice que no le gustan los lunes",
    "Ya no me gusta el ajedrez.": "El usuario dice que ya no le gusta el ajedrez",
    "Odio los lunes.": "El usuario no soporta los lunes",
    "Mi color favorito es el azul.": "El usuario tiene como color favorito/a: el azul",
    "Soy alérgica a los cacahuetes.": "El usuario tiene alergia a cacahuetes",
    "Soy vegano.": "El usuario es vegano",
    "Hablo francés.": "El usuario habla francés",
    "Estoy aprendiendo japonés.": "El usuario está aprendiendo japonés",
    "Quiero aprender a cocinar.": "El usuario tiene como meta: aprender a cocinar",
    "Vivo en Bogotá, ¿y tú?": "El usuario vive en Bogotá",
}

CHINESE = {
    "我叫汤姆。": "用户叫汤姆",
    "你好，我是小明。": "用户叫小明",
    "我1990年出生。": "用户出生于1990年",
    "我出生在上海。": "用户出生在上海",
    "我今年30岁。": "用户在2024-05-01时30岁",
    "我住在旧金山。": "用户住在旧金山",
    "我现在住在北京，你呢？": "用户住在北京",
    "我来自成都。": "用户来自成都",
    "我是中国人。": "用户是中国人",
    "我是一名数据科学家。": "用户是数据科学家",
    "我在谷歌工作。": "用户在谷歌工作",
    "我的专业是物理。": "用户学习物理",
    "我结婚了。": "用户的婚姻状况：结婚",
    "我有两个孩子。": "用户有两个孩子",
    "我的妹妹叫小红。": "用户的妹妹叫小红",
    "我喜欢下棋。": "用户喜欢下棋",
    "我不喜欢香菜。": "用户不喜欢香菜",
    "我不再喜欢下棋了。": "用户不再喜欢下棋",
    "我对花生过敏。": "用户对花生过敏",
    "我会说法语。": "用户会说法语",
    "我想学钢琴。": "用户打算学钢琴",
}


@pytest.mark.parametrize(("said", "fact"), [*ENGLISH.items(), *SPANISH.items(), *CHINESE.items()])
def test_a_plain_statement_of_oneself_is_learned(said: str, fact: str):
    assert learned(said) == [fact]


NOTHING = [
    # wishes, conditions, possibilities
    "I wish I lived in Paris.",
    "If I were a doctor, I'd help.",
    "If I live in Paris, I'm happy.",
    "Imagine I live in Rome.",
    "Suppose I'm a doctor.",
    "I would love to live in Paris.",
    "I might be a nurse one day.",
    "As if I'm a millionaire, I live in Monaco.",
    "Ojalá viviera en París.",
    "Si vivo en París, soy feliz.",
    "Me gustaría vivir en Roma.",
    "Quizás soy médico.",
    "如果我住在巴黎就好了。",
    "假如我是医生，我会帮忙。",
    "真希望我住在上海。",
    "也许我是医生。",
    # questions
    "Do I live in Paris?",
    "I live in Paris, right?",
    "Am I a doctor?",
    "My name is Tom?",
    "¿Vivo en París?",
    "¿Soy médico?",
    "我住在巴黎吗？",
    "我叫汤姆？",
    # others' words
    "My brother said 'I live in Rome'.",
    'My brother said: "I live in Rome. I am a nurse."',
    "She told me: I am a nurse. I live in Rome.",
    "He said I live in Rome.",
    "My boss thinks I'm a pilot.",
    "Ana: I live in Rome.",
    "> I live in Rome.",
    "Here is the mail:\nHello,\nI live in Rome.\nBye",
    "“I live in Rome,” she answered.",
    "The song goes, I love Paris.",
    "```\nmy name is Tom\n```",
    "Mi hermano dijo: vivo en Roma. Soy médico.",
    "Ella dice que vivo en Roma.",
    "«Vivo en Roma», contestó.",
    "他说我住在罗马。",
    "我妹妹说：“我住在罗马。”",
    "她告诉我：我是护士。",
    # the past
    "I used to live in Oslo.",
    "I lived in Oslo.",
    "When I was a kid, I live in Oslo.",
    "I was a nurse.",
    "I'm a former nurse.",
    "I had a dog named Rex.",
    "Vivía en Oslo.",
    "Antes vivía en Oslo.",
    "Fui médico.",
    "我以前住在奥斯陆。",
    "我小时候住在上海。",
    # third persons
    "My brother lives in Rome.",
    "She is a nurse.",
    "Tom is 34 years old.",
    "Mi hermano vive en Roma.",
    "他住在罗马。",
    "我妹妹住在上海。",
    "我的老师是医生。",
    # negation
    "I don't live in Paris.",
    "I'm not a doctor.",
    "I am not married.",
    "I don't have a dog.",
    "No vivo en París.",
    "No soy médico.",
    "我不是医生。",
    "我没有妹妹。",
    "我不住在巴黎。",
    # jokes, role play, texts to work on
    "I'm a pilot. Just kidding!",
    "I live in Atlantis, lol.",
    "Soy astronauta. ¡Es broma!",
    "我是医生，开玩笑的。",
    "Let's pretend I'm a doctor.",
    "Translate: I live in Rome.",
    "Please translate this sentence into Spanish. I live in Rome.",
    "Write a story in which the hero speaks. I am a knight. I live in Rome.",
    "Act as a doctor. I'm a nurse.",
    "Traduce esto. Vivo en Roma.",
    "翻译一下。我住在罗马。",
    # moods, moments and things that say nothing by themselves
    "I'm sorry.",
    "I'm a mess.",
    "I'm a bit tired.",
    "I'm a terrible driver.",
    "I'm a big fan!",
    "I'm Sorry, Tom.",
    "I'm 30 minutes away.",
    "I'm 100% sure.",
    "I'm single-handedly doing it.",
    "I love it!",
    "I love that.",
    "I love your necklace.",
    "I love how you said that.",
    "I like the colors.",
    "I like your idea.",
    "I like to think about that.",
    "I love you.",
    "I hate when that happens.",
    "I want to ask something.",
    "I want to know more.",
    "I have a question.",
    "I have an idea.",
    "I live in fear.",
    "i live in a small town",
    "I study hard.",
    "I work from home.",
    "I work in the mornings.",
    "My name is on the list.",
    "Call me tomorrow.",
    "Me gusta eso.",
    "Me gusta mucho tu idea.",
    "Soy feliz.",
    "Tengo 5 minutos.",
    "Soy muy mala cocinera.",
    "我喜欢你。",
    "我喜欢这个。",
    "我是一个好人。",
    "我住在学校。",
    "我有一个问题。",
    # other languages are not guessed at
    "Odio il calcio e non mi piace la pizza.",
    "Ich wohne in Berlin.",
    "",
    "   ",
    "???",
]


@pytest.mark.parametrize("said", NOTHING)
def test_what_is_not_stated_of_oneself_is_not_learned(said: str):
    assert learned(said) == []


def test_what_the_agent_says_of_the_user_is_not_learned():
    agent = (
        "You live in Paris and you are a nurse. Your name is Tom. I live in the cloud. I love tea."
    )
    assert learned("What do you know?", agent) == []


def test_the_published_quick_start_is_understood():
    assert learned("Hi! I'm Tom, I work as a data scientist in San Francisco.") == [
        "User is called Tom",
        "User is a data scientist",
        "User works in San Francisco",
    ]
    assert learned("Me llamo Tom y trabajo como científico de datos en San Francisco.") == [
        "El usuario se llama Tom",
        "El usuario es científico de datos",
        "El usuario trabaja en San Francisco",
    ]


def test_one_sentence_may_hold_several_facts():
    assert learned("I'm a software engineer at Google.") == [
        "User is a software engineer",
        "User works for Google",
    ]
    assert learned("I live in Austin with my wife Maria and I work for Dell.") == [
        "User lives in Austin",
        "User works for Dell",
        "User has a wife called Maria",
    ]
    assert learned("I like tea, chess and opera.") == [
        "User likes tea",
        "User likes chess",
        "User likes opera",
    ]
    assert learned("I love rock and classical music.") == ["User likes rock and classical music"]


def test_an_attribute_has_its_value_and_a_quote_in_the_pages_own_words():
    home = fact_of("Well — I live in San Francisco… I think it suits me.")
    assert (home.attribute, home.value, home.subject) == ("home", "San Francisco", "home")
    assert home.owner == "user"
    [source] = home.sources
    assert source.page_id == "p0"
    assert source.quote == "Well — I live in San Francisco…"
    assert source.text == home.text == "User lives in San Francisco"


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("I love playing chess.", "likes:chess"),
        ("I hate Chess.", "likes:chess"),
        ("Me gusta jugar al ajedrez.", "likes:ajedrez"),
        ("Ya no me gusta el ajedrez.", "likes:ajedrez"),
        ("我不再喜欢下棋了。", "likes:下棋"),
        ("I have a sister named Ana.", "family:sister:ana"),
        ("I have three brothers.", "family:brother"),
        ("I speak German.", "language:german"),
    ],
)
def test_subjects_are_normalised(said: str, subject: str):
    [fact] = (f for f in promote(page(said)).facts)
    assert fact.subject == subject
    assert fact.attribute is None
    assert fact.value is None


@pytest.mark.parametrize("said", [*ENGLISH, *SPANISH, *CHINESE])
def test_every_value_stands_verbatim_in_its_quote(said: str):
    for fact in promote(page(said)).facts:
        for source in fact.sources:
            assert source.quote in said
            assert fact.value is None or fact.value in source.quote


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("I am your travel assistant.", "Assistant is the user's travel assistant"),
        ("I recommended the Blue Lagoon.", "Assistant recommended the Blue Lagoon"),
        ("My name is Aria.", "Assistant is called Aria"),
        ("Soy tu asistente de viajes.", "El asistente es asistente de viajes del usuario"),
        ("Te recomendé el museo del Prado.", "El asistente recomendó el museo del Prado"),
        ("我是您的旅行助手。", "助手是用户的旅行助手"),
        ("我推荐了故宫博物院。", "助手推荐了故宫博物院"),
    ],
)
def test_an_assistant_is_believed_about_its_service(said: str, fact: str):
    [draft] = promote(page("", said)).facts
    assert (draft.owner, draft.text) == ("agent", fact)


@pytest.mark.parametrize(
    "said", ["I live in Paris.", "I'm a nurse.", "I recommended your book.", "I love tea."]
)
def test_an_assistant_is_not_taken_for_a_person(said: str):
    assert learned("", said) == []


def test_people_talking_to_each_other_are_both_persons():
    talk = Page(
        "p0",
        "I live in Oslo.",
        "I love pottery. My dog Oscar does too.",
        NOON,
        "default",
        messages=(
            Message("user", "I live in Oslo.", name="Caroline"),
            Message("assistant", "I love pottery. My dog Oscar does too.", name="Melanie"),
        ),
    )
    assert [(fact.owner, fact.text) for fact in promote(talk).facts] == [
        ("user", "User lives in Oslo"),
        ("agent", "Melanie likes pottery"),
        ("agent", "Melanie has a dog called Oscar"),
    ]


def test_a_language_given_is_the_only_one_read():
    assert learned("I live in Oslo.", language="en-GB") == ["User lives in Oslo"]
    assert learned("Vivo en Oslo.", language="en") == []
    assert learned("Vivo en Oslo.", language="es_MX") == ["El usuario vive en Oslo"]
    assert learned("I live in Oslo.", language="fr") == []
