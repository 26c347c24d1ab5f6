"""Dialogues with questions about them, as LoCoMo and BEAM publish them.

A page is a user message with the answer that follows it. Nothing of either data set is in this
repository (both are CC BY-NC); their place is named on the command line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput

_TURN_ID = re.compile(r"D\d+:\d+")
_SESSION = re.compile(r"session_(\d+)")
_BEAM_MARK = re.compile(r"\s*->->.*$", re.DOTALL)
"""What BEAM puts at the end of a message for its own use: no text of the message."""
_BEAM_START = 1.7e9
"""Time of a BEAM chat's first message where no anchor says another: epoch seconds."""
NEVER_SAID = 5
"""LoCoMo's category of questions whose answer was never said."""


@dataclass(frozen=True, slots=True)
class DialoguePage:
    """A user message with the answer that follows it; either may be empty."""

    messages: tuple[str, ...]
    """Ids of its messages."""
    user: str
    agent: str
    timestamp: datetime
    session: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question; where the dialogue answers it, with the messages that do."""

    text: str
    category: str
    answer: str = ""
    evidence: tuple[str, ...] = ()
    """Ids of messages; none for a question that the dialogue does not answer."""

    @property
    def answerable(self) -> bool:
        """Whether the dialogue holds the answer."""
        return bool(self.evidence)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation of several sessions, with questions."""

    id: str
    pages: tuple[DialoguePage, ...]
    questions: tuple[Question, ...]
    texts: Mapping[str, str]
    """Of each message, by its id."""
    speakers: tuple[str, str] = ("", "")
    """Names, where the speakers have any."""


def read_locomo(path: Path) -> list[Dialogue]:
    """Return the conversations of locomo10.json, in its order. Raises InvalidInput."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return [_locomo(f"locomo{number}", item) for number, item in enumerate(raw)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"--data must be LoCoMo's locomo10.json; {path}: {type(error).__name__}: {error}"
        ) from error


def read_beam(path: Path) -> list[Dialogue]:
    """Return the chats in BEAM's folder, by number. Raises InvalidInput.

    path: holds a folder for each chat, with chat.json (or chat_trunecated.json, which is
    preferred) and probing_questions.json.
    """
    try:
        folders = [one for one in path.iterdir() if one.is_dir() and one.name.isdecimal()]
        dialogues = [_beam(folder) for folder in sorted(folders, key=lambda one: int(one.name))]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"--data must be BEAM's folder of chats; {path}: {type(error).__name__}: {error}"
        ) from error
    if not dialogues:
        raise InvalidInput(f"--data must be BEAM's folder of chats; {path} has no folders 1, 2, …")
    return dialogues


def with_swapped_questions(dialogues: Sequence[Dialogue]) -> list[Dialogue]:
    """Return the dialogues with their answerable questions, and those of the next one.

    The next dialogue's questions (the first's, for the last) name this one's speakers in place of
    their own, so that nothing but their matter tells that nobody ever spoke of it.  A single
    dialogue has no other: its own questions alone are left.
    """
    swapped = []
    for number, dialogue in enumerate(dialogues):
        asked = [question for question in dialogue.questions if question.answerable]
        other = dialogues[(number + 1) % len(dialogues)]
        if other is not dialogue:
            asked += [
                Question(_renamed(question.text, other.speakers, dialogue.speakers), "swapped")
                for question in other.questions
                if question.answerable
            ]
        swapped.append(replace(dialogue, questions=tuple(asked)))
    return swapped


def _renamed(text: str, names: Sequence[str], others: Sequence[str]) -> str:
    """Return a text with each of `names`, as a whole word, replaced by the one of `others`."""
    to = dict(zip(names, others, strict=True))
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    return pattern.sub(lambda found: to[found[1]], text)


def _locomo(id_: str, item: Mapping[str, Any]) -> Dialogue:
    talk = item["conversation"]
    texts: dict[str, str] = {}
    pages: list[DialoguePage] = []
    unanswered = False
    for turn, speaker, text, started, session in _locomo_turns(talk):
        texts[turn] = text
        said = f"{speaker}: {text}"
        at = started + timedelta(seconds=len(pages))
        if speaker == talk["speaker_a"]:
            pages.append(DialoguePage((turn,), said, "", at, session))
            unanswered = True
        elif unanswered:
            pages[-1] = replace(pages[-1], messages=(*pages[-1].messages, turn), agent=said)
            unanswered = False
        else:
            pages.append(DialoguePage((turn,), "", said, at, session))
    questions = []
    for asked in item["qa"]:
        cited = (one for text in asked.get("evidence") or () for one in _TURN_ID.findall(str(text)))
        evidence = tuple(one for one in dict.fromkeys(cited) if one in texts)
        category = str(asked["category"])
        if asked["category"] == NEVER_SAID:
            questions.append(Question(asked["question"], category))
        elif evidence:
            answer = str(asked.get("answer", ""))
            questions.append(Question(asked["question"], category, answer, evidence))
    speakers = (talk["speaker_a"], talk["speaker_b"])
    return Dialogue(id_, tuple(pages), tuple(questions), texts, speakers)


def _locomo_turns(talk: Mapping[str, Any]) -> Iterator[tuple[str, str, str, datetime, str]]:
    """Yield id, speaker, text, time of the session and session of each turn."""
    matches = (_SESSION.fullmatch(key) for key in talk)
    for number in sorted(int(match[1]) for match in matches if match):
        session = f"session_{number}"
        told = talk[f"{session}_date_time"].replace("am", "AM").replace("pm", "PM")
        started = datetime.strptime(told, "%I:%M %p on %d %B, %Y").replace(tzinfo=timezone.utc)
        for turn in talk[session]:
            caption = turn.get("blip_caption")
            text = turn["text"] + (f" (image: {caption})" if caption else "")
            yield turn["dia_id"], turn["speaker"], text, started, session


def _beam(folder: Path) -> Dialogue:
    texts: dict[str, str] = {}
    pages: list[DialoguePage] = []
    started = _BEAM_START
    for session, turn in _beam_turns(folder):
        started = _anchor(turn.get("time_anchor")) or started
        id_, said = str(turn["id"]), _BEAM_MARK.sub("", turn["content"])
        texts[id_] = said
        at = datetime.fromtimestamp(started + len(texts), timezone.utc)
        if turn["role"] == "user":
            pages.append(DialoguePage((id_,), said, "", at, session))
        elif pages and not pages[-1].agent:
            pages[-1] = replace(pages[-1], messages=(*pages[-1].messages, id_), agent=said)
        else:
            pages.append(DialoguePage((id_,), "", said, at, session))
    probing = json.loads((folder / "probing_questions.json").read_text(encoding="utf-8"))
    questions = []
    for category, asked in probing.items():
        for one in asked:
            cited = _numbers(one.get("source_chat_ids", []))
            evidence = tuple(id_ for id_ in dict.fromkeys(cited) if id_ in texts)
            answer = one.get("answer") or one.get("ideal_answer") or one.get("ideal_summary")
            if category == "abstention":
                questions.append(Question(one["question"], category))
            elif evidence:
                questions.append(Question(one["question"], category, str(answer or ""), evidence))
    return Dialogue(f"beam{folder.name}", tuple(pages), tuple(questions), texts)


def _beam_turns(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the session (a batch) and the turn, in order."""
    path = folder / "chat_trunecated.json"  # their spelling
    chat = path if path.exists() else folder / "chat.json"
    for batch in json.loads(chat.read_text(encoding="utf-8")):
        for turns in batch["turns"]:
            for turn in turns:
                yield f"b{batch['batch_number']}", turn


def _anchor(told: str | None) -> float | None:
    """Return the time that a BEAM time anchor ("March-15-2024") names, if it names one."""
    try:
        return datetime.strptime(told or "", "%B-%d-%Y").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _numbers(nested: object) -> list[str]:
    """Return the message ids in BEAM's evidence, which nests lists and mappings variously."""
    if isinstance(nested, Mapping):
        return [id_ for value in nested.values() for id_ in _numbers(value)]
    if isinstance(nested, list):
        return [id_ for value in nested for id_ in _numbers(value)]
    if isinstance(nested, int) or (isinstance(nested, str) and nested.isdigit()):
        return [str(int(nested))]
    return []
