"""Cache of scopes in memory: the search index and the live tiers of each.

One cheap read of the scope's `Head` at each use tells what was added to the store since; that is
loaded. After a removal (another epoch) the scope is read anew. Least recently used scopes are
dropped beyond `cached_scopes` and `cache_bytes`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from memoryos.config import MemoryConfig
from memoryos.model import Knowledge, Owner, Page, Profile, Scope, Segment, Trait
from memoryos.ports import Vectors
from memoryos.retrieval.index import ScopeIndex, ServerIndex
from memoryos.retrieval.knowing import Side, word_ids
from memoryos.storage.codec import decode, from_blob
from memoryos.storage.columns import VectorColumns
from memoryos.storage.port import Head, Kind, PageFilter, Store
from memoryos.storage.search import SearchStore
from memoryos.tiers.long_term import profile_of
from memoryos.tiers.mid_term import Nearness

Result = TypeVar("Result")
_READ_AT_ONCE = 2048
"""Positions whose vectors are read together: what a store joins has its limits (SQLite's are 1 GB),
and its memory for them is used again."""
_MANY = 8192
"""Pages from which on a thread for their vectors is worth while: they take it ten milliseconds."""
_SMALL = 20_000
"""Pages up to which recalls take `Views.recall_lock`."""
_MOST_CHARACTERS = 1 << 18
"""Of the pages that are kept of a scope, as they were read."""
_LIVE_KINDS: Sequence[Kind] = ("segment", "knowledge", "trait")


class Narrowed:
    """What a filter of pages leaves of the tiers, as far as it has been asked for.

    Pages added since change nothing of it: they are in no segment, and nothing stands on them.
    """

    def __init__(self) -> None:
        self.rows: dict[Owner, NDArray[np.intp]] = {}
        """Of each side's knowledge."""
        self.profile: Profile | None = None
        self.segments: dict[str, bool] = {}
        """By id, whether one holds a page that matches."""
        self.held: set[str | None] | None = None
        """Ids of all that do, where few pages match."""


class Tiers:
    """The live mid- and long-term memory of a scope. Immutable once handed out."""

    def __init__(
        self,
        segments: dict[str, Segment],
        knowledge: dict[str, Knowledge],
        traits: dict[str, Trait],
        vectors: dict[str, Vectors],
        nearness: Nearness,
        older: Tiers | None = None,
    ) -> None:
        self.segments = segments
        self.knowledge = knowledge
        self.traits = traits
        self.vectors = vectors
        """Vectors of segments and of knowledge, by id."""
        self.nearness = nearness
        """Vectors and keywords of the segments as arrays, for Eq. 3."""
        self.known_words: dict[str, bytes] = {}
        """`word_ids` of knowledge, as far as they have been asked for."""
        self._known: dict[Owner, Side] = {}
        self.sources: dict[Owner, tuple[NDArray[np.intp], NDArray[np.int64]]] = {}
        """(row of `known`, position of the page) of each source of one side."""
        self.narrowed: dict[PageFilter, Narrowed] = {}
        self.pages_of: dict[str, NDArray[np.int64]] = {}
        """By segment, positions of its pages, ascending, as far as they have been asked for."""
        if older is not None:
            self.known_words = {
                id_: words
                for id_, words in older.known_words.items()
                if knowledge.get(id_) is older.knowledge[id_]
            }

    @cached_property
    def profile(self) -> Profile:
        """Who the user and the agent are, as far as is known."""
        return profile_of(self.knowledge.values(), self.traits.values())

    def known(self, owner: Owner) -> Side:
        """Return what is known of one side."""
        found = self._known.get(owner)
        if found is None:
            items = [
                item
                for item in self.knowledge.values()
                if item.owner == owner and item.id in self.vectors
            ]
            rows = [self.vectors[item.id] for item in items]
            matrix = np.stack(rows) if rows else np.zeros((0, 0), np.float32)
            found = self._known[owner] = Side(items, matrix, self._words)
        return found

    def _words(self, item: Knowledge) -> bytes:
        found = self.known_words.get(item.id)
        if found is None:
            found = self.known_words[item.id] = word_ids(item.text)
        return found


class ScopeView:
    """Cached state of one scope: index and tiers as of `head`."""

    def __init__(
        self,
        head: Head,
        index: ScopeIndex | ServerIndex,
        tiers: Tiers,
        dimension: int,
        filtered: dict[PageFilter, tuple[int, NDArray[np.int64]]],
        places: dict[str, int] | None = None,
        read: ReadPages | None = None,
    ) -> None:
        self.head = head
        self.index = index
        self.tiers = tiers
        self.dimension = dimension
        """Length of the vectors in the index; 0 while there are none."""
        self.filtered = filtered
        """By filter, positions of the pages that match, as far as the first number."""
        self.short_term: dict[str, tuple[Page, ...]] = {}
        """By session, its newest pages, as far as they have been asked for."""
        self.places = {} if places is None else places
        """By id, positions of pages, as far as they have been asked for."""
        self.read = ReadPages() if read is None else read
        """Pages that recalls have shown."""


class ReadPages:
    """A few pages of a scope, as they are until its version changes. Thread-safe."""

    def __init__(self) -> None:
        self._pages: dict[int, Page] = {}
        self._room = _MOST_CHARACTERS

    def of(
        self, seqs: Sequence[int], load: Callable[[list[int]], Sequence[Page]]
    ) -> dict[int, Page]:
        """Return pages by position, those that are not here loaded; those gone are left out."""
        kept = self._pages
        found = {seq: kept[seq] for seq in seqs if seq in kept}
        if len(found) < len(seqs):
            new = load([seq for seq in seqs if seq not in found])
            found.update({page.seq: page for page in new})
            self._keep(new)
        return found

    def _keep(self, pages: Sequence[Page]) -> None:
        lasting = [page for page in pages if _is_lasting(page)]
        size = sum(len(page.user_input) + len(page.agent_response) for page in lasting)
        if size > self._room:
            self._pages, self._room = {}, _MOST_CHARACTERS
        if size <= self._room:
            self._pages.update({page.seq: page for page in lasting})
            self._room -= size


class Views:
    """LRU cache of an engine's scope views. Thread-safe."""

    def __init__(self, store: Store, config: MemoryConfig) -> None:
        self._store = store
        self._server = store.search if isinstance(store, SearchStore) else None
        self._config = config
        self.after_fork()

    def after_fork(self) -> None:
        """Clear the cache and make new locks: the parent's may be held by threads that are gone."""
        self._lock = threading.Lock()
        self._recall_lock = threading.Lock()
        self._views: OrderedDict[Scope, _Slot] = OrderedDict()
        self._nbytes = 0
        """Sum of all slots' nbytes: adding them up at each use takes milliseconds."""

    def get(self, scope: Scope) -> ScopeView:
        """Return the view with all that was committed before this call. Raises StorageError."""
        slot = self._slot(scope)
        with slot.lock:
            grown = self._refresh(scope, slot)
            view = slot.view
            assert view is not None
        if grown:
            self._shrink(slot, view.index.nbytes)
        return view

    def tiers(self, scope: Scope) -> Tiers:
        """Return the live tiers alone, as `get` has them: no page is read. Raises StorageError."""
        slot = self._slot(scope)
        with slot.lock:
            return self._refresh_tiers(scope, slot, self._store.head(scope))

    def _slot(self, scope: Scope) -> _Slot:
        with self._lock:
            slot = self._views.get(scope)
            if slot is None:
                slot = self._views[scope] = _Slot(scope)
            self._views.move_to_end(scope)
        return slot

    def cached(self, scope: Scope) -> ScopeView | None:
        """Return the scope's view if it is in the cache, without bringing it up to date."""
        with self._lock:
            slot = self._views.get(scope)
            return slot.view if slot else None

    def recall_lock(self, view: ScopeView) -> AbstractContextManager[Any]:
        """Return the lock that serialises small recalls, to avoid contention for the GIL.

        A recall from few pages is Python code for the most part: threads that run one after the
        other answer sooner than threads that hand the GIL over at every call of numpy or SQLite.
        For a scope of many pages (numpy and FAISS release the GIL), or a store that searches in
        its server (the thread waits for the network), the result is a null context.
        """
        index = view.index
        small = isinstance(index, ScopeIndex) and len(index) < _SMALL
        return self._recall_lock if small and self._server is None else nullcontext()

    def drop(self, scope: Scope) -> None:
        """Remove a scope from the cache."""
        with self._lock:
            slot = self._views.pop(scope, None)
            if slot is not None:
                self._nbytes -= slot.nbytes

    def clear(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._views.clear()
            self._nbytes = 0

    def _shrink(self, grown: _Slot, nbytes: int) -> None:
        """Update the byte count of a slot, then evict what is beyond the cache's limits."""
        config = self._config
        with self._lock:
            if self._views.get(grown.scope) is grown:  # else it was dropped meanwhile
                self._nbytes += nbytes - grown.nbytes
                grown.nbytes = nbytes
            while len(self._views) > 1 and (
                len(self._views) > config.cached_scopes or self._nbytes > config.cache_bytes
            ):
                self._nbytes -= self._views.popitem(last=False)[1].nbytes

    def _refresh(self, scope: Scope, slot: _Slot) -> bool:
        """Bring the slot's view up to the store; return whether its index grew."""
        head = self._store.head(scope)
        view = slot.view
        if view is not None and view.head == head:
            return False
        on_server = self._is_searched_by_server(head)
        if (
            view is None
            or (view.head.epoch, view.head.embedder) != (head.epoch, head.embedder)
            or isinstance(view.index, ServerIndex) != on_server
            or (isinstance(view.index, ScopeIndex) and view.index.needs_rebuild)
        ):
            view = self._empty(scope, head, on_server=on_server)
        old, replaced = view.head, view.index.replaced
        if head.last_seq > old.last_seq or head.embedded_seq > old.embedded_seq:
            self._load_pages(scope, view, old, head)
        tiers = self._refresh_tiers(scope, slot, head)
        # Readers hold the old view: they get a new one, over the same index.
        read = view.read if head.version == old.version else None
        filtered, places = view.filtered, view.places
        if view.index.replaced != replaced:  # some pages have moved
            filtered, places = {}, {}
        slot.view = ScopeView(head, view.index, tiers, view.dimension, filtered, places, read)
        return head.last_seq > old.last_seq

    def _refresh_tiers(self, scope: Scope, slot: _Slot, head: Head) -> Tiers:
        """Bring the slot's tiers up to a head of the store."""
        old = slot.tiers_head
        if (old.epoch, old.embedder) != (head.epoch, head.embedder):
            slot.tiers, old = _no_tiers(), Head()
        if head.version > old.version:
            slot.tiers = self._load_tiers(scope, slot.tiers, old)
        slot.tiers_head = head
        return slot.tiers

    def _is_searched_by_server(self, head: Head) -> bool:
        """Return whether the scope is searched in the store's server."""
        config = self._config
        return (
            head.last_seq >= config.search_in_server_from
            and config.retrieval == "fused"
            and self._server is not None
        )

    def _empty(self, scope: Scope, head: Head, *, on_server: bool) -> ScopeView:
        """Return a view without pages; a `ServerIndex` reads its pages' positions at once."""
        dimension = head.embedder.dimension if head.embedder else 0
        ranking = self._config.ranking
        if head.embedder is not None:
            ranking = ranking.for_embedder(head.embedder.name)
        index: ScopeIndex | ServerIndex
        if on_server:
            assert self._server is not None
            index = ServerIndex(self._server, scope, dimension, ranking)
        else:
            index = ScopeIndex(max(dimension, 1), ranking)
        empty = Head(epoch=head.epoch, embedder=head.embedder)
        return ScopeView(empty, index, _no_tiers(), dimension, {})

    def _load_pages(self, scope: Scope, view: ScopeView, old: Head, head: Head) -> None:
        index = view.index
        known = max(index.last_seq, 0)
        if isinstance(index, ServerIndex):
            index.extend(self._store.index_columns(scope, known))
            return

        def read() -> list[VectorColumns]:
            return self._vectors(scope, known, head.embedded_seq)

        # What is read first and what second decides nothing: pages are matched by position.
        with _result_of(read, in_thread=head.last_seq - known >= _MANY) as vectors:
            index.extend(self._store.index_columns(scope, known), vectors)
        # Vectors of pages that the index had already.
        late = min(head.embedded_seq, known)
        if late > old.embedded_seq:
            index.set_vectors(self._vectors(scope, old.embedded_seq, late))

    def _vectors(self, scope: Scope, after: int, up_to: int) -> list[VectorColumns]:
        """Read the vectors of a range of positions, in parts."""
        return [
            self._store.joined_vectors(scope, first, min(first + _READ_AT_ONCE, up_to))
            for first in range(after, up_to, _READ_AT_ONCE)
        ]

    def _load_tiers(self, scope: Scope, tiers: Tiers, old: Head) -> Tiers:
        segments, knowledge = dict(tiers.segments), dict(tiers.knowledge)
        traits, vectors = dict(tiers.traits), dict(tiers.vectors)
        changes: dict[str, tuple[Segment, Vectors] | None] = {}
        live = True if old.version == 0 else None
        for record in self._store.records(scope, _LIVE_KINDS, after_version=old.version, live=live):
            value = decode(record)
            if isinstance(value, Trait):
                traits[value.name] = value
            elif isinstance(value, Knowledge):
                knowledge.pop(value.id, None)
                vectors.pop(value.id, None)
                if record.live:
                    knowledge[value.id] = value
                    if record.vector is not None:
                        vectors[value.id] = from_blob(record.vector)
            elif isinstance(value, Segment):
                if record.live and record.vector is not None:
                    segments[value.id] = value
                    vectors[value.id] = from_blob(record.vector)
                    changes[value.id] = (value, vectors[value.id])
                else:
                    segments.pop(value.id, None)
                    vectors.pop(value.id, None)
                    changes[value.id] = None
        nearness = tiers.nearness.with_changes(changes).compacted() if changes else tiers.nearness
        return Tiers(segments, knowledge, traits, vectors, nearness, tiers)


class _Slot:
    """Cache entry; its lock lets one thread at a time build the view."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.lock = threading.Lock()
        self.view: ScopeView | None = None
        self.nbytes = 0
        """Bytes of the index when it was last counted."""
        self.tiers = _no_tiers()
        self.tiers_head = Head()
        """What the tiers are as of; they may be ahead of the view."""


def _no_tiers() -> Tiers:
    return Tiers({}, {}, {}, {}, Nearness.of((), {}))


def _is_lasting(page: Page) -> bool:
    """Return whether neither the store nor a caller may change a page that was read.

    A document changes without the scope's version, and a damaged page may be mended; metadata and
    content blocks are a caller's to change.
    """
    plain = not page.metadata and all(isinstance(m.content, str) for m in page.messages)
    return plain and not page.damaged


@contextmanager
def _result_of(work: Callable[[], Result], *, in_thread: bool) -> Iterator[Callable[[], Result]]:
    """Yield a function that returns the result of `work`, which runs in a thread if `in_thread`.

    Where no thread can be started, `work` runs when that function is called.
    """
    if not in_thread:
        yield work
        return
    with ThreadPoolExecutor(1, "memoryos-vectors") as pool:
        try:
            under_way = pool.submit(work)
        except RuntimeError:  # no more threads, or the interpreter is ending
            yield work
        else:
            yield under_way.result
