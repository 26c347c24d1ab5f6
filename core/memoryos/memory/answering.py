"""What `Memory.respond` is given: checked before an answer is paid for, as the prompt takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memoryos.generation.context import Recall
from memoryos.model import ANSWERED_BY, DREW_ON, QUOTATION
from memoryos.storage.journal import checked_metadata, checked_text


def check_question(query: str, metadata: Mapping[str, Any] | None, most_bytes: int) -> None:
    """Raise InvalidInput for what could not be journalled with the answer."""
    checked_text(query, "query", most_bytes)
    checked_metadata(metadata, most_bytes)


def hints_of(relationship: str, style: str, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the hints by the names that `respond_messages` has for them."""
    return {
        "relationship_with_user": relationship,
        "style_hint": style,
        "metadata": metadata,
    }


def answer_metadata(
    metadata: Mapping[str, Any] | None, found: Recall, *, quotes: bool
) -> dict[str, Any]:
    """Return the metadata of an answer's page: the caller's, and what the answer drew on.

    `quotes`: there is no model, the answer quotes.
    """
    pages = [*(item.page for item in found.pages), *found.short_term]
    knowledge = [*found.user_knowledge, *found.agent_knowledge]
    ids = [
        *(page.id for page in pages),
        *(page.chain_id for page in pages if page.chain_id),
        *(segment.id for segment in found.segments),
        *(item.id for item in knowledge),
        *(trait.id for trait in found.profile.traits),
        *found.profile.sources.values(),
    ]
    extra = dict(metadata or {})
    if ids:
        extra[DREW_ON] = list(dict.fromkeys(ids))
    if quotes:
        extra[ANSWERED_BY] = QUOTATION
    return extra
