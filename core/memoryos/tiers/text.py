"""The one tokenizer: what a text's terms are, for every store and every ranking.

A text is normalised (NFKC, lower case), cut into Unicode words, freed of stop words and stemmed by
Snowball in its own language; Chinese, Japanese, Korean and Thai, written without spaces, become
character bigrams (and single ideographs).  A term is kept as a 32-bit hash, so that the blob stored
with a page needs no vocabulary table and means the same in every process and on every platform.

Pure: no I/O, no clock, no shared state but a bounded cache of what words become (a Snowball stemmer
is built per call, which costs half a microsecond, because stemmers must not be shared by threads).
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from memoryos.tiers.irregular import ENGLISH_BASES
from memoryos.tiers.stop_words import CJK_STOP_CHARACTERS, STOP_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_LANGUAGE = "english"
"""Stemmer used where nothing tells the language."""

TERM_DTYPE = np.dtype([("id", "<u4"), ("tf", "u1")])
"""One packed term: 5 bytes."""
_MOST_COUNTED = 255

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
_LATIN_LANGUAGES = tuple(name for name in STOP_WORDS if name != "russian")
_CACHED_WORDS = 1 << 16
"""Words whose terms are kept (10 MB): a memory's words are mostly words it has seen…"""
_LONGEST_CACHED = 40
"""…and that are not longer than this."""


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One word of a question and every term it may have become in a page."""

    surface: str  # the word as it was written, lower-cased
    ids: tuple[int, ...]  # 32-bit term ids; a page that holds any of them holds the word


@lru_cache(maxsize=1)
def _languages_of_stop_word() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for language, stop_words in STOP_WORDS.items():
        for word in stop_words:
            table[word] = (*table.get(word, ()), language)
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
    normal = normalise(text)
    if normal.isascii():
        cut = _ASCII_WORD.findall(normal)
        if "-" not in normal:
            return cut
    else:
        cut = _WORD.findall(normal)
    found: list[str] = []
    for word in cut:
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
    said = list(tokens)
    if not "".join(said).isascii() and any(map(_CYRILLIC.match, said)):
        return "russian"
    named = filter(None, map(_languages_of_stop_word().get, said))
    votes: Counter[str] = Counter(chain.from_iterable(named))
    if not votes:
        return None
    most = max(votes.values())
    best = [name for name, count in votes.items() if count == most]
    if DEFAULT_LANGUAGE in best:
        return DEFAULT_LANGUAGE
    return best[0] if len(best) == 1 else None


def _fold(token: str) -> str:
    """Leave accents out, so that `cafe` finds `café`."""
    if token.isascii():
        return token
    decomposed = unicodedata.normalize("NFD", token)
    return unicodedata.normalize(
        "NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    )


def _is_unspaced(token: str) -> bool:
    return not token.isascii() and _IS_UNSPACED.match(token) is not None


def _bigrams(run: str) -> list[str]:
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


def _content(tokens: Iterable[str], stop_words: frozenset[str]) -> list[str]:
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


def _stems(tokens: Sequence[str], name: str) -> list[str]:
    """Return the stem of each token in Snowball's language `name`, accents folded."""
    import Stemmer  # noqa: PLC0415  # imported late: `import memoryos` stays cheap

    if name == "english":
        tokens = [ENGLISH_BASES.get(token, token) for token in tokens]
    stems = Stemmer.Stemmer(name).stemWords(tokens)
    return [stem if stem.isascii() else _fold(stem) for stem in stems]


@lru_cache(maxsize=_CACHED_WORDS)
def _forms(token: str, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the terms that one word becomes in a language, and their ids; none of a stop word."""
    content = _content((token,), STOP_WORDS[name])
    if content and _is_unspaced(content[0]):
        terms = _bigrams(content[0])
    else:
        terms = _stems(content, name)
    return tuple(terms), tuple(map(term_id, terms))


def _forms_of(line: Sequence[str], name: str) -> Iterable[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Return `_forms` of each word of a line that has words."""
    short = max(map(len, line)) <= _LONGEST_CACHED
    return map(_forms if short else _forms.__wrapped__, line, repeat(name))


@lru_cache(maxsize=_CACHED_WORDS // 4)
def _bare_and_stem(token: str, name: str) -> tuple[str, str] | None:
    """Return a word's bare form and the stem of that in a language; None of a stop word."""
    content = _content((token,), STOP_WORDS[name])
    return (content[0], _stems(content, name)[0]) if content else None


def _content_of(line: Sequence[str], name: str) -> Iterable[tuple[str, str]]:
    """Return the bare form and the stem of each word of a line that is no stop word."""
    short = max(map(len, line)) <= _LONGEST_CACHED
    look_up = _bare_and_stem if short else _bare_and_stem.__wrapped__
    return filter(None, map(look_up, line, repeat(name)))


def _lines(text: str) -> list[tuple[list[str], str]]:
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


def tokens(text: str) -> list[str]:
    """Return the terms of `text` as strings, in reading order, repeated as often as they occur."""
    return [
        term for line, name in _lines(text) for forms, _ in _forms_of(line, name) for term in forms
    ]


def content_words(text: str) -> list[str]:
    """Return the words of `text` without stop words, not stemmed; unspaced scripts as bigrams."""
    found: list[str] = []
    for line, name in _lines(text):
        content = _content(line, STOP_WORDS[name])
        if "".join(content).isascii():
            found += content
            continue
        for token in content:
            found += _bigrams(token) if _is_unspaced(token) else [token]
    return found


def term_id(token: str) -> int:
    """Return the 32-bit hash (CRC-32 of UTF-8) that stands for `token` in every store."""
    return crc32(token.encode("utf-8", "surrogatepass"))


def term_ids(tokens: Iterable[str]) -> NDArray[np.uint32]:
    """Return the ids of `tokens`, in order, as uint32."""
    return np.fromiter((term_id(token) for token in tokens), dtype=np.uint32)


def pack_terms(tokens: Iterable[str]) -> bytes:
    """Return `tokens` as a blob: records (uint32 id, uint8 count), little-endian, sorted by id.

    A count above 255 is kept as 255 (BM25 has saturated long before).
    """
    return _packed(map(term_id, tokens))


def _packed(ids: Iterable[int]) -> bytes:
    """Return term ids as the blob that `pack_terms` makes; `struct` beats numpy on a page."""
    counts = Counter(ids)
    records: Iterable[tuple[int, int]] = sorted(counts.items())
    if max(counts.values(), default=0) > _MOST_COUNTED:
        records = [(i, min(count, _MOST_COUNTED)) for i, count in records]
    return struct.pack("<" + "IB" * len(counts), *chain.from_iterable(records))


def unpack_terms(blob: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return (ids, counts) of a blob made by `pack_terms`.

    Raises ValueError when `blob` is not a whole number of records.
    """
    records = np.frombuffer(blob, dtype=TERM_DTYPE)
    return records["id"].astype(np.uint32), records["tf"].astype(np.uint8)


def page_terms(text: str, timestamp: datetime | None = None) -> bytes:
    """Return the packed terms of a page, ready to be stored and indexed.

    text: every line of the page, speakers' names included.  timestamp: accepted, but no term is
    made of it: dates in questions are matched to the times of pages (`dates.periods`), which found
    more than date words did (LoCoMo: +0.004) and costs nothing to store.
    """
    del timestamp
    return _packed(
        [i for line, name in _lines(text) for _, ids in _forms_of(line, name) for i in ids]
    )


def query_terms(text: str) -> list[QueryTerm]:
    """Return the distinct words of a question with the term ids each may have in a page.

    Where the language is not certain, or the page may have been taken for English, a word has the
    stems of several languages.  A question of nothing but stop words has no terms.
    """
    found = words(text)
    name = language(found)
    content = _content(found, STOP_WORDS[name] if name else frozenset())
    if name is None:
        candidates = _LATIN_LANGUAGES
    else:
        candidates = (name,) if name == DEFAULT_LANGUAGE else (name, DEFAULT_LANGUAGE)
    stems = [_stems(content, candidate) for candidate in candidates]
    terms: dict[tuple[int, ...], QueryTerm] = {}
    for i, token in enumerate(content):
        if _is_unspaced(token):
            forms = [(bigram, {bigram}) for bigram in _bigrams(token)]
        else:
            forms = [(token, {column[i] for column in stems})]
        for surface, alternatives in forms:
            ids = tuple(sorted({term_id(form) for form in alternatives}))
            terms.setdefault(ids, QueryTerm(surface, ids))
    return list(terms.values())


def keywords(text: str, n: int = 5) -> list[str]:
    """Return the `n` most telling words of `text`, as written (lower-cased), most telling first.

    Without a corpus a word tells by how often and how late in Zipf's order it may be expected:
    count times length, digits alone never.
    """
    counts: Counter[str] = Counter()
    surface: dict[str, str] = {}
    for line, name in _lines(text):
        for token, stem in _content_of(line, name):
            if token.isdigit() or (len(token) < 3 and token.isascii()):
                continue
            counts[stem] += 1
            surface.setdefault(stem, token)
    ranked = sorted(counts, key=lambda stem: (-counts[stem] * min(len(stem), 10), stem))
    return [surface[stem] for stem in ranked[:n]]
