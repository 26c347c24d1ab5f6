"""Every figure that settings are chosen by, in one command of a few minutes of one core.

    python -m benchmarks.recall.tuning --data FOLDER [--embedder default,minilm] [--set window=0.3]

FOLDER holds locomo10.json and beam/. Asked are LoCoMo's conversations 0-4 (their own questions, and
one another's with names swapped), BEAM's first ten chats, paraphrases, follow-ups and what was
never said. Vectors of models are kept in the temporary folder from run to run, so are, with --keep,
the databases: then only what changes recalling, not what is stored, may change between runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from benchmarks.recall.command import Row, line
from benchmarks.recall.dialogues import Dialogue, read_beam, read_locomo, with_swapped_questions
from benchmarks.recall.embedders import named
from benchmarks.recall.measure import Figures, figures, outcomes, telling
from benchmarks.recall.own_measure import measure
from benchmarks.recall.own_sets import LANGUAGES, language
from benchmarks.recall.systems import EngineSystem
from memoryos import MemoryConfig
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.ports import Embedder

LOCOMO, BEAM = slice(0, 5), slice(0, 10)
"""The dialogues that settings may be chosen on; the others are only reported."""
SETS = ("locomo", "beam", "own")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = parser().parse_args(argv)
    try:
        config = configured(options.set)
        for name in options.embedder.split(","):
            embedder = named(name, options.cache)
            folder = options.keep / name.replace("/", "-") if options.keep else None
            for row in tuned(options, name, embedder, config, folder):
                print(line(row), flush=True)
    except MemoryOSError as error:
        print(f"tuning: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInput) else 1
    return 0


def tuned(
    options: argparse.Namespace,
    name: str,
    embedder: Embedder,
    config: MemoryConfig,
    folder: Path | None,
) -> Iterator[Row]:
    """Yield the figures of one embedder on each set, with the seconds that each took."""
    wanted = options.only.split(",")
    system = EngineSystem(name, embedder, config, folder)
    if "locomo" in wanted:
        conversations = read_locomo(options.data / "locomo10.json")[LOCOMO]
        yield from _timed("LoCoMo 0-4", name, lambda: _locomo(system, conversations))
    if "beam" in wanted:
        chats = read_beam(options.data / "beam")[BEAM]
        yield from _timed("BEAM 1-10", name, lambda: figures(outcomes(system, chats)))
    if "own" in wanted:
        for code in LANGUAGES:
            started = time.process_time()
            found = measure(language(code), embedder, config)
            found["unknown"]["cpu s"] = round(time.process_time() - started, 1)
            for set_, shown in found.items():
                yield Row(f"{set_} {code}", name, shown, {})


def _locomo(system: EngineSystem, conversations: Sequence[Dialogue]) -> Figures:
    """Ask the conversations' own questions and one another's in one go: reading is done once."""
    swapped = with_swapped_questions(conversations)
    both = [
        replace(own, questions=(*own.questions, *others.questions[_answerable(own) :]))
        for own, others in zip(conversations, swapped, strict=True)
    ]
    found = outcomes(system, both)
    own = [one for one in found if one.question.category != "swapped"]
    others = [one for one in found if one.question.answerable or one.question.category == "swapped"]
    return figures(own) | {f"swapped: {key}": value for key, value in telling(others).items()}


def _answerable(dialogue: Dialogue) -> int:
    return sum(question.answerable for question in dialogue.questions)


def _timed(set_: str, name: str, work: Callable[[], Figures]) -> Iterator[Row]:
    started = time.process_time()
    found = work()
    yield Row(set_, name, found | {"cpu s": round(time.process_time() - started, 1)}, {})


def configured(settings: Sequence[str]) -> MemoryConfig:
    """Return the configuration with weights of the ranking changed, each "name=number"."""
    config = MemoryConfig()
    known = {one.name: one for one in fields(config.ranking)}
    changed: dict[str, Any] = {}
    for setting in settings:
        name, _, number = setting.partition("=")
        if name not in known:
            raise InvalidInput(f"--set: no weight {name!r}; there are {', '.join(known)}")
        kind = type(getattr(config.ranking, name))
        try:
            changed[name] = kind(number)
        except ValueError:
            raise InvalidInput(f"--set {setting}: {number!r} is no {kind.__name__}") from None
    return replace(config, ranking=replace(config.ranking, **changed))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.recall.tuning",
        description="Every figure that settings of the ranking are chosen by.",
    )
    made.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="holds locomo10.json and beam/"
    )
    made.add_argument("--embedder", default="default", metavar="A,B", help="default: default")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="a weight of the ranking; may be given several times",
    )
    made.add_argument(
        "--only", default=",".join(SETS), metavar="A,B", help=f"of {', '.join(SETS)} (default: all)"
    )
    made.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="find the databases there, or make them"
    )
    made.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "memoryos-tuning",
        metavar="FOLDER",
        help="for the vectors of models (default: in the temporary folder)",
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
