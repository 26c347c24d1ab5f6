"""The analyst that needs no model: chains, topics, facts and traits by rule.

Deterministic and pure: the same pages give the same drafts, whenever and wherever they are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from memoryos.model import Knowledge, Page
from memoryos.ports import Batch, ChainDraft, Consolidation, Promotion, PromotionRequest, TraitDraft
from memoryos.updating.analysts.continuity import read, runs
from memoryos.updating.analysts.patterns import trait_rules
from memoryos.updating.analysts.patterns.facts import Fact, facts, readings, single, statements
from memoryos.updating.analysts.patterns.lexicon import Lexicon
from memoryos.updating.analysts.patterns.lexicon_en import ENGLISH
from memoryos.updating.analysts.patterns.lexicon_es import SPANISH
from memoryos.updating.analysts.patterns.lexicon_zh import CHINESE
from memoryos.updating.analysts.summaries import Excerpts, chain_summary
from memoryos.updating.analysts.topics import topics

LEXICONS: tuple[Lexicon, ...] = (ENGLISH, SPANISH, CHINESE)
"""The languages in which facts are read."""


class RuleAnalyst:
    """Reads pages by rule. What it cannot tell it leaves out; it never invents.

    language: ISO 639-1 code of the dialogue; None reads every language it knows in every text.  In
    a language without a lexicon there are topics, chains and interests, and no facts.
    """

    name = "rules"

    def __init__(self, language: str | None = None) -> None:
        code = language and language.replace("_", "-").split("-")[0].lower()
        self._lexicons = tuple(
            lexicon for lexicon in LEXICONS if code is None or lexicon.code == code
        )

    def consolidate(self, batch: Batch) -> Consolidation:
        """Return the chains and topics of `batch`; every page is in one of each."""
        chains, goes_on = runs([read(page) for page in batch.pages], batch.previous)
        excerpts = [Excerpts.of([item.page for item in chain]) for chain in chains]
        drafts = []
        for i, chain in enumerate(excerpts):
            continued = goes_on and i == 0
            before = batch.previous_chain.summary if continued and batch.previous_chain else ""
            drafts.append(
                ChainDraft(
                    page_ids=tuple(page.id for page in chain.pages),
                    summary=chain_summary(chain, before),
                    continues=continued,
                )
            )
        return Consolidation(topics=topics(chains, excerpts), chains=tuple(drafts))

    def promote(self, request: PromotionRequest) -> Promotion:
        """Return the facts and traits that the pages of `request` state, oldest first."""
        found: list[Fact] = []
        traits: list[TraitDraft] = []
        for page in request.pages:
            self._read(page, found, traits)
        drafts = [
            replace(fact.draft, supersedes=_superseded(fact, request.known))
            for fact in _latest(found)
        ]
        interests = trait_rules.interests(request.pages)
        return Promotion(tuple(drafts), trait_rules.merged([*interests, *traits]))

    def _read(self, page: Page, found: list[Fact], traits: list[TraitDraft]) -> None:
        for reading in readings(page, self._lexicons):
            stated = statements(reading)
            found += facts(reading, stated)
            if reading.speaker.owner == "user":
                traits += trait_rules.statements(reading, stated)


def _latest(found: Iterable[Fact]) -> list[Fact]:
    """Return the facts, each once with all its sources; what a later one makes untrue is left out.

    Of attributes every value stays: long-term memory orders them by time and keeps the history.
    """
    once: dict[tuple[str, str], Fact] = {}
    for fact in found:
        before = once.pop((fact.draft.owner, fact.draft.text.casefold()), None)
        if before is not None:
            sources = tuple(dict.fromkeys((*before.draft.sources, *fact.draft.sources)))
            fact = replace(fact, draft=replace(fact.draft, sources=sources))
        once[fact.draft.owner, fact.draft.text.casefold()] = fact
    newest: dict[tuple[str, str | None], Fact] = {}
    ended: set[tuple[str, str | None, str]] = set()
    kept = []
    for fact in reversed(once.values()):
        draft = fact.draft
        later = newest.setdefault((draft.owner, draft.subject), fact)
        if (draft.owner, draft.attribute, fact.value.casefold()) in ended:
            continue
        if draft.attribute is None and _differs(later, draft.text, fact.value, fact.negative):
            continue
        if fact.ends:
            ended.add((draft.owner, fact.ends, fact.value.casefold()))
        kept.append(fact)
    return kept[::-1]


def _superseded(fact: Fact, known: Iterable[Knowledge]) -> tuple[str, ...]:
    """Return the ids of known facts that `fact` makes untrue."""
    return tuple(
        item.id
        for item in known
        if item.owner == fact.draft.owner
        and item.status == "active"
        and (_ended(fact, item) or _contradicted(fact, item))
    )


def _ended(fact: Fact, item: Knowledge) -> bool:
    """Tell whether `fact` says that `item` is over ("no longer lives in Oslo")."""
    return (
        fact.ends is not None
        and item.attribute == fact.ends
        and (item.value or "").casefold() == fact.value.casefold()
    )


def _contradicted(fact: Fact, item: Knowledge) -> bool:
    draft = fact.draft
    if draft.attribute is not None and item.attribute == draft.attribute:
        return (item.value or "").casefold() != fact.value.casefold()
    if draft.subject is None or item.subject != draft.subject:
        return False
    negative = any(lexicon.negative.search(item.text) for lexicon in LEXICONS)
    return _differs(fact, item.text, item.value, negative)


def _differs(fact: Fact, text: str, value: str | None, negative: bool) -> bool:
    """Tell whether what is known of the same subject is otherwise than `fact` says."""
    subject = fact.draft.subject or ""
    if subject.startswith("likes:"):
        return fact.negative != negative
    if not single(subject):
        return False
    if value is not None:
        return value.casefold() != fact.value.casefold()
    return text.casefold() != fact.draft.text.casefold()
