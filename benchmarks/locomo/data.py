"""LoCoMo as the benchmark reads it: conversations of pages, and questions with their evidence.

Nothing of the data set is in this repository; the file is named on the command line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""Answerable categories by their number in the file (the paper counts them differently)."""

_TURN_ID = re.compile(r"D\d+:\d+")
_SESSION = re.compile(r"session_(\d+)")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker said."""

    id: str
    speaker: str
    said: str
    """Words, then the caption of an image that was shared: " [image: …]"."""

    @property
    def line(self) -> str:
        """The turn as every system gets it."""
        return f"{self.speaker}: {self.said}"


@dataclass(frozen=True, slots=True)
class DialoguePage:
    """Two consecutive turns of a session (one, at the end of an odd session)."""

    session: str
    timestamp: datetime
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        """The page as every system gets it."""
        return "\n".join(turn.line for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the turns that hold its answer."""

    id: str
    """Conversation and position in the file: "3:58"."""
    conversation: int
    category: int
    text: str
    answer: str
    evidence: tuple[str, ...]
    """Ids of turns that exist; none when the file names none."""
    cited: tuple[str, ...] = ()
    """The evidence as it stands in the file."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation with its questions of categories 1 to 4."""

    number: int
    speakers: tuple[str, str]
    pages: tuple[DialoguePage, ...]
    questions: tuple[Question, ...]

    def turn(self, id_: str) -> Turn:
        """Return a turn by its id."""
        return next(turn for page in self.pages for turn in page.turns if turn.id == id_)

    def page_of(self, id_: str) -> int:
        """Return the position of the page that holds a turn."""
        return next(
            number
            for number, page in enumerate(self.pages)
            if any(turn.id == id_ for turn in page.turns)
        )

    def with_evidence(self) -> list[Question]:
        """Return the questions that evidence recall is measured on."""
        return [question for question in self.questions if question.evidence]


def load(path: Path, numbers: range | None = None) -> list[Conversation]:
    """Return the conversations of the file, or those of `numbers`. Raises InvalidInput."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        found = [_conversation(number, body) for number, body in enumerate(raw)]
    except FileNotFoundError:
        raise InvalidInput(
            f"there is no {path}; --data wants locomo10.json of github.com/snap-research/locomo"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"{path} is not LoCoMo's locomo10.json ({type(error).__name__}: {error})"
        ) from error
    return [one for one in found if numbers is None or one.number in numbers]


def _conversation(number: int, body: Mapping[str, Any]) -> Conversation:
    dialogue = body["conversation"]
    pages = tuple(_pages(dialogue))
    known = {turn.id for page in pages for turn in page.turns}
    questions = tuple(
        _question(number, position, item, known)
        for position, item in enumerate(body["qa"])
        if item["category"] in CATEGORIES
    )
    speakers = (str(dialogue["speaker_a"]), str(dialogue["speaker_b"]))
    return Conversation(number, speakers, pages, questions)


def _pages(dialogue: Mapping[str, Any]) -> Iterator[DialoguePage]:
    """Yield the pages: the turns of each session in twos, as the importer pairs them."""
    matches = (_SESSION.fullmatch(key) for key in dialogue)
    for session in sorted(int(match[1]) for match in matches if match):
        told = dialogue[f"session_{session}_date_time"]
        # Times have no zone in the file: UTC, as everywhere.
        timestamp = datetime.strptime(told, "%I:%M %p on %d %B, %Y").replace(tzinfo=timezone.utc)
        turns = [_turn(item) for item in dialogue[f"session_{session}"]]
        for first in range(0, len(turns), 2):
            pair = tuple(turns[first : first + 2])
            yield DialoguePage(f"session_{session}", timestamp, pair)


def _turn(item: Mapping[str, Any]) -> Turn:
    caption = item.get("blip_caption")
    said = item["text"] + (f" [image: {caption}]" if caption else "")
    return Turn(item["dia_id"], item["speaker"], said)


def _question(number: int, position: int, item: Mapping[str, Any], known: set[str]) -> Question:
    cited = tuple(item.get("evidence", ()))
    ids = (id_ for text in cited for id_ in _TURN_ID.findall(text))
    return Question(
        id=f"{number}:{position}",
        conversation=number,
        category=item["category"],
        text=item["question"],
        answer=str(item["answer"]),
        evidence=tuple(id_ for id_ in dict.fromkeys(ids) if id_ in known),
        cited=cited,
    )
