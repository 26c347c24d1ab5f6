"""Facts that speakers state of themselves: drafts with their sources.

A sentence is read clause by clause.  Each clause in the speaker's own voice is held against the
table of the language's patterns; whatever might make it someone else's words, a wish, a condition,
a question or the past rules the whole sentence out.  What is left may miss facts; it does not make
them up: a fact's value stands verbatim in its quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memoryos.model import Owner, Page, Source
from memoryos.ports import FactDraft
from memoryos.text.sentences import LONGEST, MASK, SCANNED, Sentence, own_voice, spans
from memoryos.text.tokenizer import language, words
from memoryos.updating.analysts.patterns.lexicon import FactPattern, Lexicon

SINGLE = frozenset(
    "name birth_year birthplace birthday age home origin childhood_home relationship role employer "
    "workplace field study school diet nationality agent_role".split()
)
"""Subjects of which one thing is true at a time: a later value replaces an earlier one."""
_SINGLE_KINDS = ("favorite:",)  # the same, for subjects that begin so


_ASKS = re.compile("[?？]")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as one sentence states it."""

    draft: FactDraft
    value: str
    """What it says, also where no attribute holds it."""
    negative: bool = False
    """It denies what its subject names."""
    ends: str | None = None
    """Profile attribute whose known fact of this value it makes untrue."""


def single(subject: str) -> bool:
    """Tell whether a later fact of `subject` with another value replaces an earlier one."""
    return subject in SINGLE or subject.startswith(_SINGLE_KINDS)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose words are read."""

    owner: Owner
    name: str | None
    """How facts call them; None: as the lexicon does."""
    assistant: bool = False
    """An assistant's words: only what it says of itself as an assistant is believed."""


def speakers(page: Page) -> Iterator[tuple[str, Speaker]]:
    """Yield both sides of `page` with who speaks.

    The agent side of two named speakers is a person talking to a person; otherwise an assistant.
    """
    yield page.user_input, Speaker("user", None)
    people = page.user_name is not None and page.agent_name is not None
    yield page.agent_response, Speaker("agent", page.agent_name if people else None, not people)


@dataclass(frozen=True, slots=True)
class Reading:
    """One text in one language, ready to be read."""

    page: Page
    said: str
    """The text, as far as it is read."""
    plain: str
    """The same with all that is not the speaker's own voice masked."""
    sentences: Sequence[Sentence]
    speaker: Speaker
    lexicon: Lexicon

    def quote(self, sentence: Sentence) -> str:
        """Return the words of `sentence` as they were said."""
        return self.said[sentence.start : sentence.end]


def readings(page: Page, lexicons: Sequence[Lexicon]) -> Iterator[Reading]:
    """Yield what `page` says of its speakers, language by language."""
    for whole, speaker in speakers(page):
        said = whole[:SCANNED]
        lower = said.lower()
        spoken = [lexicon for lexicon in lexicons if lexicon.cue.search(lower)]
        if spoken:
            plain = own_voice(said)
            sentences = spans(plain)
            for lexicon in spoken:
                yield Reading(page, said, plain, sentences, speaker, lexicon)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that says something of its speaker, by places in the text."""

    sentence: Sentence
    end: int
    """Where what it states ends; a question may follow."""
    starts: tuple[int, ...]
    """Where a clause says "I"."""


def statements(reading: Reading) -> list[Statement]:
    """Return the sentences of a text that may say something of its speaker."""
    lexicon, plain = reading.lexicon, reading.plain
    found = []
    for sentence in reading.sentences:
        end = _statement_end(reading, sentence)
        if not lexicon.cue.search(plain[sentence.start : end].lower()):
            continue
        starts: dict[int, None] = {}
        places = [m.end() for m in lexicon.clause.finditer(plain, sentence.start, end)]
        for place in (sentence.start, *places):
            opener = lexicon.opener.match(plain, place, end)
            at = opener.end() if opener else place
            if lexicon.lead.match(plain, at, end):
                starts[at] = None
        found.append(Statement(sentence, end, tuple(starts)))
    return found


def believable(reading: Reading, statement: Statement) -> bool:
    """Tell whether a sentence means what it says: no wish, hearsay, joke, nor the past.

    Asked only of the few sentences that some pattern fits: it takes longer than the patterns do.
    """
    lexicon = reading.lexicon
    start, end = statement.sentence.start, statement.end
    return not (
        lexicon.unreal.search(reading.plain, start, end) or lexicon.unserious.search(reading.plain)
    )


def _statement_end(reading: Reading, sentence: Sentence) -> int:
    """Return where what the sentence states ends; its start when it only asks."""
    plain = reading.plain
    if sentence.end - sentence.start > LONGEST:
        return sentence.start
    if not _ASKS.search(plain, sentence.start, sentence.end):
        return sentence.end
    tail = reading.lexicon.tail.search(plain, sentence.start, sentence.end)
    if tail and not _ASKS.search(plain, sentence.start, tail.start()):
        return tail.start()
    return sentence.start


def facts(reading: Reading, found: Sequence[Statement]) -> Iterator[Fact]:
    """Yield the facts that a text states of its speaker; `found` are its statements."""
    if not reading.speaker.assistant:
        yield from _introduction(reading)
    for statement in found:
        matches = list(_matches(reading, statement))
        if matches and believable(reading, statement):
            for pattern, match in matches:
                yield from _facts(reading, pattern, match, statement.sentence)


def _introduction(reading: Reading) -> Iterator[Fact]:
    lexicon = reading.lexicon
    match = lexicon.intro.match(reading.plain)
    if match and not lexicon.unserious.search(reading.plain):
        name = FactPattern(lexicon.intro, "name", lexicon.intro_text, "name")
        for sentence in reading.sentences:
            if sentence.start <= match.start("value") < sentence.end:
                yield from _facts(reading, name, match, sentence)


def _matches(reading: Reading, statement: Statement) -> Iterator[tuple[FactPattern, re.Match[str]]]:
    lexicon, plain, end = reading.lexicon, reading.plain, statement.end
    patterns = lexicon.agent_patterns if reading.speaker.assistant else lexicon.patterns
    for pattern in patterns:
        if pattern.anywhere:
            for match in pattern.regex.finditer(plain, statement.sentence.start, end):
                yield pattern, match
        else:
            for start in statement.starts:
                if stated := pattern.regex.match(plain, start, end):
                    yield pattern, stated


def _facts(
    reading: Reading, pattern: FactPattern, match: re.Match[str], sentence: Sentence
) -> Iterator[Fact]:
    lexicon = reading.lexicon
    if pattern.accept and not pattern.accept(match):
        return
    if lexicon.not_language and language(words(reading.said)) in lexicon.not_language:
        return
    start, end = match.span("value")
    whole = reading.said[start:end]
    if cut := lexicon.trim.search(whole):
        whole = whole[: cut.start()]
    values = _values(whole, lexicon) if pattern.several else [whole]
    if all(_telling(value, lexicon) for value in values):
        for value in values:
            yield _fact(reading, pattern, match, value, sentence)


def _values(whole: str, lexicon: Lexicon) -> list[str]:
    """Return the values of a list.

    Longer parts are one value, and so are parts that share their last word ("rock and pop music").
    """
    parts = [part for part in lexicon.joint.split(whole) if part]
    sizes = [len(part.split()) for part in parts]
    return parts if parts and max(sizes) <= 2 and sizes[-1] <= sizes[0] else [whole]


def _telling(value: str, lexicon: Lexicon) -> bool:
    """Tell whether a value says something by itself."""
    if not value or MASK in value or value.isspace():
        return False
    if lexicon.unspaced:
        return not any(word in value for word in lexicon.vague)
    return lexicon.vague.isdisjoint(value.lower().replace("’", "'").split())


def _fact(
    reading: Reading, pattern: FactPattern, match: re.Match[str], value: str, sentence: Sentence
) -> Fact:
    lexicon, speaker = reading.lexicon, reading.speaker
    groups = {key: found for key, found in match.groupdict().items() if found is not None}
    who = speaker.name or (lexicon.user if speaker.owner == "user" else lexicon.agent)
    date = reading.page.timestamp.date().isoformat()
    text = pattern.text.format_map(groups | {"value": value, "who": who, "date": date})
    normal = {key: found.casefold() for key, found in groups.items()}
    subject = pattern.subject.format_map(normal | {"value": _normal(value, lexicon)})
    draft = FactDraft(
        owner=speaker.owner,
        text=text,
        sources=(Source(reading.page.id, reading.quote(sentence), text),),
        attribute=pattern.attribute,
        value=value if pattern.attribute else None,
        subject=subject,
    )
    return Fact(draft, value, bool(lexicon.negative.search(text)), pattern.ends)


def _normal(value: str, lexicon: Lexicon) -> str:
    """Return `value` as subjects name it: "playing chess" and "Chess" are one."""
    normal = value.casefold()
    start = lexicon.normal.match(normal)
    return (start and normal[start.end() :]) or normal
