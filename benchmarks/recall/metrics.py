"""What is counted: evidence in pages, words of the answer in tokens, and telling what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import Stemmer

from benchmarks.recall.dialogues import Dialogue, Question

TOPS = (5, 10, 20)
"""Pages looked at."""
BUDGETS = (1000, 4000)
"""Tokens of the context block that the answer's words are looked for in."""
_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
# The metric's own words and stems, not the engine's: what is measured must not move with the code.
_STOP_WORDS = frozenset(
    "a an the of to in on at for and or is are was were be been it its this that these those i you"
    " he she they we my your his her their our with as by from have has had do does did does not no"
    " yes will would can could should about into over after before more most than then so if"
    " but".split()
)
_STEMMER = Stemmer.Stemmer("english")


def stems(text: str) -> list[str]:
    """Return the stems of the content words of an English text, in order."""
    return [_STEMMER.stemWord(w) for w in _WORD.findall(text.lower()) if w not in _STOP_WORDS]


def wanted_stems(dialogue: Dialogue, question: Question) -> set[str]:
    """Return what the answer says, the evidence holds and the question does not give away."""
    answer = set(stems(question.answer)) - set(stems(question.text))
    return answer & {stem for id_ in question.evidence for stem in stems(dialogue.texts[id_])}


def passages(text: str, length: int = 400) -> list[str]:
    """Return a text in passages of whole sentences, about `length` characters each."""
    found, current = [], ""
    for sentence in _SENTENCE_END.split(text):
        if current and len(current) + len(sentence) > length:
            found.append(current)
            current = ""
        current = f"{current} {sentence}".strip()
        while len(current) > 2 * length:
            found.append(current[:length])
            current = current[length:]
    return [*found, current] if current else found


def share_of_evidence(evidence: Sequence[str], pages: Sequence[Sequence[str]]) -> float:
    """Return the share of the evidence messages that the pages hold, 0 to 1."""
    return len(set(evidence) & {id_ for page in pages for id_ in page}) / len(set(evidence))


def share_of_words(wanted: set[str], block: str) -> float:
    """Return the share of the wanted stems that stand in a context block, 0 to 1."""
    return len(wanted & set(stems(block))) / len(wanted)


def auroc(answerable: Sequence[float], others: Sequence[float]) -> float:
    """Return how often an answerable question is surer than another; ties count half."""
    if not answerable or not others:
        return float("nan")
    sure, unsure = np.sort(np.asarray(answerable)), np.asarray(others)
    below = np.searchsorted(sure, unsure, "left")  # answerable questions less sure than it
    tied = np.searchsorted(sure, unsure, "right") - below
    return float(np.mean(1 - (below + tied / 2) / len(sure)))


def refused(answerable: Sequence[float], others: Sequence[float], kept: float = 0.95) -> float:
    """Return the share of other questions below the threshold that keeps `kept` of answerable."""
    if not answerable or not others:
        return float("nan")
    ranked = np.sort(np.asarray(answerable))
    threshold = ranked[int(np.floor(len(ranked) * (1 - kept) + 1e-9))]
    return float(np.mean(np.asarray(others) < threshold))
