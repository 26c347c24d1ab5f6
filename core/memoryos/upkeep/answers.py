"""Answers of `respond` that drew on what is to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace

from memoryos.model import ANSWERED_BY, DREW_ON, QUOTATION, Page
from memoryos.storage.journal import drafts_of, message_page
from memoryos.storage.port import PageDraft
from memoryos.text.tokenizer import content_words

_NONE: frozenset[str] = frozenset()


def answers_drawn(
    pages: Sequence[Page], gone: Set[str], named_by: Callable[[Set[str]], Set[str]]
) -> tuple[list[Page], list[str]]:
    """Return (pages whose answers go with the erased ones, ids of those that only drew on them).

    An answer goes if it says a word that nobody says any more but the erased pages and the answers
    that drew on them.

    Args:
        pages: all of the scope.
        gone: ids of the pages that are erased.
        named_by: returns pages' ids and those of all that was derived from them.
    """
    left = [page for page in pages if page.id not in gone]
    drawn = {page.id: _drawn(page) for page in left}
    said = [page.text for page in pages if page.id in gone]
    going: dict[str, Page] = {}
    while True:
        touched = named_by({*gone, *going})
        late = [page for page in left if not touched.isdisjoint(drawn[page.id])]
        if not late:
            return [], []
        theirs = set(content_words("\n".join([*said, *_answers(going.values())])))
        ids = {page.id for page in late}
        for page in left:
            kept = page.user_input if page.id in ids else page.text
            theirs.difference_update(content_words(kept))
        more = {
            page.id: page
            for page in late
            if page.id not in going and not theirs.isdisjoint(content_words(page.agent_response))
        }
        if not more:
            return list(going.values()), [page.id for page in late if page.id not in going]
        going |= more


def without_answer(page: Page) -> PageDraft:
    """Return the draft of a page without what the agent said."""
    asked = message_page(
        [message for message in page.messages if message.role != "assistant"],
        id_=page.id,
        timestamp=page.timestamp,
        session_id=page.session_id,
        metadata={name: value for name, value in page.metadata.items() if name != DREW_ON},
        most_bytes=len(page.text) * 64 + 1_000_000,
    )
    return replace(drafts_of([asked])[0], replaces=page.seq)


def _answers(pages: Iterable[Page]) -> list[str]:
    return [page.agent_response for page in pages]


def drawn_on(page: Page) -> frozenset[str]:
    """Return the ids of what an answer drew on, or quotes."""
    ids = page.metadata.get(DREW_ON)
    return frozenset(id_ for id_ in ids if isinstance(id_, str)) if isinstance(ids, list) else _NONE


def _drawn(page: Page) -> frozenset[str]:
    """Return the ids of what a model's answer drew on."""
    # What is only quoted is told by its words.
    return _NONE if page.metadata.get(ANSWERED_BY) == QUOTATION else drawn_on(page)
