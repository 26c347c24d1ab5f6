"""Dates in questions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryos.text.dates import periods
from memoryos.text.language import languages


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


RELATIVE = {  # 2023-07-19 is a Wednesday
    "day before yesterday": ("2023-07-17", "2023-07-18"),
    "yesterday": ("2023-07-18", "2023-07-19"),
    "last monday": ("2023-07-17", "2023-07-18"),
    "last week": ("2023-07-10", "2023-07-17"),
    "last weekend": ("2023-07-15", "2023-07-17"),
    "last year": ("2022-01-01", "2023-01-01"),
    "three days ago": ("2023-07-16", "2023-07-17"),
    "two weeks ago": ("2023-07-02", "2023-07-09"),
    "last three days": ("2023-07-16", "2023-07-20"),
    "this month": ("2023-07-01", "2023-08-01"),
    "last spring": ("2023-03-01", "2023-06-01"),
    "christmas 2022": ("2022-12-24", "2022-12-27"),
    "8 may 2023": ("2023-05-08", "2023-05-09"),
}
SAID = {
    "en": """
        What did I eat the day before yesterday? | what was it yesterday |
        Whom did I meet last Monday? | last week's plan |
        Where were we last weekend? | last year | It broke three days ago. |
        two weeks ago | the last three days | this month | last spring |
        at Christmas 2022 | on May 8th, 2023""",
    "es": """
        ¿Qué comí anteayer? | ¿Qué hice ayer? | el lunes pasado |
        la semana pasada | el fin de semana pasado | el año pasado |
        hace tres días | hace dos semanas | en los últimos tres días | este mes |
        la primavera pasada | en la Navidad de 2022 | el 8 de mayo de 2023""",
    "pt": """
        O que comi anteontem? | o que fiz ontem | na segunda-feira passada |
        na semana passada | no fim de semana passado | no ano passado |
        há três dias | duas semanas atrás | nos últimos três dias | neste mês |
        na primavera passada | no Natal de 2022 | em 8 de maio de 2023""",
    "fr": """
        Qu'est-ce que j'ai mangé avant-hier ? |
        Qu'est-ce que nous avons vu hier ? | lundi dernier | la semaine dernière |
        le week-end dernier | l'année dernière | il y a trois jours |
        il y a deux semaines | ces trois derniers jours | ce mois |
        au printemps dernier | à Noël 2022 | le 8 mai 2023""",
    "de": """
        Was habe ich vorgestern gegessen? | Was war gestern? | letzten Montag |
        letzte Woche | letztes Wochenende | letztes Jahr | vor drei Tagen |
        vor zwei Wochen | in den letzten drei Tagen | diesen Monat |
        im letzten Frühling | an Weihnachten 2022 | am 8. Mai 2023""",
    "it": """
        Cosa ho mangiato l'altro ieri? | cosa ho fatto ieri | lunedì scorso |
        la settimana scorsa | lo scorso fine settimana | l'anno scorso |
        tre giorni fa | due settimane fa | negli ultimi tre giorni | questo mese |
        la primavera scorsa | a Natale 2022 | l'8 maggio 2023""",
    "nl": """
        Wat heb ik eergisteren gegeten? | wat deed ik gisteren | vorige maandag |
        vorige week | vorig weekend | vorig jaar | drie dagen geleden |
        twee weken geleden | de afgelopen drie dagen | deze maand |
        afgelopen lente | met Kerst 2022 | op 8 mei 2023""",
    "ru": """
        Что я ел позавчера? | что было вчера | в прошлый понедельник |
        на прошлой неделе | в прошлые выходные | в прошлом году | три дня назад |
        две недели назад | за последние три дня | в этом месяце | прошлой весной |
        на Рождество 2022? | 8 мая 2023 года""",
    "zh": """
        前天我吃了什么? | 昨天午饭吃了什么? | 上周一? | 上周我们说了什么 |
        上周末去了哪里 | 去年 | 三天前 | 两个星期前 | 最近三天 | 这个月 | ? |
        2022年圣诞节 | 2023年5月8日""",
    "ja": """
        一昨日は何を食べた? | 昨日の昼ごはんは? | この前の月曜日 | 先週の予定 |
        先週末はどこ? | 去年 | 三日前 | 2週間前 | 過去3日間 | 今月 | ? |
        2022年のクリスマス | 2023年5月8日""",
    "ko": """
        그저께 뭐 먹었지? | 어제는 뭐 했어? | 지난 월요일에 | 지난주에 |
        지난 주말에 | 작년에 | 3일 전에 | 2주 전에 | 지난 3일 동안 | 이번 달에 |
        지난 봄에 | 2022년 크리스마스에 | 2023년 5월 8일""",
    "ar": """
        ماذا أكلت أول أمس؟ | ماذا فعلت أمس؟ | يوم الاثنين الماضي |
        الأسبوع الماضي | ? | العام الماضي | قبل ثلاثة أيام | قبل أسبوعين |
        آخر ثلاثة أيام | هذا الشهر | الربيع الماضي | الكريسماس 2022 |
        في 8 مايو 2023""",
    "hi": """
        परसों मैंने क्या खाया? | कल क्या खाया था? | पिछले सोमवार | पिछले हफ्ते |
        पिछले सप्ताहांत | पिछले साल | तीन दिन पहले | दो हफ्ते पहले |
        पिछले तीन दिन | इस महीने | ? | क्रिसमस 2022 | 8 मई 2023""",
}
OTHERWISE = {
    ("zh", "last monday"): ("2023-07-10", "2023-07-11"),  # of last week
    ("ru", "christmas 2022"): ("2022-01-07", "2022-01-08"),  # the orthodox one
    ("ar", "two weeks ago"): ("2023-07-03", "2023-07-10"),  # the dual names a calendar week
}


def test_every_language_has_its_table():
    assert SAID.keys() == languages().keys()
    assert {len(said.split("|")) for said in SAID.values()} == {len(RELATIVE)}


@pytest.mark.parametrize("code", SAID)
def test_phrases_of_time_are_understood_in_each_language(code):
    wrong = {}
    for said, (meaning, span) in zip(SAID[code].split("|"), RELATIVE.items(), strict=True):
        said = " ".join(said.split())
        if said != "?" and spans(said) != [expected := OTHERWISE.get((code, meaning), span)]:
            wrong[said] = (spans(said), expected)
    assert not wrong


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("What happened on 21.01.2023?", ["2023-01-21"]),
        ("am 5.8.2022", ["2022-08-05"]),
        ("on 01/23/2023", ["2023-01-23"]),
        ("on 23/01/2023?", ["2023-01-23"]),
        ("on 23/01/23", ["2023-01-23"]),
        ("on 5/8/2023", ["2023-08-05", "2023-05-08"]),
        ("on 05-08-2023", ["2023-08-05", "2023-05-08"]),
        ("on 5/5/2023", ["2023-05-05"]),
        ("¿Qué pasó el 5/8/2023?", ["2023-08-05"]),
        ("Was war am 5/8/2023 los?", ["2023-08-05"]),
        ("2023/05/08", ["2023-05-08"]),
        ("2023. 5. 8.", ["2023-05-08"]),
        ("99/99/2023", []),
        ("version 1.2.3", []),
        ("the host 10.1.2023.4", []),
        ("it cost 3/4 of that", []),
        ("0/0/2023", []),
    ],
)
def test_numeric_dates_are_read_in_the_orders_they_may_have(question, days):
    assert [start for start, _ in spans(question)] == days


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What did we do in summer?", [("2022-06-01", "2022-09-01"), ("2023-06-01", "2023-09-01")]),
        ("last summer", [("2022-06-01", "2022-09-01")]),
        ("this summer", [("2023-06-01", "2023-09-01")]),
        ("summer of 2022", [("2022-06-01", "2022-09-01")]),
        ("last winter", [("2022-12-01", "2023-03-01")]),
        ("winter 2023", [("2022-12-01", "2023-03-01"), ("2023-12-01", "2024-03-01")]),
        ("Где мы были летом?", [("2022-06-01", "2022-09-01"), ("2023-06-01", "2023-09-01")]),
        ("On Halloween", [("2022-10-31", "2022-11-01"), ("2023-10-31", "2023-11-01")]),
        ("last Christmas", [("2022-12-24", "2022-12-27")]),
        ("last May", [("2023-05-01", "2023-06-01")]),
        ("Monday of last week", [("2023-07-10", "2023-07-11")]),
        ("What did I say last Wednesday?", [("2023-07-12", "2023-07-13")]),
        ("the week before last", [("2023-07-03", "2023-07-10")]),
        ("two weekends ago", [("2023-07-08", "2023-07-10")]),
        ("上周三说了什么", [("2023-07-12", "2023-07-13")]),
        ("去年五月", [("2022-05-01", "2022-06-01")]),
        ("今週の月曜日", [("2023-07-17", "2023-07-18")]),
        ("¿Y en diciembre del 2022?", [("2022-12-01", "2023-01-01")]),
        ("a week ago today", [("2023-07-09", "2023-07-16")]),
        ("２０２２年５月に", [("2022-05-01", "2022-06-01")]),
        ("l’été dernier", [("2022-06-01", "2022-09-01")]),
        ("from 2022-2023", [("2022-01-01", "2023-01-01"), ("2023-01-01", "2024-01-01")]),
        ("nel 2022", [("2022-01-01", "2023-01-01")]),
        ("LAST   WEEK", [("2023-07-10", "2023-07-17")]),
    ],
)
def test_seasons_holidays_and_weekdays(question, found):
    assert spans(question) == found


def test_a_period_said_twice_is_one():
    assert spans("yesterday, in May 2023, yesterday " * 50) == [
        ("2023-07-18", "2023-07-19"),
        ("2023-05-01", "2023-06-01"),
    ]


def test_a_day_is_the_day_of_whoever_asks():
    tokyo = timezone(timedelta(hours=9))
    evening = at("2023-07-19") + 20 * 3600  # five in the morning of the 20th in Tokyo
    (day,) = periods("yesterday", now=evening, oldest=NOW, newest=NOW, zone=tokyo)
    assert datetime.fromtimestamp(day.start, tokyo) == datetime(2023, 7, 19, tzinfo=tokyo)


@pytest.mark.parametrize(
    "question",
    [
        "Was habe ich hier gesagt?", "Wat staat hier?",  # French "hier" is yesterday
        "Where is my winter coat?", "Did I fall?", "Hai mai visto Roma?", "minha cidade natal",
        "the last day", "twenty-one days ago", "1.5 years ago", "二三十天前", "mar y sol",
        "call 555-01-2024", "0 days ago", "nesta segunda vez", "this Friday",
    ],
)  # fmt: skip
def test_what_is_doubtful_is_no_date(question):
    assert spans(question) == []


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


def test_a_letter_that_only_looks_like_another_is_not_that():
    assert spans("in aprıl") == []
    assert spans("yeſterday") == spans("yesterday")  # an old s, as the tokenizer reads it


@pytest.mark.parametrize("count", ["1", "99", "999"])
def test_any_number_of_years_ago_is_survived(count):
    periods(f"{count} years ago", now=at("0003-01-01"), oldest=NOW, newest=NOW)
