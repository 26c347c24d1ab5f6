"""A LlamaIndex agent that remembers its users, and can remember, recall and forget when asked."""

import asyncio

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms.mock import MockFunctionCallingLLM  # or any LLM that calls tools

from memoryos_integrations.llama_index import MemoryOSMemory, MemoryOSToolSpec

where = {"storage_uri": "sqlite:///memories.db", "user_id": "tom"}
tools = MemoryOSToolSpec(**where).to_tool_list()
agent = FunctionAgent(llm=MockFunctionCallingLLM(), tools=tools)


async def main(memory: MemoryOSMemory) -> None:
    """Talk to the agent on Monday."""
    print(await agent.run(user_msg="My dog is called Biscuit", memory=memory))


asyncio.run(main(MemoryOSMemory(**where, session_id="monday")))
