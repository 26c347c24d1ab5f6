"""The store beside a `create_agent` agent, which reaches it through its tools."""

from __future__ import annotations

from typing import Annotated, Any

from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.prebuilt import InjectedStore

from memoryos import Engine
from memoryos_integrations.langgraph import MemoryOSStore


class FakeChat(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


@tool
def note(text: str, store: Annotated[Any, InjectedStore()]) -> str:
    """Write a note."""
    store.put(("memories", "tom"), "note", {"text": text})
    return "written"


def test_an_agents_tool_puts_what_the_engine_recalls(engine: Engine) -> None:
    call = {"name": "note", "args": {"text": "Tom likes chess"}, "id": "1", "type": "tool_call"}
    model = FakeChat(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")]))
    agent = create_agent(model, [note], store=MemoryOSStore(engine))
    agent.invoke({"messages": [("user", "Note that I like chess")]})
    assert "Tom likes chess" in engine.memory("tom").recall("chess").text()
