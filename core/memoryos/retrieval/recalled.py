"""Pages as they are recalled: each with its relevance, and its passages cut out of it."""

from __future__ import annotations

from collections.abc import Sequence

from memoryos.model import Passage, RecalledPage
from memoryos.retrieval.index import Hit
from memoryos.retrieval.relevance import Among, Calibration, relevances
from memoryos.retrieval.reranking import Judged
from memoryos.storage.journal import Cut, cut_pages


def recalled(
    found: Sequence[Judged], among: Among, calibrated: Calibration
) -> tuple[RecalledPage, ...]:
    """Return judged pages as a recall gives them, in the same order."""
    bears = relevances(
        [(item.hit.share, item.hit.cosine, item.hit.dated) for item in found], among, calibrated
    )
    cuts = cut_pages([item.page for item in found])
    return tuple(
        RecalledPage(
            item.page,
            item.hit.score,
            0.0 if item.hollow else relevant,  # one that says nothing bears on nothing
            _passages(cut, item.hit),
            item.hit.reasons or ("nothing is nearer",),
        )
        for item, relevant, cut in zip(found, bears, cuts, strict=True)
    )


def _passages(cut: Cut, hit: Hit) -> tuple[Passage, ...]:
    scored = hit.passages
    if len(scored) == 1:  # a long page that is not indexed by its passages yet has one for all
        scored = tuple((number, scored[0][1]) for number in range(len(cut)))
    placed = ((*cut[number], score) for number, score in scored if number < len(cut))
    return tuple(
        Passage(span.side, span.start, span.end, text, score) for span, text, score in placed
    )
