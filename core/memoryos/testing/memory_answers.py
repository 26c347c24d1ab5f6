"""Plausible answers to this library's own prompts, read out of the prompts: a stand-in model.

Deterministic and simple-minded: topics are days, facts are sentences in the first person.  Good
enough to run the whole engine against `OpenAIServer`, not to judge a memory by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
_MAX_TOPICS = 3


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    day: str
    user: str = ""
    agent: str = ""
    user_name: str = ""
    agent_name: str = ""

    def name(self, side: str) -> str:
        """How summaries and facts call a side."""
        named = self.user_name if side == "user" else self.agent_name
        return named or ("the user" if side == "user" else "the assistant")


def memory_answers(request: Request) -> str:
    """Answer a prompt for consolidation, promotion or a reply to the user."""
    from memoryos.updating.analysts.prompts import consolidate, promote  # noqa: PLC0415  # loads pydantic

    system = str(request.messages[0].get("content", "")) if request.messages else ""
    if system.startswith(consolidate.TASK):
        return json.dumps(_consolidated(_rows(request.prompt)), ensure_ascii=False)
    if system.startswith(promote.TASK):
        return json.dumps(_promoted(_rows(request.prompt)), ensure_ascii=False)
    return _response(request)


def _rows(prompt: str) -> list[_Row]:
    """Return the pages that a prompt shows; page 0 is the one before them."""
    rows = []
    blocks = _BLOCK.findall(prompt)
    for text in blocks[-1].split("\n") if blocks else ():
        told: Mapping[str, Any] = json.loads(text)
        if "page" not in told:
            continue
        row = {"number": told["page"], "day": told["day"]}
        for key, said in told.items():
            role, _, name = key.partition(" ")
            side = {"user": "user", "assistant": "agent"}.get(role)
            if side is not None:
                row |= {side: said, f"{side}_name": name}
        rows.append(_Row(**row))
    return rows


def _consolidated(shown: Sequence[_Row]) -> dict[str, Any]:
    rows = [row for row in shown if row.number > 0]
    topics: dict[str, list[_Row]] = {}
    places = []
    for before, row in zip([None, *shown][-len(rows) - 1 : -1], rows, strict=True):
        topic = row.day if row.day in topics or len(topics) < _MAX_TOPICS else next(iter(topics))
        topics.setdefault(topic, []).append(row)
        number = list(topics).index(topic) + 1
        goes_on = before is not None and before.day == row.day
        places.append({"page": row.number, "topic": number, "continues": goes_on})
    facts = [fact for row in rows for fact in _facts(row)]
    return {
        "pages": places,
        "topics": [
            {"topic": number, "summary": _summary(group), "keywords": _keywords(group)}
            for number, group in enumerate(topics.values(), 1)
        ],
        "chain": _summary([row for row in rows if row.day == rows[-1].day]) if rows else "",
        "facts": facts[:_MAX_FACTS],
    }


def _summary(rows: Sequence[_Row]) -> str:
    about = ", ".join(_keywords(rows)[:4]) or "this and that"
    return f"{rows[0].name('user')} and {rows[0].name('agent')} talk about {about}."


def _keywords(rows: Sequence[_Row]) -> list[str]:
    return keywords("\n".join(f"{row.user}\n{row.agent}" for row in rows), 5)


def _promoted(rows: Sequence[_Row]) -> dict[str, Any]:
    attributes = [
        {**fact, "attribute": name, "value": found[1]}
        for row in rows
        for fact in _facts(row)
        for name, pattern in _ATTRIBUTES
        if (found := pattern.search(str(fact["quote"])))
    ]
    traits = [
        trait for row in rows for said in _statements(row.user) for trait in _traits(row, said)
    ]
    return {"attributes": attributes[:_MAX_FACTS], "traits": traits[:2]}


def _facts(row: _Row) -> Iterator[dict[str, Any]]:
    """Yield the first statement in the first person of each side."""
    for side, owner, said in (("user", "user", row.user), ("agent", "assistant", row.agent)):
        sentence = next(_statements(said), None)
        if sentence is not None:
            yield {
                "page": row.number,
                "owner": owner,
                "quote": sentence,
                "text": f"{row.name(side)} said: {sentence}"[:290],
                "supersedes": [],
            }


def _statements(text: str) -> Iterator[str]:
    for found in _SENTENCE.findall(text):
        sentence = found.strip()
        if not sentence.endswith(("?", "？")) and _FIRST_PERSON.search(sentence):
            yield sentence


def _traits(row: _Row, sentence: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "level": "high",
            "reason": f"Speaks of {found[0]}.",
            "page": row.number,
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
