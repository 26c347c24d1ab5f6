"""Commands that bring memories in and take them out: `import`, `export`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from memoryos.frontends.cli.console import emit, err, out, plain, shown
from memoryos.frontends.cli.options import Assistant, Db, Embedder, Json, User, chosen, opened
from memoryos.text.counts import counted

if TYPE_CHECKING:
    from memoryos.engine import Engine
    from memoryos.frontends.importers import Report

Format = Literal["locomo", "jsonl", "memoryos", "mem0", "export"]
_MOST_PROBLEMS = 20
"""Problems printed; the others are counted."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import", rich_help_panel="In and out")(import_)
    app.command(rich_help_panel="In and out")(export)


def import_(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="File, or the data folder of memoryos.")
    ],
    format_: Annotated[
        Format | None, typer.Option("--format", "-f", help="Default: found out from the file.")
    ] = None,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    embedder: Embedder = None,
    json: Json = False,
) -> None:
    """Bring in dialogues, or memories of other systems. Safe to run again: nothing comes twice.

    [bold]Formats[/bold]

      jsonl     a turn a line: {"user": …, "agent": …} and, if known, "timestamp",
                "session", "key"
      locomo    the LoCoMo benchmark: each conversation is a user, its name after
                that of --user
      memoryos  the published package's data folder, with its segments' heat
      mem0      an exported list of mem0's memories
      export    what memoryos export wrote

    What is damaged is reported, the rest imported; the exit code is then 1.
    """
    from memoryos.frontends.importers import import_file  # noqa: PLC0415

    # A power cut may take the last turns of an import, and running it again brings them back: so
    # it need not wait for the disk at each page.
    with opened(str(db), exists=False, embedder=embedder, durability="normal") as engine:
        before = _pages_in(engine)
        try:
            with progress_bar("importing") as progress:
                report = import_file(
                    engine,
                    path,
                    format_,
                    user_id=user,
                    assistant_id=assistant,
                    progress=progress,
                )
            _consolidate(engine, report, assistant)
        except KeyboardInterrupt:
            _interrupted(_pages_in(engine) - before, json=json)
            raise typer.Exit(130) from None
    if json:
        emit(report)
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(1)


def _pages_in(engine: Engine) -> int:
    """Return how many pages all memories of a database hold."""
    return sum(engine.memory(s.user_id, s.assistant_id).stats().pages for s in engine.scopes())


def _interrupted(kept: int, *, json: bool) -> None:
    """Say what an import has kept that Ctrl-C ended, and how to go on."""
    if json:
        emit({"interrupted": True, "new": kept})
        return
    told = f"stopped: {counted(kept, 'new page')} kept. "
    again = "Run the same command again for the rest; nothing comes twice."
    err.print(shown(told + again, "yellow"), soft_wrap=True)


def _consolidate(engine: Engine, report: Report, assistant: str | None) -> None:
    """Page out and promote what came in."""
    scopes = [
        scope
        for scope in engine.scopes()
        if scope.user_id in report.users and assistant in (None, scope.assistant_id)
    ]
    with progress_bar("consolidating") as progress:
        for done, scope in enumerate(scopes):
            progress(done, len(scopes))
            engine.memory(scope.user_id, scope.assistant_id).flush()
        progress(len(scopes), len(scopes))


def _print(report: Report) -> None:
    for problem in report.problems[:_MOST_PROBLEMS]:
        err.print(shown(f"not imported: {problem}", "yellow"), soft_wrap=True)
    if len(report.problems) > _MOST_PROBLEMS:
        err.print(f"… and {len(report.problems) - _MOST_PROBLEMS} more problems", style="yellow")
    whom = ", ".join(plain(user) for user in report.users) or "nobody"
    known = report.read - report.new
    out.print(
        shown(
            f"{counted(report.new, 'new page')} for {whom}"
            + (f", {counted(known, 'was', 'were')} there already" if known else "")
        ),
        soft_wrap=True,
    )


def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines file to write.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    json: Json = False,
) -> None:
    """Write one memory to a JSON Lines file: pages, segments, chains, knowledge, traits, receipts.

    memoryos import reads it back, into this or any other database.
    """
    if path.exists() and not force:
        raise typer.BadParameter(f"{path} is there already: say --force to replace it")
    with opened(db) as engine:
        memory = chosen(engine, user, assistant)
        lines = memory.export(path)
    if json:
        emit({"path": str(path), "lines": lines, "user_id": memory.scope.user_id})
    else:
        out.print(shown(f"{counted(lines, 'line')} in {path}"), soft_wrap=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on the error output; yield what is called with (done, total)."""
    from rich.progress import (  # noqa: PLC0415  # only what takes time needs it
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
