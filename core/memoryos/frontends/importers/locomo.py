"""The LoCoMo benchmark's dialogues: ten conversations of two people over many sessions.

Consecutive turns of a session are a page (turns 2i and 2i+1), the first speaker on the user's side.
A picture stands in its turn as its caption. A page's time is its session's date and a second more
for each page before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from memoryos.errors import InvalidInput
from memoryos.frontends.importers.turns import Problem, Turn, load_json
from memoryos.model import Message

_DATE = "%I:%M %p on %d %B, %Y"


def read(path: Path) -> Iterator[Turn | Problem]:
    """Yield the turns of every conversation. Raises InvalidInput for another file."""
    found = load_json(path)
    samples = [found] if isinstance(found, Mapping) else found
    if not isinstance(samples, list) or not any(is_sample(sample) for sample in samples):
        raise InvalidInput(f"path {str(path)!r} is not of LoCoMo: it has no conversation")
    for number, sample in enumerate(samples):
        if not is_sample(sample):
            yield Problem(f"conversation {number}", "has no sessions")
            continue
        name = str(sample.get("sample_id") or f"conversation-{number}")
        yield from _sample(sample["conversation"], name)


def is_sample(sample: object) -> bool:
    """Return whether a value is a conversation of LoCoMo."""
    return isinstance(sample, Mapping) and isinstance(sample.get("conversation"), Mapping)


def _sample(conversation: Mapping[str, Any], name: str) -> Iterator[Turn | Problem]:
    numbers = sorted(
        int(key.removeprefix("session_"))
        for key, value in conversation.items()
        if isinstance(value, list) and key.removeprefix("session_").isdigit()
    )
    for number in numbers:
        session_id = f"session_{number}"
        where = f"{name}, {session_id}"
        date = conversation.get(f"{session_id}_date_time")
        try:
            begin = datetime.strptime(str(date), _DATE).replace(tzinfo=timezone.utc)
        except ValueError:
            yield Problem(where, f"its date {date!r} is not like '1:56 pm on 8 May, 2023'")
            continue
        said = []
        for place, turn in enumerate(conversation[session_id]):
            if isinstance(turn, Mapping) and isinstance(turn.get("text"), str):
                said.append(turn)
            else:
                yield Problem(f"{where}, turn {place + 1}", "has no text")
        yield from _pages(said, name, session_id, begin)


def _pages(
    said: list[Mapping[str, Any]], name: str, session_id: str, begin: datetime
) -> Iterator[Turn]:
    for start in range(0, len(said), 2):
        pair = said[start : start + 2]
        ids = [str(turn.get("dia_id", f"{session_id}:{start + i}")) for i, turn in enumerate(pair)]
        yield Turn(
            key=f"locomo:{name}:{'+'.join(ids)}",
            session_id=session_id,
            messages=tuple(
                Message(role, _text(turn), name=str(turn.get("speaker", "")) or None, id=id_)
                for role, turn, id_ in zip(("user", "assistant"), pair, ids, strict=False)
            ),
            timestamp=begin + timedelta(seconds=start // 2),
            user=name,
        )


def _text(turn: Mapping[str, Any]) -> str:
    text = str(turn["text"])
    caption = turn.get("blip_caption")
    return f"{text} [image: {caption}]".strip() if caption else text
