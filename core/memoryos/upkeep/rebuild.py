"""Rebuild: everything derived is derived again from the journal, beside the live data.

The journal is copied into a store in memory, worked through there, and what comes out takes the
place of the live state in one commit. Interrupted before that, nothing has changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from memoryos.config import MemoryConfig
from memoryos.errors import StorageBusy
from memoryos.model import NO_SEGMENT, Note, Page, Scope, Visits
from memoryos.ports import AnalystChoice, Clock, Embedder
from memoryos.retrieval.views import Views
from memoryos.storage.codec import DERIVED_KINDS, JOURNALLED_KINDS, decode, moved
from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.journal import drafts_of
from memoryos.storage.leases import Leases
from memoryos.storage.port import (
    Assignment,
    Changes,
    Head,
    NewVectors,
    PageQuery,
    Record,
    Store,
    StoredEmbedder,
)
from memoryos.storage.transact import attempts, transact
from memoryos.storage.vectors import reindex
from memoryos.updating.events import Events
from memoryos.updating.filing import Updater
from memoryos.upkeep.export import Difference, Progress, checked_again, difference


def rebuild(
    store: Store,
    scope: Scope,
    *,
    embedder: Embedder,
    analysts: AnalystChoice,
    config: MemoryConfig,
    clock: Clock,
    leases: Leases,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Difference:
    """Derive a scope again and swap; return what that changes (or, with `dry_run`, would).

    Raises ModelError or StorageError; then nothing has changed.
    """
    with nullcontext(True) if dry_run else leases.holding(scope) as mine:
        if not mine:
            holder = leases.holder(scope)
            raise StorageBusy(f"{holder} is consolidating the scope: rebuild it after that")
        if not dry_run:
            reindex(store, scope, embedder)
        for _ in attempts("rebuild"):
            head = store.head(scope)
            pages = store.pages(scope, PageQuery())
            scratch = InMemoryStore()
            checked = [checked_again(page, config.max_text_bytes) for page in pages]
            copies = scratch.append(scope, drafts_of(checked))
            receipts = store.receipts(scope)
            scratch.commit(scope, scratch.head(scope), Changes(receipts=receipts))
            events = _events(store, scope, [page.seq for page in pages])
            _work_through(scratch, scope, events, embedder, analysts, config, clock, progress)
            real = {copy.seq: page.seq for copy, page in zip(copies, pages, strict=True)}
            derived = scratch.records(scope, DERIVED_KINDS)
            fresh = [moved(record, partial(_real, real)) for record in derived]

            # Only an erasure or a replaced page makes the work stale; new pages simply wait.
            def work(
                now: Head,
                head: Head = head,
                pages: list[Page] = pages,
                scratch: InMemoryStore = scratch,
                fresh: list[Record] = fresh,
            ) -> tuple[Changes | None, Difference | None]:
                old = store.records(scope, DERIVED_KINDS)
                changed = difference(old, fresh)
                standing = store.pages(scope, PageQuery())
                here = {page.id: page.seq for page in standing}
                if now.epoch != head.epoch or any(here.get(p.id) != p.seq for p in pages):
                    return None, None
                if dry_run:
                    return None, changed
                turns = {page.id for page in standing if page.segment_id != NO_SEGMENT}
                return _swap(scratch, scope, old, fresh, embedder, turns), changed

            changed = transact(store, scope, "rebuild", work)
            if changed is not None:
                return changed
        raise AssertionError("unreachable")


def _work_through(
    scratch: InMemoryStore,
    scope: Scope,
    events: Sequence[Visits | Note],
    embedder: Embedder,
    analysts: AnalystChoice,
    config: MemoryConfig,
    clock: Clock,
    progress: Progress | None,
) -> None:
    updater = Updater(scratch, Views(scratch, config), embedder, analysts, config, clock)
    log = Events(scratch, updater)
    updater.embed(scope)
    if updater.by_page(scope):
        log.replay(scope, events)
        if progress is not None:
            progress(total := scratch.counts(scope).pages, total)
        return
    due = updater.due(scope, everything=True)
    total = sum(len(seqs) for _, seqs in due)
    done = 0
    for session_id, seqs in due:
        updater.page_out(scope, session_id, seqs)
        done += len(seqs)
        if progress is not None:
            progress(done, total)
    for event in events:
        if isinstance(event, Note):
            log.apply(scope, event)


def _real(real: dict[int, int], seq: int) -> int:
    return real.get(seq, 0)


def _events(store: Store, scope: Scope, seqs: Sequence[int]) -> list[Visits | Note]:
    """Return the recalls and notes of a scope, at the positions of a journal without gaps."""
    found = [
        decode(moved(record, lambda seq: bisect_right(seqs, seq)))
        for record in store.records(scope, JOURNALLED_KINDS)
    ]
    events = [event for event in found if isinstance(event, (Visits, Note))]
    return sorted(events, key=lambda event: event.after_seq)


def _swap(
    scratch: InMemoryStore,
    scope: Scope,
    old: list[Record],
    fresh: list[Record],
    embedder: Embedder,
    here: set[str],
) -> Changes:
    keys = {(record.kind, record.id) for record in fresh}
    pages = scratch.pages(scope, PageQuery())
    placed = {page.id: (page.segment_id, page.chain_id) for page in pages}
    seqs, blobs = scratch.vectors(scope, 0, scratch.head(scope).last_seq)
    by_seq = dict(zip(seqs, blobs, strict=True))
    vectors = None
    if pages:
        mine = StoredEmbedder(embedder.name, embedder.dimension)
        vectors = NewVectors(mine, {page.id: by_seq[page.seq] for page in pages})
    return Changes(
        put=fresh,
        delete=[(r.kind, r.id) for r in old if (r.kind, r.id) not in keys],
        assign=[Assignment(id_, *placed.get(id_, (None, None))) for id_ in sorted(here)],
        vectors=vectors,
        erase_unreadable=True,
    )
