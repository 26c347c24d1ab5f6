"""Sample pages, records, vectors and receipts for the store contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from memoryos.model import ErasureReceipt, Message, Page, Scope
from memoryos.ports import Call
from memoryos.storage.codec import plain_messages
from memoryos.storage.columns import IndexColumns
from memoryos.storage.port import (
    Assignment,
    Changes,
    Kind,
    PageDraft,
    Record,
    Store,
    StoredEmbedder,
)

SCOPE = Scope("tom", "assistant")
NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
EMBEDDER = StoredEmbedder("contract", 2)

HOSTILE_TEXTS = (
    "plain",
    " leading, trailing and inner  spaces \t",
    "lines\nand\r\nmore\rlines\n",
    "'quotes' \"double\" `back` \\backslash\\ %s %d {} ;-- DROP TABLE pages",
    "żółć ñandú Ω≈ç√ 中文字符 عربى עברית हिन्दी",
    "👩🏽‍🚀🇧🇷 emoji, e\u0301 combining, ﬁ ligature, \ufeff mark, \u200b none wide",
    "\u0001\u0007\u001b[31m\u007f control characters \u0085\u2028\u2029",
    "\U0010ffff\uffff\ufffd edges of Unicode",
    "0",
    "null",
    "x" * 20_000,
)
"""Texts that a store must give back character by character. A page's text holds no NUL."""

ALIKE_IDS = (
    "tom",
    "Tom",
    "TOM",
    "ｔｏｍ",
    "tom ",
    " tom",
    "tom\n",
    "tom\x00",
    "tom\x00x",
    "\x00tom",
    "../tom",
    "tom/../tom",
    "tom%00",
    "tom'",
    'tom"',
    "tom\\",
    "to\u200bm",
    "café",
    "cafe\u0301",
    "ß",
    "ss",
    "I",
    "ı",
    "İ",
    "👩",
    "👩🏽",
    "t" * 999,
    "t" * 1000,
    "%",
    "_",
    "*",
    "NULL",
    "0",
    "0.0",
)
"""Ids that a careless store takes for one another."""


def draft(
    id_: str,
    text: str = "hello",
    answer: str = "",
    *,
    session: str = "default",
    at: datetime | None = None,
    minute: int = 0,
    metadata: Mapping[str, Any] | None = None,
    messages: tuple[Message, ...] | None = None,
    terms: bytes | None = None,
    replaces: int | None = None,
) -> PageDraft:
    """Return a page to be journalled."""
    return PageDraft(
        id=id_,
        user_input=text,
        agent_response=answer,
        timestamp=at or NOON + timedelta(minutes=minute),
        session_id=session,
        metadata=metadata or {},
        messages=plain_messages(text, answer) if messages is None else messages,
        terms=id_.encode() if terms is None else terms,
        replaces=replaces,
    )


def record(
    kind: Kind,
    id_: str,
    body: Mapping[str, Any] | None = None,
    *,
    vector: bytes | None = None,
    live: bool = True,
) -> Record:
    """Return a derived record; a store does not look into its body."""
    return Record(kind, id_, {"id": id_} if body is None else body, vector, live)


def receipt(id_: str) -> ErasureReceipt:
    """Return a receipt."""
    return ErasureReceipt(id_, NOON, "page", {"pages": 2}, {"segments": 1}, ("p1", "p2"), ("k1",))


def call(purpose: str, minute: int = 0) -> Call:
    """Return a line of the ledger."""
    return Call(purpose, "model", 10, 2, 0.25, "ok", NOON + timedelta(minutes=minute))


def blob(number: int) -> bytes:
    """Return some vector of two dimensions, packed as `codec.pack_vectors` does."""
    return bytes([127, number])


def fill(store: Store, scope: Scope = SCOPE, pages: int = 3) -> list[Page]:
    """Journal pages p1, p2… one minute apart."""
    return store.append(scope, [draft(f"p{n}", f"text {n}", minute=n) for n in range(1, pages + 1)])


def plain(columns: IndexColumns) -> tuple[list[Any], ...]:
    """Return columns as lists that can be compared: seqs, sessions, times, terms, first."""
    return (
        columns.seqs.tolist(),
        columns.sessions.tolist(),
        columns.timestamps.tolist(),
        columns.terms_by_page(),
        columns.first.tolist(),
    )


def place(store: Store, scope: Scope, places: Mapping[str, tuple[str | None, str | None]]) -> None:
    """Give pages their segment and chain."""
    assign = [Assignment(id_, segment, chain) for id_, (segment, chain) in places.items()]
    assert store.commit(scope, store.head(scope), Changes(assign=assign))
