"""How near an answer is to the published one, by words.

Two protocols: that of the published MemoryOS evaluation (`eval/evalution_loco.py`: words as a set)
with the paper's BLEU-1, and LoCoMo's own (stemmed words, several answers in category 1).
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
_ARTICLES = re.compile(r"\b(a|an|the|and)\b")


def published_f1(answer: str, truth: str) -> float:
    """Return F1 of the sets of lower-cased words; signs do not count."""
    said, wanted = set(_WORD.findall(answer.lower())), set(_WORD.findall(truth.lower()))
    if not said or not wanted:
        return float(said == wanted)
    return _f1(len(said & wanted), len(said), len(wanted))


def bleu1(answer: str, truth: str) -> float:
    """Return BLEU-1: the share of the answer's words that the truth holds, times brevity.

    Each word of the truth counts once. As NLTK's sentence_bleu with weights (1, 0, 0, 0); its
    smoothing changes nothing for single words.
    """
    said, wanted = _tokens(answer), _tokens(truth)
    common = (Counter(said) & Counter(wanted)).total()
    if not common:
        return 0.0
    penalty = 1.0 if len(said) > len(wanted) else math.exp(1 - len(wanted) / len(said))
    return penalty * common / len(said)


def official_f1(answer: str, truth: str, category: int) -> float:
    """Return LoCoMo's own F1: stemmed, without articles and punctuation.

    Category 1 asks for several things, apart by commas: each counts with the part of the answer
    that fits it best. Category 3 gives its reason after a semicolon, which does not count.
    """
    if category == 3:
        truth = truth.partition(";")[0].strip()
    if category != 1:
        return _stemmed_f1(answer, truth)
    parts = [part.strip() for part in answer.split(",")]
    wanted = [part.strip() for part in truth.split(",")]
    return sum(max(_stemmed_f1(part, one) for part in parts) for one in wanted) / len(wanted)


def _stemmed_f1(answer: str, truth: str) -> float:
    said, wanted = _stems(answer), _stems(truth)
    common = (Counter(said) & Counter(wanted)).total()
    return _f1(common, len(said), len(wanted)) if common else 0.0


def _f1(common: int, said: int, wanted: int) -> float:
    if not common:
        return 0.0
    precision, recall = common / said, common / wanted
    return 2 * precision * recall / (precision + recall)


def _tokens(text: str) -> list[str]:
    """Return words and signs as `nltk.word_tokenize` finds them within a sentence."""
    from nltk.tokenize import NLTKWordTokenizer  # noqa: PLC0415  # of the bench extra

    found: list[str] = NLTKWordTokenizer().tokenize(text.lower())
    return found


def _stems(text: str) -> Sequence[str]:
    from nltk.stem import PorterStemmer  # noqa: PLC0415  # of the bench extra

    stemmer = PorterStemmer()
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return [stemmer.stem(word) for word in _ARTICLES.sub(" ", bare).split()]
