"""LangChain's messages as MemoryOS's and back, exactly.

Only what the plain fields of a `Message` cannot say (usage, artifacts, additional_kwargs…) goes
into its metadata, so that ordinary messages take no more room than their words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    convert_to_messages,
    message_chunk_to_message,
    messages_from_dict,
)
from pydantic_core import to_jsonable_python

from memoryos import Message, Page
from memoryos.errors import InvalidInput

EXTRAS = "langchain"
"""Name in `Message.metadata` of what the plain fields do not hold."""

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_TYPES = {role: type_ for type_, role in _ROLES.items()}
_ROLES_OF_CHAT = {"human": "user", "ai": "assistant"}
_PLAIN = ("content", "name", "id", "tool_calls", "tool_call_id")
_VERBATIM = "json"
"""Key in the extras: the whole message as ASCII JSON, for what no text column can hold."""
LONGEST_QUERY = 4000
"""Characters; of a longer text (a pasted document) the beginning and the end ask the question."""
_CUT = "cut"
"""In a message's metadata: it was too long for the journal, and its extras may be in pieces."""


def from_langchain_message(message: BaseMessage) -> Message:
    """Return a LangChain message as one of MemoryOS; chunks become whole messages.

    What is not JSON (bytes, an artifact that is an object) is kept as the text that stands for it.
    """
    whole = message_chunk_to_message(message)
    body = _json(whole.model_dump(exclude_defaults=True, exclude={"type"}))
    role = _ROLES.get(whole.type, "tool" if whole.type == "function" else whole.type)
    if isinstance(whole, ChatMessage):
        role = _ROLES_OF_CHAT.get(whole.role, whole.role)
    extras = {name: value for name, value in body.items() if name not in _PLAIN}
    if _ROLES.get(whole.type) != role or isinstance(whole, ChatMessage):
        extras["type"] = whole.type
    if not _storable(body):
        extras = {_VERBATIM: json.dumps({"type": whole.type, "data": body}), "type": whole.type}
        body = _cleaned(body)
    return Message(
        role=role,
        content=body.get("content", ""),
        name=body.get("name"),
        id=body.get("id"),
        tool_calls=body.get("tool_calls", ()),
        tool_call_id=body.get("tool_call_id"),
        metadata={EXTRAS: extras} if extras else {},
    )


def to_langchain_message(message: Message) -> BaseMessage:
    """Return a message of MemoryOS, from whatever framework, as LangChain's."""
    extras = dict(message.metadata.get(EXTRAS) or {})
    if _CUT in message.metadata:
        extras = {}
    if _VERBATIM in extras:
        return messages_from_dict([json.loads(extras[_VERBATIM])])[0]
    type_ = extras.pop("type", None) or _TYPES.get(message.role, "chat")
    data: dict[str, Any] = {"content": message.content, **extras}
    if message.name is not None:
        data["name"] = message.name
    if message.id is not None:
        data["id"] = message.id
    if type_ == "ai" and message.tool_calls:
        data["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if type_ == "tool":
        data["tool_call_id"] = message.tool_call_id or ""
    if type_ == "chat":
        data.setdefault("role", message.role)
    return messages_from_dict([{"type": type_, "data": data}])[0]


def from_langchain_messages(messages: Iterable[BaseMessage]) -> list[Message]:
    """Return LangChain messages as MemoryOS's; instructions to remove messages are left out."""
    return [from_langchain_message(m) for m in messages if not isinstance(m, RemoveMessage)]


def messages_of(pages: Iterable[Page]) -> list[BaseMessage]:
    """Return all messages of some pages, in order, as LangChain's."""
    return [to_langchain_message(message) for page in pages for message in page.messages]


def text_of(value: Any) -> str:
    """Return the words of what chains pass about as input or output.

    A text, a message, content blocks, or a sequence of messages (then the user's last words).
    """
    if isinstance(value, str):
        return value
    if isinstance(value, BaseMessage):
        return str(value.text)
    if (messages := _as_messages(value)) is not None:
        return "\n".join(text_of(message) for message in asked(messages))
    if isinstance(value, Sequence) and all(isinstance(item, (str, Mapping)) for item in value):
        return str(HumanMessage(content=cast("Any", list(value))).text)
    return "" if value is None else answer_text(value)


def query_of(value: Any) -> str:
    """Return the words of what is asked, fit for a recall; of a long text both ends ask."""
    words = value if isinstance(value, str) else text_of(value)
    if len(words) > LONGEST_QUERY:
        words = f"{words[: LONGEST_QUERY // 2]}\n{words[-LONGEST_QUERY // 2 :]}"
    return words.replace("\x00", " ").encode("utf-8", "replace").decode().strip()


def converted(messages: Any) -> list[BaseMessage]:
    """Return messages of every form that LangChain takes: texts, dicts and (role, text) too.

    Raises InvalidInput for what LangChain itself cannot convert.
    """
    if isinstance(messages, (str, bytes, Mapping, BaseMessage)):
        raise InvalidInput(f"messages must be a list of messages, not {type(messages).__name__}")
    try:
        return convert_to_messages(list(messages))
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise InvalidInput(
            "messages must be LangChain messages, or what LangChain makes them of, such as "
            f"{{'role': 'user', 'content': 'hello'}}: {error}"
        ) from error


def asked(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the user's messages that stand at the end and nobody has answered yet."""
    found: list[BaseMessage] = []
    for message in reversed(messages):
        if isinstance(message, SystemMessage) or is_summary(message):
            continue
        if not isinstance(message, HumanMessage):
            break
        found.insert(0, message)
    return found


def is_summary(message: BaseMessage) -> bool:
    """Return whether a middleware put the message there in place of older ones."""
    return message.additional_kwargs.get("lc_source") == "summarization"


def as_question(value: Any) -> list[BaseMessage]:
    """Return a chain's input as the messages the user sent; never a system prompt or a summary."""
    if isinstance(value, BaseMessage):
        return [value]
    if (messages := _as_messages(value)) is not None:
        return list(asked(messages))
    if _is_content(value):
        return [HumanMessage(content=value)]
    return [HumanMessage(content=text_of(value))]


def as_answer(value: Any) -> list[BaseMessage]:
    """Return a chain's output as the agent's messages."""
    if isinstance(value, BaseMessage):
        return [message_chunk_to_message(value)]
    if (messages := _as_messages(value)) is not None:
        return [message_chunk_to_message(message) for message in messages]
    if _is_content(value):
        return [AIMessage(content=value)]
    return [AIMessage(content=text_of(value))]


def answer_text(value: Any) -> str:
    """Return a structured answer (pydantic, dataclass, mapping…) as JSON."""
    return json.dumps(_json(value), ensure_ascii=False)


def _as_messages(value: Any) -> list[BaseMessage] | None:
    """Return a value as messages if it is some, also in the forms that LangChain converts."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence) or not value:
        return None
    some = all(
        isinstance(item, (BaseMessage, tuple)) or (isinstance(item, Mapping) and "role" in item)
        for item in value
    )
    return converted(value) if some else None


def _is_content(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, (str, dict)) for item in value)
    )


def _json(value: Any) -> Any:
    """Return a value as JSON; what has no form there becomes the text that stands for it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): _json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json(inner) for inner in value]
    # Not for the rest: pydantic's own refuses lone surrogates.
    return _json(to_jsonable_python(value, bytes_mode="base64", fallback=str))


def _storable(value: Any) -> bool:
    """Return whether every text can be kept as it is: no NUL character and no lone surrogate."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\\u0000" not in text


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", " ").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    return value


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call as LangChain writes it, also from OpenAI's form of other adapters."""
    function = call.get("function")
    if not isinstance(function, Mapping):
        return dict(call)
    arguments = function.get("arguments") or "{}"
    try:
        args = json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
    except ValueError:
        args = {"arguments": arguments}
    return {"name": function.get("name", ""), "args": args, "id": call.get("id")}
