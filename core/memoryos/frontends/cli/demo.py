"""`memoryos demo`: a memory filling, heating up, promoting and answering, on the screen."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from memoryos.frontends.cli.console import as_json, bar, day, degrees, emit, one_line, out, shown
from memoryos.frontends.cli.options import opened
from memoryos.frontends.cli.story import ACTS, Act

if TYPE_CHECKING:
    from memoryos.memory.memory import Memory
    from memoryos.model import Knowledge, KnowledgeKind, RecalledPage, Segment

_USER = "tom"
_CAPACITY = 3
"""Smaller than the paper's 7, so that a short conversation overflows."""
_STATED = ("Tom is allergic to peanuts", "allergy")
"""What is stated by hand at the end, and the row of the profile that it fills."""
_RECALLED, _TOKENS = 3, 60
"""Pages, and tokens of pages, that an answer is made of: the usual 10 would be half of all."""
_KINDS: tuple[KnowledgeKind, ...] = ("statement", "fact")
_PAUSE = 0.08
"""Seconds between turns when a person is watching."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Begin here")(demo)


def demo(
    db: Annotated[
        Path | None,
        typer.Option("--db", help="Keep the memory in this file. Default: a temporary one."),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not pause between turns.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print only the results, as JSON.")] = False,
) -> None:
    """Play a short conversation in English and Spanish and watch the memory work.

    Tom tells about himself. Every turn is filed under its topic at once, and what Tom says of
    himself is quoted with its date; recalling a topic heats it; a hot one is promoted to long-term
    memory. What is stated by hand is a fact. Nothing needs a key, a model or a network.
    """
    with ExitStack() as stack:
        if db is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="memoryos-demo-"))
            db = Path(folder) / "demo.db"
        engine = stack.enter_context(
            opened(
                str(db),
                exists=False,
                promotion="inline",
                short_term_capacity=_CAPACITY,
                top_pages=_RECALLED,
                context_tokens=_TOKENS,
            )
        )
        play = _Play(engine.memory(_USER), engine.config.heat_threshold, silent=json)
        play.pause = _PAUSE if out.is_terminal and not fast else 0.0
        for act in ACTS:
            play.act(act)
        play.state(*_STATED)
        if json:
            emit(play.results())
        else:
            play.end(str(db) if "memoryos-demo-" not in str(db) else None)


class _Play:
    """The demonstration under way: what was there a moment ago, to tell what has changed."""

    def __init__(self, memory: Memory, threshold: float, *, silent: bool) -> None:
        self._memory = memory
        self._threshold = threshold
        self._silent = silent
        self._segments: dict[str, Segment] = {}
        self._known: set[str] = set()
        self._answers: list[dict[str, object]] = []
        self.pause = 0.0

    def act(self, act: Act) -> None:
        """Play one conversation, then ask about it from fresh ones."""
        self._say(Rule(Text(act.title, style="bold")))
        talk = self._memory.session(act.session_id)
        begin = datetime.now(timezone.utc) - timedelta(days=act.days_ago)
        for number, (said, answered) in enumerate(act.turns):
            at = begin + timedelta(minutes=number)
            talk.add(said, answered, at, key=f"demo-{act.session_id}-{number}")
            self._turn(said, answered, talk)
            self._changes()
        for question in act.questions:
            self._ask(question)

    def _turn(self, said: str, answered: str, talk: Memory) -> None:
        width = max(40, out.width - 6)
        self._say(
            Text.assemble(("Tom  ", "bold cyan"), one_line(said, width)),
            Text.assemble("     ", (one_line(answered, width), "bright_black")),
        )
        held = len(talk.pages(talk.session_id, newest_first=True, limit=_CAPACITY))
        dots = "■" * held + "□" * (_CAPACITY - held)
        self._say(Text(f"     short term {dots}", style="blue"))

    def _changes(self) -> None:
        """Tell what the tiers did since the last time."""
        now = {segment.id: segment for segment in self._memory.segments()}
        for segment in now.values():
            before = self._segments.get(
                segment.id, replace(segment, pages=0, visits=0, promoted_seq=0)
            )
            promoted = segment.promoted_seq > before.promoted_seq
            if segment.pages > before.pages:
                moved = _pages(segment.pages - before.pages)
                self._event("filed", f"{moved} under", segment, full=promoted)
            elif segment.visits > before.visits or promoted:
                self._event("heated", "by being recalled:", segment, full=promoted)
            if promoted:
                self._event("promoted", "to long-term memory:", segment)
        self._segments = now
        fresh = [item for item in self._memory.knowledge() if item.id not in self._known]
        self._known |= {item.id for item in fresh}
        for item in fresh:
            self._say(Text.assemble(("     known      ", "bold green"), _known(item)))

    def _event(self, what: str, how: str, segment: Segment, *, full: bool = False) -> None:
        """Tell of one segment; `full`: its heat reached τ, and its counters start again."""
        style = {"filed": "magenta", "heated": "yellow", "promoted": "bold red"}[what]
        line = Text.assemble(
            "     ",
            (f"{what:<10} ", style),
            f"{how} ",
            (segment.name or ", ".join(segment.keywords[:3]), "bold"),
            " ",
        )
        if what != "promoted":
            tau = self._threshold
            heat = f"≥ τ = {tau:g}" if full else f"{degrees(segment.heat)} of {tau:g}"
            line.append_text(bar(tau if full else segment.heat, tau, 10)).append(f" heat {heat}")
        self._say(line)

    def _ask(self, question: str) -> None:
        fresh = self._memory.session(f"asking {len(self._answers) + 1}")
        answer = fresh.respond(question).split("\n")[0]
        self._say(Text(""), Text.assemble(("Tom, in a new conversation  ", "bold cyan"), question))
        self._changes()
        from memoryos.model import ANSWERED_BY  # noqa: PLC0415

        found = fresh.recall(question)
        self._segments = {segment.id: segment for segment in self._memory.segments()}
        said = [item for item in found.pages if ANSWERED_BY not in item.page.metadata]
        known = found.user_knowledge[:_RECALLED]
        sources = [_page_line(item) for item in said] + [
            Text.assemble(("  ★ ", "green"), _known(item)) for item in known
        ]
        body = Group(shown(answer, "bold"), Text(""), *sources)
        self._say(Panel(body, title="Answer, with its sources", border_style="cyan"))
        self._answers.append(
            {"question": question, "answer": answer, "sources": said, "knowledge": known}
        )

    def state(self, fact: str, attribute: str) -> None:
        """State a fact by hand."""
        self._say(
            Text(""), Text(f'memory.remember("{fact}", attribute="{attribute}")', "bold cyan")
        )
        self._memory.remember(fact, attribute=attribute)
        self._changes()

    def end(self, db: str | None) -> None:
        """Show all tiers as they are now, and what to try next."""
        self._say(Rule(Text("What the memory holds now", style="bold")))
        tiers = (self._short(), self._mid(), self._long())
        if out.width >= 120:
            row = Table.grid(expand=True)
            for _ in tiers:
                row.add_column(ratio=1)
            row.add_row(*tiers)
            self._say(row)
        else:
            self._say(*tiers)
        self._say(_knowledge(self._memory))
        stats, usage = self._memory.stats(), self._memory.usage()
        statements, facts = (len(self._memory.knowledge(kind=kind)) for kind in _KINDS)
        self._say(
            Text(
                f"{_pages(stats.pages)} in the journal, {stats.segments} segments, "
                f"{statements} statements, {facts} fact, {usage.calls} model calls, "
                "nothing downloaded.",
                style="green",
            ),
            Text("Next: memoryos chat · memoryos add … · memoryos recall … · memoryos --help"),
        )
        if db is not None:
            self._say(Text(f"Kept in {db}: memoryos recall --db {db} chess"))

    def results(self) -> dict[str, object]:
        """Return what the demonstration came to, for programs."""
        memory = self._memory
        return {
            "answers": as_json(self._answers),
            "profile": as_json(memory.profile().user),
            "knowledge": as_json(memory.knowledge()),
            "segments": as_json(memory.segments()),
            "stats": as_json(memory.stats()),
        }

    def _short(self) -> Panel:
        pages = self._memory.pages(newest_first=True, limit=_CAPACITY)
        lines = [shown(f"· {one_line(page.user_input, 46)}") for page in reversed(pages)]
        return Panel(Group(*lines), title="Short term: newest turns", border_style="blue")

    def _mid(self) -> Panel:
        table = Table.grid(padding=(0, 1))
        for segment in self._memory.segments()[:6]:
            table.add_row(
                bar(segment.heat, self._threshold, 6),
                degrees(segment.heat),
                shown(one_line(segment.name, 30)),
            )
        return Panel(table, title="Mid term: segments by heat", border_style="magenta")

    def _long(self) -> Panel:
        profile = self._memory.profile()
        lines = [shown(line) for line in profile.text.splitlines()[:8]]
        return Panel(Group(*lines), title="Long term: profile", border_style="green")

    def _say(self, *lines: object) -> None:
        if not self._silent:
            out.print(*lines, sep="\n")
            time.sleep(self.pause)


def _page_line(item: RecalledPage) -> Text:
    why = f"  ({'; '.join(item.reasons)})" if item.reasons else ""
    return Text.assemble(
        ("  ↳ ", "green"),
        (f"{day(item.page.timestamp)} ", "bright_black"),
        shown(one_line(item.page.user_input, 70)),
        (why, "bright_black"),
    )


def _known(item: Knowledge) -> Text:
    """Return a statement as a quotation with its date, or a fact with who stated it."""
    said = one_line(item.text, max(40, out.width - 33))
    if item.kind == "statement":
        return Text.assemble(
            shown(f"“{said}”", "green"), (f"  ← {item.updated:%Y-%m-%d}", "bright_black")
        )
    by = f"  ← stated by the {item.analyst}, {item.updated:%Y-%m-%d}"
    return Text.assemble(shown(said, "green"), (by, "bright_black"))


def _knowledge(memory: Memory) -> Table:
    table = Table(title="What is known, and where it comes from", expand=True)
    table.add_column("Kind", no_wrap=True)
    table.add_column("What is known")
    table.add_column("From", no_wrap=True)
    for item in memory.knowledge():
        pages = memory.explain(item.id).pages
        sources = [f"{page.timestamp:%Y-%m-%d}, {page.session_id}" for page in pages]
        text = f"“{item.text}”" if item.kind == "statement" else item.text
        told = "\n".join(sources) or f"stated by the {item.analyst}"
        table.add_row(item.kind, shown(text), shown(told, "bright_black"))
    return table


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
