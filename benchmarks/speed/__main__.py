"""`python -m benchmarks.speed`: measure, and write benchmarks/results/speed.md; see --quick."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.speed import crowds, growing, lives, quick, recalling, report, sizes
from benchmarks.speed.corpus import DATA, Corpus
from benchmarks.speed.figures import Figure, of_sizes
from benchmarks.speed.run import Run
from benchmarks.speed.sizes import Row

_RESULTS = Path(__file__).resolve().parents[1] / "results"
_log = logging.getLogger("benchmarks.speed")
_PARTS = ("sizes", "adds", "bulk", "disk", "writer", "scopes", "opening", "imports", "threads",
          "crowds", "long", "filters", "forgetting", "consolidation")  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 when every promise holds, else 1."""
    options = _options(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _log.setLevel(logging.INFO)
    if options.quick or options.keep:
        return quick.main(keep=options.keep)
    if not options.data.exists():
        _log.error("%s is not there: give LoCoMo's locomo10.json with --data", options.data)
        return 2
    figures: list[Figure] = []
    told: list[str] = []
    rows: list[Row] = []
    with Run(Corpus(options.data, options.seed), options.folder) as run:
        for name, part in _parts(run, options, rows, told).items():
            if name in options.only:
                _log.info("%s", name)
                found = part()
                figures += found
                for figure in found:
                    _log.info("  %s: %.2f (%g) %s", figure.what, figure.measured, figure.promised,
                              figure.told)  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    plots: list[str] = []
    if rows and importlib.util.find_spec("matplotlib"):
        from benchmarks.speed.plots import draw  # noqa: PLC0415  # of the bench extra

        plots = draw(rows, options.out.parent)
    notes = options.out.with_name("speed-notes.md")
    report.write(
        options.out,
        rows,
        figures,
        command=shlex.join(["python", "-m", "benchmarks.speed", *(argv or sys.argv[1:])]),
        seed=options.seed,
        told=told,
        notes=notes.read_text(encoding="utf-8") if notes.exists() else "",
        plots=plots,
    )
    _log.info("%s", options.out.read_text(encoding="utf-8"))
    return 0 if all(figure.holds for figure in figures) else 1


def _parts(
    run: Run, options: argparse.Namespace, rows: list[Row], told: list[str]
) -> dict[str, Callable[[], list[Figure]]]:
    """Return what to measure; sizes are put into `rows` and words for the report into `told`."""
    largest = max(options.sizes)

    def everyone() -> list[Figure]:
        rows.extend(sizes.measure(run, options.sizes, options.peers, options.times))
        return of_sizes(rows)

    def adds() -> list[Figure]:
        found, busy = growing.single_adds(run, largest)
        told.append(f"While the worker has a thousand pages to do, an add takes {busy}.")
        return found

    def consolidation() -> list[Figure]:
        found, rates = growing.consolidation(run, options.consolidated)
        told.append(f"Consolidated pages per second, by segments in mid-term memory: {rates}.")
        return found

    def imports() -> list[Figure]:
        found, engine = recalling.importing()
        told.append(f"`from memoryos import Engine` takes {engine:.1f} times `import numpy`.")
        return found

    def threads() -> list[Figure]:
        chosen = [size for size in (1000, 10_000) if size <= largest]
        return [figure for size in chosen for figure in recalling.threads(run, size)]

    return {
        "sizes": everyone,
        "adds": adds,
        "bulk": lambda: growing.many_at_once(run),
        "disk": lambda: [growing.disk(run)],
        "writer": lambda: recalling.beside_a_writer(run, min(largest, 50_000)),
        "scopes": lambda: recalling.many_scopes(run, options.scopes),
        "opening": lambda: recalling.opening(run, largest),
        "imports": imports,
        "threads": threads,
        "crowds": lambda: crowds.adding(run) + crowds.processes(run, min(largest, 2000)),
        "long": lambda: lives.long_turns(run, min(largest, 1000)),
        "filters": lambda: lives.filters(run, min(largest, 20_000)),
        "forgetting": lambda: lives.forgetting(run, min(largest, 50_000)),
        "consolidation": consolidation,
    }


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memoryos bench speed", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only ratios, held against the committed ones"
    )
    parser.add_argument("--keep", action="store_true", help="commit to the ratios of --quick")
    parser.add_argument("--sizes", type=_numbers, default=None, help="numbers of pages, by commas")
    parser.add_argument("--scopes", type=int, default=0, help="numbers of scopes of 100 pages")
    parser.add_argument("--peers", type=_names, default=None, help=f"of {', '.join(sizes.PEERS)}")
    parser.add_argument("--only", type=_names, default=list(_PARTS), help=f"of {', '.join(_PARTS)}")
    parser.add_argument("--times", type=int, default=200, help="how often each thing is done")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--data", type=Path, default=DATA, help="LoCoMo's locomo10.json")
    parser.add_argument("--folder", type=Path, default=None, help="where the databases are made")
    parser.add_argument("--out", type=Path, default=_RESULTS / "speed.md")
    options = parser.parse_args(argv)
    if options.sizes is None:
        options.sizes = [100, 1000, 10_000, 50_000, 100_000]
    if options.peers is None:
        here = all(
            map(importlib.util.find_spec, ("mem0", "langgraph", "llama_index", "qdrant_client"))
        )
        options.peers = list(sizes.PEERS) if here else []
        if not here and not options.quick:
            _log.warning("without the peers: pip install 'memoryos-integrations[bench]'")
    options.scopes = options.scopes or 10_000
    options.consolidated = 20_000
    return options


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
