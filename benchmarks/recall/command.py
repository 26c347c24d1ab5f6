"""`memoryos bench recall` and `memoryos bench beam`: their arguments, and what they start."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import machine
from benchmarks.embeddings import CACHE
from benchmarks.recall.dialogues import Dialogue, read_beam, read_locomo, with_swapped_questions
from benchmarks.recall.embedders import named
from benchmarks.recall.measure import Figures, by_category, figures, outcomes, telling
from benchmarks.recall.own_chats import read_own
from benchmarks.recall.own_measure import SETS, measure
from benchmarks.recall.own_sets import LANGUAGES, language
from benchmarks.recall.systems import UNITS, BM25System, EngineSystem, System
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.llm.tokens import token_counter

DIALOGUES = {"locomo": read_locomo, "beam": read_beam, "own": read_own}
"""Sets of others, which --data must name, with their readers."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one system on one set."""

    set: str
    system: str
    figures: Figures
    categories: Figures


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    if options.own is not None:
        options.set, options.data = "own", options.own
    rows = []
    try:
        for row in measured(options):
            print(line(row), flush=True)
            rows.append(row)
        if options.json:
            write(options.json, rows, command(arguments), measured_on(options))
    except MemoryOSError as error:
        print(f"memoryos bench recall: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInput) else 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def measured(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the figures of each system, as soon as there are any. Raises InvalidInput."""
    sets, names, units = (_list(text) for text in (options.set, options.embedder, options.bm25))
    _known("--set", sets, [*DIALOGUES, *SETS])
    _known("--bm25", units, UNITS)
    own = [set_ for set_ in sets if set_ in SETS]
    if not sets or not (names or (units and own != sets)):
        raise InvalidInput("--set, --embedder and --bm25 leave nothing to measure")
    for set_ in sets:
        if set_ in DIALOGUES:
            yield from _on_dialogues(options, set_, names, units)
    for name in names if own else ():
        embedder = named(name, options.cache)
        for code in LANGUAGES:
            found = measure(language(code), embedder)
            for set_ in own:
                yield Row(f"{set_} {code}", f"MemoryOS, {name}", found[set_], {})


def _list(text: str) -> list[str]:
    return text.split(",") if text else []


def _known(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    if unknown := [one for one in given if one not in known]:
        raise InvalidInput(f"{option}: no {', '.join(unknown)}; there are {', '.join(known)}")


def _on_dialogues(
    options: argparse.Namespace, set_: str, names: Sequence[str], units: Sequence[str]
) -> Iterator[Row]:
    dialogues = chosen(options, set_)
    systems: list[System] = [
        EngineSystem(f"MemoryOS, {name}", named(name, options.cache)) for name in names
    ]
    systems += [BM25System(unit, token_counter(None)) for unit in units]
    for system in systems:
        found = outcomes(system, dialogues)
        yield Row(set_, system.name, figures(found), by_category(found))
        if set_ == "locomo" and len(dialogues) > 1:
            told = telling(outcomes(system, with_swapped_questions(dialogues)))
            yield Row("locomo, others' questions with names swapped", system.name, told, {})


def chosen(options: argparse.Namespace, set_: str) -> list[Dialogue]:
    """Return the dialogues that --data, --from and --to name. Raises InvalidInput."""
    if options.data is None:
        raise InvalidInput(f"--data must name LoCoMo's file or BEAM's folder for {set_}")
    if options.first < 0 or (options.end is not None and options.end < 0):
        raise InvalidInput("--from and --to count dialogues from 0")
    dialogues = DIALOGUES[set_](options.data)[options.first : options.end]
    if not dialogues:
        raise InvalidInput(f"--from {options.first} --to {options.end} leaves no dialogue")
    return dialogues


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    made = argparse.ArgumentParser(
        prog="memoryos bench recall",
        description="Measure recall: evidence in the first pages, the answer's words in a block of "
        "so many tokens, and whether the memory knows when nothing was said.",
    )
    made.add_argument(
        "--set",
        default="beam",
        metavar="A,B",
        help=f"of: {', '.join([*DIALOGUES, *SETS])} (default: beam)",
    )
    made.add_argument(
        "--data", type=Path, metavar="PATH", help="locomo10.json, or BEAM's folder of chats"
    )
    made.add_argument(
        "--own",
        type=Path,
        metavar="FILE",
        help='your own chat: JSON Lines of {"user", "agent"} and {"question", "answer"}',
    )
    made.add_argument(
        "--from", dest="first", type=int, default=0, metavar="I", help="first dialogue, from 0"
    )
    made.add_argument("--to", dest="end", type=int, metavar="J", help="the dialogue after the last")
    made.add_argument(
        "--embedder",
        default="default",
        metavar="A,B",
        help='of: default, static, hashing, minilm, fastembed, or as for `memoryos`; "" for none',
    )
    made.add_argument(
        "--bm25",
        default="page,passage",
        metavar="A,B",
        help='beside them, on dialogues: page, message, passage; "" for none',
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    made.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="for vectors")
    return made


def line(row: Row) -> str:
    """Return a row of figures for a terminal."""
    shown = ", ".join(f"{name} {_shown(value)}" for name, value in row.figures.items())
    return f"{row.set} | {row.system}: {shown}"


def _shown(value: float | list[float]) -> str:
    if isinstance(value, list):
        value = value[0]
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def write(path: Path, rows: Sequence[Row], made_by: str, data: str) -> None:
    """Write the figures with what is needed to get them again. Raises InvalidInput."""
    content = {
        "command": made_by,
        "data": data,
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": machine.description(),
        "versions": machine.versions(),
        "figures": [
            {"set": row.set, "system": row.system, **row.figures}
            | ({"top 10 by category": row.categories} if row.categories else {})
            for row in rows
        ],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--json {path} cannot be written: {error}") from error


def measured_on(options: argparse.Namespace) -> str:
    """Return which parts of which sets were asked, for a reader of the figures."""
    told = []
    for set_ in _list(options.set):
        if set_ in DIALOGUES:
            asked = chosen(options, set_)
            told.append(f"{set_}: {len(asked)} dialogues, {asked[0].id} to {asked[-1].id}")
        else:
            told.append(f"{set_}: benchmarks/paraphrases in {', '.join(LANGUAGES)}")
    return "; ".join(told)


def command(arguments: Sequence[str]) -> str:
    """Return the command without the folders of this machine."""
    told = [Path(one).name if Path(one).is_absolute() else one for one in arguments]
    return shlex.join(["memoryos", "bench", "recall", *told])
