"""How many pages a model is given at once, and how the drafts of parts become those of a batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2

from memoryos.model import Chain, Page
from memoryos.ports import Batch, Consolidation

_SILENT = 3
"""Calls for a single page that timed out in a row: after these the rules file it."""


@dataclass(frozen=True, slots=True)
class Before:
    """What comes before some pages: the last page that is filed, and what its chain says so far."""

    page: Page | None = None
    chain: str = ""

    @classmethod
    def of(cls, batch: Batch) -> Before:
        """Return what comes before a batch."""
        return cls(batch.previous, batch.previous_chain.summary if batch.previous_chain else "")

    def after(self, pages: Sequence[Page], draft: Consolidation) -> Before:
        """Return what comes before the next pages, once these are filed as drafted.

        Nothing, where the model failed: what it refuses must not come back as what went before.
        """
        if any(topic.failed for topic in draft.topics if pages[-1].id in topic.page_ids):
            return Before()
        return Before(pages[-1], draft.chains[-1].summary)

    def batch(self, pages: Sequence[Page]) -> Batch:
        """Return the pages as a batch that follows."""
        if self.page is None or not self.chain:
            return Batch(tuple(pages), self.page)
        page = self.page
        chain = Chain("c", page.session_id, (page.id,), self.chain, "", page.timestamp)
        return Batch(tuple(pages), page, chain)


class Pace:
    """How many pages a model masters at once, as its time-outs have shown. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._most: int | None = None
        self._silent = 0
        self.hopeless = False
        """Whether the model failed at a whole batch, page by page, and has not answered since."""
        self.scale = 1.0
        """Tokens of the model's for one that is counted here, as its usage has shown."""

    @property
    def most(self) -> int | None:
        """Pages to give at once; None while nothing speaks against any number."""
        return self._most

    def answered(self, pages: int) -> None:
        """Note an answer: one page more may do the next time."""
        with self._lock:
            self._silent, self.hopeless = 0, False
            if self._most is not None and pages >= self._most:
                self._most += 1

    def counted(self, here: int, reported: int) -> None:
        """Note how many tokens a prompt had as counted here, and as the model reported."""
        if here > 0 < reported:
            self.scale = min(2.0, max(0.5, reported / here))

    def timed_out(self, pages: int) -> bool:
        """Note a time-out; return whether waiting for these pages again is of no use."""
        with self._lock:
            self._most = max(1, pages // 2)
            if pages > 1:
                return False
            self._silent += 1
            if self._silent < _SILENT:
                return False
            self._silent = 0
            return True


class Attempts:
    """Failures of one batch, which is halved and halved again while that may help.

    A model that failed at all of an earlier batch gets one call, until it answers again.
    """

    def __init__(self, pages: int, pace: Pace) -> None:
        self._pace = pace
        self._allowed = ceil(log2(max(pages, 1))) + 1
        self._left = 1 if pace.hopeless else self._allowed

    @property
    def hopeless(self) -> bool:
        """Whether so many calls failed in a row that one page alone cannot be the reason."""
        return self._left <= 0

    def succeeded(self) -> None:
        """Note a call that gave what was asked for."""
        self._left = self._allowed

    def failed(self) -> None:
        """Note a call that never will."""
        self._left -= 1
        self._pace.hopeless |= self.hopeless


def joined(drafts: Sequence[Consolidation]) -> Consolidation:
    """Return the drafts of parts as one; a chain may go on from part to part."""
    topics = tuple(topic for draft in drafts for topic in draft.topics)
    facts = tuple(fact for draft in drafts for fact in draft.facts)
    chains = list(drafts[0].chains)
    for draft in drafts[1:]:
        first, *others = draft.chains
        if first.continues:
            before = chains.pop()
            ids = before.page_ids + first.page_ids
            first = replace(first, page_ids=ids, continues=before.continues)
        chains += [first, *others]
    return Consolidation(topics, tuple(chains), facts)
