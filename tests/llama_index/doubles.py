"""LlamaIndex's own mock models with a script, and short ways to make messages and ask questions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLMWithChatMemoryOfLastCall


class ScriptedLLM(MockFunctionCallingLLMWithChatMemoryOfLastCall):
    """LlamaIndex's mock of a model that calls tools; answers with a script, then "Done."."""

    seen: list[list[ChatMessage]] = []  # noqa: RUF012  # a pydantic field: copied per instance

    @classmethod
    def saying(cls, *script: str | ChatMessage) -> ScriptedLLM:
        made = cls(is_chat_model=True)
        coming = iter(script)

        def answer(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
            made.seen.append([message.model_copy(deep=True) for message in messages])
            said = next(coming, "Done.")
            return ChatMessage(role="assistant", content=said) if isinstance(said, str) else said

        made.response_generator = answer
        return made

    @property
    def last(self) -> str:
        """All that the model was last given, as text."""
        return texts(self.seen[-1])


def call(tool: str, id_: str = "call-1", **kwargs: Any) -> ChatMessage:
    """A model's message that asks for a tool."""
    block = ToolCallBlock(tool_call_id=id_, tool_name=tool, tool_kwargs=kwargs)
    return ChatMessage(role="assistant", blocks=[block])


def user(text: str, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="user", content=text, **kwargs)


def assistant(text: str, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="assistant", content=text, **kwargs)


def system(text: str) -> ChatMessage:
    return ChatMessage(role="system", content=text)


def texts(messages: Sequence[ChatMessage] | None) -> str:
    return "\n".join(message.content or "" for message in messages or ())


def said(messages: Sequence[ChatMessage]) -> list[tuple[str, str | None]]:
    return [(message.role.value, message.content) for message in messages]


def roles(messages: Sequence[ChatMessage]) -> list[str]:
    return [message.role.value for message in messages]


WAYS = ("chat", "stream_chat", "achat", "astream_chat")


def ask(chat: Any, way: str, question: str, **kwargs: Any) -> str:
    """Put a question to a chat engine in one of four ways; async ones each in a new event loop."""
    if way == "chat":
        return str(chat.chat(question, **kwargs).response)
    if way == "stream_chat":
        streamed = chat.stream_chat(question, **kwargs)
        return "".join(streamed.response_gen)  # joins the thread that writes to the memory
    if way == "achat":
        return str(asyncio.run(chat.achat(question, **kwargs)).response)

    async def stream() -> str:
        streamed = await chat.astream_chat(question, **kwargs)
        said = "".join([piece async for piece in streamed.async_response_gen()])
        if streamed.awrite_response_to_history_task is not None:
            await streamed.awrite_response_to_history_task
        return said

    return asyncio.run(stream())


def run(agent: Any, question: str, **kwargs: Any) -> Any:
    """Run an agent or workflow to its end, in a new event loop."""

    async def go() -> Any:
        return await agent.run(user_msg=question, **kwargs)

    return asyncio.run(go())
