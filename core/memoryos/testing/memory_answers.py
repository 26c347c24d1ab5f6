"""Plausible answers to this library's own prompts, read out of the prompts: a stand-in model.

Deterministic and simple-minded: topics are days, facts are sentences in the first person.  Good
enough to run the whole engine against `OpenAIServer`, not to judge a memory by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memoryos.text.terms import tokens
from memoryos.text.tokenizer import keywords

if TYPE_CHECKING:
    from memoryos.testing.openai_script import Request

_BLOCK = re.compile(r"<memory>\n(.*?)\n?</memory>", re.DOTALL)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|my|we)\b|我|私|ich\b|je\b|yo\b", re.IGNORECASE)
_ATTRIBUTES = (
    ("name", re.compile(r"\bmy name is ([A-Z]\w+)")),
    ("home", re.compile(r"\bI (?:live in|moved to) ([A-Z]\w+(?: [A-Z]\w+)*)")),
    ("role", re.compile(r"\bI(?:'m| am| work as) an? (nurse|teacher|counselor|doctor|engineer)\b")),
)
_INTERESTS = (
    ("Art Interest", re.compile(r"\b(?:paint|draw|art|pottery)\w*", re.IGNORECASE)),
    ("Outdoor Interest", re.compile(r"\b(?:hik|camp|beach|nature)\w*", re.IGNORECASE)),
    ("Family Concern", re.compile(r"\b(?:kids|family|adopt|children)\w*", re.IGNORECASE)),
    ("Music Interest", re.compile(r"\b(?:music|guitar|violin|concert)\w*", re.IGNORECASE)),
)
_MAX_FACTS = 6


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    user: str
    agent: str
    day: str


@dataclass(slots=True)
class _Quoted:
    """What stands between the marks of a prompt."""

    head: Mapping[str, Any] = field(default_factory=dict)
    rows: list[_Row] = field(default_factory=list)

    def name(self, side: str) -> str:
        return str(self.head.get(side, f"the {side}"))


def memory_answers(request: Request) -> str:
    """Answer a prompt for consolidation, promotion or a reply to the user."""
    from memoryos.updating.analysts.prompts import consolidate, promote  # noqa: PLC0415  # loads pydantic

    system = str(request.messages[0].get("content", "")) if request.messages else ""
    if system.startswith(consolidate.TASK):
        return json.dumps(_consolidated(_quoted(request.prompt)), ensure_ascii=False)
    if system.startswith(promote.TASK):
        return json.dumps(_promoted(_quoted(request.prompt)), ensure_ascii=False)
    return _response(request)


def _quoted(prompt: str) -> _Quoted:
    quoted = _Quoted()
    day = ""
    blocks = _BLOCK.findall(prompt)
    for text in blocks[-1].split("\n") if blocks else ():
        value = json.loads(text)
        if isinstance(value, dict):
            quoted.head = value
        elif isinstance(value, str):
            day = value
        else:
            quoted.rows.append(_Row(value[0], value[1], value[2], day))
    return quoted


def _consolidated(quoted: _Quoted) -> dict[str, Any]:
    before = [row for row in quoted.rows if row.number == 0]
    rows = [row for row in quoted.rows if row.number > 0]
    days = list(dict.fromkeys(row.day for row in rows))
    runs = [[row for row in rows if row.day == day] for day in days]
    topics = runs[:1] + ([[row for run in runs[1:] for row in run]] if runs[1:] else [])
    continues = bool(before) and before[0].day == days[0]
    return {
        "topics": [
            {
                "pages": [row.number for row in topic],
                "summary": _summary(quoted, topic),
                "keywords": _keywords(topic),
            }
            for topic in topics
        ],
        "chains": [
            {
                "pages": [row.number for row in run],
                "summary": _summary(quoted, run),
                "continues": continues and run is runs[0],
            }
            for run in runs
        ],
    }


def _summary(quoted: _Quoted, rows: Sequence[_Row]) -> str:
    about = ", ".join(_keywords(rows)[:4]) or "this and that"
    return f"{quoted.name('user')} and {quoted.name('agent')} talk about {about}."


def _keywords(rows: Sequence[_Row]) -> list[str]:
    return keywords("\n".join(f"{row.user}\n{row.agent}" for row in rows), 5)


def _promoted(quoted: _Quoted) -> dict[str, Any]:
    facts, traits = [], []
    for row in quoted.rows:
        for side, owner in ((row.user, "user"), (row.agent, "agent")):
            for sentence in _statements(side):
                facts.append(_fact(quoted, row, owner, sentence))
                traits += _traits(row, sentence) if owner == "user" else []
                break
    return {"facts": facts[:_MAX_FACTS], "traits": traits[:2]}


def _statements(text: str) -> Iterator[str]:
    for found in _SENTENCE.findall(text):
        sentence = found.strip()
        if not sentence.endswith(("?", "？")) and _FIRST_PERSON.search(sentence):
            yield sentence


def _fact(quoted: _Quoted, row: _Row, owner: str, sentence: str) -> dict[str, Any]:
    attribute, value = "", ""
    for name, pattern in _ATTRIBUTES:
        if found := pattern.search(sentence):
            attribute, value = name, found[1]
    return {
        "owner": owner,
        "text": f"{quoted.name(owner)} said: {sentence}"[:290],
        "pages": [row.number],
        "quote": sentence,
        "attribute": attribute,
        "value": value,
        "supersedes": [],
    }


def _traits(row: _Row, sentence: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "level": "high",
            "reason": f"Speaks of {found[0]}.",
            "pages": [row.number],
            "quote": sentence,
        }
        for name, pattern in _INTERESTS
        if (found := pattern.search(sentence))
    ]


def _response(request: Request) -> str:
    """Answer with the remembered line that shares most words with the question."""
    question = next((str(m["content"]) for m in request.messages[::-1] if m["role"] == "user"), "")
    blocks = _BLOCK.findall(request.prompt)
    asked = set(tokens(question))
    lines = blocks[-1].split("\n") if blocks else []
    best = max(lines, key=lambda text: len(asked & set(tokens(text))), default="")
    if not asked & set(tokens(best)):
        return f"I hear you: {question[:200]}"
    return f"As I remember: {best.strip()[:300]}"
