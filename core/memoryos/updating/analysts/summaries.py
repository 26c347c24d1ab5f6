"""Extractive summaries: sentences of the pages, verbatim, with who said them where known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memoryos.model import Page
from memoryos.text.sentences import split
from memoryos.text.speech import idle_words, is_small_talk
from memoryos.text.tokenizer import keywords

TOPIC_SUMMARY = 300
"""Characters of a topic's summary, at most."""
KEYWORDS = 8
"""Keywords of a topic, at most."""

READ = 4_000
_LINE = 120
"""Characters read of each side of a page."""
_SENTENCES = 40
"""Sentences read of each side of a page."""

CHATTER = frozenset("called give keep told talk talking user assistant".split())
"""Words that any conversation is full of, besides those that its language lists."""


@dataclass(frozen=True, slots=True)
class Excerpts:
    """Pages with their sentences and keywords: the material of extractive summaries."""

    pages: tuple[Page, ...]
    sentences: tuple[str, ...]
    """Verbatim, in order, each after its speaker's name."""
    words: tuple[str, ...]
    """As written, lower-cased, most telling first; at most twice `KEYWORDS`."""

    @classmethod
    def of(cls, pages: Sequence[Page]) -> Excerpts:
        """Return the sentences and keywords of `pages`."""
        sides = [(page, name, text) for page in pages for name, text in _sides(page)]
        sentences = [
            f"{name}: {sentence}"
            for _, name, text in sides
            for sentence in split(text[:READ])[:_SENTENCES]
        ]
        speakers = {
            word.casefold()
            for page in pages
            for name in (page.user_name, page.agent_name)
            if name
            for word in name[:100].split()
        }
        found = keywords("\n".join(text[:READ] for _, _, text in sides), 6 * KEYWORDS)
        idle = CHATTER | idle_words(sides[0][2] if sides else "") | speakers
        words = [word for word in found if word not in idle]
        if not words or all(map(is_greeting, pages)):
            sentences, words = [], []
        return cls(tuple(pages), tuple(sentences), tuple(words[: 2 * KEYWORDS]))

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each keyword: from 1 for the first down to a half."""
        return {word: 1 - i / (2 * len(self.words)) for i, word in enumerate(self.words)}


def is_greeting(page: Page) -> bool:
    """Return whether a page tells nothing: small talk, with no more than a line of answer."""
    return is_small_talk(page.user_input) and len(page.agent_response) <= _LINE


def _sides(page: Page) -> Iterator[tuple[str, str]]:
    if page.user_input.strip():
        yield page.user_name or "User", page.user_input
    if page.agent_response.strip():
        yield page.agent_name or "Assistant", page.agent_response
    if not page.user_input.strip() and not page.agent_response.strip():
        for message in page.messages:
            if message.role != "system" and message.text.strip():
                yield message.name or message.role.title(), message.text


def summary(excerpts: Excerpts, limit: int) -> str:
    """Return the sentences that say most, in their order, in at most `limit` characters."""
    return best(excerpts.sentences, limit, excerpts.weights)


def best(sentences: Sequence[str], limit: int, weights: Mapping[str, float]) -> str:
    """Return the weightiest of `sentences`, in order, joined by spaces, within `limit`.

    Where not one fits, the first is cut at a word and ends in "…".
    """
    ranked = []
    for place, sentence in enumerate(sentences):
        lower = sentence.lower()
        worth = sum([weight for word, weight in weights.items() if word in lower])
        if sentence.endswith(("?", "？")):
            worth /= 2  # a question says less than its answer
        # Long sentences hold more words by nature; the first sentence sets the scene.
        score = worth / (20 + len(sentence)) ** 0.5 + (0.02 if place == 0 else 0)
        ranked.append((-score, place, sentence))
    ranked.sort()
    kept: dict[str, int] = {}
    room = limit
    for behind, place, sentence in ranked:
        size = len(sentence) + (1 if kept else 0)
        if size <= room and sentence not in kept and (behind < 0 or not kept):
            kept[sentence] = place
            room -= size
    if not kept and sentences:
        return shortened(sentences[0], limit)
    return _once_named(sorted(kept, key=kept.__getitem__))


def _once_named(sentences: Sequence[str]) -> str:
    """Return sentences in a line; a speaker's name stands where the speaker changes."""
    line, speaker = "", ""
    for sentence in sentences:
        name, _, said = sentence.partition(": ")
        line += (" " if line else "") + (said if name == speaker else sentence)
        speaker = name
    return line


def shortened(sentence: str, limit: int) -> str:
    """Return the beginning of `sentence` up to a word's end and "…", at most `limit` characters."""
    if len(sentence) <= limit:
        return sentence
    head = sentence[: limit - 1]
    return (head.rsplit(None, 1)[0] if " " in head[limit // 2 :] else head) + "…"
