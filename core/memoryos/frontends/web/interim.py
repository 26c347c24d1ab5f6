"""Until a recall has a relevance of its own, and a least one to ask for: this file goes then."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from starlette.exceptions import HTTPException

from memoryos.generation.context import Recall


def accepted(recall: Callable[..., Any], min_relevance: float | None) -> dict[str, Any]:
    """Return `min_relevance` as an argument, if given. Raises HTTPException(501): not there yet."""
    if min_relevance is None:
        return {}
    if "min_relevance" not in signature(recall).parameters:
        raise HTTPException(501, "This version has no min_relevance yet.")
    return {"min_relevance": min_relevance}


def relevance(found: Recall | None) -> float | None:
    """Return the relevance of a recall, where it has one."""
    return getattr(found, "relevance", None)
