"""Every way to call an agent × every shape of agents × whatever happens: what the journal holds.

The table "What the journal holds" of docs/guides/langchain.md, cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from memoryos import Engine, Memory
from memoryos.errors import StorageError
from memoryos_integrations.langchain import MemoryOSMiddleware
from tests.langchain.conftest import FakeChat, tool_to

MODES = ["invoke", "ainvoke", "stream", "astream", "events"]
SHAPES = ["one agent", "supervisor", "swarm", "subgraph"]
_users = count()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One memory for all cells; each has a user of its own."""
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as opened:
        yield opened


class World:
    """A model and a tool that answer by what was said, and fail when told to."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.begin()

    def begin(self) -> None:
        """Be as new."""
        self.said: list[str] = []
        self.failing: set[str] = set()
        self.asks_first = False

    def answer(self, *calls: str) -> Callable[[Any], Any]:
        """A rule: call each tool once since the user's last words, then answer."""

        def rule(messages: list[BaseMessage]) -> Any:
            if "model" in self.failing:
                return RuntimeError("the model is down")
            done = {m.name for m in last_turn(messages) if isinstance(m, ToolMessage)}
            for name in calls:
                if name not in done:
                    call = {"name": name, "args": {}, "id": f"c{next(self.numbers)}"}
                    return AIMessage("", tool_calls=[call])
            self.said.append(f"answer {next(self.numbers)}")
            return self.said[-1]

        return rule

    def tool(self) -> Any:
        @tool
        def look() -> str:
            """Look it up."""
            if "tool" in self.failing:
                raise RuntimeError("the tool is broken")
            return interrupt("May I?") if self.asks_first else "778"

        return look


def last_turn(messages: list[BaseMessage]) -> list[BaseMessage]:
    start = max(n for n, message in enumerate(messages) if isinstance(message, HumanMessage))
    return messages[start:]


class Agents:
    """Agents of some shape; they serve many users and threads."""

    def __init__(self, engine: Engine, shape: str) -> None:
        self.world = World()
        self._engine = engine
        self.app = self._built(shape)

    def _agent(self, *tools: Any, **more: Any) -> Any:
        own = MemoryOSMiddleware(self._engine, expose_tools=False)
        rule = self.world.answer(*(tool.name for tool in tools))
        return create_agent(FakeChat(rule=rule), [*tools], middleware=[own], **more)

    def _built(self, shape: str) -> Any:
        look, saver = self.world.tool(), InMemorySaver()
        if shape == "one agent":
            return self._agent(look, checkpointer=saver)
        built: Any = StateGraph(MessagesState)
        if shape == "supervisor":
            built.add_node("boss", self._agent(tool_to("worker")), destinations=("worker",))
            built.add_node("worker", self._agent(look))
            built.add_edge(START, "boss")
            built.add_edge("worker", "boss")
        elif shape == "swarm":
            built.add_node("front", self._agent(tool_to("back")), destinations=("back",))
            built.add_node("back", self._agent(look))
            built.add_edge(START, "front")
        else:
            inner: Any = StateGraph(MessagesState)
            inner.add_node("worker", self._agent(look))
            inner.add_edge(START, "worker")
            built.add_node("inner", inner.compile())
            built.add_node("last", self._agent())
            built.add_edge(START, "inner")
            built.add_edge("inner", "last")
        return built.compile(checkpointer=saver)


class Cell:
    """Agents called in some way, with a user and a thread of its own."""

    def __init__(self, engine: Engine, agents: Agents, mode: str) -> None:
        self.world, self.app, self.mode = agents.world, agents.app, mode
        self.world.begin()
        self.user = f"user {next(_users)}"
        self.config: Any = {"configurable": {"thread_id": self.user, "user_id": self.user}}
        self.memory = engine.memory(self.user)

    async def run(self, asked: Any, config: Any = None) -> None:
        config = config or self.config
        self.world.said.clear()
        if isinstance(asked, str):
            asked = {"messages": [HumanMessage(asked, id=asked)]}
        if self.mode == "invoke":
            self.app.invoke(asked, config)
        elif self.mode == "ainvoke":
            await self.app.ainvoke(asked, config)
        elif self.mode == "stream":
            list(self.app.stream(asked, config, subgraphs=True))
        elif self.mode == "astream":
            [_ async for _ in self.app.astream(asked, config, stream_mode="messages")]
        else:
            [_ async for _ in self.app.astream_events(asked, config, version="v2")]

    def holds(self, *asked: str) -> None:
        """The journal holds these turns, the last one with what the agents said in the last run."""
        pages = self.memory.pages()
        assert [page.user_input for page in pages] == [*asked]
        assert all(page.agent_response and page.metadata == {} for page in pages)
        assert pages[-1].agent_response == "\n".join(self.world.said)

    def named(self, config: Any) -> Any:
        """A snapshot's configuration with the user, whom it does not name."""
        return {"configurable": {**config["configurable"], "user_id": self.user}}

    def before(self, text: str) -> Any:
        """The snapshot in which a message has just come in."""
        for snapshot in self.app.get_state_history(self.config):
            messages = snapshot.values.get("messages") or [None]
            is_new = messages[-1] is not None and messages[-1].text == text
            if is_new and snapshot.next and snapshot.next[0] != "__start__":
                return snapshot
        raise AssertionError(text)


@pytest.fixture(params=MODES)
def mode(request: Any) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(engine: Engine) -> Callable[[str], Agents]:
    """Agents of a shape, built once."""
    return cache(lambda shape: Agents(engine, shape))


@pytest.fixture(params=SHAPES)
def cell(request: Any, engine: Engine, built: Callable[[str], Agents], mode: str) -> Cell:
    return Cell(engine, built(request.param), mode)


async def test_turns(cell: Cell) -> None:
    await cell.run("one")
    cell.holds("one")
    await cell.run("two")
    cell.holds("one", "two")


async def test_an_interrupt(cell: Cell) -> None:
    cell.world.asks_first = True
    await cell.run("one")
    assert cell.memory.pages() == []  # the turn is not over
    await cell.run(Command(resume="yes"))
    cell.holds("one")


async def test_a_replay(cell: Cell) -> None:
    await cell.run("one")
    await cell.run("two")
    await cell.run(None, cell.named(cell.before("two").config))
    cell.holds("one", "two")


async def test_a_fork(cell: Cell) -> None:
    await cell.run("one")
    await cell.run("two")
    edited = {"messages": [HumanMessage("three", id="two")]}
    await cell.run(None, cell.named(cell.app.update_state(cell.before("two").config, edited)))
    cell.holds("one", "three")


async def test_an_edit(cell: Cell) -> None:
    await cell.run("one")
    await cell.run({"messages": [HumanMessage("two", id="one")]})
    cell.holds("two")


@pytest.mark.parametrize("what", ["model", "tool"])
async def test_a_failure(cell: Cell, what: str) -> None:
    cell.world.failing = {what}
    with pytest.raises(RuntimeError, match=what):
        await cell.run("one")
    (page,) = cell.memory.pages()
    assert (page.user_input, page.metadata) == ("one", {"unanswered": True})
    cell.world.failing = set()
    await cell.run(None)  # tried again
    cell.holds("one")


async def test_a_memory_that_is_away(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise StorageError("the disk is away")

    with monkeypatch.context() as away:
        for verb in ("add", "add_messages", "recall", "pages", "page"):
            away.setattr(Memory, verb, refuse)
        await cell.run("one")  # the agents answer
    assert cell.memory.pages() == []
    await cell.run("two")
    cell.holds("one", "two")


def test_the_table_of_the_guide_names_every_test_and_shape(root: Path) -> None:
    guide = (root / "docs/guides/langchain.md").read_text("utf-8")
    table = guide.split("What the journal holds\n")[1].split("\nA snapshot")[0]
    cells = [name for name in globals() if name.startswith("test_") and "table" not in name]
    assert set(re.findall(r"`(test_\w+)`", table)) == set(cells)
    header = next(line for line in table.splitlines() if line.startswith("|"))
    assert [shape for shape in SHAPES if shape not in header] == []
