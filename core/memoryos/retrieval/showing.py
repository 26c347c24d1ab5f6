"""What a search found, made into what a recall shows, and how much of it is left."""

from __future__ import annotations

from dataclasses import replace

from memoryos.generation.context import Recall
from memoryos.model import Page, Passage, Profile, RecalledPage, Scope
from memoryos.retrieval.index import Hit
from memoryos.retrieval.relevance import Among, Calibration, relevance
from memoryos.retrieval.reranking import Judged
from memoryos.storage.journal import page_passages, passage_of
from memoryos.text.asking import is_small_talk
from memoryos.text.dates import periods
from memoryos.text.tokenizer import content_words, words


def undated(query: str) -> str:
    """Return a question without its dates, which the ranking compares with the pages' times.

    In meaning "the day before yesterday" is near to whatever is said of days.
    """
    left = query
    for period in periods(query, now=0.0, oldest=0.0, newest=0.0):
        left = left.replace(period.label, " ")
    return left if content_words(left) else query


def names_of(scope: Scope, profile: Profile) -> frozenset[str]:
    """Return what user and agent are called, lower-cased words."""
    # An id of several words is as often a description.
    ids = [name for name in (scope.user_id, scope.assistant_id) if name.isalpha()]
    told = [profile.user.get("name", ""), profile.agent.get("name", "")]
    return frozenset(words(" ".join((*ids, *told))))


def bears(item: Judged, among: Among, calibrated: Calibration) -> float:
    """Return how much a page that was found bears on the question; one that says nothing, not."""
    if item.hollow:
        return 0.0
    hit = item.hit
    return relevance(hit.share, hit.cosine, among, calibrated, dated=hit.dated)


def recalled_page(page: Page, hit: Hit, relevant: float) -> RecalledPage:
    """Return a page that was found, with its passages cut out of it."""
    spans = page_passages(page)
    scored = hit.passages
    if len(scored) == 1:  # a long page that is not indexed by its passages yet has one for all
        scored = tuple((number, scored[0][1]) for number in range(len(spans)))
    passages = tuple(
        Passage(span.side, span.start, span.end, passage_of(page, span), score)
        for span, score in ((spans[n], score) for n, score in scored if n < len(spans))
    )
    return RecalledPage(
        page,
        hit.score,
        relevant,
        passages,
        hit.reasons or ("nothing is nearer",),
    )


def relevant(found: Recall, min_relevance: float | None, usual: float) -> Recall:
    """Return what is left of a recall: nothing but the conversation, if it is not relevant.

    min_relevance: what each page must reach; None: what the whole must, `usual`.
    """
    least = usual if min_relevance is None else min_relevance
    if least and is_small_talk(found.query):
        found = replace(found, relevance=0.0)
    if found.relevance < least:
        return replace(
            found,
            pages=(),
            segments=(),
            user_knowledge=(),
            agent_knowledge=(),
            profile=Profile(),
            load_chains=tuple,
            refused=True,
        )
    pages = found.pages
    if min_relevance is not None:
        pages = tuple(item for item in pages if item.relevance >= least)
    elif all(item.relevance < least for item in pages):
        pages = ()  # it is the knowledge that bears on the question
    return found if len(pages) == len(found.pages) else replace(found, pages=pages)
