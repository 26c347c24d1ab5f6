"""The Generation module of the paper (§3.5): an answer from what was recalled.

With a chat model, its answer; without one, the best memory quoted with its date.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from memoryos.errors import MemoryOSError
from memoryos.generation.context import Recall
from memoryos.generation.prompt import respond_messages
from memoryos.model import ANSWERED_BY, QUOTATION, Page, Scope
from memoryos.ports import Call, ChatModel, Clock, TokenCounter, TokenUsage, observe_call
from memoryos.text.tokenizer import language, words

_log = logging.getLogger("memoryos.generation.generator")
LogCall = Callable[[Scope, Call], None]

_QUOTES = {
    "english": ("On {date}: “{quote}”", "I remember nothing about that yet."),
    "spanish": ("El {date}: «{quote}»", "Todavía no recuerdo nada sobre eso."),
    "french": ("Le {date} : « {quote} »", "Je ne me souviens encore de rien à ce sujet."),
    "german": ("Am {date}: „{quote}“", "Dazu erinnere ich mich noch an nichts."),
    "portuguese": ("Em {date}: “{quote}”", "Ainda não me lembro de nada sobre isso."),
    "italian": ("Il {date}: «{quote}»", "Non ricordo ancora nulla al riguardo."),
    "russian": ("{date}: «{quote}»", "Я пока ничего об этом не помню."),
    "chinese": ("{date}：“{quote}”", "我还不记得与此有关的事。"),
}
_NO_MODEL = {
    "english": "(No language model is configured, so I quote: Engine.open(chat_model=…).)",
    "spanish": "(Sin modelo de lenguaje, cito mi memoria: Engine.open(chat_model=…).)",
    "chinese": "（未配置语言模型，因此引用记忆：Engine.open(chat_model=…)。）",
}


class Generator:
    """Answers with or without a chat model. Thread-safe."""

    def __init__(
        self,
        chat_model: ChatModel | None,
        count_tokens: TokenCounter,
        log_call: LogCall,
        clock: Clock,
    ) -> None:
        self.chat_model = chat_model
        self._count = count_tokens
        self._log_call = log_call
        self._clock = clock
        self._said_no_model = False
        self._lock = threading.Lock()

    def answer(self, scope: Scope, query: str, found: Recall, hints: Mapping[str, Any]) -> str:
        """Return the whole answer. Raises ModelError."""
        if self.chat_model is None:
            return self._quoted(query, found)
        messages = respond_messages(query, found, now=self._clock(), **hints)
        started = time.perf_counter()
        try:
            completion = self.chat_model.complete(messages)
        except MemoryOSError as error:
            usage = getattr(error, "usage", None) or TokenUsage()
            self._log_outcome(scope, started, type(error).__name__, usage)
            raise
        self._log_outcome(scope, started, "ok", completion.usage)
        return completion.text

    def stream(
        self, scope: Scope, query: str, found: Recall, hints: Mapping[str, Any]
    ) -> Iterator[str]:
        """Yield the answer piece by piece. Raises ModelError, also midway."""
        if self.chat_model is None:
            yield self._quoted(query, found)
            return
        messages = respond_messages(query, found, now=self._clock(), **hints)
        started = time.perf_counter()
        prompt = sum(self._count(str(message["content"])) for message in messages)
        said: list[str] = []
        outcome = "interrupted"
        try:
            for piece in self.chat_model.stream(messages):
                said.append(piece)
                yield piece
            outcome = "ok"
        except MemoryOSError as error:
            outcome = type(error).__name__
            raise
        finally:
            usage = TokenUsage(prompt, self._count("".join(said)))
            self._log_outcome(scope, started, outcome, usage)

    def _quoted(self, query: str, found: Recall) -> str:
        spoken = _language(query)
        form, nothing = _QUOTES.get(spoken, _QUOTES["english"])
        best = next((item.page for item in found.pages if _quotable(item.page)), None)
        answer = nothing if best is None else form.format(**_quote_of(best))
        with self._lock:
            first, self._said_no_model = not self._said_no_model, True
        return f"{answer}\n{_NO_MODEL.get(spoken, _NO_MODEL['english'])}" if first else answer

    def _log_outcome(self, scope: Scope, started: float, outcome: str, usage: TokenUsage) -> None:
        assert self.chat_model is not None
        seconds = time.perf_counter() - started
        call = Call(
            "respond",
            self.chat_model.name,
            usage.prompt_tokens,
            usage.completion_tokens,
            seconds,
            outcome,
            self._clock(),
        )
        observe_call(scope, call, self.chat_model)
        try:
            self._log_call(scope, call)
        except MemoryOSError as error:
            _log.warning("a model call is missing from the ledger: %s", error)


def _language(query: str) -> str:
    """Return the language to answer in."""
    if any("\u4e00" <= character <= "\u9fff" for character in query):
        return "chinese"
    return language(words(query)) or "english"


def _quotable(page: Page) -> bool:
    """Return whether a page says something: a bare question does not, nor what only quotes."""
    asks = page.user_input.rstrip().endswith(("?", "？"))
    if page.metadata.get(ANSWERED_BY) == QUOTATION:
        return bool(page.user_input.strip()) and not asks
    return bool(page.agent_response) or not asks


def _quote_of(page: Page) -> dict[str, str]:
    said: str = page.user_input
    if not said or said.rstrip().endswith(("?", "？")):
        said = f"{said} — {page.agent_response}" if said else page.agent_response
    date: datetime = page.timestamp
    return {"date": f"{date:%Y-%m-%d}", "quote": " ".join(said.split())}
