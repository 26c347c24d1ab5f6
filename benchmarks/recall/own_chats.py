"""Chats of anybody's, with questions: JSON Lines, as `memoryos import` reads them, and more.

    {"user": "I moved to Seattle.", "agent": "Welcome!", "timestamp": "2025-05-01", "session": "a"}
    {"question": "Where do I live?", "answer": "Seattle"}

The answer is words of the turns that tell it; a question without one was never answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from benchmarks.recall.dialogues import Dialogue, DialoguePage, Question
from memoryos.errors import InvalidInput

_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
"""Time of the first turn where none is given; the others come a minute after one another."""


def read_own(path: Path) -> list[Dialogue]:
    """Return the one dialogue of a file. Raises InvalidInput naming the line."""
    pages: list[DialoguePage] = []
    asked: list[Mapping[str, Any]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--own {path}: {error}") from error
    for number, line in enumerate(filter(str.strip, lines), start=1):
        try:
            item = json.loads(line)
            if "question" in item:
                asked.append(item)
            else:
                pages.append(_page(item, len(pages)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput(f"--own {path}, line {number}: {error}") from error
    questions = tuple(_question(item, pages) for item in asked)
    texts = {page.messages[0]: f"{page.user}\n{page.agent}" for page in pages}
    return [Dialogue(path.stem, tuple(pages), questions, texts)] if pages and questions else []


def _page(item: Mapping[str, Any], number: int) -> DialoguePage:
    time = _START + timedelta(minutes=number)
    if item.get("timestamp"):
        given = datetime.fromisoformat(str(item["timestamp"]).replace("Z", "+00:00"))
        time = given if given.tzinfo else given.replace(tzinfo=timezone.utc)
    said, answered = str(item.get("user", "")), str(item.get("agent", ""))
    return DialoguePage((f"m{number}",), said, answered, time, str(item.get("session", "default")))


def _question(item: Mapping[str, Any], pages: list[DialoguePage]) -> Question:
    answer = str(item.get("answer") or "")
    told = answer.casefold()
    found = [page for page in pages if told and told in f"{page.user} {page.agent}".casefold()]
    if told and not found:
        raise InvalidInput(f"--own: no turn says {answer!r}, the answer to {item['question']!r}")
    evidence = tuple(id_ for page in found for id_ in page.messages)
    return Question(str(item["question"]), "own", answer, evidence)
