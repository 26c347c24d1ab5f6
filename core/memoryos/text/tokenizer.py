"""The one tokenizer: what the words of a text are, and in what language.

A text is normalised (NFKC, lower case), cut into Unicode words, freed of stop words and stemmed by
Snowball in its own language; Chinese, Japanese, Korean and Thai, written without spaces, become
character bigrams (and single ideographs).  What a page is found by is made of these: terms.py.

Pure: no clock, no shared state but a bounded cache of what words become (a Snowball stemmer is
built per call, which costs some microseconds, because stemmers must not be shared by threads), and
the languages' words, read when the first text is.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat

from memoryos.text.language import Language, languages

_HAN = r"\u4e00"
"""In the letters of Chinese, which Japanese and old Korean texts write too."""
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

LETTER = rf"(?:[^\W_]|[{_MARKS}])"
"""Pattern of one letter, digit or mark of a word."""
_WORD = re.compile(
    rf"\d+(?:[.,:]\d+)+|{LETTER}+(?:['’]{LETTER}+)*(?:[-‐‑]{LETTER}+(?:['’]{LETTER}+)*)*"
)
_ASCII_WORD = re.compile(
    r"\d+(?:[.,:]\d+)+|[a-z0-9]+(?:'[a-z0-9]+)*(?:-[a-z0-9]+(?:'[a-z0-9]+)*)*", re.ASCII
)
"""What `_WORD` is on text of ASCII alone, in half the time."""
_HYPHENS = re.compile(r"[-‐‑]")
_RUN = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_SINGLE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_SIGNED = re.compile(
    rf"(?<!{LETTER})(?:[a-z][a-z0-9]*\+\+|[a-z]#|(?:[a-z][a-z0-9]*)?\.net|[a-z][a-z0-9]*\.(?:js|io))"
    rf"(?!{LETTER})"
)
"""Names that need their signs: C++, Notepad++, C#, F#, .NET, ASP.NET, Node.js, Socket.IO."""
_SIGNS = ("++", "#", ".net", ".js", ".io")
_BARRED = str.maketrans(
    {"ß": "ss", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h"}
    | {"ŧ": "t", "ı": "i", "ŀ": "l", "ĸ": "k"}
)
"""Letters that Unicode does not take apart, as people write them who have no such key."""
_HIRAGANA = {katakana: katakana - 0x60 for katakana in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_CONTRACTED = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})
_ELIDED = frozenset(
    "l d j m t s n c qu jusqu lorsqu puisqu un all dall dell nell sull gl quell quest v".split()
)
"""What French and Italian write before an apostrophe: l'ami, qu'elle, dell'acqua."""
CACHED_WORDS = 1 << 15
"""Words whose terms are kept (5 MB): a memory's words are mostly words it has seen…"""
LONGEST_CACHED = 40
"""…and that are not longer than this."""
_ASKED, _SHORT = 256, 400
"""Texts, of so many characters at most, whose lines and language are kept: of a question they are
asked for some six times, of a statement when it is embedded and when it is compared."""
_LONG = 8_200
"""Characters of a text that a page's topic is read of, of which the last is kept."""
_LATIN = re.compile("[a-z]+")
_VOTE = 32
"""Bits in which the votes for one language are counted; all languages' are one whole number."""


class _Lexicon:
    """What the languages that have a stemmer tell of words, by Snowball's name of the language."""

    def __init__(self) -> None:
        stemmed = {each.stemmer: each for each in languages().values() if each.stemmer}
        self.stop_words = {name: each.stop_words for name, each in stemmed.items()}
        self.bases = {name: each.bases for name, each in stemmed.items()}
        self.latin = tuple(name for name, each in stemmed.items() if not each.letters)
        """Languages that share the Latin letters: their stop words tell them apart."""
        self.lettered = tuple(name for name, each in stemmed.items() if each.letters)
        """Languages with letters of their own: one such letter tells them."""
        own = [each.letters for each in stemmed.values() if each.letters]
        self.letters = re.compile("|".join(f"([{letters}])" for letters in own))
        """Its group, less one, is the place of the language in `lettered`."""
        self.votes: dict[str, int] = {}
        """The vote of each stop word: a one in the field of each language that has it."""
        for place, name in enumerate(self.latin):
            for word in self.stop_words[name]:
                self.votes[word] = self.votes.get(word, 0) | 1 << _VOTE * place
        self.counts = struct.Struct(f"<{len(self.latin) + len(self.lettered)}I")
        self.grammar = frozenset().union(
            *(each.stop_words for each in languages().values() if not each.stemmer)
        )
        """Characters of Chinese, Japanese and Korean that carry grammar."""


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    return _Lexicon()


def stop_words(name: str) -> frozenset[str]:
    """Return the stop words of Snowball's language `name`."""
    return _lexicon().stop_words[name]


def latin_languages() -> tuple[str, ...]:
    """Return Snowball's names of the languages that share the Latin letters."""
    return _lexicon().latin


def normalise(text: str) -> str:
    """Return `text` in NFKC and lower case (ASCII takes the short way)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).lower().replace("\u0307", "")


def words(text: str) -> list[str]:
    """Return the words of `text` in order, normalised, stop words still in.

    A hyphenated word gives its parts and the word written as one (`co-worker`: co, worker,
    coworker); a name with signs its parts and itself (`node.js`: node, js, node.js); an unspaced
    script gives its runs whole.
    """
    return cut(normalise(text))


def cut(normal: str) -> list[str]:
    """Return the words of a normalised text (see `words`)."""
    if normal.isascii():
        pieces: list[str] = _ASCII_WORD.findall(normal)
        if "-" not in normal:
            return pieces + _signed(normal)
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
    return found + _signed(normal)


def _signed(normal: str) -> list[str]:
    """Return the names made with signs; most texts have none, and are not searched."""
    for signs in _SIGNS:
        if signs in normal:
            return _SIGNED.findall(normal)
    return []


def language(tokens: Iterable[str]) -> str | None:
    """Return Snowball's name of the language of normalised words; None where nothing tells it."""
    return elected(votes_of(list(tokens)))


def votes_of(words: Sequence[str]) -> int:
    """Return the votes of normalised words, to be added to those of others."""
    lexicon = _lexicon()
    votes = sum(map(lexicon.votes.get, words, repeat(0)))
    if not "".join(words).isascii():
        for found in filter(None, map(lexicon.letters.match, words)):
            votes += 1 << _VOTE * (len(lexicon.latin) + (found.lastindex or 1) - 1)
    return votes


def votes_of_pieces(pieces: Iterable[str]) -> list[int]:
    """Return the votes of the words of each of some normalised texts."""
    return [votes_of(cut(piece)) for piece in pieces]


def elected(votes: int) -> str | None:
    """Return the language that has most votes; one with its own letters needs but one."""
    if not votes:
        return None
    lexicon = _lexicon()
    latin = len(lexicon.latin)
    counts = lexicon.counts.unpack(votes.to_bytes(lexicon.counts.size, "little"))
    if any(own := counts[latin:]):
        return lexicon.lettered[own.index(max(own))]
    most = max(counts)
    if counts[lexicon.latin.index(DEFAULT_LANGUAGE)] == most:
        return DEFAULT_LANGUAGE
    return lexicon.latin[counts.index(most)] if counts.count(most) == 1 else None


def language_of(text: str) -> Language | None:
    """Return the language that a text is in, those without a stemmer too; None if nothing tells.

    Kana make a text Japanese and Hangul Korean, though ideographs outnumber them; Latin words in
    between (names, code) do not count against them.
    """
    return _language_of(text) if len(text) <= _SHORT else _language_of.__wrapped__(text)


@lru_cache(maxsize=_ASKED)
def _language_of(text: str) -> Language | None:
    if not text.isascii():
        counts = {each: len(letters.findall(text)) * weight for each, letters, weight in _runs()}
        most = max(counts, key=lambda each: counts[each])
        if counts[most] * 3 >= sum(map(len, _LATIN.findall(text.lower()))) and counts[most]:
            return most
    name = language(words(text))
    return next((each for each in languages().values() if name and each.stemmer == name), None)


@lru_cache(maxsize=1)
def _runs() -> list[tuple[Language, re.Pattern[str], int]]:
    """Return each language without a stemmer, its letters, and what one of them counts."""
    return [
        (each, re.compile(f"[{each.letters}]"), 1 if _HAN in each.letters else 5)
        for each in languages().values()
        if each.letters and not each.stemmer
    ]


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
    """Return the terms of a run of an unspaced script: bigrams, and ideographs one by one.

    Katakana become hiragana, so that ネコ finds ねこ (grammar is written in hiragana only).
    """
    grammar = _lexicon().grammar
    folded = run.translate(_HIRAGANA)
    terms = [
        folded[i : i + 2]
        for i in range(len(run) - 1)
        if run[i] not in grammar or run[i + 1] not in grammar
    ]
    terms += [c for c in run if c not in grammar and _SINGLE.match(c)]
    return terms or [folded]


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


def without_stop_words(tokens: Iterable[str], name: str | None) -> list[str]:
    """Return what is left of `tokens` without the stop words of a language, each in its bare form.

    name: Snowball's; None to leave nothing out.
    """
    stops = stop_words(name) if name else frozenset()
    kept: list[str] = []
    for token in tokens:
        if token in stops:
            continue
        bare = token if token.isalpha() else _bare(token)
        if bare != token and (bare in stops or token.replace("’", "'") in stops or not bare):
            continue
        kept.append(bare)
    return kept


def stems_of(tokens: Sequence[str], name: str) -> list[str]:
    """Return the stem of each token in Snowball's language `name`, accents folded."""
    import Stemmer  # noqa: PLC0415  # imported late: `import memoryos` stays cheap

    if bases := _lexicon().bases[name]:
        tokens = [bases.get(token, token) for token in tokens]
    if not all(map(str.isascii, tokens)):
        tokens = [token.translate(_BARRED) for token in tokens]
    stems = Stemmer.Stemmer(name).stemWords(tokens)
    return [stem if stem.isascii() else _fold(stem) for stem in stems]


def telling_words(text: str) -> tuple[list[str], str | None]:
    """Return the bare words of `text` without stop words, and its language if anything tells it."""
    found = words(text)
    name = language(found)
    return without_stop_words(found, name), name


def stems_in(token: str, names: Iterable[str]) -> set[str]:
    """Return what a bare word may have become in several languages."""
    return {stem for name in names for stem in stems_of((token,), name)}


@lru_cache(maxsize=CACHED_WORDS)
def _terms_of_word(token: str, name: str) -> tuple[str, ...]:
    """Return the terms that a word becomes in a language; none of a stop word."""
    content = without_stop_words((token,), name)
    if content and is_unspaced(content[0]):
        return tuple(bigrams(content[0]))
    return tuple(stems_of(content, name))


def terms_of(words: Sequence[str], name: str) -> list[str]:
    """Return the terms that normalised words become in a language, in order."""
    short = max(map(len, words), default=0) <= LONGEST_CACHED
    become = _terms_of_word if short else _terms_of_word.__wrapped__
    return list(chain.from_iterable(map(become, words, repeat(name))))


def terms_of_pieces(pieces: Iterable[str], name: str) -> list[list[str]]:
    """Return the terms of each of some normalised texts in a language, in order."""
    return [terms_of(cut(piece), name) for piece in pieces]


@lru_cache(maxsize=CACHED_WORDS // 4)
def _bare_and_stem(token: str, name: str) -> tuple[str, str] | None:
    """Return a word's bare form and the stem of that in a language; None if it can tell nothing.

    That is a stop word, a number, or one or two letters.
    """
    content = without_stop_words((token,), name)
    if not content or content[0].isdigit() or (len(content[0]) < 3 and content[0].isascii()):
        return None
    return content[0], stems_of(content, name)[0]


def _content_of(line: Sequence[str], name: str) -> Iterable[tuple[str, str]]:
    """Return the bare form and the stem of each word of a line that may tell something."""
    short = max(map(len, line)) <= LONGEST_CACHED
    look_up = _bare_and_stem if short else _bare_and_stem.__wrapped__
    return filter(None, map(look_up, line, repeat(name)))


def lines_of(text: str) -> list[tuple[list[str], str]]:
    """Return (words, Snowball's language) of each line that has words.

    The language is told line by line (a dialogue may change it at every turn); a line that does not
    tell takes the language of the whole text, and that failing English.
    """
    if len(text) <= _SHORT:
        return list(_lines_of(text))
    return list(_lines_of_page(text) if len(text) <= _LONG else _lines_of.__wrapped__(text))


@lru_cache(maxsize=_ASKED)
def _lines_of(text: str) -> tuple[tuple[list[str], str], ...]:
    lines = [found for line in text.splitlines() if (found := words(line))]
    languages = [language(line) for line in lines]
    whole = DEFAULT_LANGUAGE
    if None in languages:
        whole = language(chain.from_iterable(lines)) or DEFAULT_LANGUAGE
    return tuple((line, name or whole) for line, name in zip(lines, languages, strict=True))


_lines_of_page = lru_cache(maxsize=1)(_lines_of.__wrapped__)


def content_words(text: str) -> list[str]:
    """Return the words of `text` without stop words, not stemmed; unspaced scripts as bigrams."""
    found: list[str] = []
    for line, name in lines_of(text):
        content = without_stop_words(line, name)
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
    content = [word for line, name in lines_of(text) for word in _content_of(line, name)]
    counts = Counter([stem for _, stem in content])
    surface = {stem: token for token, stem in reversed(content)}  # as it is written first
    ranked = sorted(counts, key=lambda stem: (-counts[stem] * min(len(stem), 10), stem))
    return [surface[stem] for stem in ranked[:n]]
