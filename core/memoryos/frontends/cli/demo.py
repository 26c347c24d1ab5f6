"""`memoryos demo`: what this memory does that others do not, on the screen, in half a minute."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from memoryos.errors import install_command
from memoryos.frontends.cli import story
from memoryos.frontends.cli.console import as_json, bar, degrees, emit, out, plain, shown
from memoryos.frontends.cli.options import opened
from memoryos.text.counts import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memoryos.generation.context import Recall
    from memoryos.memory.memory import Memory
    from memoryos.model import ErasureReceipt, Knowledge, Segment

_USER = "tom"
_PAUSE = 0.25
"""Seconds between lines when a person is watching."""
_LABEL, _NARROW = 10, 50
"""Characters of a line's label; a narrower screen has the label on a line of its own."""
_SHOWN = 2
"""Pages of a recall."""
_BEARS = 0.11
"""What each must reach, so that nothing else is shown, or heated: more than what was stated by hand
bears on any question."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Begin here")(demo)


def demo(
    db: Annotated[
        Path | None,
        typer.Option("--db", help="Keep the memory in this file. Default: a temporary one."),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Do not pause between lines.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print only the results, as JSON.")] = False,
) -> None:
    """Watch a memory at work: known at once, found by meaning, corrected, forgotten for good.

    Tom tells about himself over three weeks. Nothing needs a key, a model or a network.
    """
    with ExitStack() as stack:
        kept = db
        if db is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="memoryos-demo-"))
            db = Path(folder) / "demo.db"
        engine = stack.enter_context(opened(str(db), exists=False, promotion="inline"))
        play = _Play(engine.memory(_USER), engine.config.heat_threshold, silent=json)
        play.pause = _PAUSE if out.is_terminal and not fast else 0.0
        play.run()
        if json:
            emit(play.results)
        else:
            play.end(kept)


class _Play:
    """The demonstration under way: what was there a moment ago, to tell what has changed."""

    def __init__(self, memory: Memory, threshold: float, *, silent: bool) -> None:
        self._memory = memory
        self._threshold = threshold
        self._silent = silent
        self._began = datetime.now(timezone.utc)
        self._segments: dict[str, Segment] = {}
        self._known: set[str] = set()
        self._turns = 0
        self.results: dict[str, object] = {"answers": []}
        self.pause = 0.0

    def run(self) -> None:
        """Play it all."""
        self._title("Known from the first turn, filed by topic")
        for turn in story.WORK:
            self._talk(turn, "work")
        self._title("A topic that is recalled gets hot, and is promoted")
        for question in story.RECALLS:
            self._ask(question)
        self._title("Found by meaning; the newest word first")
        for turn in story.LIFE:
            self._talk(turn, "life")
        self._ask(story.BY_MEANING)
        self._ask(story.NEWEST)
        self._title("It says when it knows nothing")
        self._ask(story.UNKNOWN)
        self._title("A fact by hand, and put right")
        self._correct()
        self._title("In Spanish, and in twelve more languages")
        spanish = self._talk(story.SPANISH, "español")
        self._ask(story.SPANISH_QUESTION)
        self._title("Forgotten for good, with a receipt")
        self._forget(spanish)

    def _talk(self, turn: story.Turn, session_id: str) -> str:
        """Add a turn, tell what became of it; return the page's id."""
        self._turns += 1
        at = self._began - timedelta(days=turn.days_ago) + timedelta(minutes=self._turns)
        key = f"demo-{session_id}-{self._turns}"
        page = self._memory.session(session_id).add(turn.said, turn.answered, at, key=key)
        self._line("Tom", turn.said, "bold cyan")
        self._line("", turn.answered, "", "bright_black")
        self._changes()
        return page.id

    def _ask(self, question: str) -> None:
        """Recall in a fresh conversation, and show what came and why."""
        found = self._memory.session("asking").recall(question, k=_SHOWN, min_relevance=_BEARS)
        self._line("Tom asks", question, "bold cyan")
        self._found(found)
        self._changes()

    def _found(self, found: Recall) -> None:
        pages = [as_json(item) for item in found.pages]
        answers = self.results["answers"]
        assert isinstance(answers, list)
        answers.append({"question": found.query, "relevance": found.relevance, "pages": pages})
        if not found:
            told = f"Nothing I remember bears on that (relevance {found.relevance:.2f})."
            self._line("", told, "", "yellow")
            return
        for item in found.pages:
            said, why = item.page.user_input, "; ".join(item.reasons)
            date = f"{item.page.timestamp:%Y-%m-%d}"
            self._line("→", f"“{plain(said)}”", "green", "bold", f"  {date}, {why}")

    def _correct(self) -> None:
        code = f'memory.remember("{story.STATED}", attribute="{story.ATTRIBUTE}")'
        self._line("", code, "", "cyan")
        fact = self._memory.remember(story.STATED, attribute=story.ATTRIBUTE)
        self._changes()
        self._line("", f'memory.correct(id, "{story.CORRECTED}")', "", "cyan")
        right = self._memory.correct(fact.id, story.CORRECTED)
        self._changes()
        explained = self._memory.explain(right.id)
        self.results["corrected"] = {"fact": right, "instead_of": [fact.text]}
        self._line("history", explained.text.splitlines()[-1].strip(), "green", "bright_black")

    def _forget(self, page_id: str) -> None:
        self._line("", "memory.forget(page_id=…)  # Rex", "", "cyan")
        receipt = self._memory.forget(page_id=page_id)
        self._line("receipt", f"{receipt.id}: {_erased(receipt)}", "green")
        self._segments = {segment.id: segment for segment in self._memory.segments()}
        self.results["receipt"] = receipt
        self._ask(story.SPANISH_QUESTION)
        left = self._memory.check(receipt)
        told = "nothing of it is left anywhere" if left.nothing else "something is left"
        self._line("checked", told, "green")

    def _changes(self) -> None:
        """Tell what the tiers did since the last time."""
        now = {segment.id: segment for segment in self._memory.segments()}
        fresh = [item for item in self._memory.knowledge() if item.id not in self._known]
        for item in fresh:
            self._line("known", *_known(item))
        for segment in now.values():
            before = self._segments.get(segment.id)
            promoted = segment.promoted_seq > (before.promoted_seq if before else 0)
            if before is None or segment.pages > before.pages:
                self._heat("filed", segment, full=promoted)
            elif segment.visits > before.visits or promoted:
                self._heat("heated", segment, full=promoted)
            if promoted:
                told = f"{plain(segment.name)}: now part of long-term memory"
                self._line("promoted", told, "bold red")
        self._segments = now
        self._known |= {item.id for item in fresh}

    def _heat(self, what: str, segment: Segment, *, full: bool) -> None:
        """Tell of one segment; `full`: its heat reached τ, and its counters start again."""
        tau = self._threshold
        heat = f"≥ τ = {tau:g}" if full else f"{degrees(segment.heat)}/{tau:g}"
        text = Text.assemble(f"{plain(segment.name)} ", bar(tau if full else segment.heat, tau, 10))
        style = "magenta" if what == "filed" else "yellow"
        self._line(what, text.append(f" heat {heat}"), style)

    def end(self, kept: Path | None) -> None:
        """Show all that is known now, and what to try next."""
        memory = self._memory
        self._title("What the memory holds now")
        for item in memory.knowledge():
            self._line(item.kind, *_known(item))
        stats, calls = memory.stats(), memory.usage().calls
        parts = (
            counted(stats.pages, "page"),
            counted(stats.segments, "segment"),
            counted(stats.user_knowledge + stats.agent_knowledge, "statement and fact", _BOTH),
            counted(calls, "model call"),
        )
        self._line("", ", ".join(parts) + ", nothing downloaded.", "", "green")
        self._title("Yours: three commands to go on with")
        at = f" --db {kept}" if kept is not None else ""
        look = "see it all in the browser"
        if find_spec("starlette") is None or find_spec("uvicorn") is None:
            look += f" (first: {install_command('ui')})"
        for command, what in (
            (f'memoryos add{at} "I moved to Lisbon"', "remember something of your own"),
            (f'memoryos recall{at} "Where do I live?"', "and find it by its meaning"),
            (f"memoryos ui{at}", look),
        ):
            self._say(Text(command, "bold cyan"))
            self._line("", what, "", "bright_black")

    def _title(self, title: str) -> None:
        words = Text(title, style="bold")
        fits = len(title) + 2 < out.width
        self._say(Text(""), Rule(words, align="left") if fits else words)

    def _line(
        self, label: str, text: str | Text, style: str = "", text_style: str = "", more: str = ""
    ) -> None:
        """Print a label and a text that wraps under itself, whatever the width."""
        told = text if isinstance(text, Text) else shown(text, text_style)
        body = Text.assemble(told, (plain(more), "bright_black"))
        if out.width < _NARROW:
            self._say(*([Text(label, style)] if label else []), body)
            return
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_column(width=_LABEL, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(Text(label, style), body)
        self._say(row)

    def _say(self, *lines: object) -> None:
        if not self._silent:
            out.print(*lines, sep="\n")
            time.sleep(self.pause)


_BOTH = "statements and facts"


def _known(item: Knowledge) -> tuple[str, str, str, str]:
    """Return the text and styles of what is known, and where it comes from."""
    if item.kind == "statement":
        return f"“{plain(item.text)}”", "bold green", "green", f"  said {item.updated:%Y-%m-%d}"
    by = f"  stated by the {item.analyst}, {item.updated:%Y-%m-%d}"
    return plain(item.text), "bold green", "green", by


def _erased(receipt: ErasureReceipt) -> str:
    erased, again = _counts(receipt.erased), _counts(receipt.rewritten)
    return f"erased {erased}" + (f"; made again without it: {again}" if again else "")


def _counts(kinds: Mapping[str, int]) -> str:
    """Return "1 page, 2 segments" of counts by kind, whose names are plurals."""
    return ", ".join(
        counted(count, kind.removesuffix("s"), kind) for kind, count in kinds.items() if count
    )
