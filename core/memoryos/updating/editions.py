"""Memories that an older edition has filed: what its rules made of the pages is made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from memoryos.model import NO_SEGMENT, Chain, Scope
from memoryos.storage.codec import DERIVED_KINDS, EDITION, decode, encode
from memoryos.storage.port import Assignment, Changes, Head, PageQuery, Record, Store
from memoryos.storage.transact import transact
from memoryos.updating.analysts.quotation import without_quotation
from memoryos.updating.analysts.statements import statements
from memoryos.updating.paging import Paging


def renew(
    store: Store, scope: Scope, paging_of: Callable[[Scope], Paging], language: str | None
) -> None:
    """Take back what an older edition has filed, so that it is filed anew.

    What a model filed stays; what the rules asserted then was no more than a guess, and goes.
    """
    if not store.records(scope, ["chain"], live=True):
        return

    def work(_: Head) -> tuple[Changes | None, None]:
        old = store.records(scope, DERIVED_KINDS)
        chains = [value for r in old if isinstance(value := decode(r), Chain)]
        if all(chain.analyst == "rules" for chain in chains):
            # What a user stated by hand, or a model once read, stays.
            gone = [(record.kind, record.id) for record in old if _of_rules(record)]
            filed = [Assignment(id_, None, None) for c in chains for id_ in c.page_ids]
            return Changes(delete=gone, assign=filed), None
        gone = [
            (record.kind, record.id)
            for record in old
            if record.kind in ("knowledge", "trait") and _of_rules(record)
        ]
        paging = paging_of(scope)
        for page in store.pages(scope, PageQuery()):
            if page.segment_id not in (None, NO_SEGMENT):
                paging.state(statements(without_quotation(page), language), page)
        put = [encode(replace(chain, edition=EDITION)) for chain in chains]
        return Changes(put=[*put, *paging.knowledge()], delete=gone), None

    transact(store, scope, "filing", work)


def _of_rules(record: Record) -> bool:
    return record.kind == "segment" or record.body.get("analyst") == "rules"
