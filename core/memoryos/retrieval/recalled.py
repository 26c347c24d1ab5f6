"""What is recalled: pages with their relevance and passages, and what of it is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memoryos.generation.context import Recall
from memoryos.model import Page, Passage, Profile, RecalledPage
from memoryos.retrieval.index import Hit
from memoryos.retrieval.relevance import Among, Calibration, relevances
from memoryos.retrieval.reranking import Judged
from memoryos.storage.journal import Cut, cut_pages
from memoryos.text.asking import is_small_talk


def recalled(
    found: Sequence[tuple[Page, Judged]], among: Among, calibrated: Calibration
) -> tuple[RecalledPage, ...]:
    """Return judged pages as a recall gives them, in the same order."""
    bears = relevances(
        [(item.hit.share, item.hit.cosine, item.hit.dated) for _, item in found], among, calibrated
    )
    cuts = cut_pages([page for page, _ in found])
    return tuple(
        RecalledPage(
            page,
            item.hit.score,
            0.0 if item.hollow else relevant,  # one that says nothing bears on nothing
            _passages(cut, item.hit),
            item.hit.reasons or ("nothing is nearer",),
        )
        for (page, item), relevant, cut in zip(found, bears, cuts, strict=True)
    )


def _passages(cut: Cut, hit: Hit) -> tuple[Passage, ...]:
    scored = hit.passages
    if len(scored) == 1:  # a long page that is not indexed by its passages yet has one for all
        scored = tuple((number, scored[0][1]) for number in range(len(cut)))
    placed = ((*cut[number], score) for number, score in scored if number < len(cut))
    return tuple(
        Passage(span.side, span.start, span.end, text, score) for span, text, score in placed
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
