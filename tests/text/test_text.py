"""The one tokenizer: words, languages, scripts, packing."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime, timezone
from subprocess import run

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memoryos.text import terms
from memoryos.text.language import languages
from memoryos.text.terms import (
    TERM_DTYPE,
    page_terms,
    pages_terms,
    query_terms,
    term_id,
    tokens,
)
from memoryos.text.tokenizer import keywords, language, language_of, words

ANY_STOP_WORD = frozenset().union(*(each.stop_words for each in languages().values()))


def pack(found: list[str]) -> bytes:
    """The blob of terms, made the slow way: what `page_terms` is compared with."""
    counts = Counter(map(term_id, found))
    records = [(id_, min(count, 255)) for id_, count in sorted(counts.items())]
    return np.array(records, TERM_DTYPE).tobytes()


def unpack(blob: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The ids and counts of a blob."""
    records = np.frombuffer(blob, TERM_DTYPE)
    return records["id"], records["tf"]


def found(question: str, page: str) -> set[str]:
    """Words of the question that the page holds."""
    ids = set(unpack(page_terms(page))[0].tolist())
    return {term.surface for term in query_terms(question) if ids & set(term.ids)}


@pytest.mark.parametrize(
    ("question", "page", "word"),
    [
        ("Which dogs does she walk?", "I walked my dog today.", "dogs"),
        ("What did Ana buy?", "I bought a bike.", "buy"),
        ("Who looks after the child?", "The children are fine.", "child"),
        ("¿Dónde están los perros?", "Mi perro está en la casa.", "perros"),
        ("Où sont les chats ?", "Mon chat est dans la maison.", "chats"),
        ("Wo sind die Häuser?", "Das Haus ist nicht mehr da.", "häuser"),
        ("Onde estão os gatos?", "O meu gato não está em casa.", "gatos"),
        ("Dove sono le ragazze?", "La ragazza è nella sua stanza.", "ragazze"),
        ("Где мои кошки?", "Моя кошка была здесь.", "кошки"),
        ("Waar zijn de katten?", "De kat is niet in het huis.", "katten"),
        ("猫叫什么名字?", "我有一只猫,名字叫咪咪", "名字"),
        ("猫はどこ?", "うちの猫が逃げた", "猫"),
        ("고양이 이름이 뭐야?", "우리 고양이는 귀여워", "고양"),
        ("แมวชื่ออะไร", "ฉันมีแมวหนึ่งตัว", "แม"),
        ("हिन्दी किताब", "मेरी हिन्दी की किताब", "हिन्दी"),
        ("cafe", "Nos vemos en el café de la plaza", "cafe"),
        ("Is she my coworker?", "My co-worker left.", "coworker"),
        ("Is the job part-time?", "I have a part time job.", "part"),
        ("1,000 euros", "It cost 1000 euros.", "1000"),
        ("the 10th of May", "on 10 May", "10"),
        ("Caroline's house", "Caroline moved.", "caroline"),
        ("l'anniversaire de Marie", "C'est un bel anniversaire pour Marie", "anniversaire"),
        ("dell'acqua", "L'acqua della fontana era fredda.", "acqua"),
        ("O’Brien", "Mr. O'Brien called.", "obrien"),
        ("ｆｕｌｌ width", "full moon", "full"),
        ("İstanbul", "I flew to istanbul.", "istanbul"),
        ("C++", "It is written in C++, mostly.", "c++"),
        ("what is in C#?", "The app is in C#.", "c#"),
        ("F#", "We teach F# here", "f#"),
        (".NET", "Built on .NET 8", ".net"),
        ("Node.js", "The node.js server", "node.js"),
        ("nodejs or Node?", "The Node.js server", "node"),
        ("HAUPTSTRASSE 5", "The shop is in the Hauptstraße.", "hauptstrasse"),
        ("Hauptstraße", "Der Laden ist in der Hauptstrasse.", "hauptstraße"),
        ("Odegard", "I met Mr Ødegård.", "odegard"),
        ("thorsdottir", "I met Ms Þórsdóttir.", "thorsdottir"),
        ("Lodz", "We flew to Łódź.", "lodz"),
        ("Dokovic", "Đoković won", "dokovic"),
        ("ねこ", "うちのネコが逃げた", "ねこ"),
        ("ネコ", "うちのねこが逃げた", "ねこ"),
        ("أين الكتاب؟", "قرأت كتابا جديدا في البيت", "الكتاب"),
    ],
)
def test_a_question_finds_the_page_that_says_it_otherwise(question, page, word):
    assert word in found(question, page)


def test_stop_words_are_no_terms():
    assert tokens("What did you do with that, and why don't they?") == []
    assert query_terms("what is this about") == []


def test_each_line_is_stemmed_in_its_own_language():
    assert "perr" in tokens("What are the names of these dogs?\nLos perros están en la casa.")
    assert "dog" in tokens("Los perros están en la casa.\nWhat are the names of these dogs?")


def test_a_bare_word_is_looked_up_in_every_language():
    page = "Mis perros están en la casa con los gatos."
    assert found("perros gatos", page) == {"perros", "gatos"}


def test_names_with_signs_are_words_beside_their_parts():
    assert tokens("C++ and C") == ["c", "c", "c++"]
    assert not found("C++", "The language Go")
    assert "c#" not in found("C#", "It is written in C++.")
    assert tokens("Well. Network, no. Ionic") == ["well", "network", "ionic"]


@pytest.mark.parametrize(
    ("text", "snowball"),
    [("أنا أعيش في القاهرة", "arabic"), ("मैं दिल्ली में रहता हूँ", "hindi"), ("Я живу тут", "russian")],
)
def test_letters_of_its_own_tell_a_language(text, snowball):
    assert language(words(text)) == snowball


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("I live in Lisbon", "en"), ("我用Python写代码", "zh"),
        ("我爱吃の字饼干和很多别的东西", "zh"),
        ("東京都新宿区に住んでいます", "ja"), ("저는 서울에 살아요", "ko"),
        ("Vivo en Bogotá con mi hermana", "es"),
        ("أعيش في القاهرة", "ar"), ("मैं दिल्ली में रहता हूँ", "hi"), ("Я живу в Москве", "ru"),
        ("We had 寿司 and ramen in the small place near our hotel yesterday", "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_text(text, code):
    found = language_of(text)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("text", ["", "asdf qwer", "12 + 3", "Ελλάδα"])
def test_no_language_is_made_up(text):
    assert language_of(text) is None


def test_hyphenated_words_count_as_parts_and_whole():
    assert tokens("state-of-the-art") == ["state", "art"]
    assert tokens("Rolls-Royce") == ["roll", "royc", "rollsroyc"]


@pytest.mark.parametrize("bad", ["", " \n ", "\ud800", "\0\0", "!?…—", "@@@", "'", "-" * 50])
def test_text_without_words_has_no_terms_and_does_no_harm(bad):
    assert unpack(page_terms(bad))[0].tolist() == tokens(bad) == keywords(bad)
    assert query_terms(bad) == []


@given(st.text(max_size=300))
@example("A\x1bO")  # English or Portuguese? A page decides and leaves its stop words out
def test_any_text_can_be_packed_and_found_by_its_own_words(anything):
    ids, counts = unpack(page_terms(anything))
    assert (np.diff(ids.astype(np.int64)) > 0).all()
    assert counts.sum() == len(tokens(anything))
    if len(anything.splitlines()) == 1:
        stored = set(ids.tolist())
        asked = [t for t in query_terms(anything) if t.surface not in ANY_STOP_WORD]
        assert all(stored & set(term.ids) for term in asked)


@given(st.lists(st.text(max_size=100), max_size=5))
def test_many_pages_have_the_terms_that_each_has(pages):
    pages = ["Los perros están en la casa.\nthe dogs", *pages, "x " * 300, "Я читаю книгу"]
    assert pages_terms(pages) == [pack(tokens(page)) for page in pages]
    assert pages_terms(pages) == [page_terms(page) for page in pages]


def test_no_pages_have_no_terms():
    assert pages_terms([]) == []


def test_what_is_kept_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr(terms, "_CACHED_PIECES", 10)
    page = " ".join(f"dog{i} perro{i}," for i in range(50))
    assert page_terms(page) == page_terms(page) == pack(tokens(page))
    assert sum(map(len, terms._ids_of_pieces.values())) <= 10
    assert len(terms._votes_of_pieces) <= 10


def test_a_count_above_255_is_kept_as_255():
    assert unpack(page_terms("xylophone " * 1000))[1].tolist() == [255]


def test_term_ids_are_the_same_in_every_process():
    assert [term_id("dog"), term_id("猫")] == [2167159165, 2245964304]
    code = "from memoryos.text.terms import page_terms; print(page_terms('my dogs, señora').hex())"
    outputs = {
        run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {page_terms("my dogs, señora").hex().encode() + b"\n"}


def test_the_time_of_a_page_is_not_among_its_terms():
    assert page_terms("a dog", datetime(2023, 5, 8, tzinfo=timezone.utc)) == page_terms("a dog")


def test_keywords_are_the_repeated_long_words_in_surface_form():
    line = "Painting sunsets: my painting class paints a lake, 2023."
    assert keywords(line, 1) == ["painting"]
    assert "2023" not in keywords(line, 10)
    assert keywords("我喜欢画画", 3)
