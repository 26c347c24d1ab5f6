"""The topics of a batch: chains that speak of the same things, a few at most."""

from __future__ import annotations

from collections.abc import Sequence

from memoryos.ports import TopicDraft
from memoryos.updating.analysts.continuity import PageTerms, overlap
from memoryos.updating.analysts.summaries import KEYWORDS, TOPIC_SUMMARY, Excerpts, summary

ALIKE = 0.1
"""Share of terms in common from which two chains are one topic."""
MOST = 8
"""Topics of a batch, at most, however large the batch."""


def topics(
    chains: Sequence[Sequence[PageTerms]], excerpts: Sequence[Excerpts]
) -> tuple[TopicDraft, ...]:
    """Return the topics of a batch; every page is in exactly one.

    excerpts: what each chain's pages tell, in the order of `chains`.
    """
    most = min(MOST, sum(map(len, chains)) // 2 + 1)
    groups: list[list[Excerpts]] = []
    terms: list[frozenset[str]] = []
    for chain, its in zip(chains, excerpts, strict=True):
        said = frozenset().union(*(page.terms for page in chain))
        alike, place = max(
            ((overlap(known, said), -i) for i, known in enumerate(terms)), default=(0.0, 0)
        )
        if groups and (alike >= ALIKE or len(groups) >= most or not said):
            groups[-place].append(its)
            terms[-place] |= said
        else:
            groups.append([its])
            terms.append(said)
    return tuple(_draft(Excerpts.joined(group)) for group in groups)


def _draft(excerpts: Excerpts) -> TopicDraft:
    return TopicDraft(
        page_ids=tuple(page.id for page in excerpts.pages),
        summary=summary(excerpts, TOPIC_SUMMARY),
        keywords=excerpts.words[:KEYWORDS],
    )
