"""The command `memoryos`: everything the library does, for people who write no Python.

Only this package imports typer and rich. One module for each group of commands.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; the process ends with its exit code.

    0: done. 1: it could not be done, or the answer to a question was no. 2: an argument is wrong.
    """
    from memoryos.frontends.cli.app import run  # noqa: PLC0415  # rich and typer load only when used

    run()
