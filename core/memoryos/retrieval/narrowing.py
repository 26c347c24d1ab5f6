"""What a filter of pages leaves of all else that a recall shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoryos.model import Chain, Owner, Page, Profile, Scope, Segment
from memoryos.retrieval.views import Narrowed, ScopeView
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
        return self._pages(self.positions.tolist())

    def _positions(self) -> NDArray[np.int64]:
        """Return the positions of pages that match: by their time the index tells them."""
        where = self._where
        if where.since is None and where.before is None:
            return self._stored(where)
        times = self._view.index.between(where.since, where.before)
        rest = replace(where, since=None, before=None)
        if rest == PageFilter():
            return times
        return np.intersect1d(self._stored(rest), times, assume_unique=True)

    def _stored(self, where: PageFilter) -> NDArray[np.int64]:
        """Return the positions that the view keeps, and those of pages added since."""
        kept, head = self._view.filtered, self._view.head
        known: NDArray[np.int64]
        last, known = kept.get(where, (0, np.zeros(0, np.int64)))
        if last < head.last_seq:
            new = self._store.positions(self._scope, where, last)
            known = np.concatenate((known, new))
            last = max(head.last_seq, int(new[-1]) if new.size else 0)
            make_room(kept)
            kept[where] = (last, known)
        return known

    def short_term(self, session_id: str, capacity: int) -> tuple[Page, ...]:
        """Return the newest pages of a session that may be shown, oldest first."""
        if self._where.session_id not in (None, session_id):
            return ()
        inside = self.positions
        if self._where.session_id is None:
            inside = _shared(self._stored(PageFilter(session_id=session_id)), inside)
        newest = inside[-capacity:].tolist()
        found = self._view.read.of(newest, self._pages)
        return tuple(found[seq] for seq in newest if seq in found)

    def _pages(self, seqs: list[int]) -> list[Page]:
        return self._store.pages(self._scope, PageQuery(seqs=seqs)) if seqs else []

    def segments(self, ranked: Iterator[Segment], most: int) -> list[Segment]:
        """Return the first of some segments that hold a page that may be shown."""
        known = self._narrowed
        if known.held is None and len(self.positions) <= _FEW:
            known.held = {page.segment_id for page in self._few}
        found: list[Segment] = []
        for _, segment in zip(range(_MOST_SEGMENTS), ranked, strict=False):
            if len(found) == most:
                break
            if segment.id in known.held if known.held is not None else self._is_held(segment):
                found.append(segment)
        return found

    def _is_held(self, segment: Segment) -> bool:
        known = self._narrowed.segments
        if segment.id not in known:
            pages = self._pages_of(segment)
            known[segment.id] = bool(_shared(pages, self.positions).size)
        return known[segment.id]

    def _pages_of(self, segment: Segment) -> NDArray[np.int64]:
        kept = self._view.tiers.pages_of
        if segment.id not in kept:
            inside = PageFilter(segment_id=segment.id)
            kept[segment.id] = self._store.positions(self._scope, inside)
        return kept[segment.id]

    def rows(self, owner: Owner) -> NDArray[np.intp]:
        """Return the rows of `tiers.known(owner)` that stand on a page that may be shown."""
        known = self._narrowed.rows
        if owner not in known:
            rows, seqs = self._sources(owner)
            known[owner] = np.unique(rows[np.isin(seqs, self.positions)])
        return known[owner]

    def _sources(self, owner: Owner) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return (row of `tiers.known(owner)`, position of the page) of each source."""
        kept = self._view.tiers.sources
        if owner not in kept:
            both = [
                (row, source.page_id)
                for row, item in enumerate(self._view.tiers.known(owner).items)
                for source in item.sources
            ]
            places = self._places({page_id for _, page_id in both})
            there = [(row, places[page_id]) for row, page_id in both if page_id in places]
            rows, seqs = np.array(there, np.int64).reshape(-1, 2).T
            kept[owner] = rows.astype(np.intp), seqs
        return kept[owner]

    def profile(self) -> Profile:
        """Return the profile of what stands on such pages."""
        known, tiers = self._narrowed, self._view.tiers
        if known.profile is None:
            stated = [k for k in tiers.knowledge.values() if k.attribute and k.value]
            traits = tiers.traits.values()
            ids = {s.page_id for k in stated for s in k.sources}
            allowed = self._allowed(ids | {s.page_id for t in traits for s in t.sources})
            known.profile = profile_of(
                [k for k in stated if any(s.page_id in allowed for s in k.sources)],
                [t for t in traits if any(s.page_id in allowed for s in t.sources)],
            )
        return known.profile

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
        seqs = self._places(ids)
        places = np.fromiter(seqs.values(), np.int64, len(seqs))
        inside = np.isin(places, self.positions).tolist()
        return frozenset(id_ for id_, here in zip(seqs, inside, strict=True) if here)

    def _places(self, ids: set[str]) -> dict[str, int]:
        """Return the positions of those of some pages that are there."""
        known = self._view.places
        missing = sorted(ids.difference(known))
        if missing:
            known.update(self._store.positions_of(self._scope, missing))
        return {id_: known[id_] for id_ in ids if id_ in known}

    @property
    def _narrowed(self) -> Narrowed:
        """What the view keeps of this filter."""
        kept = self._view.tiers.narrowed
        found = kept.get(self._where)
        if found is None:
            make_room(kept)
            found = kept[self._where] = Narrowed()
        return found


def _shared(few: NDArray[np.int64], many: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions that are in both; each ascending, and the first the shorter at best."""
    if not many.size:
        return many
    places = np.searchsorted(many, few)
    inside = many[np.minimum(places, many.size - 1)] == few
    return np.asarray(few[inside], np.int64)


def make_room(kept: dict[PageFilter, Any]) -> None:
    """Drop the oldest of the filters that are kept, so that one more may be."""
    while len(kept) >= _MOST_FILTERS:
        kept.pop(next(iter(kept), PageFilter()), None)
