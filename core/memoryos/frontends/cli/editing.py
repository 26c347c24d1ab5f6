"""Commands that change a memory by hand: `add`, `forget`, `receipts`, `restore`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from memoryos.errors import InvalidInput
from memoryos.frontends.cli.console import (
    as_json,
    complain,
    day,
    emit,
    err,
    one_line,
    out,
    plain,
    shown,
)
from memoryos.frontends.cli.options import (
    Assistant,
    Db,
    Embedder,
    Json,
    Session,
    User,
    chosen,
    did_you_mean,
    listed,
    opened,
    users_of,
)
from memoryos.text.counts import counted

if TYPE_CHECKING:
    from memoryos.engine import Engine
    from memoryos.memory.memory import Memory
    from memoryos.model import ErasureReceipt
    from memoryos.upkeep.erasure import Remains

_MOST_SHOWN = 5
"""Pages shown before asking whether to forget them."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Every day")(add)
    app.command(rich_help_panel="Every day")(remember)
    app.command(rich_help_panel="Every day")(correct)
    app.command(rich_help_panel="Every day")(forget)
    app.command(rich_help_panel="Look after it")(receipts)
    app.command(rich_help_panel="Look after it")(restore)


def add(
    said: Annotated[str, typer.Argument(metavar="SAID", help="What the user said; - reads stdin.")],
    answered: Annotated[
        str, typer.Argument(metavar="[ANSWERED]", help="What the agent answered.")
    ] = "",
    time: Annotated[
        str | None,
        typer.Option(
            "--time", "-t", metavar="ISO8601", help="When. Without a zone UTC; default now."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Names the turn: one with the same key is stored once only."),
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    session: Session = "default",
    embedder: Embedder = None,
    json: Json = False,
) -> None:
    """Remember one turn. It is durable, and can be recalled, when this returns.

    [bold]Examples[/bold]

      memoryos add "I moved to Lisbon last week" "How do you like it?"
      memoryos add --user tom --time 2025-05-01T09:30 "My sister's name is Clara"
    """
    text = sys.stdin.read() if said == "-" else said
    with opened(db, exists=False, embedder=embedder, promotion="inline") as engine:
        memory = chosen(engine, user, assistant, session, new=True)
        whom = _whom(engine, memory)
        page = memory.add(text, answered, time, key=key)
        if json:
            emit(page)
        else:
            out.print(shown(f"remembered for {whom}: {page.id}"), soft_wrap=True)


def _whom(engine: Engine, memory: Memory) -> str:
    """Say whose memory something goes into; also that the user is new, beside whom."""
    scopes, user = engine.scopes(), memory.scope.user_id
    users = users_of(scopes)
    if memory.scope in scopes:
        return plain(user)
    if user in users:
        return plain(f"{user}, with a new assistant, {memory.scope.assistant_id}")
    near = did_you_mean(user, users)
    others = f"did you mean {near}?" if near else f"there is also {listed(users)}" if users else ""
    return plain(f"{user}, a new user" + (f" ({others})" if others else ""))


def remember(
    fact: Annotated[str, typer.Argument(metavar="FACT", help="What is so, in words.")],
    agent: Annotated[
        bool, typer.Option("--agent", help="It is about the agent, not the user.")
    ] = False,
    attribute: Annotated[
        str | None,
        typer.Option("--attribute", metavar="NAME", help="Row of the profile that it fills: home."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="ID", help="The page that it comes from.")
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    embedder: Embedder = None,
    json: Json = False,
) -> None:
    """State a fact. It stays through rebuilds and exports, until it is corrected or forgotten.

    [bold]Example[/bold]

      memoryos remember "Lisbon" --attribute home
    """
    with opened(db, exists=False, embedder=embedder, promotion="inline") as engine:
        memory = chosen(engine, user, assistant, new=True)
        whom = _whom(engine, memory)
        known = memory.remember(fact, "agent" if agent else "user", attribute, source)
    if json:
        emit(known)
    else:
        out.print(shown(f"remembered for {whom}: {known.text}  [{known.id}]"), soft_wrap=True)


def correct(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Of what is known: profile prints them.")
    ],
    text: Annotated[str, typer.Argument(metavar="FACT", help="What is so instead.")],
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    embedder: Embedder = None,
    json: Json = False,
) -> None:
    """Put right what is known. What it was stays as history: see explain, profile --as-of."""
    with opened(db, embedder=embedder, promotion="inline") as engine:
        known = chosen(engine, user, assistant).correct(id_, text)
    if json:
        emit(known)
    else:
        out.print(shown(f"corrected: {known.text}  [{known.id}]"), soft_wrap=True)


def forget(
    page: Annotated[str | None, typer.Option("--page", metavar="ID", help="One page.")] = None,
    knowledge: Annotated[
        str | None,
        typer.Option("--knowledge", metavar="ID", help="One fact; it is not learned again."),
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="ID", help="One conversation.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="ISO8601", help="All that was said before a time."),
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All of this memory.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Forget a page, a fact, a conversation, what is older than a time, or everything.

    Shows what will go and asks first. What was derived from the forgotten words goes with them, or
    is made again without them. Prints the receipt: counts and ids, nothing of what was forgotten.
    """
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        what: dict[str, Any] = {
            "page_id": page,
            "knowledge_id": knowledge,
            "session": session,
            "before": before,
            "everything": everything or None,
        }
        what = {name: value for name, value in what.items() if value is not None}
        if len(what) != 1:
            raise InvalidInput(
                "say what to forget, with exactly one of "
                "--page, --knowledge, --session, --before and --everything"
            )
        if not yes:
            if not sys.stdin.isatty() and json:
                raise InvalidInput("with --json nobody can be asked: say --yes too")
            _preview(memory, what)
            if not typer.confirm("Forget this for good?", err=True):
                complain("nothing was forgotten")
                raise typer.Exit(1)
        receipt = memory.forget(**what)
    if json:
        emit(receipt)
    else:
        print_receipt(receipt)


def receipts(
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Print the receipts of what was forgotten, and look whether any of it is there again.

    Ends with 1 if anything is.
    """
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        found = [(receipt, memory.check(receipt)) for receipt in memory.receipts()]
    if json:
        emit([{**as_json(receipt), "remains": as_json(left)} for receipt, left in found])
    elif not found:
        out.print(
            "Nothing was forgotten yet: memoryos forget does, and leaves its receipt here.",
            style="yellow",
        )
    else:
        for receipt, left in found:
            print_receipt(receipt, left)
    if not all(left.nothing for _, left in found):
        raise typer.Exit(1)


def restore(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="Of a fact: profile --status all prints them.")
    ],
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Make a superseded or archived fact current again; what had come in its place no longer is."""
    with opened(db) as engine:
        fact = chosen(engine, user, assistant).restore(id_)
    if json:
        emit(fact)
    else:
        out.print(shown(f"current again: {fact.text}"), soft_wrap=True)


def print_receipt(receipt: ErasureReceipt, left: Remains | None = None) -> None:
    """Print what an erasure removed, and what of it there is, if that was looked for."""
    table = Table(title=f"Receipt {receipt.id}", title_justify="left", show_header=False, box=None)
    table.add_row("when", day(receipt.at))
    table.add_row("asked for", receipt.request)
    for kind, count in receipt.erased.items():
        if count:
            table.add_row(f"{kind} erased", str(count))
    if receipt.answers:
        table.add_row("answers to look at", ", ".join(receipt.answers))
    if receipt.traces:
        table.add_row("kept for a while", receipt.traces)
    for kind, count in receipt.rewritten.items():
        if count:
            table.add_row(f"{kind} made again without it", str(count))
    if left is not None:
        there = [*left.page_ids, *left.knowledge_ids, *left.derived_ids]
        table.add_row("there again", ", ".join(there) or "nothing")
    out.print(table)


def _preview(memory: Memory, what: dict[str, Any]) -> None:
    """Show what will go, on the error output: it is part of the question."""
    if "knowledge_id" in what:
        err.print(shown(memory.explain(what["knowledge_id"]).text))
        return
    if "page_id" in what:
        pages = [memory.page(what["page_id"])]
    elif "session" in what:
        pages = memory.pages(what["session"])
    elif "before" in what:
        pages = memory.pages(where={"before": what["before"]})
    else:
        pages = memory.pages()
    for item in pages[:_MOST_SHOWN]:
        line = one_line(item.user_input or item.agent_response, 80)
        err.print(shown(f"  {day(item.timestamp)}  {line}"))
    if len(pages) > _MOST_SHOWN:
        err.print(f"  … and {len(pages) - _MOST_SHOWN} more")
    whose = plain(memory.scope.user_id)
    err.print(shown(f"{counted(len(pages), 'page')} of {whose}, and what was derived from them"))
