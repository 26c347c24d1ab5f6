"""A memory, and a chat model that answers by rule, calls tools, streams, and keeps what it saw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.prebuilt import InjectedState
from langgraph.types import Command
from pydantic import PrivateAttr

from memoryos import Engine, Memory
from memoryos.errors import StorageError

Answer = str | AIMessage | Exception


CONFIG = {"promotion": "manual", "heat_threshold": 0.0}


class FakeChat(BaseChatModel):
    """Answers by `rule`; `prompts` holds the messages of every call."""

    rule: Callable[[Sequence[BaseMessage]], Answer]
    _prompts: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _tools: list[Any] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def prompts(self) -> list[list[BaseMessage]]:
        return self._prompts

    @property
    def tools(self) -> list[Any]:
        return self._tools

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        self._tools[:] = tools
        return self.bind(**{k: v for k, v in kwargs.items() if k == "stop"})

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        with self._lock:
            self._prompts.append(list(messages))
        answer = self.rule(messages)
        if isinstance(answer, Exception):
            raise answer
        return AIMessage(answer) if isinstance(answer, str) else answer

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        words = str(answer.text).split(" ")
        for number, word in enumerate(words):
            text = word if number == len(words) - 1 else f"{word} "
            chunk = ChatGenerationChunk(message=AIMessageChunk(text))
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk
        if answer.tool_calls:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_calls=answer.tool_calls))


def last_words(messages: Sequence[BaseMessage]) -> str:
    """The user's last words in a prompt."""
    return next(str(m.text) for m in reversed(messages) if isinstance(m, HumanMessage))


def echo(messages: Sequence[BaseMessage]) -> str:
    return f"You said: {last_words(messages)}"


def scripted(*answers: Answer) -> Callable[[Sequence[BaseMessage]], Answer]:
    """Answers one after the other, the last one for ever."""
    left = list(answers)

    def rule(messages: Sequence[BaseMessage]) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    return rule


@pytest.fixture
def chat() -> Callable[..., FakeChat]:
    """chat() echoes; chat("a", "b") answers in turn; chat(rule) asks the rule."""

    def make(*answers: Any) -> FakeChat:
        if len(answers) == 1 and callable(answers[0]):
            return FakeChat(rule=answers[0])
        return FakeChat(rule=scripted(*answers) if answers else echo)

    return make


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A memory that does nothing behind the test's back."""
    with Engine.open("sqlite:///:memory:", CONFIG) as opened:
        yield opened


@pytest.fixture
def file_engine(sqlite_uri: str) -> Iterator[Engine]:
    """A memory in a file, consolidating in the background as users have it."""
    with Engine.open(sqlite_uri, {"durability": "normal"}) as opened:
        yield opened


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """away(): from now on the database of every memory cannot be reached."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise StorageError("the disk is away")

    def begin() -> None:
        verbs = ("add", "add_messages", "recall", "pages", "page", "knowledge", "forget")
        for verb in (*verbs, "remember", "correct"):
            monkeypatch.setattr(Memory, verb, refuse)

    return begin


def system_text(prompt: Sequence[BaseMessage]) -> str:
    """All system messages of a prompt."""
    return "\n".join(str(m.text) for m in prompt if m.type == "system")


@pytest.fixture
def seen() -> Callable[[Sequence[BaseMessage]], str]:
    return system_text


def tool_to(name: str) -> Any:
    """A tool that hands over to another agent of the same graph."""

    @tool(f"to_{name}")
    def hand_over(
        state: Annotated[dict[str, Any], InjectedState],
        tool_call_id: Annotated[str, InjectedToolCallId],
    ) -> Command[Any]:
        """Hand over to another agent."""
        done = ToolMessage("transferred", name=f"to_{name}", tool_call_id=tool_call_id)
        update = {"messages": [*state["messages"], done]}
        return Command(goto=name, graph=Command.PARENT, update=update)

    return hand_over


@pytest.fixture
def handover() -> Callable[[str], Any]:
    """handover(name): the tool `to_name`."""
    return tool_to
