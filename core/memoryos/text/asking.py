"""What kind of message a text is: small talk, a question, a follow-up, an "I don't know".

Pure: the words that tell are the languages' own (`text.language`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from memoryos.text.language import Language, languages
from memoryos.text.tokenizer import language_of, normalise

_SHORT = 12
"""Words of a follow-up at most…"""
_SHORT_RUN = 24
"""…and characters, where words are not spaced."""
_BRIEF = 20
"""Words of an answer at most that says only that there is none; three times so many
characters."""
_ASKING = "?？؟"
_SIGNS = re.compile("[^a-z0-9']+")


def is_small_talk(text: str) -> bool:
    """Return whether a message says nothing but greetings, thanks and assent ("ok thanks")."""
    plain = _plain(text)
    for language in _spoken(text):
        talk = language.speech.small_talk
        if language.spaced and not _words_of(talk).issuperset(plain.split()):
            continue
        left = plain
        for phrase in sorted(talk, key=len, reverse=True):
            left = _without(left, phrase, language)
        if not left.strip():
            return True
    return False


def is_follow_up(text: str) -> bool:
    """Return whether a short message goes on from the turn before it ("and her birthday?")."""
    plain = _plain(text)
    for language in _spoken(text):
        most = _SHORT if language.spaced else _SHORT_RUN
        if (len(plain.split()) if language.spaced else len(plain.replace(" ", ""))) > most:
            continue
        speech = language.speech
        if _opens(plain, speech.follow_up_openers, language):
            return True
        if _holds_any(plain, speech.follow_up_pronouns, language):
            return True
    return False


def is_question(text: str) -> bool:
    """Return whether a text is one question and nothing else."""
    stripped = text.strip()
    ends = stripped[-1:] in _ASKING and bool(stripped)
    if any(mark in stripped[:-1] for mark in ".!。！\n"):
        return False
    plain = _plain(text)
    for language in _spoken(text):
        speech = language.speech
        if _opens(plain, speech.question_words, language):
            return True
        if ends and _opens(plain, speech.question_openers | speech.follow_up_openers, language):
            return True
        if ends and not language.spaced:
            return True
    return ends and text.lstrip().startswith("¿")


def is_ignorance(text: str) -> bool:
    """Return whether an answer says only that there is none ("I don't know")."""
    plain = _plain(text)
    for language in _spoken(text):
        size = len(plain.split()) if language.spaced else len(plain) // 3
        if size <= _BRIEF and _holds_any(plain, language.speech.ignorance, language):
            return True
    return False


def _spoken(text: str) -> Iterable[Language]:
    """Return the language of a text, and English, which short texts are often taken from."""
    found, english = language_of(text), languages()["en"]
    if found is None:
        return [each for each in languages().values() if not each.letters]
    return [found] if found.code == "en" else [found, english]


def _opens(plain: str, phrases: frozenset[str], language: Language) -> bool:
    return f"{plain} ".startswith(_beginnings(phrases, " " if language.spaced else ""))


@lru_cache(maxsize=256)
def _beginnings(phrases: frozenset[str], end: str) -> tuple[str, ...]:
    return tuple(f"{_plain(phrase)}{end}" for phrase in phrases)


def _holds_any(plain: str, phrases: frozenset[str], language: Language) -> bool:
    """Return whether one of some phrases is in a text, as whole words where they are spaced."""
    text = f" {plain} " if language.spaced else plain
    return any(phrase in text for phrase in _within(phrases, " " if language.spaced else ""))


@lru_cache(maxsize=256)
def _within(phrases: frozenset[str], beside: str) -> tuple[str, ...]:
    return tuple(f"{beside}{_plain(phrase)}{beside}" for phrase in phrases)


def _without(plain: str, phrase: str, language: Language) -> str:
    said = _plain(phrase)
    if not language.spaced:
        return plain.replace(said, " ")
    left = f" {plain} "
    while f" {said} " in left:
        left = left.replace(f" {said} ", "  ")
    return " ".join(left.split())


@lru_cache(maxsize=64)
def _words_of(phrases: frozenset[str]) -> frozenset[str]:
    return frozenset(word for phrase in phrases for word in _plain(phrase).split())


@lru_cache(maxsize=1 << 13)
def _plain(text: str) -> str:
    """Return the words of a text between blanks, apostrophes straight, without other signs."""
    plain = normalise(text[:2000]).replace("’", "'")
    if plain.isascii():
        return _SIGNS.sub(" ", plain).strip()
    kept = [sign if sign.isalnum() or sign == "'" or _marks(sign) else " " for sign in plain]
    return " ".join("".join(kept).split())


def _marks(sign: str) -> bool:
    """Return whether a sign is written onto a letter (Hindi's vowels)."""
    return (
        not sign.isascii()
        and not sign.isspace()
        and sign.isidentifier() is False
        and ("a" + sign).isidentifier()
    )
