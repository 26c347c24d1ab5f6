"""Model calls kept in a JSON Lines file, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.locomo.prompts import Messages, Verdict
from memoryos.errors import ModelError
from memoryos.ports import ChatModel, TokenUsage


@dataclass(frozen=True, slots=True)
class Kept:
    """A call and what it cost."""

    key: str
    text: str
    """The answer; "" when the model gave none that can be used."""
    prompt_tokens: int
    completion_tokens: int
    calls: int


class KeptCalls:
    """Calls of one model: the same request is made once, ever. Thread-safe."""

    def __init__(self, model: ChatModel, path: Path) -> None:
        self.model = model
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                kept = _read(line)
                if kept is not None:
                    self._kept[kept.key] = kept

    def knows(self, messages: Messages) -> bool:
        """Return whether this request has been made."""
        return self._key(messages) in self._kept

    def ask(self, messages: Messages) -> Kept:
        """Return the model's answer. Raises ModelUnavailable; what was kept stays."""
        return self._asked(messages, None)

    def judge(self, messages: Messages) -> tuple[bool | None, Kept]:
        """Return the model's verdict, None when it gave none that can be read."""
        kept = self._asked(messages, Verdict)
        return (json.loads(kept.text)["correct"] if kept.text else None), kept

    def _asked(self, messages: Messages, schema: type[Verdict] | None) -> Kept:
        key = self._key(messages)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        try:
            completion = self.model.complete(messages, schema=schema)
            text = completion.text if schema is None else completion.parsed.model_dump_json()
            usage = completion.usage
        except ModelError as error:
            if not error.permanent:
                raise
            # In vain, and would be so again: kept as no answer, or each run would stop here.
            text, usage = "", getattr(error, "usage", None) or TokenUsage()
        kept = Kept(key, text, usage.prompt_tokens, usage.completion_tokens, usage.calls)
        with self._lock:
            self._kept[key] = kept
            # A line cut by a crash must not swallow this one.
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(kept)) + "\n")
        return kept

    def _key(self, messages: Messages) -> str:
        told: Sequence[Any] = [self.model.name, *(dict(message) for message in messages)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _read(line: str) -> Kept | None:
    """Return a kept call; None for a line that a crash cut off."""
    try:
        return Kept(**json.loads(line))
    except (ValueError, TypeError):
        return None
