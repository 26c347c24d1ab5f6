"""The command `memoryos`: everything the library does, for people who write no Python.

Only this package imports typer and rich. One module for each group of commands.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the process ends with its exit code.

    0: done. 1: it could not be done, or the answer to a question was no. 2: an argument is wrong.
    130: Ctrl-C.
    """
    try:
        from memoryos.frontends.cli.app import run  # noqa: PLC0415  # rich and typer load when used

        run()
    except KeyboardInterrupt:  # before or after the command itself, which is told by typer
        sys.exit(130)
