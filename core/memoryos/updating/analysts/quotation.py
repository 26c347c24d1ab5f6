"""Removes quotations of the memory from a page before an analyst reads it."""

from __future__ import annotations

from dataclasses import replace

from memoryos.model import ANSWERED_BY, QUOTATION, Page
from memoryos.text.block import without_block


def without_quotation(page: Page) -> Page:
    """Return a page as analysts read it: what was only recalled is no news.

    That is an agent's answer that quotes, and a context block that a framework has put into the
    user's message.
    """
    said, answered = without_block(page.user_input), page.agent_response
    if page.metadata.get(ANSWERED_BY) == QUOTATION:
        answered = ""
    if (said, answered) == (page.user_input, page.agent_response):
        return page
    return replace(page, user_input=said, agent_response=answered)
