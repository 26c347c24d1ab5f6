"""The files of the languages: well formed, complete, and read only when needed."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from subprocess import run

import pytest
import Stemmer

from memoryos.text.language import DateWords, Language, Speech, languages, read_language

LINES = {"months": 12, "weekdays": 7, "seasons": 4, "units": 5, "numbers": 12}
SLOTS = {"{n}", "{unit}", "{weekday}", "{month}", "{season}", "{holiday}", "{that}"}
TEMPLATES = [each.name for each in fields(DateWords) if each.type == "tuple[str, ...]"]
OPTIONAL = {"dropped_subject", "telling_openers"}
WANTED = [each.name for each in fields(Speech) if each.name not in OPTIONAL]
PHRASES = [each.name for each in fields(DateWords) if each.type == "Lines"]


def faults(language: Language) -> list[str]:
    """Return what is wrong with a language, each with the key of its file."""
    found = []
    if language.stemmer and language.stemmer not in Stemmer.algorithms():
        found.append("stemmer")
    if not language.stop_words or any(word != word.lower() for word in language.stop_words):
        found.append("stop_words")
    found += [key for key in WANTED if len(getattr(language.speech, key)) < 3]
    found += [
        key
        for key in WANTED
        if any(word != word.lower().strip() for word in getattr(language.speech, key))
    ]
    words = language.dates
    found += [key for key, lines in LINES.items() if len(getattr(words, key)) != lines]
    for key in PHRASES:
        if any(word != word.lower() for line in getattr(words, key) for word in line):
            found.append(key)
    for key in ("months", "weekdays", "seasons", "units"):
        names = [name for line in getattr(words, key) for name in line]
        if len(names) != len(set(names)):
            found.append(key)
    for key in TEMPLATES:
        slots = re.findall(r"\{.*?\}", " ".join(getattr(words, key)))
        bare = [re.sub(r"\{.*?\}|\W", "", template) for template in getattr(words, key)]
        if not SLOTS.issuperset(slots) or (key != "ordinals" and "" in bare):
            found.append(key)
    if any(not re.fullmatch(r"(day|week|weekend|month|year)-\d", key) for key, *_ in words.named):
        found.append("named")
    day = r"(0[1-9]|1[0-2])-([0-2]\d|3[01])"
    if any(not re.fullmatch(rf"{day}(/{day})?", key) for key, *_ in words.holidays):
        found.append("holidays")
    return found


@pytest.mark.parametrize("code", languages())
def test_a_language_is_well_formed_and_complete(code):
    language = languages()[code]
    assert faults(language) == []
    assert len(code) == 2
    assert language.name.istitle()


def test_the_languages_that_are_promised():
    assert {"en", "es", "zh", "pt", "fr", "de", "it", "ru", "ja", "ko", "ar", "hi", "nl"} <= set(
        languages()
    )


def test_a_wrong_key_is_told_by_its_name():
    with pytest.raises(TypeError, match="stopwords"):
        read_language('name = "X"\ncode = "xx"\nstopwords = "a"')
    with pytest.raises(TypeError, match="code"):
        read_language('name = "X"')
    with pytest.raises(TypeError, match="first_persons"):
        read_language('name = "X"\ncode = "xx"\n[speech]\nfirst_persons = "a"')


def test_a_wrong_value_is_told_by_its_key():
    wrong = read_language(
        'name = "X"\ncode = "xx"\nstemmer = "elvish"\nstop_words = "The"\n'
        "[dates]\nnamed = 'fortnight-1 x'\nago = '{m}_ago'\nholidays = '13-01 x'\nmonths = 'x'"
    )
    assert {"stemmer", "stop_words", "named", "ago", "holidays", "months"} <= set(faults(wrong))


def test_a_new_language_needs_no_python():
    found = read_language(
        'name = "Toki Pona"\ncode = "tp"\nstop_words = "li e"\nirregular = "moku mokus"\n'
        '[speech]\nfirst_person = "mi mi_mute"'
    )
    assert found.speech.first_person == {"mi", "mi mute"}
    assert found.bases == {"mokus": "moku"}


def test_languages_are_not_read_before_they_are_needed():
    code = (
        "import memoryos, memoryos.text.dates, memoryos.text.terms\n"
        "from memoryos.text.language import languages\n"
        "print(languages.cache_info().currsize)\n"
        "import time; start = time.process_time(); languages(); print(time.process_time() - start)"
    )
    read, took = run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split()
    assert int(read) == 0
    assert float(took) < 0.1  # some 10 ms on a machine at rest
