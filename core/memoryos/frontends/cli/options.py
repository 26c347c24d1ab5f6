"""Options shared by commands, and the engine and memory that they name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memoryos.errors import InvalidInput, NotFound

if TYPE_CHECKING:  # what a command opens is loaded when it opens it: help is there at once
    from memoryos.engine import Engine
    from memoryos.memory.memory import Memory
    from memoryos.model import Scope
    from memoryos.ports import ChatModel

DEFAULT_DB = "memoryos.db"
DEFAULT_USER = "me"
DEFAULT_ASSISTANT = "assistant"
DEFAULT_TIMEOUT = 60.0

Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="MEMORYOS_DB",
        metavar="FILE",
        help="Database: a file, or a URI such as sqlite:///f.db or postgresql://…",
        rich_help_panel="Which memory",
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        envvar="MEMORYOS_USER",
        metavar="ID",
        help=f"Whose memory. Default: the only user there is, else “{DEFAULT_USER}”.",
        rich_help_panel="Which memory",
    ),
]
Assistant = Annotated[
    str | None,
    typer.Option(
        "--assistant",
        "-a",
        envvar="MEMORYOS_ASSISTANT",
        metavar="ID",
        help=f"With which assistant. Default: the user's only one, else “{DEFAULT_ASSISTANT}”.",
        rich_help_panel="Which memory",
    ),
]
Session = Annotated[
    str,
    typer.Option(
        "--session",
        "-s",
        metavar="ID",
        help="In which conversation.",
        rich_help_panel="Which memory",
    ),
]
Embedder = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        envvar="MEMORYOS_EMBEDDER",
        metavar="NAME",
        help="static or hashing (built in), fastembed:NAME, text-embedding-…, "
        "a sentence-transformers model or folder.",
        rich_help_panel="Models",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="MEMORYOS_MODEL",
        metavar="NAME",
        help="Chat model at any OpenAI-compatible endpoint. Default: none.",
        rich_help_panel="Models",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        envvar="OPENAI_BASE_URL",
        metavar="URL",
        help="Where the model is served. Default: api.openai.com.",
        rich_help_panel="Models",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="MEMORYOS_TIMEOUT",
        metavar="SECONDS",
        help="How long the model's endpoint may be silent.",
        rich_help_panel="Models",
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--context-window",
        envvar="MEMORYOS_CONTEXT_WINDOW",
        metavar="TOKENS",
        help="Of prompt and answer together. Default: what the endpoint tells.",
        rich_help_panel="Models",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="ISO8601", help="What had been said, and was held, by then."),
]
MinRelevance = Annotated[
    float | None,
    typer.Option(
        "--min-relevance",
        min=0,
        max=1,
        help="What each page must reach; 0 shows the nearest, however far.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def uri_of(db: str) -> str:
    """Return the URI of what `--db` names."""
    return db if "://" in db else f"sqlite:///{Path(db).expanduser()}"


def chat_model(
    model: str | None,
    base_url: str | None,
    timeout: float = DEFAULT_TIMEOUT,
    context_window: int | None = None,
) -> ChatModel | None:
    """Return the model that the options name. The key comes from OPENAI_API_KEY alone."""
    if not model:
        return None
    from memoryos.llm import OpenAIChat  # noqa: PLC0415

    local = bool(base_url) and not os.environ.get("OPENAI_API_KEY")
    return OpenAIChat(
        model,
        api_key="" if local else None,
        base_url=base_url,
        timeout=timeout,
        context_window=context_window,
    )


@contextmanager
def opened(
    db: str,
    *,
    exists: bool = True,
    embedder: str | None = None,
    model: ChatModel | None = None,
    new_embedder: bool = False,
    **config: Any,
) -> Iterator[Engine]:
    """Open the engine of a command.

    With `exists` a database file that is not there is an error, for to make an empty one and find
    nothing in it helps nobody. Without settings for it nothing is consolidated: looking is cheap.
    """
    from memoryos.config import MemoryConfig  # noqa: PLC0415
    from memoryos.engine import Engine  # noqa: PLC0415
    from memoryos.storage.sql import without_password  # noqa: PLC0415

    uri = uri_of(db)
    if exists and uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        if not path.exists():
            raise NotFound(
                f"there is no memory at {without_password(path)}: name one with --db or "
                "MEMORYOS_DB, or make one with `memoryos add` or `memoryos import`"
            )
    settings = MemoryConfig.of({"promotion": "manual", **config})
    with Engine.open(uri, settings, model, embedder, new_embedder=new_embedder) as engine:
        yield engine


def chosen(
    engine: Engine,
    user: str | None,
    assistant: str | None,
    session: str = "default",
    *,
    new: bool = False,
) -> Memory:
    """Return the memory that the options name; what is not named must exist only once.

    new: a user or assistant that nothing is remembered of begins a memory; else NotFound is raised
    for one that is named, with the name that was probably meant.
    """
    scopes = engine.scopes()
    scope = chosen_scope(scopes, user, assistant)
    memory = engine.memory(scope.user_id, scope.assistant_id, session)
    named = user is not None or assistant is not None
    if not new and named and scope not in scopes and not memory.receipts():  # nor forgotten
        raise NotFound(_unknown(scopes, user, assistant))
    return memory


def chosen_scope(scopes: Sequence[Scope], user: str | None, assistant: str | None) -> Scope:
    """Return the scope that the options name. Raises InvalidInput when several match."""
    from memoryos.model import Scope  # noqa: PLC0415

    fitting = [
        scope
        for scope in scopes
        if user in (None, scope.user_id) and assistant in (None, scope.assistant_id)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        return Scope(
            DEFAULT_USER if user is None else user,
            DEFAULT_ASSISTANT if assistant is None else assistant,
        )
    if user is None:
        users = users_of(fitting)
        if len(users) > 1:
            raise InvalidInput(f"whose memory? Say --user: {listed(users)}")
    assistants = [scope.assistant_id for scope in fitting]
    raise InvalidInput(f"with which assistant? Say --assistant: {listed(assistants)}")


def users_of(scopes: Sequence[Scope]) -> list[str]:
    """Return the users of scopes, each once."""
    return list(dict.fromkeys(scope.user_id for scope in scopes))


def _unknown(scopes: Sequence[Scope], user: str | None, assistant: str | None) -> str:
    """Say that nothing is remembered of a user or assistant, and which one was probably meant."""
    users = users_of(scopes)
    if user is not None and user not in users:
        what, name, known = "user", user, users
    else:
        own = [scope for scope in scopes if user in (None, scope.user_id)]
        what, name = "assistant", str(assistant)
        known = list(dict.fromkeys(scope.assistant_id for scope in own))
    if not known:
        return f"nothing is remembered of {name!r} yet: `memoryos add` begins a memory"
    near = did_you_mean(name, known)
    meant = f"did you mean {near}? " if near else ""
    return f"nothing is remembered of the {what} {name!r}; {meant}There is: {listed(known)}"


def did_you_mean(name: str, known: Sequence[str]) -> str | None:
    """Return which known name was probably meant, or None."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def listed(ids: Sequence[str], most: int = 10) -> str:
    """Return names for a message, at most so many."""
    shown = ", ".join(ids[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"
