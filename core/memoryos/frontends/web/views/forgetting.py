"""Forgetting, and the receipts of what was forgotten."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from memoryos.errors import InvalidInput
from memoryos.frontends.web.site import Site, asked, ids_of

WAYS = ("page_id", "knowledge_id", "session", "before", "everything")
MOST_SHOWN = 100


def receipts(site: Site, request: Request) -> Response:
    """Show the receipts of a memory's erasures, the newest first; with `id`, that one and a check.

    The check says whether anything of it is there again.
    """
    found = site.memory(request)
    wanted = asked(request, "id")
    every = found.receipts()[::-1]
    shown = [item for item in every if item.id == wanted] if wanted else every[:MOST_SHOWN]
    remains = found.check(shown[0]) if wanted and shown else None
    return site.page(
        request,
        "memory/receipts.html",
        scope=found.scope,
        receipts=shown,
        remains=remains,
        single=bool(wanted),
        total=len(every),
    )


def forget(site: Site, request: Request, form: FormData) -> Response:
    """Erase one thing, or all; the receipt is shown."""
    found = site.memory(request, form)
    way = str(form.get("way", ""))
    given = str(form.get("what", "")).strip()
    if way not in WAYS:
        raise InvalidInput(f"way must be one of {', '.join(WAYS)}")
    what: Any = given
    if way == "everything":
        if given != found.scope.user_id:
            raise InvalidInput(
                "to forget everything of a user, write the user's name exactly as it stands above"
            )
        what = True
    elif not given:
        raise InvalidInput("say what to forget")
    receipt = found.forget(**{way: what})
    return site.to("/receipts", **ids_of(found.scope), id=receipt.id)
