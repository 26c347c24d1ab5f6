"""The typer application: its commands, and exit codes for errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
from rich.logging import RichHandler
from typer.main import get_command

from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.frontends.cli import (
    chat,
    demo,
    editing,
    inspection,
    maintenance,
    migration,
    transfer,
    ui,
)
from memoryos.frontends.cli.console import complain, err, speak_any_encoding

app = typer.Typer(
    name="memoryos",
    help=(
        "Memory for agents in three tiers: nothing is lost, every memory says where it comes from,"
        " no key needed.\n\nBegin with [bold]memoryos demo[/bold]. Then: [bold]memoryos add[/bold],"
        " [bold]memoryos recall[/bold], or talk to it with [bold]memoryos chat[/bold]."
    ),
    epilog="A database, user, assistant or model named once in MEMORYOS_DB, MEMORYOS_USER, "
    "MEMORYOS_ASSISTANT, MEMORYOS_MODEL need not be named again.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, ui, editing, inspection, transfer, migration, maintenance):
    module.register(app)
chat.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  # reads files

        typer.echo(f"memoryos-integrations {version('memoryos-integrations')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001  # its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the library's log.")
    ] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.WARNING
    handler = RichHandler(console=err, show_path=False, show_time=verbose)
    log = logging.getLogger("memoryos")
    log.handlers = [handler]
    log.setLevel(level)
    log.propagate = False


@cache
def command() -> Callable[..., Any]:
    """Return the command of all commands: typer reads every signature anew to make one."""
    return get_command(app)


def run() -> None:
    """Run the command of `sys.argv`; the process ends with its exit code."""
    speak_any_encoding()
    try:
        command()()
    except InvalidInput as error:
        complain(error)
        sys.exit(2)
    except MemoryOSError as error:
        complain(error)
        sys.exit(1)
    except BrokenPipeError:
        # The reader has gone (`memoryos pages | head`); nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
