"""What `Memory.respond` is given: checked before an answer is paid for, as the prompt takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
