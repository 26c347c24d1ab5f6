"""LlamaIndex's chat messages as the journal keeps them, and back, exactly.

What a plain message can say stands in its own fields, so that any reader of the journal finds it:
the words in `content`, tool calls in `tool_calls`.  What is left stands in metadata["llama_index"]:

    role        the role, where it is not user, assistant, system or tool
    kwargs      additional_kwargs, but for what has a field of its own
    blocks      the blocks, where the words in `content` are not all of them
    exact       all of this as ASCII, where it has characters that no database takes
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from io import IOBase
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.bridge.pydantic import BaseModel, ValidationError

from memoryos import Message

OURS = "llama_index"
"""The name in metadata under which everything of this adapter stands."""

_log = logging.getLogger("memoryos_integrations.llama_index")
_ROLES = {"chatbot": "assistant", "model": "assistant", "function": "tool", "developer": "system"}
_BLOCKS: dict[str, type[BaseModel]] = {
    "text": TextBlock,
    "image": ImageBlock,
    "audio": AudioBlock,
    "video": VideoBlock,
    "document": DocumentBlock,
    "cache": CachePoint,
    "citable": CitableBlock,
    "citation": CitationBlock,
    "thinking": ThinkingBlock,
    "tool_call": ToolCallBlock,
}
_CUT = "cut"
"""In a message's metadata: it was too long for the journal, and what is ours may be in pieces."""
_LONG = 100_000
"""Characters: the engine takes longer texts as blocks, up to sixteen times a plain text's size."""


def to_message(message: ChatMessage) -> Message:
    """Return `message` for the journal. Objects in additional_kwargs that JSON lacks become text.

    A tool call's preamble and ReAct's thoughts are kept, but are not what the assistant said.
    """
    given = MessageRole(message.role).value  # a role that was assigned may be a plain text
    role = _ROLES.get(given, given)
    dumps = [_dump(block) for block in message.blocks]
    kwargs = _plain(message.additional_kwargs)
    ours: dict[str, Any] = {} if role == given else {"role": given}
    if not _storable([dumps, kwargs]):
        words = said(message) if role in ("user", "assistant") else message.content or ""
        exact = json.dumps({**ours, "blocks": dumps, "kwargs": kwargs})
        return Message(role, _cleaned(words), metadata={OURS: {"exact": exact}})
    name = _taken(kwargs, "name")
    tool_call_id = _taken(kwargs, "tool_call_id")
    if kwargs:
        ours["kwargs"] = kwargs
    others, tool_calls = _without_calls(message.blocks, dumps)
    content: Any = others
    words = said(message)
    if words != (message.content or ""):
        ours["blocks"] = others
        content = words
    elif len(others) == 1 and others[0] == {"block_type": "text", "text": words}:
        content = words if len(words) <= _LONG else others
    return Message(
        role=role,
        content=content,
        name=name,
        tool_calls=tuple(tool_calls),
        tool_call_id=tool_call_id,
        metadata={OURS: ours} if ours else {},
    )


def from_message(message: Message) -> ChatMessage:
    """Return a message of the journal for LlamaIndex; also one that came by another way."""
    # Of a message that was too long for the journal only the words are whole.
    ours = {} if _CUT in message.metadata else message.metadata.get(OURS, {})
    if "exact" in ours:
        ours = json.loads(ours["exact"])
    dumps: Any = ours.get("blocks", message.content)
    if isinstance(dumps, str):
        blocks: list[Any] = [TextBlock.model_construct(block_type="text", text=dumps)]
    else:
        blocks = [block for dump in dumps or () if (block := _block(dump)) is not None]
    blocks += [_tool_call(call) for call in message.tool_calls]
    kwargs = dict(ours.get("kwargs", {}))
    if message.name is not None:
        kwargs["name"] = message.name
    if message.tool_call_id is not None:
        kwargs["tool_call_id"] = message.tool_call_id
    # Constructed, not validated: validation would read kwargs["images"] and the files of blocks.
    return ChatMessage.model_construct(
        role=_role(ours.get("role", message.role)), additional_kwargs=kwargs, blocks=blocks
    )


def said(message: ChatMessage) -> str:
    """Return what the message says to the other side: no tool call, no thoughts of ReAct."""
    words = message.content or ""
    if message.role not in (MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL):
        return words
    if message.additional_kwargs.get("tool_calls") or any(
        isinstance(block, ToolCallBlock) for block in message.blocks
    ):
        return ""
    return _answer(words)


def _answer(words: str) -> str:
    """Return the answer that ends ReAct's lines of Thought:, Action: and Observation:."""
    if not words.lstrip().startswith("Thought:"):
        return words
    last = words.rfind("\nThought:")
    for start in (max(last, 0), 0):  # an answer may itself have a line "Thought:"
        _, found, answer = words[start:].partition("\nAnswer:")
        if found:
            return answer.strip()
    return words


# ── to JSON ──────────────────────────────────────────────────────────────────────────────────────


def _dump(block: BaseModel) -> dict[str, Any]:
    if isinstance(block, TextBlock):
        return {"block_type": "text", "text": block.text}
    return {
        "block_type": getattr(block, "block_type", "text"),
        **block.model_copy(update=_read_files(block)).model_dump(mode="json", exclude_none=True),
    }


def _read_files(block: BaseModel) -> dict[str, bytes]:
    """Return the contents of open files among the block's fields, left where they were."""
    found = {}
    for name, value in block:
        if isinstance(value, IOBase):
            at = value.tell()
            value.seek(0)
            checked = type(block).model_validate({name: value.read()})
            value.seek(at)
            found[name] = getattr(checked, name)
    return found


def _without_calls(
    blocks: Sequence[BaseModel], dumps: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split off the tool calls at the end; those between other blocks stay where they are."""
    count = 0
    for block in reversed(blocks):
        if not isinstance(block, ToolCallBlock):
            break
        count += 1
    if not count:
        return dumps, []
    calls = [
        {
            "id": dump.get("tool_call_id"),
            "name": dump["tool_name"],
            "args": dump.get("tool_kwargs", {}),
        }
        for dump in dumps[-count:]
    ]
    return dumps[:-count], calls


def _plain(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return additional_kwargs as JSON, objects as LlamaIndex's own stores write them."""
    if not kwargs:
        return {}
    shown = ChatMessage.model_construct(additional_kwargs=dict(kwargs), blocks=[])
    dumped = shown.model_dump(include={"additional_kwargs"})["additional_kwargs"]
    plain: dict[str, Any] = json.loads(json.dumps(dumped, default=str))
    return plain


def _taken(kwargs: dict[str, Any], name: str) -> str | None:
    value = kwargs.get(name)
    if not isinstance(value, str):
        return None
    del kwargs[name]
    return value


def _storable(value: Any) -> bool:
    """Tell whether every text of a JSON value is one that any database takes."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cleaned(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


# ── from JSON ────────────────────────────────────────────────────────────────────────────────────


def _role(name: str) -> MessageRole:
    try:
        return MessageRole(name)
    except ValueError:
        return MessageRole.USER if name == "human" else MessageRole.ASSISTANT


def _block(dump: Any) -> BaseModel | None:
    """Return the block of a dump; None, with a warning, for what this LlamaIndex does not know."""
    if isinstance(dump, str):
        return TextBlock(text=dump)
    if not isinstance(dump, Mapping):
        return None
    kind = _BLOCKS.get(dump.get("block_type", dump.get("type", "")))
    if kind is TextBlock or (kind is None and isinstance(dump.get("text"), str)):
        return TextBlock.model_construct(block_type="text", text=dump["text"])
    if kind is None:
        _log.warning("a block of type %r is left out", dump.get("block_type", dump.get("type")))
        return None
    try:
        return kind.model_validate(dict(dump))
    except ValidationError:
        # A picture's file that has been moved away must not take the conversation with it.
        return kind.model_construct(**dict(dump))


def _tool_call(call: Mapping[str, Any]) -> ToolCallBlock:
    arguments = call.get("args")  # "" is a text that a model gave for arguments
    return ToolCallBlock(
        tool_call_id=call.get("id"),
        tool_name=call.get("name") or "",
        tool_kwargs={} if arguments is None else arguments,
    )
