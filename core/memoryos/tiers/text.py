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
from itertools import chain, pairwise, repeat
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
_CACHED_WORDS = 1 << 15
"""Words whose terms are kept (5 MB): a memory's words are mostly words it has seen…"""
_LONGEST_CACHED = 40
"""…and that are not longer than this."""
_CACHED_PIECES = 1 << 15
"""Pieces of text between spaces (`_Pieces`) whose term ids are kept, and whose votes (7 MB)."""
_MANY_PAGES = 4
"""From here on numpy beats `struct`, which beats numpy on a page."""
_DEFAULT_PLACE = _LATIN_LANGUAGES.index(DEFAULT_LANGUAGE)
_VOTE = 32
"""Bits in which the votes for one language are counted; all languages' are one whole number."""
_COUNTS = struct.Struct(f"<{len(_LATIN_LANGUAGES)}I")


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One word of a question and every term it may have become in a page."""

    surface: str  # the word as it was written, lower-cased
    ids: tuple[int, ...]  # 32-bit term ids; a page that holds any of them holds the word


@lru_cache(maxsize=1)
def _votes_of_stop_word() -> dict[str, int]:
    """Return the vote of each stop word: a one in the field of each language that has it."""
    table: dict[str, int] = {}
    for place, name in enumerate(_LATIN_LANGUAGES):
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
    return _cut(normalise(text))


def _cut(normal: str) -> list[str]:
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
    return _elected(_votes(list(tokens)))


def _votes(words: Sequence[str]) -> int:
    """Return the votes of normalised words, to be added to those of others."""
    votes = sum(map(_votes_of_stop_word().get, words, repeat(0)))
    if not "".join(words).isascii() and any(map(_CYRILLIC.match, words)):
        votes += 1 << _VOTE * len(_LATIN_LANGUAGES)
    return votes


def _elected(votes: int) -> str | None:
    """Return the language that has most votes; Russian has its own letters and needs but one."""
    if not votes:
        return None
    if votes >> _VOTE * len(_LATIN_LANGUAGES):
        return "russian"
    counts = _COUNTS.unpack(votes.to_bytes(_COUNTS.size, "little"))
    most = max(counts)
    if counts[_DEFAULT_PLACE] == most:
        return DEFAULT_LANGUAGE
    return _LATIN_LANGUAGES[counts.index(most)] if counts.count(most) == 1 else None


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


class _Pieces(dict[str, bytes]):
    """The term ids, packed, of pieces of normalised text between spaces, in one language.

    No word holds a space, so a text is the sum of its pieces: one look-up for each.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, piece: str) -> bytes:
        found = _cut(piece)
        ids = [i for _, some in _forms_of(found, self._name) for i in some] if found else []
        packed = struct.pack(f"<{len(ids)}I", *ids)
        if len(piece) <= _LONGEST_CACHED:
            if sum(map(len, _ids_of_pieces.values())) >= _CACHED_PIECES:
                for pieces in _ids_of_pieces.values():
                    pieces.clear()
            self[piece] = packed
        return packed


class _PieceVotes(dict[str, int]):
    """The votes of such pieces for a language."""

    def __missing__(self, piece: str) -> int:
        votes = _votes(_cut(piece))
        if len(piece) <= _LONGEST_CACHED:
            if len(self) >= _CACHED_PIECES:
                self.clear()
            self[piece] = votes
        return votes


_ids_of_pieces = {name: _Pieces(name) for name in STOP_WORDS}
_votes_of_pieces = _PieceVotes()


def _ids(text: str) -> bytes:
    """Return the ids of a text's terms, in reading order, packed (`tokens` as ids)."""
    lines = [pieces for line in normalise(text).splitlines() if (pieces := line.split())]
    votes = [sum(map(_votes_of_pieces.__getitem__, pieces)) for pieces in lines]
    languages = list(map(_elected, votes))
    whole = DEFAULT_LANGUAGE
    if None in languages:
        whole = _elected(sum(votes)) or DEFAULT_LANGUAGE
    return b"".join(
        chain.from_iterable(
            map(_ids_of_pieces[name or whole].__getitem__, pieces)
            for pieces, name in zip(lines, languages, strict=True)
        )
    )


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
        for token in _content(line, STOP_WORDS[name]):
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
    ids = _ids(text)
    return _packed(struct.unpack(f"<{len(ids) // 4}I", ids))


def pages_terms(texts: Sequence[str]) -> list[bytes]:
    """Return `page_terms` of each of many pages, counted together."""
    if len(texts) < _MANY_PAGES:
        return list(map(page_terms, texts))
    ids = list(map(_ids, texts))
    sizes = [len(some) // 4 for some in ids]
    page = np.repeat(np.arange(len(texts), dtype=np.uint64) << 32, sizes)
    keys, counts = np.unique(np.frombuffer(b"".join(ids), "<u4") | page, return_counts=True)
    records = np.empty(len(keys), TERM_DTYPE)
    records["id"] = keys & 0xFFFFFFFF
    records["tf"] = np.minimum(counts, _MOST_COUNTED)
    blob = records.tobytes()
    ends = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.uint64) << 32)
    places = (ends * TERM_DTYPE.itemsize).tolist()
    return [blob[start:end] for start, end in pairwise(places)]


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
    terms: dict[tuple[int, ...], QueryTerm] = {}
    for token in content:
        if _is_unspaced(token):
            for bigram in _bigrams(token):
                alone = (term_id(bigram),)
                terms.setdefault(alone, QueryTerm(bigram, alone))
            continue
        short = len(token) <= _LONGEST_CACHED
        ids = (_alternatives if short else _alternatives.__wrapped__)(token, candidates)
        terms.setdefault(ids, QueryTerm(token, ids))
    return list(terms.values())


@lru_cache(maxsize=_CACHED_WORDS // 4)
def _alternatives(token: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of what a bare word may have become in several languages, ascending."""
    return tuple(sorted({term_id(stem) for name in names for stem in _stems((token,), name)}))


def keywords(text: str, n: int = 5) -> list[str]:
    """Return the `n` most telling words of `text`, as written (lower-cased), most telling first.

    Without a corpus a word tells by how often and how late in Zipf's order it may be expected:
    count times length, digits alone never.
    """
    counts: Counter[str] = Counter()
    surface: dict[str, str] = {}
    for line, name in _lines(text):
        content = _content(line, STOP_WORDS[name])
        for token, stem in zip(content, _stems(content, name), strict=True):
            if token.isdigit() or (len(token) < 3 and token.isascii()):
                continue
            counts[stem] += 1
            surface.setdefault(stem, token)
    ranked = sorted(counts, key=lambda stem: (-counts[stem] * min(len(stem), 10), stem))
    return [surface[stem] for stem in ranked[:n]]
