"""What a language's lexicon holds, and the value tests that all lexicons share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Accept = Callable[[re.Match[str]], bool]
"""Tells whether what a pattern matched is what it looks like."""

UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĻŁŃŅŇŌŐŒŘŚŞŠŢŤŪŮŰŲŹŻŽ"
"""Capital letters of Latin alphabets, for a character class."""


@dataclass(frozen=True, slots=True)
class FactPattern:
    """One way of saying a fact in the first person."""

    regex: re.Pattern[str]
    """Matched at the start of a clause; its group `value` is what the fact says."""
    subject: str
    """Template: "home", "likes:{value}"; values in it are normalised."""
    text: str
    """Template of the fact's sentence, with {who} and the regex's groups."""
    attribute: str | None = None
    """Profile attribute, when the fact states one."""
    accept: Accept | None = None
    anywhere: bool = False
    """Looked for in the whole sentence: what "my sister Ana" takes for granted."""
    several: bool = False
    """The value may be a list ("tea, chess and opera"): one fact each."""
    ends: str | None = None
    """Attribute whose known fact of the same value this one makes untrue ("no longer lives in")."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A language as the rules know it."""

    code: str
    """ISO 639-1."""
    user: str
    """How a fact's sentence calls the user."""
    agent: str
    """How it calls an agent without a name."""
    cue: re.Pattern[str]
    """Searched in a text in lower case: without it nothing in the text is first person."""
    clause: re.Pattern[str]
    """Separates clauses of a sentence; the next clause starts at its end."""
    opener: re.Pattern[str]
    """Words before a clause's subject that change nothing ("well,", "actually"); may be empty."""
    lead: re.Pattern[str]
    """Begins a clause in the first person."""
    unreal: re.Pattern[str]
    """In a sentence that holds it nothing is learned: condition, wish, hearsay, the past."""
    unserious: re.Pattern[str]
    """In a text that holds it nothing is learned: jokes, role play, texts to work on."""
    tail: re.Pattern[str]
    """A question put after a statement ("and you?"); the statement before it counts."""
    intro: re.Pattern[str]
    """At a text's start: a greeting and the speaker's own name."""
    intro_text: str
    patterns: tuple[FactPattern, ...]
    """What people say of themselves."""
    agent_patterns: tuple[FactPattern, ...]
    """What an assistant says of itself."""
    vague: frozenset[str]
    """Words that make a value say nothing by itself ("it", "your", "thing")."""
    trim: re.Pattern[str]
    """Words at a value's end that are not part of it ("so much")."""
    joint: re.Pattern[str]
    """Separates the values of a list."""
    normal: re.Pattern[str]
    """Words at a value's start that its subject goes without ("the", "playing")."""
    negative: re.Pattern[str]
    """Tells facts of dislike from facts of liking."""
    not_language: frozenset[str] = frozenset()
    """Snowball's names of languages that share words with this one: their texts are not read."""
    unspaced: bool = False
    """Written without spaces: words are looked for inside values."""


def words_of(text: str) -> frozenset[str]:
    """Return the words of a table written as one string."""
    return frozenset(text.split())


def entries_of(text: str) -> frozenset[str]:
    """Return the entries of a table written as one string, one or more a line, by commas."""
    return frozenset(entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip())
