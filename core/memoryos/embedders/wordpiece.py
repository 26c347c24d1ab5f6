"""Words into the pieces that a BERT vocabulary holds, as BERT's uncased tokenizer cuts them.

Punctuation, which BERT keeps, is left out: it has no meaning of its own.  Not the package
`tokenizers`: it brings a client of a model hub and 30 MB, and takes 150 ms to load for what is 30
lines here; a test holds the two together.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_WORD = 100
"""Characters; a longer word is not cut and has no pieces, as in BERT."""
_CACHED_WORDS = 1 << 14
_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class _Characters(dict[int, str]):
    """What becomes of each character: a table for `str.translate` that is filled as it is used."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character.isspace() or category[0] == "P":
            result = " "
        elif category[0] == "C" or category == "Mn":  # controls, surrogates; accents
            result = ""
        elif code < 128 and not character.isalnum():  # BERT takes these for marks too
            result = " "
        elif any(first <= code <= last for first, last in _IDEOGRAPHS):
            result = f" {character} "
        else:
            result = character
        self[code] = result
        return result


_CHARACTERS = _Characters()


def words(text: str) -> list[str]:
    """Return the words of `text` in order: lower case, no accents, no marks, ideographs alone."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return text.translate(_CHARACTERS).lower().split()


class WordPiece:
    """A vocabulary of word pieces; those that go on with a word begin with "##". Thread-safe.

    pieces: in the order of their ids.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._ids = {piece: number for number, piece in enumerate(pieces)}
        self._cut = lru_cache(maxsize=_CACHED_WORDS)(self._cut_word)

    def ids(self, text: str) -> list[int]:
        """Return the ids of the pieces of `text`; a word that cannot be cut has none."""
        found: list[int] = []
        known = self._ids
        for word in words(text):
            whole = known.get(word)
            if whole is not None:
                found.append(whole)
            elif len(word) <= _LONGEST_WORD:
                found += self._cut(word)
        return found

    def _cut_word(self, word: str) -> tuple[int, ...]:
        """Return the ids of the longest pieces, from the left; none if any part is unknown."""
        found = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else f"##{word[start:end]}"
                number = self._ids.get(piece)
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return ()
        return tuple(found)
