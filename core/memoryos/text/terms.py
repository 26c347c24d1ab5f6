"""The terms of a text: what a page is found by, in every store and every ranking.

A term is a stem (or a bigram of an unspaced script) kept as a 32-bit hash, so that the blob stored
with a page needs no vocabulary table and means the same in every process and on every platform.

Pure, as tokenizer.py is: no shared state but bounded caches.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice, pairwise
from typing import TypeVar
from zlib import crc32

import numpy as np

from memoryos.text.tokenizer import (
    CACHED_WORDS,
    DEFAULT_LANGUAGE,
    LONGEST_CACHED,
    bigrams,
    elected,
    is_unspaced,
    latin_languages,
    lines_of,
    normalise,
    stems_in,
    telling_words,
    terms_of,
    terms_of_pieces,
    votes_of_pieces,
)

TERMS_VERSION = 2
"""Raised when the same text gets other terms; a store whose pages have older ones must make anew.

2: letters such as ß and ø and katakana folded, names with signs (C++) as words, Arabic and Hindi
stemmed and freed of stop words.
"""
TERM_DTYPE = np.dtype([("id", "<u4"), ("tf", "u1")])
"""One packed term: 5 bytes. A count of 0 is no term but the end of a passage, another following."""
INDEXING = 1
"""Version of what pages are cut into and which terms that gives; to be raised with either. What a
store holds of a former version is made again from its journal."""
_BETWEEN = bytes(TERM_DTYPE.itemsize)
_MOST_COUNTED = 255
_CACHED_PIECES = 1 << 15
"""Pieces of text between spaces whose term ids are kept, and whose votes (7 MB)."""
_MANY_PAGES = 4
"""From here on numpy beats `struct`, which beats numpy on a page."""


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One word of a question and every term it may have become in a page."""

    surface: str  # the word as it was written, lower-cased
    ids: tuple[int, ...]  # 32-bit term ids; a page that holds any of them holds the word


def term_id(token: str) -> int:
    """Return the 32-bit hash (CRC-32 of UTF-8) that stands for `token` in every store."""
    return crc32(token.encode("utf-8", "surrogatepass"))


def tokens(text: str) -> list[str]:
    """Return the terms of `text` as strings, in reading order, repeated as often as they occur."""
    return [term for line, name in lines_of(text) for term in terms_of(line, name)]


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


def join_passages(terms: Iterable[bytes]) -> bytes:
    """Return the packed terms of a page from those of its passages."""
    return _BETWEEN.join(terms)


def query_terms(text: str) -> list[QueryTerm]:
    """Return the distinct words of a question with the term ids each may have in a page.

    Where the language is not certain, or the page may have been taken for English, a word has the
    stems of several languages.  A question of nothing but stop words has no terms.
    """
    content, name = telling_words(text)
    if name is None:
        candidates = latin_languages()
    else:
        candidates = (name,) if name == DEFAULT_LANGUAGE else (name, DEFAULT_LANGUAGE)
    terms: dict[tuple[int, ...], QueryTerm] = {}
    for token in content:
        if not token.isascii() and is_unspaced(token):
            for bigram in bigrams(token):
                alone = (term_id(bigram),)
                terms.setdefault(alone, QueryTerm(bigram, alone))
            continue
        short = len(token) <= LONGEST_CACHED
        ids = (_alternatives if short else _alternatives.__wrapped__)(token, candidates)
        terms.setdefault(ids, QueryTerm(token, ids))
    return list(terms.values())


@lru_cache(maxsize=CACHED_WORDS // 4)
def _alternatives(token: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of what a bare word may have become in several languages, ascending."""
    return tuple(sorted({term_id(stem) for stem in stems_in(token, names)}))


def _packed(ids: Iterable[int]) -> bytes:
    """Return ids as a blob of `TERM_DTYPE` records, sorted by id; counts above 255 are kept as 255.

    BM25 has saturated long before.  `struct` beats numpy on a page.
    """
    counts = Counter(ids)
    records: Iterable[tuple[int, int]] = sorted(counts.items())
    if max(counts.values(), default=0) > _MOST_COUNTED:
        records = [(i, min(count, _MOST_COUNTED)) for i, count in records]
    return struct.pack("<" + "IB" * len(counts), *chain.from_iterable(records))


_Made = TypeVar("_Made", int, bytes)
_ids_of_pieces: dict[str, dict[str, bytes]] = {}
"""By Snowball's name of a language: the packed term ids of pieces of normalised text.

A piece is what stands between spaces. No word holds a space, so a text is the sum of its pieces.
"""
_votes_of_pieces: dict[str, int] = {}
"""The votes of such pieces for a language."""


def _votes(pieces: Sequence[str]) -> list[int]:
    """Return the votes of pieces, those not seen lately counted in one go."""
    found = list(map(_votes_of_pieces.get, pieces))
    if None not in found:
        return found  # type: ignore[return-value]  # as the condition says
    unseen = [piece for piece, votes in zip(pieces, found, strict=True) if votes is None]
    counted = dict(zip(unseen, votes_of_pieces(unseen), strict=True))
    _keep(counted, _votes_of_pieces, [_votes_of_pieces])
    return [
        counted[piece] if votes is None else votes
        for piece, votes in zip(pieces, found, strict=True)
    ]


def _packed_ids(pieces: Sequence[str], name: str) -> bytes:
    """Return the packed term ids of pieces in a language, those not seen lately made in one go."""
    kept = _ids_of_pieces.setdefault(name, {})
    found = list(map(kept.get, pieces))
    if None not in found:
        return b"".join(found)  # type: ignore[arg-type]  # as the condition says
    unseen = [piece for piece, ids in zip(pieces, found, strict=True) if ids is None]
    made = {
        piece: struct.pack(f"<{len(terms)}I", *map(term_id, terms))
        for piece, terms in zip(unseen, terms_of_pieces(unseen, name), strict=True)
    }
    _keep(made, kept, list(_ids_of_pieces.values()))  # another thread may add a language
    return b"".join(
        made[piece] if ids is None else ids for piece, ids in zip(pieces, found, strict=True)
    )


def _keep(made: dict[str, _Made], kept: dict[str, _Made], all_kept: list[dict[str, _Made]]) -> None:
    """Keep what was made of short pieces; forget all that is kept where it would be too much."""
    short = [piece for piece in made if len(piece) <= LONGEST_CACHED][:_CACHED_PIECES]
    if sum(map(len, all_kept)) + len(short) > _CACHED_PIECES:
        for each in all_kept:
            each.clear()
    kept.update({piece: made[piece] for piece in short})


def _ids(text: str) -> bytes:
    """Return the ids of a text's terms, in reading order, packed (`tokens` as ids)."""
    lines = [pieces for line in normalise(text).splitlines() if (pieces := line.split())]
    each = iter(_votes(list(chain.from_iterable(lines))))
    votes = [sum(islice(each, len(pieces))) for pieces in lines]
    languages = list(map(elected, votes))
    whole = DEFAULT_LANGUAGE
    if None in languages:
        whole = elected(sum(votes)) or DEFAULT_LANGUAGE
    names = [name or whole for name in languages]
    if len(set(names)) == 1:
        return _packed_ids(list(chain.from_iterable(lines)), names[0])
    return b"".join(map(_packed_ids, lines, names))
