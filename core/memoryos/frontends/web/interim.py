"""Until the verbs of DESIGN section 3 are all there: this file goes when they are.

`remember`, `correct`, `min_relevance`, `as_of`, `kind`, relevance and passages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException


def verb(memory: Any, name: str) -> Callable[..., Any]:
    """Return a verb of a memory. Raises HTTPException(501) where it is not there yet."""
    found = getattr(memory, name, None)
    if found is None:
        raise HTTPException(501, f"This version has no {name} yet.")
    return found  # type: ignore[no-any-return]


def accepted(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return the arguments that were given. Raises HTTPException(501) for one not there yet."""
    given = {name: value for name, value in arguments.items() if value not in (None, "")}
    known = inspect.signature(call).parameters
    for name in given:
        if name not in known:
            raise HTTPException(501, f"This version has no {name} yet.")
    return given


def kind(item: Any) -> str:
    """Return the kind of an entry of knowledge."""
    return str(getattr(item, "kind", "fact"))


def relevance(found: Any) -> float | None:
    """Return the relevance of a recall or of one of its pages."""
    return getattr(found, "relevance", None)


def passages(item: Any) -> list[str]:
    """Return the passages to mark in a recalled page; none where the whole page is one."""
    found = getattr(item, "passages", ())
    return [str(part.text) for part in found if getattr(part, "side", None) is not None]
