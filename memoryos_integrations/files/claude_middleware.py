"""Claude's memory tool for `create_agent`, with langchain-anthropic's models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware.types import AgentMiddleware, ModelRequest, ModelResponse
from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import StructuredTool
from pydantic import BaseModel

from memoryos import Engine
from memoryos_integrations.files.commands import MemoryCommands
from memoryos_integrations.files.paths import FileProblem
from memoryos_integrations.files.whose import FilesOfRuns

TOOL_TYPE = "memory_20250818"
TOOL_NAME = "memory"


class _Command(BaseModel):
    """Work on the files under /memories: view, create, str_replace, insert, delete, rename."""

    command: str
    path: str | None = None
    file_text: str | None = None
    old_str: str | None = None
    new_str: str | None = None
    insert_line: int | None = None
    insert_text: str | None = None
    old_path: str | None = None
    new_path: str | None = None
    view_range: list[int] | None = None


class ClaudeMemoryMiddleware(AgentMiddleware):
    """Gives an agent Claude's memory tool over its user's files.

        create_agent(ChatAnthropic(…), middleware=[ClaudeMemoryMiddleware(engine)])

    It takes the place of langchain-anthropic's memory middlewares, whose files end with the thread
    or lie on a disk. engine or storage_uri: an open engine, or where to open one. user_id: None
    takes the user of each run, from its context or configuration; the model never chooses it.
    What a command cannot do goes back to the model as a tool's error; a store that fails raises.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: str | None = None,
        assistant_id: str = "assistant",
        *,
        storage_uri: str | None = None,
    ) -> None:
        super().__init__()
        self._whose = FilesOfRuns(engine, user_id, assistant_id, storage_uri)

        # The annotation is how `runtime` is injected.
        def memory(runtime: ToolRuntime, **command: Any) -> ToolMessage:
            return self._answer(runtime, command)

        async def amemory(runtime: ToolRuntime, **command: Any) -> ToolMessage:
            return await asyncio.to_thread(self._answer, runtime, command)

        self.tools = [
            StructuredTool.from_function(
                memory,
                coroutine=amemory,
                name=TOOL_NAME,
                description=_Command.__doc__,
                args_schema=_Command,
            )
        ]

    def _answer(self, runtime: ToolRuntime, command: dict[str, Any]) -> ToolMessage:
        given = {name: value for name, value in command.items() if value is not None}
        try:
            text = MemoryCommands(self._whose.files(runtime)).run(given)
        except FileProblem as problem:
            return self._message(runtime, f"Error: {problem}", status="error")
        return self._message(runtime, text, status="success")

    @staticmethod
    def _message(runtime: ToolRuntime, text: str, *, status: Any) -> ToolMessage:
        call = runtime.tool_call_id or ""
        return ToolMessage(text, tool_call_id=call, name=TOOL_NAME, status=status)

    # The model is told of its own tool, whose description it was trained on.

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        """Name the tool to the model by its type."""
        return handler(_with_native_tool(request))

    async def awrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], Awaitable[ModelResponse]]
    ) -> ModelResponse:
        """Name the tool to the model by its type."""
        return await handler(_with_native_tool(request))


def _with_native_tool(request: ModelRequest) -> ModelRequest:
    others = [tool for tool in request.tools if getattr(tool, "name", None) != TOOL_NAME]
    return request.override(tools=[*others, {"type": TOOL_TYPE, "name": TOOL_NAME}])
