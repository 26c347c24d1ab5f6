"""Pages as the prompts show them: a line of JSON each, with number, day, and who says what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from memoryos.generation.quoting import json_line
from memoryos.model import Knowledge, Page

CUT = "[…]"
"""Stands where a long side is cut."""
MAX_NAME = 60
MAX_KNOWN = 300
"""Characters of a speaker's name, and of a known fact, that are shown."""

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\s]+")


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A page as a prompt shows it: by a short number, its sides cut to what fits."""

    page: Page
    number: int
    user: str
    agent: str

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides as the prompt shows them."""
        return self.user, self.agent

    @property
    def line(self) -> str:
        """Line of the prompt: {"page":1,"day":"Friday 2025-03-14","user Ana":…,"assistant":…}."""
        names = speakers([self.page])
        shown = {"page": self.number, "day": day(self.page.timestamp)}
        for side, text in (("user", self.user), ("assistant", self.agent)):
            if text:
                shown[f"{side} {names.get(side, '')}".rstrip()] = text
        return json_line(shown)


def day(at: datetime) -> str:
    """Return the day of a page with its weekday, which "last Friday" counts from."""
    return f"{_WEEKDAYS[at.weekday()]} {at.date().isoformat()}"


def speakers(pages: Sequence[Page]) -> dict[str, str]:
    """Return the names of "user" and "assistant", where the messages give them."""
    names = {
        "user": next((page.user_name for page in pages if page.user_name), None),
        "assistant": next((page.agent_name for page in pages if page.agent_name), None),
    }
    return {side: one_line(name, MAX_NAME) for side, name in names.items() if name}


def known_line(known: Sequence[Knowledge]) -> str:
    """Return known facts as one line of JSON, numbered from 1: {"known facts":{"1":…}}."""
    facts: Mapping[str, str] = {
        str(number): one_line(item.text, MAX_KNOWN) for number, item in enumerate(known, 1)
    }
    return json_line({"known facts": facts})


def one_line(text: str, longest: int) -> str:
    """Return `text` as one line of at most `longest` characters, cut at a blank if there is one."""
    line = _CONTROL.sub(" ", text[: 4 * longest]).strip()
    if len(line) <= longest:
        return line
    return (line[:longest].rpartition(" ")[0] or line[:longest]).rstrip()
