"""Commands that read a memory: `recall`, `profile`, `pages`, `segments`, `explain`, `stats`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from memoryos.frontends.cli.console import (
    as_json,
    bar,
    day,
    degrees,
    emit,
    err,
    one_line,
    out,
    plain,
    shown,
)
from memoryos.frontends.cli.options import (
    AsOf,
    Assistant,
    Db,
    Embedder,
    Json,
    MinRelevance,
    Session,
    User,
    chosen,
    opened,
)
from memoryos.text.counts import counted

if TYPE_CHECKING:
    from memoryos.generation.context import Recall
    from memoryos.memory.memory import Memory
    from memoryos.model import Knowledge, RecalledPage, Segment

Status = Literal["active", "archived", "superseded", "all"]


EMPTY = (
    'Nothing is remembered yet. Begin with: memoryos add "I moved to Lisbon". Bring in what there '
    "is with: memoryos import FILE. Watch a memory at work with: memoryos demo."
)
"""What is said of a memory that holds nothing."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Every day")(recall)
    app.command(rich_help_panel="Every day")(profile)
    for command in (pages, segments, explain, stats, usage):
        app.command(rich_help_panel="Look inside")(command)


def recall(
    question: Annotated[str, typer.Argument(help="What to recall, in any words.")],
    k: Annotated[int | None, typer.Option("--k", "-k", help="How many pages. Default: 10.")] = None,
    context: Annotated[
        int | None,
        typer.Option(
            "--context", metavar="TOKENS", help="Print the context block for a model instead."
        ),
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    session: Session = "default",
    embedder: Embedder = None,
    as_of: AsOf = None,
    min_relevance: MinRelevance = None,
    json: Json = False,
) -> None:
    """Recall what bears on a question, and why each page came.

    Scores: higher is nearer. Every conversation of the user is searched.
    """
    with opened(db, embedder=embedder) as engine:
        memory = chosen(engine, user, assistant, session)
        found = memory.recall(
            question, k=k, max_tokens=context, as_of=as_of, min_relevance=min_relevance
        )
        memory.segments()  # a recall heats what it finds: this writes it down
        if json:
            emit(_recalled(found, context))
        elif context is not None:
            typer.echo(plain(found.text()))
        elif not found.pages and memory.stats().pages == 0:
            out.print(EMPTY, style="yellow")
        else:
            print_recall(found)


def print_recall(found: Recall) -> None:
    """Print a recall: pages with their relevance and reasons, then what is known."""
    if not found:
        out.print(
            "Nothing is remembered that bears on this; memoryos pages prints what is there.",
            style="yellow",
        )
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(justify="right", style="bright_black", no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(ratio=1)
    for item in found.pages:
        table.add_row(f"{item.relevance:.2f}", day(item.page.timestamp), page_text(item))
    out.print(table)
    for fact in (*found.user_knowledge, *found.agent_knowledge):
        out.print(fact_text(fact))


def page_text(item: RecalledPage) -> Text:
    """Return a recalled page's sides, and why it came."""
    page = item.page
    text = Text()
    for name, said in ((page.user_name, page.user_input), (page.agent_name, page.agent_response)):
        if said:
            text.append(f"{plain(name)}: " if name else "", "bold")
            text.append(one_line(said, 300), "" if said is page.user_input else "bright_black")
            text.append("\n")
    text.append(
        f"{'; '.join(item.reasons) or 'near in meaning'} · {plain(page.session_id)}", "green"
    )
    text.append(f"  [{page.id}]", "bright_black")
    return text


def fact_text(item: Knowledge) -> Text:
    """Return a fact with what it comes from, or a statement with who said it when."""
    more = f" and {len(item.sources) - 1} more" if len(item.sources) > 1 else ""
    if item.kind == "statement":
        who = item.speaker or item.owner
        said = (f"  ← {plain(who)}, {item.updated:%Y-%m-%d}{more}  [{item.id}]", "bright_black")
        return Text.assemble(("“", "green"), shown(one_line(item.text, 300)), ("”", "green"), said)
    quote = f"“{one_line(item.sources[0].quote, 70)}”" if item.sources else f"by {item.analyst}"
    return Text.assemble(
        ("★ ", "green"),
        shown(item.text),
        (f"  ← {quote} {item.updated:%Y-%m-%d}{more}  [{item.id}]", "bright_black"),
    )


def profile(
    status: Annotated[
        Status, typer.Option("--status", help="Which: also superseded (earlier) or archived ones.")
    ] = "active",
    as_of: AsOf = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Show who the user is, as far as is known: profile, traits, and what was said or stated."""
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        if json:
            known = memory.knowledge(as_of=as_of, status=status)
            emit({"profile": memory.profile(as_of), "knowledge": known})
        else:
            print_profile(memory, status, as_of)


def print_profile(memory: Memory, status: Status = "active", as_of: str | None = None) -> None:
    """Print profile, traits and what is known, as of a time."""
    who, facts = memory.profile(as_of), memory.knowledge(as_of=as_of, status=status)
    if not who.text and not facts:
        out.print(
            f"{memory.stats().expectation} Nobody has told anything of themselves yet; "
            "`memoryos remember` states a fact.",
            style="yellow",
        )
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1)
    for side, owner, attributes in (("", "user", who.user), ("assistant ", "agent", who.agent)):
        for name, value in attributes.items():
            since = f" ({who.since[f'{owner}.{name}']:%Y-%m-%d})"
            table.add_row(f"{side}{name.replace('_', ' ')}", shown(value + since))
    for trait in who.traits:
        table.add_row(trait.name, shown(f"{trait.level}: {trait.reason}"))
    out.print(table)
    for item in facts:
        line = fact_text(item)
        if item.status != "active":
            line.append(f"  {item.status}", "yellow")
        out.print(line)


def pages(
    limit: Annotated[int | None, typer.Option("--limit", "-n", help="Only the newest.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="ID", help="Only this conversation.")
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Print the journal: every turn verbatim, oldest first."""
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        found = memory.pages(session, newest_first=limit is not None, limit=limit)
        found = found if limit is None else found[::-1]
    if json:
        emit(found)
        return
    if not found:
        which = f" in the conversation {session!r}" if session is not None else ""
        out.print(shown(f"No pages{which} yet. memoryos add writes one.", "yellow"))
    for page in found:
        head = f"{day(page.timestamp)}  {plain(page.session_id)}  {page.id}"
        out.print(Text(head, style="bright_black"))
        out.print(shown(page.text), soft_wrap=True)


def segments(
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Show mid-term memory: its segments, hottest first, heat as bars.

    heat = visits + pages since the last promotion + recency (Eq. 4 of the paper). A segment that
    reaches τ is promoted: its facts become knowledge, its counters start again.
    """
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        found = memory.segments()
        threshold = engine.config.heat_threshold
        waiting = memory.stats().waiting
    if json:
        emit([{"tau": threshold, **asdict(segment)} for segment in found])
        return
    if not found:
        told = "it is filed by memoryos worker --once" if waiting else "memoryos add writes a page"
        out.print(f"No segments yet: pages are filed under topics; {told}.", style="yellow")
        return
    print_segments(found, threshold)
    err.print(
        f"{counted(len(found), 'segment')}, τ = {threshold:g}; "
        f"{counted(waiting, 'page')} not yet filed"
    )


def print_segments(found: list[Segment], threshold: float) -> None:
    """Print segments with heat as bars."""
    table = Table(box=None, padding=(0, 1))
    for title, justify in (
        ("heat", "left"),
        ("", "right"),
        ("pages", "right"),
        ("visits", "right"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("about", ratio=1)
    for item in found:
        about = Text.assemble(
            (plain(item.name), "bold"),
            "\n",
            (one_line(item.summary, 160), "bright_black"),
        )
        table.add_row(
            bar(item.heat, threshold),
            degrees(item.heat),
            str(item.pages),
            str(item.visits),
            about,
        )
    out.print(table)


def explain(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a fact, or trait:NAME.")],
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Say where a fact or trait comes from: turns, words, who derived it, what it replaced."""
    with opened(db) as engine:
        found = chosen(engine, user, assistant).explain(id_)
    if json:
        emit(found)
    else:
        out.print(shown(found.text), soft_wrap=True)


def stats(
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Count what each tier holds; for one memory, or for all of the database."""
    with opened(db) as engine:
        scopes = [
            scope
            for scope in engine.scopes()
            if user in (None, scope.user_id) and assistant in (None, scope.assistant_id)
        ]
        found = [
            (scope, engine.memory(scope.user_id, scope.assistant_id).stats()) for scope in scopes
        ]
    if json:
        emit([{**as_json(scope), **as_json(counts)} for scope, counts in found])
        return
    if not found:
        out.print(EMPTY, style="yellow")
        return
    table = Table(box=None, padding=(0, 1))
    table.add_column("user / assistant")
    names = ("pages", "sessions", "waiting", "segments", "chains", "known", "traits")
    for name in names:
        table.add_column(name, justify="right")
    for scope, counts in found:
        facts = counts.user_knowledge + counts.agent_knowledge
        table.add_row(
            shown(f"{scope.user_id} / {scope.assistant_id}"),
            *map(str, (counts.pages, counts.sessions, counts.waiting, counts.segments)),
            *map(str, (counts.chains, facts, counts.traits)),
        )
    out.print(table)
    for scope, counts in found:
        who = f"{plain(scope.user_id)}: " if len(found) > 1 else ""
        out.print(shown(f"{who}{counts.expectation}"), style="bright_black", soft_wrap=True)


def usage(
    since: Annotated[
        str | None, typer.Option("--since", metavar="ISO8601", help="Only calls from this time on.")
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Show what the model calls of a memory have cost: calls, tokens, seconds."""
    with opened(db) as engine:
        found = chosen(engine, user, assistant).usage(since)
    if json:
        emit(found)
        return
    if not found.calls:
        out.print("No model was called: the rules need none. See --model of chat.", style="yellow")
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row("calls", str(found.calls))
    for purpose, count in found.by_purpose.items():
        table.add_row(f"  to {purpose}", str(count))
    table.add_row("failed", str(found.failures))
    table.add_row("prompt tokens", f"{found.prompt_tokens:,}")
    table.add_row("completion tokens", f"{found.completion_tokens:,}")
    table.add_row("seconds", f"{found.seconds:.1f}")
    out.print(table)


def _recalled(found: Recall, context: int | None) -> dict[str, object]:
    """Return a recall as JSON."""
    parts: dict[str, object] = {
        "query": found.query,
        "relevance": found.relevance,
        "pages": as_json(found.pages),
        "short_term": as_json(found.short_term),
        "segments": as_json(found.segments),
        "user_knowledge": as_json(found.user_knowledge),
        "agent_knowledge": as_json(found.agent_knowledge),
        "profile": as_json(found.profile),
    }
    if context is not None:
        parts["text"] = found.text()
    return parts
