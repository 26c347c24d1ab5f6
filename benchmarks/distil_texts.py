"""Sentences that the static model is fitted on: WordNet's definitions and examples, and plain talk.

WordNet 3.0 is read from Debian's package `wordnet-base`, whose files stay the same.  Nothing of a
benchmark or of anybody's conversations is among them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Set
from pathlib import Path

_SEED = 17
_PARTS = ("noun", "verb", "adj", "adv")
_NOUNS = 0.6
"""Share of the nouns that stand in sentences of plain talk."""
_EXAMPLE = re.compile(r'"([^"]*)"')
_SHORTEST = 8
"""Characters of an example that is none: a single word."""
_NOUN_SAID = (
    "My {} is new.",
    "I have a {}.",
    "I like {}.",
    "We talked about the {}.",
    "I bought a {} yesterday.",
    "The {} was great.",
    "I'm worried about my {}.",
    "I work with {}.",
    "My sister told me about her {}.",
    "I went to see the {} last week.",
)
_NOUN_ASKED = (
    "What is my {}?",
    "Which {} do I have?",
    "Do I like {}?",
    "Where is the {}?",
    "When was the {}?",
    "How is my {}?",
    "What did I say about the {}?",
    "Who told me about the {}?",
    "Tell me about my {}.",
    "How much did the {} cost?",
)
_VERB_SAID = (
    "I {} every day.",
    "I want to {}.",
    "We had to {} yesterday.",
    "I never {}.",
    "I'm going to {} next week.",
)
_VERB_ASKED = (
    "Do I {}?",
    "When did I {}?",
    "Where do I {}?",
    "Why did I {}?",
    "How often do I {}?",
    "What do I {}?",
)


def sentences(wordnet: Path, pieces: Set[str]) -> list[str]:
    """Return some 129,000 sentences about words that the model's vocabulary has as a whole.

    wordnet: folder of data.noun, data.verb, data.adj and data.adv; pieces: the vocabulary.
    """
    chance = random.Random(_SEED)
    told: list[str] = []
    seen: set[str] = set()
    for part in _PARTS:
        for names, gloss in _entries(wordnet / f"data.{part}"):
            words = [n for n in names if all(word.lower() in pieces for word in n.split())]
            if not words:
                continue
            meaning = gloss.split('; "')[0].strip().rstrip(";")
            told.append(f"{', '.join(words)}: {meaning}")
            told += [_sentence(text) for text in _EXAMPLE.findall(gloss) if len(text) > _SHORTEST]
            for word in words:
                if word in seen or word.count(" ") > 1:
                    continue
                seen.add(word)
                told += _talk(part, word, chance)
    return told


def _entries(file: Path) -> Iterator[tuple[list[str], str]]:
    """Yield the names of each entry, and its definition with examples (wndb(5WN))."""
    for line in file.read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):  # the licence
            continue
        head, gloss = line.split(" | ", 1)
        fields = head.split()
        names = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        yield [re.sub(r"\(.*\)$", "", name).replace("_", " ") for name in names], gloss


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def _talk(part: str, word: str, chance: random.Random) -> list[str]:
    """Return a statement with a word and a question, as people say them; of some words none."""
    if part == "noun" and word[0].islower() and chance.random() < _NOUNS:
        return [chance.choice(form).format(word) for form in (_NOUN_SAID, _NOUN_ASKED)]
    if part == "verb":
        return [chance.choice(form).format(word) for form in (_VERB_SAID, _VERB_ASKED)]
    return []
