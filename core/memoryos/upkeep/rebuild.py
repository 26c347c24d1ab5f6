"""Rebuild: everything derived is derived again from the journal, beside the live data.

The journal is copied into a store in memory, worked through there, and what comes out takes the
place of the live state in one commit. Interrupted before that, nothing has changed.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from memoryos.config import MemoryConfig
from memoryos.errors import StorageBusy
from memoryos.model import Page, Scope, Segment
from memoryos.ports import AnalystChoice, Clock, Embedder
from memoryos.retrieval.views import Views
from memoryos.storage.codec import ALL_KINDS, decode, encode
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
            raise StorageBusy(
                f"the scope is being consolidated by {leases.holder(scope)}; "
                "rebuild it when that is done"
            )
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
            _work_through(scratch, scope, embedder, analysts, config, clock, progress)
            real = {copy.seq: page.seq for copy, page in zip(copies, pages, strict=True)}
            fresh = [_placed(record, real) for record in scratch.records(scope, ALL_KINDS)]

            # Only an erasure or a replaced page makes the work stale; new pages simply wait.
            def work(
                now: Head,
                head: Head = head,
                pages: list[Page] = pages,
                scratch: InMemoryStore = scratch,
                fresh: list[Record] = fresh,
            ) -> tuple[Changes | None, Difference | None]:
                old = store.records(scope, ALL_KINDS)
                changed = difference(old, fresh)
                here = {page.id: page.seq for page in store.pages(scope, PageQuery())}
                if now.epoch != head.epoch or any(here.get(p.id) != p.seq for p in pages):
                    return None, None
                if dry_run:
                    return None, changed
                return _swap(scratch, scope, old, fresh, embedder, set(here)), changed

            changed = transact(store, scope, "rebuild", work)
            if changed is not None:
                return changed
        raise AssertionError("unreachable")


def _work_through(
    scratch: InMemoryStore,
    scope: Scope,
    embedder: Embedder,
    analysts: AnalystChoice,
    config: MemoryConfig,
    clock: Clock,
    progress: Progress | None,
) -> None:
    updater = Updater(scratch, Views(scratch, config), embedder, analysts, config, clock)
    updater.embed(scope)
    due = updater.due(scope, everything=True)
    total = sum(len(seqs) for _, seqs in due)
    done = 0
    for session_id, seqs in due:
        updater.page_out(scope, session_id, seqs)
        done += len(seqs)
        if progress is not None:
            progress(done, total)


def _placed(record: Record, real: dict[int, int]) -> Record:
    """Return a scratch record with positions of the real journal."""
    value = decode(record)
    if isinstance(value, Segment) and value.promoted_seq:
        value = replace(value, promoted_seq=real[value.promoted_seq])
        return replace(encode(value), vector=record.vector)
    return record


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
