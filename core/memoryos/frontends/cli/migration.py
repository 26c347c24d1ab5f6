"""The command that moves all memories to another store: `migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from memoryos.frontends.cli.console import emit, err, out, shown
from memoryos.frontends.cli.options import Json, uri_of
from memoryos.frontends.cli.transfer import progress_bar
from memoryos.text.counts import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="In and out")(migrate)


def migrate(
    source: Annotated[str, typer.Argument(metavar="FROM", help="File or URI to read.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="File or URI to write.")],
    json: Json = False,
) -> None:
    """Copy every memory to another store: SQLite to PostgreSQL, or back.

    No model is called. Each memory is compared with its source, by count and checksum. Safe to run
    again: what is there already is passed over. Let nothing write to either meanwhile.
    """
    from memoryos.config import MemoryConfig  # noqa: PLC0415
    from memoryos.engine import open_store  # noqa: PLC0415
    from memoryos.upkeep.migrate import migrate as migrate_all  # noqa: PLC0415

    config = MemoryConfig()
    origin = open_store(uri_of(source), config)
    try:
        goal = open_store(uri_of(target), config)
        try:
            with progress_bar("migrating") as progress:
                done = migrate_all(origin, goal, progress)
        finally:
            goal.close()
    finally:
        origin.close()
    if json:
        emit(done)
    else:
        there = f", {done.there} were there already" if done.there else ""
        copied = counted(done.copied, "memory", "memories")
        out.print(f"{copied} copied and checked{there}: {counted(done.pages, 'page')} in all")
    for scope in done.differing:
        left = f"left alone, for the target holds something else of it: {scope.user_id}"
        err.print(shown(left, "yellow"), soft_wrap=True)
    if done.differing:
        raise typer.Exit(1)
