"""Turns, what a model answers on them, and what is left of the answer once it is checked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from memoryos.model import Knowledge, Message, Page, Source
from memoryos.updating.analysts.answers import read_consolidation, read_promotion
from memoryos.updating.analysts.prompts.consolidate import consolidate_form
from memoryos.updating.analysts.prompts.promote import promote_form
from memoryos.updating.analysts.prompts.shown import ShownPage

FRIDAY = datetime(2025, 5, 9, 18, 30, tzinfo=timezone.utc)


def shown(*turns, names=("Tom", None)):
    pages = []
    for number, (user, agent) in enumerate(turns, 1):
        at = FRIDAY + timedelta(minutes=number)
        messages = (Message("user", user, names[0]), Message("assistant", agent, names[1]))
        page = Page(f"page-{number}", user, agent, at, "default", messages=messages, seq=number)
        pages.append(ShownPage(page, number, user, agent))
    return pages


def known(id_, text, owner="user", attribute=None, value=None):
    sources = (Source("page-0", text),)
    return Knowledge(
        id_, owner, text, sources, "m", FRIDAY, FRIDAY, FRIDAY, attribute, value, attribute
    )


def facts(turns, told, names=("Tom", None), already=()):
    """Return the facts that are left of an answer with these facts."""
    pages = shown(*turns, names=names)
    form = consolidate_form(len(pages), len(already))
    answer = form.model_validate({"pages": [{"page": 1, "topic": 1}], "facts": told})
    return read_consolidation(answer, pages, None, already).facts


def fact(text, quote, owner="user", page=1, **more):
    return {"page": page, "owner": owner, "quote": quote, "text": text, **more}


def said(user, agent="Sounds good."):
    return [(user, agent)]


def attributes(turns, *told, traits=(), already=()):
    pages = shown(*turns, names=("Tom", "Melanie"))
    form = promote_form(len(pages), len(already))
    answer = form.model_validate({"attributes": list(told), "traits": list(traits)})
    return read_promotion(answer, pages, already)
