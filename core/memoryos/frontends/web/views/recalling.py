"""The recall playground: what a question finds, why, why not, and the prompt a model would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from memoryos.errors import InvalidInput
from memoryos.frontends.web.site import Site, asked, asked_number
from memoryos.frontends.web.views.timeline import FILTERS, where_of
from memoryos.generation.context import Recall
from memoryos.memory.memory import Memory
from memoryos.model import Page, RecalledPage

MOST_PAGES = 200
MOST_TOKENS = 100_000
RANKED_FOR_WHY = MOST_PAGES
"""How far down a page is looked for that was asked about."""


@dataclass(frozen=True)
class Why:
    """Why a page came, or why not."""

    page: Page
    rank: int | None
    """From 1; None when it is further down than is looked, or not admitted."""
    found: RecalledPage | None
    """The page as the question finds it among the others; None when it is not admitted."""
    last: RecalledPage | None
    """The last one that was shown."""
    admitted: bool
    """Whether the filters let it through."""


def recall(site: Site, request: Request) -> Response:
    """Ask a memory; nothing is heated by it."""
    found = site.memory(request)
    filters = {name: asked(request, name) for name in FILTERS}
    question = asked(request, "q")
    k = asked_number(request, "k", site.engine.config.top_pages, MOST_PAGES)
    budget = asked_number(request, "max_tokens", site.engine.config.context_tokens, MOST_TOKENS)
    session = asked(request, "as_session") or "default"
    asking: dict[str, Any] = {"where": where_of(filters), "visit": False}
    asking["as_of"] = asked(request, "as_of") or None
    asking["min_relevance"] = relevance_of(asked(request, "min_relevance"))
    result = found.session(session).recall(question, k, budget, **asking) if question else None
    why = None
    if result is not None and asked(request, "why"):
        why = _why(found, question, asked(request, "why"), asking, result.pages)
    prompt = result.prompt(budget) if result is not None else ""
    return site.page(
        request,
        "memory/recall.html",
        scope=found.scope,
        q=question,
        k=k,
        budget=budget,
        min_relevance=asked(request, "min_relevance"),
        as_of=asked(request, "as_of"),
        as_session=asked(request, "as_session"),
        filters=filters,
        found=result,
        prompt=prompt,
        prompt_tokens=result.count_tokens(prompt) if result is not None else 0,
        why=why,
        why_id=asked(request, "why"),
        why_most=RANKED_FOR_WHY,
    )


def _why(
    found: Memory,
    question: str,
    page_id: str,
    asking: dict[str, Any],
    shown: Sequence[RecalledPage],
) -> Why:
    """Return where a page stands on a question."""
    page = found.page(page_id)
    every: Recall = found.recall(question, RANKED_FOR_WHY, **{**asking, "min_relevance": 0})
    last = shown[-1] if shown else None
    for rank, item in enumerate(every.pages, 1):
        if item.page.id == page.id:
            return Why(page, rank, item, last, admitted=True)
    alone = {
        **(asking["where"] or {}),
        "session_id": page.session_id,
        "since": page.timestamp,
        "before": page.timestamp + timedelta(microseconds=1),
    }
    admitted = all(
        alone[name] == value
        for name, value in (asking["where"] or {}).items()
        if name == "session_id"
    )
    near = found.recall(question, RANKED_FOR_WHY, **{**asking, "where": alone, "min_relevance": 0})
    itself = next((item for item in near.pages if item.page.id == page.id), None)
    return Why(page, None, itself, last, admitted=admitted and itself is not None)


def relevance_of(given: str) -> float | None:
    """Return a relevance that a form gives. Raises InvalidInput."""
    if not given:
        return None
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InvalidInput("min_relevance must be a number from 0 to 1")
    return value
