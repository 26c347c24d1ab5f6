"""What a quote claims where it stands: whether its speaker says it, of themselves, and as true.

Questions, what-ifs, stories, pasted text and what others say are no facts of the speaker's.  The
words that tell them are data of each language (`text/languages/*.toml`).  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from memoryos.text.language import Language, languages
from memoryos.text.sentences import MASK, own_voice, spans
from memoryos.text.tokenizer import language_of

ELLIPTICAL = 12
"""Words of a message that need not say "I": it answers a question ("vegetarian since 2019")."""
LABEL = 3
"""Words before a colon that name who speaks, or what follows."""
OPENING = 4
"""Words in which a sentence says that it only supposes."""

_CLAUSE_END = re.compile(r"[,;:(){}\[\]，；：、]|[—–]|\s-\s")
_QUESTION = ("?", "？", "؟", "¿")
_CLOSING = " \"'”’»)]」』"
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_PASTED = re.compile(r"```.*?(?:```|\Z)|^[ ]*>[^\n]*", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """A quote in its place: the side of a page that it stands on, from where to where."""

    side: str
    start: int
    end: int

    @cached_property
    def quote(self) -> str:
        """The words themselves."""
        return self.side[self.start : self.end]

    @cached_property
    def language(self) -> Language:
        """The language of the side; English where nothing tells it."""
        return language_of(self.side) or languages()["en"]

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The sentences that the quote touches."""
        return [(a, b) for a, b in self._all if a < self.end and b > self.start]

    @cached_property
    def clauses(self) -> list[str]:
        """The clauses that the quote touches: parts of sentences between commas and "and"."""
        return [self.side[start:end] for start, end in self._clauses]

    @cached_property
    def before(self) -> str:
        """What stands before the quote in its sentence."""
        first = self.sentences[0][0] if self.sentences else self.start
        return self.side[min(first, self.start) : self.start]

    @cached_property
    def _all(self) -> list[tuple[int, int]]:
        return [(sentence.start, sentence.end) for sentence in spans(self.side)]

    @cached_property
    def _clauses(self) -> list[tuple[int, int]]:
        found = []
        joints = _joints(self.language.code)
        for first, last in self.sentences:
            cuts = [
                m.start()
                for m in joints.finditer(self.side, first, last)
                if not self._is_denied(first, m.start())  # "no more" is one word
            ]
            edges = [first, *cuts, last]
            found += [
                (a, b)
                for a, b in pairwise(edges)
                if a < self.end and b > self.start and _WORD.search(self.side[a:b])
            ]
        # A joint at an edge of the quote opens the next clause without a word of it.
        return [
            (a, b)
            for a, b in found
            if _WORD.search(self.side, max(a, self.start), min(b, self.end))
        ]

    def _is_denied(self, first: int, place: int) -> bool:
        words = _WORD.findall(self.side[max(first, place - 20) : place])
        return bool(words) and says("negations", words[-1], self.language)

    # ── what it is not ──

    @property
    def is_claimed(self) -> bool:
        """Whether the speaker says it in their own voice, of themselves, as true."""
        return not (
            self.is_asked
            or self.is_supposed
            or self.is_pasted
            or self.is_reported
            or self.is_made_up
            or not self.is_of_the_speaker
        )

    @property
    def is_asked(self) -> bool:
        """Whether it is part of a question; what stands before the question's comma is none."""
        for first, last in self.sentences:
            sentence = self.side[first:last].rstrip(_CLOSING)
            if not sentence.endswith(_QUESTION):
                continue
            mine = [(a, b) for a, b in self._clauses if first <= a < last]
            if not mine:
                return True
            opening = self.side[mine[0][0] : mine[0][1]]
            if mine[-1][1] >= first + len(sentence) or self._asks(opening):
                return True
        return False

    @property
    def is_supposed(self) -> bool:
        """Whether it only might be: "if", "suppose", "what if"."""
        for first, last in self.sentences:
            opening = " ".join(_WORD.findall(self.side[first:last])[:OPENING])
            if says("suppositions", opening, self.language):
                return True
        return any(says("suppositions", clause, self.language) for clause in self.clauses)

    @property
    def is_pasted(self) -> bool:
        """Whether it is quoted, code, or follows words that announce a text of others."""
        head = self.side[: self.start]
        if says("announcements", head, self.language):
            return True
        if _half(self.start, self.end, ((m.start(), m.end()) for m in _PASTED.finditer(self.side))):
            return True
        voice = own_voice(self.side)
        masked = voice[self.start : self.end].count(MASK)
        if 2 * masked <= self.end - self.start:
            return False
        label = re.split(r"[.!?。！？\n]", head)[-1].rpartition(":")[0] or head.rpartition("：")[0]
        if not label:
            return True  # between quotation marks
        few = len(_WORD.findall(label)) <= LABEL
        others = ("reported_speech", "commands", "second_person")
        return few or any(says(kind, label, self.language) for kind in others)

    @property
    def is_reported(self) -> bool:
        """Whether somebody else says it: "my boss says" before the quote, not "I told you"."""
        of = self.language
        for found in _pattern(of.code, "reported_speech").finditer(_plain(self.before)):
            said = _plain(self.before)[max(0, found.start() - 12) : found.start()]
            words = _WORD.findall(said)
            if not (words and says("first_person", words[-1], of)):
                return True
        return False

    @property
    def is_made_up(self) -> bool:
        """Whether it belongs to a story, a role or a game that was named before it."""
        if says("fiction", self.before, self.language):
            return True
        earlier = [self.side[a:b] for a, b in self._all if b <= self.start]
        told = [s for s in earlier if says("fiction", s, self.language)]
        return any(
            says("commands", s, self.language) or says("suppositions", s, self.language)
            for s in told
        ) or (bool(told) and not self._is_first_person)

    @property
    def is_of_the_speaker(self) -> bool:
        """Whether the speaker speaks of themselves; a short answer need not say "I"."""
        if self._is_first_person:
            return True
        if any(says("second_person", clause, self.language) for clause in self.clauses):
            return False
        if len(_WORD.findall(self.side)) <= ELLIPTICAL or not self.language.spaced:
            return True
        first = self.sentences[0][0] if self.sentences else self.start
        last = self.sentences[-1][1] if self.sentences else self.end
        near = [s for s in self._all if s[1] <= first][-1:]  # "I have a dog. His name is Rex."
        here = [self.side[first:last], *(self.side[a:b] for a, b in near)]
        return any(says("first_person", sentence, self.language) for sentence in here)

    @cached_property
    def _is_first_person(self) -> bool:
        return any(says("first_person", clause, self.language) for clause in self.clauses)

    def _asks(self, clause: str) -> bool:
        words = " ".join(_WORD.findall(_plain(clause))[:3])
        openers = ("question_words", "question_openers")
        return any(
            (found := _pattern(self.language.code, kind).search(words)) and found.start() == 0
            for kind in openers
        )

    # ── how it is said ──

    @property
    def is_denied(self) -> bool:
        """Whether the quote, or the clause around it, has a "not"."""
        return any(says("negations", clause, self.language) for clause in self.clauses)

    def tells(self, kind: str) -> bool:
        """Tell whether the quote itself holds words of a kind (a field of `Speech`)."""
        return says(kind, self.quote, self.language)

    def keeps(self, kind: str, text: str) -> bool:
        """Tell whether `text` denies, or wishes, where the quote does, and nowhere else.

        kind: "negations" or "wishes" (of which a text may have more than its quote).  A clause of
        which the text holds nothing does not count.
        """
        from memoryos.text.terms import tokens  # noqa: PLC0415  # only facts need it

        of = language_of(text) or self.language
        here = [clause for clause in self.clauses if says(kind, clause, self.language)]
        if says(kind, text, of):
            return bool(here) or kind == "wishes"
        others = {t for clause in self.clauses if clause not in here for t in tokens(clause)}
        said = set(tokens(text))
        return not any((set(tokens(clause)) - others) & said for clause in here)


def says(kind: str, text: str, language: Language) -> bool:
    """Tell whether `text` holds one of a language's words of that kind (a field of `Speech`)."""
    return _pattern(language.code, kind).search(_plain(text)) is not None


def _plain(text: str) -> str:
    return text.casefold().replace("’", "'")


@lru_cache(maxsize=1024)
def _pattern(code: str, kind: str) -> re.Pattern[str]:
    language = languages()[code]
    words: Iterable[str] = getattr(language.speech, kind)
    found = "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))
    if not found:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<![\w'])(?:{found})(?![\w'])" if language.spaced else found)


@lru_cache(maxsize=64)
def _joints(code: str) -> re.Pattern[str]:
    """Return what parts clauses: marks, and the words that go on ("and", "but")."""
    language = languages()[code]
    words = [w for w in language.speech.follow_up_openers if " " not in w and len(w) <= 5]
    if not language.spaced or not words:
        return _CLAUSE_END
    joined = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.compile(rf"{_CLAUSE_END.pattern}|\b(?:{joined})\b", re.IGNORECASE)


def _half(start: int, end: int, pieces: Iterable[tuple[int, int]]) -> bool:
    inside = sum(max(0, min(end, b) - max(start, a)) for a, b in pieces)
    return 2 * inside > end - start
