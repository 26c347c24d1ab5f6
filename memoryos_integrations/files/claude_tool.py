"""Claude's memory tool for the anthropic SDK's tool runner."""

from __future__ import annotations

import asyncio
from typing import Any

from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool, ToolError
from pydantic import BaseModel

from memoryos_integrations.files.commands import MemoryCommands
from memoryos_integrations.files.files import Files
from memoryos_integrations.files.paths import FileProblem


class ClaudeMemoryTool(BetaAbstractMemoryTool):
    """The memory tool over a user's files.

        client.beta.messages.tool_runner(model=…, messages=…, tools=[ClaudeMemoryTool(files)])

    What a command cannot do reaches Claude as a result that is an error. `run(block.input)` answers
    a call by hand.
    """

    def __init__(self, files: Files, *, cache_control: Any = None) -> None:
        super().__init__(cache_control=cache_control)
        self.commands = MemoryCommands(files)

    def run(self, command: Any) -> str:
        """Do one command, given as the input of a tool call. Raises ToolError."""
        asked = command.model_dump() if isinstance(command, BaseModel) else command
        try:
            return self.commands.run(asked)
        except FileProblem as problem:
            raise ToolError(str(problem)) from problem

    def execute(self, command: Any) -> str:
        """Do one command (see `run`)."""
        return self.run(command)

    # What the SDK's base class asks for, each of which is one command.
    view = create = str_replace = insert = delete = rename = run

    def clear_all_memory(self) -> str:
        """Erase all files for good."""
        if self.commands.files.under():
            self.commands.files.delete("/")
        return "All files are erased."


class AsyncClaudeMemoryTool(BetaAsyncAbstractMemoryTool):
    """`ClaudeMemoryTool` for the asynchronous client."""

    def __init__(self, files: Files, *, cache_control: Any = None) -> None:
        super().__init__(cache_control=cache_control)
        self._tool = ClaudeMemoryTool(files)

    async def run(self, command: Any) -> str:
        """Do one command, given as the input of a tool call. Raises ToolError."""
        return await asyncio.to_thread(self._tool.run, command)

    async def execute(self, command: Any) -> str:
        """Do one command (see `run`)."""
        return await self.run(command)

    view = create = str_replace = insert = delete = rename = run

    async def clear_all_memory(self) -> str:
        """Erase all files for good."""
        return await asyncio.to_thread(self._tool.clear_all_memory)
