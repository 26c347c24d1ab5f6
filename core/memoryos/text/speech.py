"""What a message says of its speaker: told in the first person, in the speaker's own voice.

Told from words that each language lists (languages/*.toml), and from punctuation.  What is asked,
commanded, supposed, quoted, reported, pasted or played is left out; so is politeness.  Where it is
not sure, nothing is said.

Pure.  Reading is bounded: of one message the first `READ` characters are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from memoryos.text.language import Language, any_of, languages
from memoryos.text.sentences import MASK, Sentence, own_voice, spans
from memoryos.text.tokenizer import content_words, language_of, words

TELLS = 400
"""Characters that tell a message's language."""
READ = 8_000
"""Characters of a message that are read."""
SHORT = 160
"""A message of so many characters is quoted whole."""
LONGEST = 320
"""Characters of a quotation, at most."""
_TALK = 1_200
"""Characters of a message's talk: what stands behind so much of it is a document."""
_CODE = re.compile(
    r"[{}<>]|=>|::|\w\(\)|;\s*$|^\s*(?:def|class|import|from|#|\*|\||- \*\*|\d+\.\s)"
)
_ENDS_AS_QUESTION = re.compile(r"[?？؟][\"'”’»)\]」』]*$")
_LONGEST_GREETING = 60
"""Characters."""
_FEW_WORDS = 5
_TELLING_WORDS = 2
"""Words that tell something: a sentence of few words needs one ("I'm vegan"), a longer one two."""
_POSSESSIVES = frozenset(
    "my our mi mis nuestro nuestra meu minha nosso nossa mon ma mes notre nos mein meine unser "
    "unsere mio mia nostro nostra mijn onze мой моя наш наша मेरा मेरी मेरे हमारा हमारी".split()
)
_OBJECTS = frozenset(
    "me mine myself us mí mío mía conmigo nos mim comigo conosco moi m m'a mich mir uns io mi ci "
    "mij ons меня мне мной нас нам нами मुझे मुझसे हमें हमसे".split()
)
_EDGE = " \t\n\r\"'“”‘’«»()[]*_~-–—.,;:!?¡¿…。！？，、；：؟،।"


@dataclass(frozen=True, slots=True)
class _Patterns:
    """A language's words as patterns; each matches whole words where words stand between blanks."""

    language: Language
    first: re.Pattern[str]
    drops_subject: re.Pattern[str]
    drops: bool
    """Whether the language has such words."""
    opens_question: re.Pattern[str]
    ends_question: re.Pattern[str]
    asks: re.Pattern[str]
    """A clause that begins to ask, after a comma."""
    commands: re.Pattern[str]
    reports: re.Pattern[str]
    announces: re.Pattern[str]
    supposes: re.Pattern[str]
    texts: re.Pattern[str]
    points: re.Pattern[str]
    plays: re.Pattern[str]
    labels: re.Pattern[str]
    needs_more: re.Pattern[str]
    """Begins with a word whose meaning is in the sentence before."""
    of_others: re.Pattern[str]
    """From a word that is not of the speaker to the end of its clause."""
    of_everybody: re.Pattern[str]
    idle: frozenset[str]
    """Content words that tell nothing."""


@cache
def _patterns(code: str) -> _Patterns:
    of = languages()[code]
    said = of.speech
    openers = said.question_words | said.question_openers
    idle = frozenset(
        word
        for entry in said.small_talk | said.pleasantries | said.hedges
        for word in entry.split()
    )
    return _Patterns(
        language=of,
        first=_pattern(said.first_person, of),
        drops_subject=_pattern(said.dropped_subject, of, at_start=True),
        drops=bool(said.dropped_subject),
        opens_question=_asking(openers, of),
        ends_question=_pattern(said.question_endings, of, at_end=True),
        asks=re.compile(
            rf"(?:[,;–—]|\s-|-\s)\s*(?:(?:{any_of(_LINKS)})\s+)*"
            rf"(?:{any_of(openers - _RELATIVE)}){_stop(of)}"
        ),
        commands=_pattern(said.commands, of, at_start=True),
        reports=_pattern(said.reported_speech, of),
        announces=_pattern(said.announcements, of, loose=_glued(of)),
        supposes=_pattern(said.suppositions, of),
        texts=_pattern(said.texts, of, loose=_glued(of)),
        points=_pointing(of),
        plays=_pattern(said.play, of, loose=_glued(of)),
        labels=re.compile(rf"^\W*(?:{any_of(said.labels)})\s*[:：]\s*"),
        needs_more=_pattern(said.follow_up_pronouns | said.follow_up_openers, of, at_start=True),
        of_others=_rest_of_clause(of),
        of_everybody=_pattern(said.of_everybody, of),
        idle=idle,
    )


_CLAUSE = r"[^,;:.!?…()–—，；。！？、]*?(?=[,;:.!?…()–—，；。！？、]|\s-|-\s|$"
"""The rest of a clause, to be ended by what begins another."""


def _rest_of_clause(of: Language) -> re.Pattern[str]:
    """Return the pattern of what a clause says from a word on that is not of its speaker."""
    words = _pattern(of.speech.of_others, of).pattern
    subjects = of.speech.first_person - _POSSESSIVES - _OBJECTS - of.speech.of_everybody
    begins = rf"|(?<!\w)(?:{any_of(_TURNS)}|{any_of(subjects)})(?!\w)" if of.spaced else ""
    return re.compile(f"{words}{_CLAUSE}{begins})")


def _asking(openers: Iterable[str], of: Language) -> re.Pattern[str]:
    """Return the pattern of a sentence that opens as a question does, and does not tell."""
    telling = any_of(of.speech.telling_openers) or "(?!)"
    return re.compile(
        f"{_lead(of)}(?!(?:{telling}){_stop(of)})(?:{any_of(openers) or '(?!)'}){_stop(of)}"
    )


def _pointing(of: Language) -> re.Pattern[str]:
    """Return the pattern of words that point at what follows; "this week" points at none."""
    units = any_of(word for line in of.dates.units for word in line)
    plain = _pattern(of.speech.pointers, of).pattern
    return re.compile(rf"{plain}(?!\s*(?:{units or '(?!)'}){_stop(of)})")


_LINKS = ("and", "but", "so", "or", "y", "pero", "e", "mas", "et", "mais", "und", "aber", "also")
"""Words between the clause that tells and the one that asks, in the languages that put a comma."""
_TURNS = ("but", "so", "pero", "mas", "mais", "aber", "also")
"""Those of them that begin a clause of another subject."""
_RELATIVE = frozenset(
    "who whose whom which where when qui que où quand quien donde cuando quem onde quando wie wo "
    "dove che chi die wat waar".split()
)
"""Question words that as often go on with a clause that tells ("Tom, who is 30")."""


def _stop(of: Language) -> str:
    return r"(?!\w)" if of.spaced else ""


def _pattern(
    words: Iterable[str],
    of: Language,
    *,
    at_start: bool = False,
    at_end: bool = False,
    loose: bool = False,
) -> re.Pattern[str]:
    before = (
        _lead(of)
        if at_start
        else (r"(?<![\w'])" if of.spaced and not (at_end and _glued(of)) else "")
    )
    after = r"\W*$" if at_end else "" if loose else _stop(of)
    return re.compile(f"{before}(?:{any_of(words) or '(?!)'}){after}")


def _lead(of: Language) -> str:
    """Return what may stand before the word that opens a sentence: assent, thanks, "so"."""
    small = any_of([*of.speech.small_talk, *_LINKS, "just"])
    return rf"^(?:(?:{small}){_stop(of)}[\s,;!.…，！。、]*)*" if of.spaced else "^"


def _glued(of: Language) -> bool:
    """Return whether the language writes endings onto words."""
    return of.dates.glued


@dataclass(frozen=True, slots=True)
class Quotation:
    """A run of a message in which its speaker tells of themselves."""

    start: int
    end: int


@dataclass(slots=True)
class _Told:
    """A sentence that tells something of its speaker."""

    start: int
    end: int
    place: int
    """Its number among the sentences."""


def idle_words(text: str) -> frozenset[str]:
    """Return the words that tell nothing in the language of a text: politeness and small talk."""
    of = _told_language(text[:TELLS])
    return _patterns(of.code).idle if of is not None else _greetings()


@lru_cache(maxsize=256)
def _told_language(text: str) -> Language | None:
    """Return the language that a text is in: a page's is asked for by each who reads it."""
    return language_of(text)


@cache
def _greetings() -> frozenset[str]:
    """Return the words of small talk of all languages: for texts that tell no language."""
    entries = (entry for each in languages().values() for entry in each.speech.small_talk)
    return frozenset(word for entry in entries for word in entry.split())


def is_small_talk(text: str) -> bool:
    """Return whether a short message is nothing but greetings, thanks and assent."""
    if len(text) > _LONGEST_GREETING or not text.strip():
        return False
    return _tells_nothing(text)


@lru_cache(maxsize=256)
def _tells_nothing(text: str) -> bool:
    """Return whether all words of a short message are idle: of a page it is asked three times."""
    return not frozenset(content_words(text)) - idle_words(text)


def quotations(
    text: str, language: str | None = None, names: frozenset[str] = frozenset()
) -> list[Quotation]:
    """Return what `text` says of its speaker, in order.

    Args:
        text: One message, or one side of a page.
        language: ISO 639-1 code; None finds it out. In a language without data nothing is found.
        names: Words of the speakers' names, lower-cased: to be called by name tells nothing.
    """
    head = text[:READ]
    of = languages().get(language) if language else _language(head[:TELLS])
    if of is None or not of.speech.first_person:
        return []
    patterns = _patterns(of.code)
    voice = own_voice(_labelled(head, patterns)).lower()
    if len(voice) != len(head):  # a letter whose small form is longer
        voice = own_voice(head)
    if not patterns.drops and patterns.first.search(voice) is None:
        return []
    sentences = spans(head)
    told = list(_told(head, voice, sentences, patterns, names))
    if not told:
        return []
    whole = head.strip()
    alone = not _asks_anywhere(voice, sentences, patterns) and all(
        each.end == sentences[each.place].end for each in told
    )
    if len(text) <= SHORT and alone:
        start = text.index(whole[0]) if whole else 0
        return [Quotation(start, start + len(whole))]
    return _runs(voice, sentences, told, patterns)


def _language(text: str) -> Language | None:
    """Return the language of a text, also where only words of one's own tell it ("mi chiamo")."""
    found = _told_language(text)
    if found is not None:
        return found
    said = words(text)
    votes = {
        each.code: sum(word in each.stop_words or word in each.speech.first_person for word in said)
        for each in languages().values()
        if each.spaced
    }
    best = max(votes.values())
    for code, count in votes.items():
        if best and count == best and _patterns(code).first.search(text.lower()):
            return languages()[code]
    return None


def _labelled(text: str, patterns: _Patterns) -> str:
    """Return the text with a label's colon made a comma: what follows is the speaker's own."""
    label = patterns.labels.match(text[:60].lower())
    if label is None:
        return text
    head = text[: label.end()].replace(":", ",").replace("：", "，")
    return head + text[label.end() :]


def _told(
    text: str,
    voice: str,
    sentences: list[Sentence],
    patterns: _Patterns,
    names: frozenset[str],
) -> Iterator[_Told]:
    for place, sentence in enumerate(sentences):
        if sentence.start > _TALK:
            return
        said = voice[sentence.start : sentence.end].strip(_EDGE)
        if MASK in said and said.replace(MASK, "").strip(_EDGE) == "":
            continue
        if _hands_over(voice, sentence, said, place, len(sentences), patterns):
            return
        end = _telling_end(voice, sentence, patterns)
        clause = voice[sentence.start : end].strip(_EDGE)
        if (
            end > sentence.start
            and sentence.end - sentence.start <= 2 * LONGEST
            and not _CODE.search(text[sentence.start : end])
            and _tells(clause, patterns, names)
        ):
            yield _Told(sentence.start, end, place)


def _hands_over(
    voice: str, sentence: Sentence, said: str, place: int, count: int, patterns: _Patterns
) -> bool:
    """Tell whether what follows a sentence (or stands in it) is not the speaker's own."""
    if patterns.announces.search(said) or patterns.plays.search(said):
        return True
    if place + 1 == count:
        return False
    if any(
        report.end() == len(said) and not _is_own(said[: report.start()], patterns)
        for report in patterns.reports.finditer(said)
    ):
        return True  # "My boss wrote: I am late."
    if patterns.commands.match(said) and patterns.supposes.match(said):
        return True  # "Imagine I am a king."
    whole = voice[sentence.start : sentence.end]
    texts, points = patterns.texts.search(said), patterns.points.search(said)
    if texts and points:
        return True
    if _is_question(whole, said, patterns) or patterns.commands.match(said):
        return bool(texts or points)
    return patterns.first.search(said) is None and patterns.reports.search(said) is not None


def _is_question(whole: str, said: str, patterns: _Patterns) -> bool:
    return (
        _ENDS_AS_QUESTION.search(whole) is not None
        or patterns.opens_question.match(said) is not None
        or patterns.ends_question.search(said) is not None
    )


def _telling_end(voice: str, sentence: Sentence, patterns: _Patterns) -> int:
    """Return where a sentence ceases to tell: before a clause that asks, if it has one."""
    whole = voice[sentence.start : sentence.end]
    asking = patterns.asks.search(whole)
    if asking is not None and asking.start() > 20:
        return sentence.start + asking.start()
    if _ENDS_AS_QUESTION.search(whole):
        return sentence.start
    return sentence.end


def _tells(clause: str, patterns: _Patterns, names: frozenset[str]) -> bool:
    """Tell whether a clause tells something of its speaker that is worth keeping."""
    said = _TITLE.sub(_A_TITLE, clause).replace(MASK, " ")
    said = patterns.of_everybody.sub(" ", patterns.of_others.sub(" ", said))
    if patterns.first.search(said) is None and patterns.drops_subject.match(said) is None:
        return False
    if patterns.opens_question.match(clause) or patterns.ends_question.search(clause):
        return False
    if patterns.commands.match(clause) or patterns.supposes.search(clause):
        return False
    if any(_hands_on(clause, report, patterns) for report in patterns.reports.finditer(clause)):
        return False
    content = {word for word in content_words(said) if word not in patterns.idle} - names
    return len(content) >= (1 if len(said.split()) <= _FEW_WORDS else _TELLING_WORDS)


_TITLE = re.compile(rf"(?<=\w )[\"“«「『]?{MASK}{{3,60}}(?=\W|$)")
_A_TITLE = "quotation"
"""Stands for something short in quotation marks that a sentence names: it tells as a word does."""


def _hands_on(clause: str, report: re.Match[str], patterns: _Patterns) -> bool:
    """Tell whether a clause gives what somebody else said ("my boss says I am late").

    What the speaker said ("I told them") is their own, and so is what they tell beside it.
    """
    before, after = clause[: report.start()], clause[report.end() :]
    if _is_own(before, patterns):
        return False
    if after.lstrip().startswith((":", "：")):
        return True
    return patterns.first.search(after) is not None or patterns.first.search(before) is None


def _is_own(before: str, patterns: _Patterns) -> bool:
    """Tell whether who says something is the speaker; `before` is the clause up to the verb."""
    before = before.rstrip()
    if not patterns.language.spaced:
        return any(match.end() == len(before) for match in patterns.first.finditer(before))
    words = before.split()
    if len(words) > 1 and words[-1] in _LINKS:  # "I stayed calm and asked"
        before = " ".join(words[:2] if patterns.first.match(words[0]) else words[:-1])
    by = patterns.first.search(" ".join(before.split()[-2:]))
    return by is not None and _opens_with_subject(before, by[0])


def _opens_with_subject(before: str, word: str) -> bool:
    """Tell whether the speaker's word is the last but one before the verb: its subject."""
    words = before.split()
    if word in _POSSESSIVES and words[-1] != word and word in words[-2:]:  # "my boss"
        return False
    return word.rsplit(maxsplit=1)[-1] in words[-2:]


def _asks_anywhere(voice: str, sentences: list[Sentence], patterns: _Patterns) -> bool:
    """Tell whether a sentence of a message asks or commands."""
    for sentence in sentences:
        whole = voice[sentence.start : sentence.end]
        said = whole.strip(_EDGE)
        if _is_question(whole, said, patterns) or patterns.commands.match(said):
            return True
    return False


def _runs(
    voice: str, sentences: list[Sentence], told: list[_Told], patterns: _Patterns
) -> list[Quotation]:
    """Return sentences in a row as one quotation, with what they need before them."""
    found: list[Quotation] = []
    last = -2
    for each in told:
        start = each.start
        if each.place and each.place - 1 != last:
            said = voice[each.start : each.end].strip(_EDGE)
            before = sentences[each.place - 1]
            if patterns.needs_more.match(said) and each.end - before.start <= LONGEST:
                start = before.start
        if found and each.place - 1 == last and each.end - found[-1].start <= LONGEST:
            found[-1] = Quotation(found[-1].start, each.end)
        else:
            found.append(Quotation(start, each.end))
        last = each.place
    return found
