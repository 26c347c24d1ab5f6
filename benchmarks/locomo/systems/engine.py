"""This project's engine, through its public names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from benchmarks.locomo.data import Conversation
from benchmarks.locomo.systems.system import BUDGETS, MOST_PAGES, Reader, Recalled
from memoryos.config import MemoryConfig
from memoryos.engine import Engine
from memoryos.memory.memory import Memory
from memoryos.model import Message
from memoryos.ports import ChatModel, Embedder

_CHARACTERS = str.maketrans(dict.fromkeys(" /\\:@", "-"))


@dataclass
class EngineSystem:
    """The engine with an embedder. What it has read is kept in `folder` and read once."""

    name: str
    embedder: Embedder
    folder: Path
    """For databases; those of one `version` are used again."""
    config: MemoryConfig = field(default_factory=MemoryConfig)
    chat_model: ChatModel | None = None
    """Consolidates; None leaves it to the rules."""
    version: str = "plain"
    """Names what `config` changes about reading (not about recalling)."""
    budgets: Sequence[int] = BUDGETS
    """Context blocks that are made of each recall; each costs a recall of its own."""

    def with_config(self, name: str, config: MemoryConfig) -> EngineSystem:
        """Return the same memory recalled with other settings."""
        return replace(self, name=name, config=config)

    @contextmanager
    def read(self, conversation: Conversation) -> Iterator[Reader]:
        """Journal and consolidate the conversation, unless that is done; ask in a new session."""
        with self.memory(conversation) as memory:
            yield EngineReader(memory, conversation, self.budgets)

    @contextmanager
    def memory(self, conversation: Conversation) -> Iterator[Memory]:
        """Return the memory that the questions are asked of."""
        model = self.chat_model.name if self.chat_model else "rules"
        name = f"{self.version}-{self.embedder.name}-{model}-{conversation.number}"
        path = self.folder / f"{name.translate(_CHARACTERS)}.db"
        # Questions are asked the day after: "last week" in one is relative to that.
        asked = conversation.pages[-1].timestamp + timedelta(days=1)
        config = replace(self.config, promotion="manual")
        uri = f"sqlite:///{path}"
        with Engine.open(
            uri, config, self.chat_model, self.embedder, clock=lambda: asked
        ) as engine:
            memory = engine.memory(_scope_of(conversation), session_id="questions")
            if not memory.stats().pages:
                _journal(memory, conversation)
            memory.flush()
            yield memory


class EngineReader:
    """A memory of the engine with the positions of its pages."""

    def __init__(
        self, memory: Memory, conversation: Conversation, budgets: Sequence[int] = BUDGETS
    ) -> None:
        self.memory = memory
        self._budgets = budgets
        self._position = {page.id: number for number, page in enumerate(memory.pages())}
        assert len(self._position) == len(conversation.pages)

    def ask(self, question: str) -> Recalled:
        """Return the ranking, and the context block of each budget."""
        ranked = self.memory.recall(question, k=MOST_PAGES).pages
        blocks = {
            budget: self.memory.recall(question, max_tokens=budget).text()
            for budget in self._budgets
        }
        return Recalled(tuple(self._position[item.page.id] for item in ranked), blocks)


def _scope_of(conversation: Conversation) -> str:
    return f"locomo-{conversation.number}"


def _journal(memory: Memory, conversation: Conversation) -> None:
    """Journal each page as the importer does: its first turn is the user's side."""
    for page in conversation.pages:
        messages = [
            Message(role, turn.said, name=turn.speaker)
            for role, turn in zip(("user", "assistant"), page.turns, strict=False)
        ]
        memory.session(page.session).add_messages(messages, timestamp=page.timestamp)
