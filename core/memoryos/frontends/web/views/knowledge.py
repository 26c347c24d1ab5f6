"""What is known: the list, one entry with where it comes from, and putting it right."""

from __future__ import annotations

from typing import cast

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from memoryos.errors import InvalidInput, NotFound
from memoryos.frontends.web.site import Site, asked, asked_number, ids_of
from memoryos.memory.memory import Memory
from memoryos.model import Knowledge, KnowledgeKind, Owner, Status, Trait

AT_ONCE = 40
SOURCES_AT_ONCE = 30
"""Turns that an entry shows as where it comes from: the newest."""


def listing(site: Site, request: Request) -> Response:
    """Show what is known, the newest first, by owner, kind, status, date and words."""
    found = site.memory(request)
    owner = asked(request, "owner")
    status = asked(request, "status") or "active"
    kind, as_of, words = asked(request, "kind"), asked(request, "as_of"), asked(request, "q")
    known = found.knowledge(
        cast("Owner | None", owner or None),
        cast("KnowledgeKind | None", kind or None),
        as_of or None,
        status=cast("Status", status),
    )
    if words:
        known = [item for item in known if words.casefold() in item.text.casefold()]
    known.sort(key=lambda item: item.updated, reverse=True)
    number = asked_number(request, "number", 1, 1_000_000)
    return site.page(
        request,
        "memory/knowledge.html",
        scope=found.scope,
        known=known[(number - 1) * AT_ONCE : number * AT_ONCE],
        total=len(known),
        number=number,
        more=len(known) > number * AT_ONCE,
        filters={"owner": owner, "kind": kind, "status": status, "as_of": as_of, "q": words},
    )


def entry(site: Site, request: Request) -> Response:
    """Show a fact, statement or trait: its quotes in their turns, what it replaced and what it."""
    found = site.memory(request)
    explained = found.explain(asked(request, "id"), SOURCES_AT_ONCE)
    item = explained.of
    quotes: dict[str, list[str]] = {}
    for source in item.sources:
        quotes.setdefault(source.page_id, []).append(source.quote)
    shown = list(quotes)[-SOURCES_AT_ONCE:]
    return site.page(
        request,
        "memory/entry.html",
        scope=found.scope,
        item=item,
        is_trait=isinstance(item, Trait),
        explained=explained,
        pages=explained.pages,
        quotes=quotes,
        missing=sorted(set(shown) - {page.id for page in explained.pages}),
        replaced_by=_replaced_by(found, item),
        said=asked(request, "said"),
    )


def remember(site: Site, request: Request, form: FormData) -> Response:
    """State a fact by hand."""
    found = site.memory(request, form)
    owner = str(form.get("owner", "user"))
    attribute = str(form.get("attribute", "")).strip() or None
    new = found.remember(_text(form), cast("Owner", owner), attribute)
    return site.to("/entry", **ids_of(found.scope), id=new.id, said="remembered")


def correct(site: Site, request: Request, form: FormData) -> Response:
    """Put a fact right; what it said before stays to be seen."""
    found = site.memory(request, form)
    new = found.correct(str(form.get("id", "")), _text(form))
    return site.to("/entry", **ids_of(found.scope), id=new.id, said="corrected")


def restore(site: Site, request: Request, form: FormData) -> Response:
    """Make a fact current again."""
    found = site.memory(request, form)
    item = found.restore(str(form.get("id", "")))
    return site.to("/entry", **ids_of(found.scope), id=item.id, said="restored")


def _replaced_by(found: Memory, item: Knowledge | Trait) -> Knowledge | None:
    """Return what took the place of an entry."""
    if not isinstance(item, Knowledge) or not item.superseded_by:
        return None
    try:
        newer = found.explain(item.superseded_by, 1).of
    except NotFound:
        return None
    return newer if isinstance(newer, Knowledge) else None


def _text(form: FormData) -> str:
    text = str(form.get("text", "")).strip()
    if not text:
        raise InvalidInput("the text is empty: write what is to be remembered")
    return text
