"""Completes a model's answer about a batch: every page under one topic and in one chain. Pure.

Whatever the model answers, only drafts come out: of pages that exist, of bounded length, and facts
only where the pages say so.  A page that the answer leaves out goes with the page before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memoryos.errors import ModelAnswerInvalid
from memoryos.model import Knowledge
from memoryos.ports import ChainDraft, Consolidation, FactDraft, Promotion, TopicDraft, TraitDraft
from memoryos.text.sentences import split
from memoryos.text.tokenizer import normalise
from memoryos.updating.analysts.grounding.facts import FactReader
from memoryos.updating.analysts.grounding.quotes import LEAST_OF_SUMMARY, share, terms
from memoryos.updating.analysts.prompts.shown import ShownPage, one_line, speakers

if TYPE_CHECKING:
    from memoryos.updating.analysts.prompts.consolidate import ConsolidateAnswer
    from memoryos.updating.analysts.prompts.promote import PromoteAnswer

MAX_SUMMARY = 600
MAX_KEYWORDS, MAX_KEYWORD = 8, 40


def read_consolidation(
    answer: ConsolidateAnswer,
    shown: Sequence[ShownPage],
    before: str | None = None,
    known: Sequence[Knowledge] = (),
) -> Consolidation:
    """Return the drafts of an answer about the pages `shown`, which are numbered from 1.

    before: what the prompt told of the chain before them, None for nothing.  known: the facts that
    it told, in their order.  Raises ModelAnswerInvalid for an answer of which nothing is of use.
    """
    reader = FactReader(shown, known, before or "")
    facts = _distinct([reader.fact(fact) for fact in answer.facts])
    if not (facts or _places_or_tells(answer, shown)):
        raise ModelAnswerInvalid("nothing in the model's answer is of use")
    topics = _topics(answer, shown)
    chains = _chains(answer, shown, topics, before)
    return Consolidation(topics, chains, facts)


def read_promotion(
    answer: PromoteAnswer, shown: Sequence[ShownPage], known: Sequence[Knowledge]
) -> Promotion:
    """Return the attributes, as facts, and the traits of an answer that hold."""
    reader = FactReader(shown, known)
    facts = [fact for fact in map(reader.fact, answer.attributes) if fact and fact.attribute]
    found: dict[str, TraitDraft] = {}
    for trait in filter(None, map(reader.trait, answer.traits)):
        found.setdefault(trait.name, trait)
    return Promotion(_distinct(facts), tuple(found.values()))


def _places_or_tells(answer: ConsolidateAnswer, shown: Sequence[ShownPage]) -> bool:
    """Return whether an answer places a page that was shown, or says something of any."""
    numbers = {page.number for page in shown}
    if any(place.page in numbers for place in answer.pages):
        return True
    told = [answer.chain, *(topic.summary for topic in answer.topics)]
    told += [word for topic in answer.topics for word in topic.keywords]
    there = terms("\n".join(side for page in shown for side in page.sides))
    return not terms(" ".join(told)).isdisjoint(there)


def _topics(answer: ConsolidateAnswer, shown: Sequence[ShownPage]) -> tuple[TopicDraft, ...]:
    told = {topic.topic: topic for topic in reversed(answer.topics)}
    named: dict[int, int] = {}
    for place in answer.pages:
        named.setdefault(place.page, place.topic)
    usable = set(told) or {topic for topic in named.values() if topic > 0} or {1}
    first = next((t for p in shown if (t := named.get(p.number)) in usable), min(usable))
    groups: dict[int, list[ShownPage]] = {}
    current = first
    for page in shown:
        topic = named.get(page.number)
        current = topic if topic is not None and topic in usable else current
        groups.setdefault(current, []).append(page)
    drafts = []
    for number, pages in groups.items():
        topic_ = told.get(number)
        summary, keywords = _described(
            topic_.summary if topic_ else "", topic_.keywords if topic_ else (), pages
        )
        drafts.append(TopicDraft(_ids(pages), summary, keywords))
    return tuple(drafts)


def _chains(
    answer: ConsolidateAnswer,
    shown: Sequence[ShownPage],
    topics: Sequence[TopicDraft],
    before: str | None,
) -> tuple[ChainDraft, ...]:
    """Return the runs of pages that go on; the last has the answer's own summary."""
    goes_on: dict[int, bool] = {}
    for place in answer.pages:
        goes_on.setdefault(place.page, place.continues)
    runs: list[list[ShownPage]] = []
    for page in shown:
        if runs and goes_on.get(page.number, True):
            runs[-1].append(page)
        else:
            runs.append([page])
    drafts = []
    for place_, pages in enumerate(runs):
        continues = place_ == 0 and before is not None and goes_on.get(pages[0].number, True)
        earlier = (before or "") if continues else ""
        ids = set(_ids(pages))
        told = " ".join(topic.summary for topic in topics if ids & set(topic.page_ids))
        if place_ == len(runs) - 1 and answer.chain.strip():
            told = answer.chain
        elif earlier:
            told = f"{earlier} {told}"
        summary, _ = _described(told, (), pages, earlier)
        drafts.append(ChainDraft(_ids(pages), summary, continues))
    return tuple(drafts)


def _described(
    summary: str, keywords: Sequence[str], pages: Sequence[ShownPage], before: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return summary and keywords; the pages' own words where the model's have nothing of them."""
    text = "\n".join(side for page in pages for side in page.sides if side)
    names = " ".join(speakers([page.page for page in pages]).values())
    there = terms(f"{before}\n{text}\n{names}")
    told = one_line(" ".join(dict.fromkeys(split(summary))), MAX_SUMMARY)  # small models repeat
    if share(terms(told), there) >= LEAST_OF_SUMMARY:
        there |= terms(told)
        kept = [one_line(normalise(w), MAX_KEYWORD) for w in keywords if terms(w) & there]
    else:
        told = one_line(f"{before} {text}", MAX_SUMMARY // 2) or told
        kept = [one_line(word, MAX_KEYWORD) for word in keywords if terms(word) & there]
    return told, tuple(dict.fromkeys(filter(None, kept)))[:MAX_KEYWORDS]


def _distinct(facts: Sequence[FactDraft | None]) -> tuple[FactDraft, ...]:
    """Return the facts that hold, each once."""
    found = {(fact.owner, fact.text, fact.attribute): fact for fact in reversed(facts) if fact}
    return tuple(found.values())[::-1]


def _ids(pages: Sequence[ShownPage]) -> tuple[str, ...]:
    return tuple(page.page.id for page in pages)
