"""The table of the API's verbs: routes, checks and the OpenAPI document are all made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request

from memoryos.engine import Engine
from memoryos.frontends.web.api import schemas
from memoryos.memory.memory import Memory
from memoryos.model import Message

SCOPE = ("user_id", "assistant_id", "session_id")
"""The parameters that say whose memory, and from which session it is seen."""


@dataclass(frozen=True)
class Parameter:
    """A parameter in the query of a request."""

    name: str
    schema: Mapping[str, Any]
    about: str


@dataclass
class Call:
    """A request, checked."""

    request: Request
    engine: Engine
    user_id: str | None
    """Whose token it carries; None: that of all users."""
    ids: tuple[str, str, str]
    """User, assistant and session; checked to be the token's."""
    given: dict[str, Any] = field(default_factory=dict)
    """The parameters of the query."""
    body: Any = None
    """An instance of the operation's `body`."""
    key: str | None = None
    """The idempotency key."""

    @property
    def memory(self) -> Memory:
        """The memory that it is about."""
        return self.engine.memory(*self.ids)


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Operation:
    """One verb of the API."""

    method: str
    path: str
    name: str
    about: str
    handler: Handler
    gives: Any
    """Type of what it answers."""
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    status: int = 200
    of_a_memory: bool = True
    """Whether it takes the parameters of a scope."""
    changes: bool = False
    """Whether it is refused when the server is read-only."""
    open: bool = False
    """Whether it needs no token."""
    streams: bool = False
    """Whether it can answer with server-sent events."""
    waits: bool = False
    """Whether it may wait for a model."""


TIME = {"type": "string", "format": "date-time"}
ID = {"type": "string", "minLength": 1, "maxLength": 1000}
OWNER = {"type": "string", "enum": ["user", "agent"]}


def health(_call: Call) -> Any:
    """Say that the server answers."""
    return schemas.Health(version=version("memoryos-integrations"))


def ready(call: Call) -> Any:
    """Say that the store answers too."""
    call.memory.pages(limit=1)
    return health(call)


def scopes(call: Call) -> Any:
    """List the memories."""
    found = call.engine.scopes()
    return {"scopes": [s for s in found if call.user_id in (None, s.user_id)]}


def add(call: Call) -> Any:
    """Journal a turn."""
    turn = call.body
    return call.memory.add(
        turn.user_input, turn.agent_response, turn.timestamp, turn.metadata, key=call.key
    )


def add_messages(call: Call) -> Any:
    """Journal messages."""
    messages = [Message(m.role, m.content, name=m.name) for m in call.body.messages]
    pages = call.memory.add_messages(
        messages, call.body.timestamp, call.body.metadata, key=call.key
    )
    return {"pages": pages, "up_to_seq": None}


def pages(call: Call) -> Any:
    """Read the journal."""
    given = call.given
    limit = given.get("limit", 100)
    newest_first = given.get("newest_first", True)
    times: tuple[str, ...] = ("since", "before")
    where = {name: given[name] for name in times if name in given}
    found = call.memory.pages(
        given.get("of_session"),
        where=where or None,
        up_to_seq=given.get("up_to_seq"),
        newest_first=newest_first,
        limit=limit + 1,
    )
    more = found[limit].seq if len(found) > limit and newest_first else None
    return {"pages": found[:limit], "up_to_seq": more}


def page(call: Call) -> Any:
    """Read one page."""
    return call.memory.page(call.given["page_id"])


def recall(call: Call) -> Any:
    """Recall."""
    found = call.memory.recall(**call.body.model_dump())
    prompt = found.prompt(call.body.max_tokens)
    return {
        "query": found.query,
        "relevance": found.relevance,
        "pages": found.pages,
        "short_term": found.short_term,
        "segments": found.segments,
        "user_knowledge": found.user_knowledge,
        "agent_knowledge": found.agent_knowledge,
        "profile": found.profile,
        "prompt": prompt,
        "prompt_tokens": found.count_tokens(prompt),
    }


def respond(call: Call) -> Any:
    """Answer; streaming is seen to by the route."""
    text = call.memory.respond(**hints(call))
    return schemas.Answer(text=text)


def hints(call: Call) -> dict[str, Any]:
    """Return the arguments of `Memory.respond`."""
    return {name: value for name, value in call.body.model_dump().items() if name != "stream"}


def knowledge(call: Call) -> Any:
    """List what is known."""
    return {"knowledge": call.memory.knowledge(**call.given)}


def explain(call: Call) -> Any:
    """Explain a fact or statement."""
    found = call.memory.explain(call.given["knowledge_id"])
    return {
        "knowledge": found.of,
        "pages": found.pages,
        "superseded": found.superseded,
        "statements": found.statements,
    }


def remember(call: Call) -> Any:
    """State a fact."""
    return call.memory.remember(**call.body.model_dump())


def correct(call: Call) -> Any:
    """Put a fact right."""
    return call.memory.correct(call.body.knowledge_id, call.body.text)


def restore(call: Call) -> Any:
    """Make a fact current again."""
    return call.memory.restore(call.body.knowledge_id)


def forget(call: Call) -> Any:
    """Erase."""
    return call.memory.forget(**call.body.model_dump(exclude_none=True))


def profile(call: Call) -> Any:
    """Say who the user is."""
    return call.memory.profile(**call.given)


def segments(call: Call) -> Any:
    """List mid-term memory."""
    return {"segments": call.memory.segments()}


def sessions(call: Call) -> Any:
    """List the sessions."""
    return {"sessions": call.memory.sessions()}


def stats(call: Call) -> Any:
    """Count."""
    return call.memory.stats()


def usage(call: Call) -> Any:
    """Say what model calls have cost."""
    return call.memory.usage(call.given.get("since"))


def receipts(call: Call) -> Any:
    """List the receipts."""
    return {"receipts": call.memory.receipts()}


def flush(call: Call) -> Any:
    """Do what is pending."""
    call.memory.flush()
    return schemas.Done()
