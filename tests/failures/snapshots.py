"""All that a store or an export holds, as values to be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from memoryos.storage.port import Kind, PageQuery, Store
from memoryos.testing.store_samples import plain

KINDS: tuple[Kind, ...] = ("topic", "segment", "chain", "knowledge", "trait")


def snapshot(store: Store, scope: Any) -> Any:
    """All that a store holds of a scope; times of deriving and ids of receipts aside."""
    records = sorted(store.records(scope, KINDS), key=lambda r: (r.kind, r.id))
    head = store.head(scope)
    return (
        store.pages(scope, PageQuery()),
        [replace(record, body=_timeless(record.body)) for record in records],
        store.counts(scope),
        store.sessions(scope),
        store.waiting(scope),
        # A page that was replaced leaves its position in the index of those who had it.
        plain(store.index_columns(scope, 0))[:4],
        store.vectors(scope, 0, head.last_seq),
        (head.last_seq, head.embedded_seq, head.embedder) if head.last_seq else None,
        [timeless_receipt(receipt) for receipt in store.receipts(scope)],
        [(call.purpose, call.outcome) for call in store.calls(scope)],
    )


def exported(file: Path) -> Any:
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for line in lines:
        line.pop("user_id", None)
        for kind in ("knowledge", "trait"):
            if kind in line:
                line[kind].pop("derived", None)
        if "receipt" in line:
            line["receipt"] = {**line["receipt"], "id": "", "at": "", "traces": ""}
    return lines


def _timeless(body: Any) -> Any:
    return {name: value for name, value in body.items() if name != "derived"}


def timeless_receipt(receipt: Any) -> Any:
    return replace(receipt, id="", at=receipt.at.min, traces="")
