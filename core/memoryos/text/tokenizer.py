"""The one tokenizer: what the words of a text are, and in what language.

A text is normalised (NFKC, lower case), cut into Unicode words, freed of stop words and stemmed by
Snowball in its own language; Chinese, Japanese, Korean and Thai, written without spaces, become
character bigrams (and single ideographs).  What a page is found by is made of these: terms.py.

Pure: no I/O, no clock, no shared state but a bounded cache of what words become (a Snowball stemmer
is built per call, which costs some microseconds, because stemmers must not be shared by threads).
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat

from memoryos.text.irregular import ENGLISH_BASES
from memoryos.text.stop_words import CJK_STOP_CHARACTERS, STOP_WORDS

DEFAULT_LANGUAGE = "english"
"""Stemmer used where nothing tells the language."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\
\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u0dff\
\u0e31-\u0e3a\u0e47-\u0e4e\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3"
"""Combining marks and the Indic blocks: `\\w` leaves vowel signs out and would cut words there."""

_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(
    rf"\d+(?:[.,:]\d+)+|{_LETTER}+(?:['’]{_LETTER}+)*(?:[-‐‑]{_LETTER}+(?:['’]{_LETTER}+)*)*"
)
_ASCII_WORD = re.compile(
    r"\d+(?:[.,:]\d+)+|[a-z0-9]+(?:'[a-z0-9]+)*(?:-[a-z0-9]+(?:'[a-z0-9]+)*)*", re.ASCII
)
"""What `_WORD` is on text of ASCII alone, in half the time."""
_HYPHENS = re.compile(r"[-‐‑]")
_RUN = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_SINGLE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_CONTRACTED = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})
_ELIDED = frozenset(
    "l d j m t s n c qu jusqu lorsqu puisqu un all dall dell nell sull gl quell quest v".split()
)
"""What French and Italian write before an apostrophe: l'ami, qu'elle, dell'acqua."""
LATIN_LANGUAGES = tuple(name for name in STOP_WORDS if name != "russian")
CACHED_WORDS = 1 << 15
"""Words whose terms are kept (5 MB): a memory's words are mostly words it has seen…"""
LONGEST_CACHED = 40
"""…and that are not longer than this."""
_DEFAULT_PLACE = LATIN_LANGUAGES.index(DEFAULT_LANGUAGE)
_VOTE = 32
"""Bits in which the votes for one language are counted; all languages' are one whole number."""
_COUNTS = struct.Struct(f"<{len(LATIN_LANGUAGES)}I")


@lru_cache(maxsize=1)
def _votes_of_stop_word() -> dict[str, int]:
    """Return the vote of each stop word: a one in the field of each language that has it."""
    table: dict[str, int] = {}
    for place, name in enumerate(LATIN_LANGUAGES):
        for word in STOP_WORDS[name]:
            table[word] = table.get(word, 0) | 1 << _VOTE * place
    return table


def normalise(text: str) -> str:
    """Return `text` in NFKC and lower case (ASCII takes the short way)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).lower().replace("\u0307", "")


def words(text: str) -> list[str]:
    """Return the words of `text` in order, normalised, stop words still in.

    A hyphenated word gives its parts and the word written as one (`co-worker`: co, worker,
    coworker); an unspaced script gives its runs whole.
    """
    return cut(normalise(text))


def cut(normal: str) -> list[str]:
    """Return the words of a normalised text (see `words`)."""
    if normal.isascii():
        pieces = _ASCII_WORD.findall(normal)
        if "-" not in normal:
            return pieces
    else:
        pieces = _WORD.findall(normal)
    found: list[str] = []
    for word in pieces:
        if word.isalnum() and word.isascii():
            found.append(word)
            continue
        plain = word.isascii() or not _IS_UNSPACED.search(word)
        for run in [word] if plain else _RUN.findall(word):
            parts = [part for part in _HYPHENS.split(run) if part]
            found += parts
            if len(parts) == 2:
                found.append(parts[0] + parts[1])
    return found


def language(tokens: Iterable[str]) -> str | None:
    """Return Snowball's name of the language of normalised words; None where nothing tells it."""
    return elected(votes_of(list(tokens)))


def votes_of(words: Sequence[str]) -> int:
    """Return the votes of normalised words, to be added to those of others."""
    votes = sum(map(_votes_of_stop_word().get, words, repeat(0)))
    if not "".join(words).isascii() and any(map(_CYRILLIC.match, words)):
        votes += 1 << _VOTE * len(LATIN_LANGUAGES)
    return votes


def elected(votes: int) -> str | None:
    """Return the language that has most votes; Russian has its own letters and needs but one."""
    if not votes:
        return None
    if votes >> _VOTE * len(LATIN_LANGUAGES):
        return "russian"
    counts = _COUNTS.unpack(votes.to_bytes(_COUNTS.size, "little"))
    most = max(counts)
    if counts[_DEFAULT_PLACE] == most:
        return DEFAULT_LANGUAGE
    return LATIN_LANGUAGES[counts.index(most)] if counts.count(most) == 1 else None


def _fold(token: str) -> str:
    """Leave accents out, so that `cafe` finds `café`."""
    if token.isascii():
        return token
    decomposed = unicodedata.normalize("NFD", token)
    return unicodedata.normalize(
        "NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    )


def is_unspaced(token: str) -> bool:
    """Return whether a word is in a script written without spaces."""
    return not token.isascii() and _IS_UNSPACED.match(token) is not None


def bigrams(run: str) -> list[str]:
    """Return the terms of a run of an unspaced script: bigrams, and ideographs one by one."""
    terms = [
        run[i : i + 2]
        for i in range(len(run) - 1)
        if run[i] not in CJK_STOP_CHARACTERS or run[i + 1] not in CJK_STOP_CHARACTERS
    ]
    terms += [c for c in run if c not in CJK_STOP_CHARACTERS and _SINGLE.match(c)]
    return terms or [run]


def _bare(token: str) -> str:
    """Undo what is added to a word by an apostrophe, an ordinal or a thousands separator."""
    if "'" in token or "’" in token:
        left, _, right = token.replace("’", "'").rpartition("'")
        if right in _CONTRACTED:
            return left.replace("'", "")
        if left in _ELIDED:
            return right
        return left.replace("'", "") + right
    if token[0].isdigit():
        if ordinal := _ORDINAL.fullmatch(token):
            return ordinal[1]
        if _THOUSANDS.fullmatch(token):
            return token.replace(",", "")
    return token


def without_stop_words(tokens: Iterable[str], stop_words: frozenset[str]) -> list[str]:
    """Return what is left of `tokens` without stop words, each in its bare form."""
    kept: list[str] = []
    for token in tokens:
        if token in stop_words:
            continue
        bare = token if token.isalpha() else _bare(token)
        if bare != token and (
            bare in stop_words or token.replace("’", "'") in stop_words or not bare
        ):
            continue
        kept.append(bare)
    return kept


def stems_of(tokens: Sequence[str], name: str) -> list[str]:
    """Return the stem of each token in Snowball's language `name`, accents folded."""
    import Stemmer  # noqa: PLC0415  # imported late: `import memoryos` stays cheap

    if name == "english":
        tokens = [ENGLISH_BASES.get(token, token) for token in tokens]
    stems = Stemmer.Stemmer(name).stemWords(tokens)
    return [stem if stem.isascii() else _fold(stem) for stem in stems]


@lru_cache(maxsize=CACHED_WORDS // 4)
def _bare_and_stem(token: str, name: str) -> tuple[str, str] | None:
    """Return a word's bare form and the stem of that in a language; None of a stop word."""
    content = without_stop_words((token,), STOP_WORDS[name])
    return (content[0], stems_of(content, name)[0]) if content else None


def _content_of(line: Sequence[str], name: str) -> Iterable[tuple[str, str]]:
    """Return the bare form and the stem of each word of a line that is no stop word."""
    short = max(map(len, line)) <= LONGEST_CACHED
    look_up = _bare_and_stem if short else _bare_and_stem.__wrapped__
    return filter(None, map(look_up, line, repeat(name)))


def lines_of(text: str) -> list[tuple[list[str], str]]:
    """Return (words, Snowball's language) of each line that has words.

    The language is told line by line (a dialogue may change it at every turn); a line that does not
    tell takes the language of the whole text, and that failing English.
    """
    lines = [found for line in text.splitlines() if (found := words(line))]
    languages = [language(line) for line in lines]
    whole = DEFAULT_LANGUAGE
    if None in languages:
        whole = language(chain.from_iterable(lines)) or DEFAULT_LANGUAGE
    return [(line, name or whole) for line, name in zip(lines, languages, strict=True)]


def content_words(text: str) -> list[str]:
    """Return the words of `text` without stop words, not stemmed; unspaced scripts as bigrams."""
    found: list[str] = []
    for line, name in lines_of(text):
        content = without_stop_words(line, STOP_WORDS[name])
        if "".join(content).isascii():
            found += content
            continue
        for token in content:
            found += bigrams(token) if is_unspaced(token) else [token]
    return found


def keywords(text: str, n: int = 5) -> list[str]:
    """Return the `n` most telling words of `text`, as written (lower-cased), most telling first.

    Without a corpus a word tells by how often and how late in Zipf's order it may be expected:
    count times length, digits alone never.
    """
    counts: Counter[str] = Counter()
    surface: dict[str, str] = {}
    for line, name in lines_of(text):
        for token, stem in _content_of(line, name):
            if token.isdigit() or (len(token) < 3 and token.isascii()):
                continue
            counts[stem] += 1
            surface.setdefault(stem, token)
    ranked = sorted(counts, key=lambda stem: (-counts[stem] * min(len(stem), 10), stem))
    return [surface[stem] for stem in ranked[:n]]
