"""What a filter of pages leaves of all else that a recall shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Chain, Knowledge, Page, Profile, Scope, Segment, Trait
from memoryos.retrieval.views import ScopeView
from memoryos.storage.port import PageFilter, PageQuery, Store
from memoryos.tiers.long_term import profile_of

_FEW = 256
"""Pages up to which they are read, rather than asked for what else there is."""
_MOST_SEGMENTS = 50
"""Segments, the nearest, that are looked at for a page that may be shown."""
_MOST_FILTERS = 16
"""Filters whose positions a view keeps."""


class Narrowing:
    """One filter over one scope, by positions that the store gives: many pages are not read."""

    def __init__(self, store: Store, scope: Scope, view: ScopeView, where: PageFilter) -> None:
        self._store = store
        self._scope = scope
        self._view = view
        self._where = where
        self.positions = self._positions()
        """Of the pages that may be shown, ascending."""

    @cached_property
    def _few(self) -> list[Page]:
        """The pages that may be shown, where they are few."""
        seqs = self.positions.tolist()
        return list(self._store.pages(self._scope, PageQuery(seqs=seqs))) if seqs else []

    def _positions(self) -> NDArray[np.int64]:
        """Return the positions that the view keeps, and those of pages added since."""
        kept, head = self._view.filtered, self._view.head
        known: NDArray[np.int64]
        last, known = kept.get(self._where, (0, np.zeros(0, np.int64)))
        if last < head.last_seq:
            new = self._store.positions(self._scope, self._where, last)
            known = np.concatenate((known, new))
            last = max(head.last_seq, int(new[-1]) if new.size else 0)
            while len(kept) >= _MOST_FILTERS:
                kept.pop(next(iter(kept), self._where), None)
            kept[self._where] = (last, known)
        return known

    def short_term(self, session_id: str, capacity: int) -> tuple[Page, ...]:
        """Return the newest pages of a session that may be shown, oldest first."""
        if self._where.session_id not in (None, session_id):
            return ()
        inside = replace(self._where, session_id=session_id)
        narrowed = Narrowing(self._store, self._scope, self._view, inside)
        newest = narrowed.positions[-capacity:].tolist()
        return tuple(self._store.pages(self._scope, PageQuery(seqs=newest))) if newest else ()

    def segments(self, ranked: Iterator[Segment], most: int) -> list[Segment]:
        """Return the first of some segments that hold a page that may be shown."""
        held: set[str | None] | None = None
        if len(self.positions) <= _FEW:
            held = {page.segment_id for page in self._few}
        found: list[Segment] = []
        for _, segment in zip(range(_MOST_SEGMENTS), ranked, strict=False):
            if len(found) == most:
                break
            if segment.id in held if held is not None else self._is_held(segment):
                found.append(segment)
        return found

    def _is_held(self, segment: Segment) -> bool:
        inside = replace(self._where, segment_id=segment.id)
        return bool(self._store.positions(self._scope, inside).size)

    def knowledge(self, items: Iterable[Knowledge]) -> list[Knowledge]:
        """Return what stands on a page that may be shown."""
        known = list(items)
        allowed = self._allowed({s.page_id for item in known for s in item.sources})
        return [item for item in known if any(s.page_id in allowed for s in item.sources)]

    def profile(self, knowledge: Iterable[Knowledge], traits: Iterable[Trait]) -> Profile:
        """Return the profile of what stands on such pages; knowledge: what `knowledge` gave."""
        known = list(traits)
        allowed = self._allowed({s.page_id for trait in known for s in trait.sources})
        return profile_of(
            knowledge, [t for t in known if any(s.page_id in allowed for s in t.sources)]
        )

    def chains(self, chains: Sequence[Chain]) -> list[Chain]:
        """Return the chains of which every page may be shown: a summary tells of all of them."""
        allowed = self._allowed({id_ for chain in chains for id_ in chain.page_ids})
        return [chain for chain in chains if allowed.issuperset(chain.page_ids)]

    def _allowed(self, ids: set[str]) -> frozenset[str]:
        """Return those of some pages that may be shown."""
        if not ids or not len(self.positions):
            return frozenset()
        if len(self.positions) <= min(_FEW, len(ids)):
            return frozenset(page.id for page in self._few if page.id in ids)
        seqs = self._store.positions_of(self._scope, sorted(ids))
        places = np.fromiter(seqs.values(), np.int64, len(seqs))
        inside = np.isin(places, self.positions).tolist()
        return frozenset(id_ for id_, here in zip(seqs, inside, strict=True) if here)
