"""`python -m benchmarks.speed [--quick]`: measure, and write benchmarks/results/speed.md."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.speed import growing, recalling, report, sizes
from benchmarks.speed.corpus import DATA, Corpus
from benchmarks.speed.figures import Figure, of_sizes

_RESULTS = Path(__file__).resolve().parents[1] / "results"
_log = logging.getLogger("benchmarks.speed")
_PARTS = ("sizes", "adds", "bulk", "disk", "writer", "scopes", "opening", "imports", "threads",
          "consolidation")  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0 when every promise holds, else 1."""
    options = _options(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _log.setLevel(logging.INFO)
    if not options.data.exists():
        _log.error("%s is not there: give LoCoMo's locomo10.json with --data", options.data)
        return 2
    corpus = Corpus(options.data, options.seed)
    rows = []
    if "sizes" in options.only:
        rows = sizes.measure(corpus, options.sizes, options.peers, options.times, options.folder)
    figures = of_sizes(rows)
    told: list[str] = []
    for name, part in _parts(corpus, options, told).items():
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
    corpus: Corpus, options: argparse.Namespace, told: list[str]
) -> dict[str, Callable[[], list[Figure]]]:
    base, largest = options.folder, max(options.sizes)
    embedder = corpus.embedder()

    def consolidation() -> list[Figure]:
        found, rates = growing.consolidation(corpus, options.consolidated, base)
        told.append(f"Consolidated pages per second, by segments in mid-term memory: {rates}.")
        return found

    return {
        "adds": lambda: growing.single_adds(corpus, embedder, largest, base),
        "bulk": lambda: growing.many_at_once(corpus, embedder, base),
        "disk": lambda: [growing.disk(corpus, embedder, min(largest, 10_000), base)],
        "writer": lambda: recalling.beside_a_writer(corpus, embedder, min(largest, 50_000), base),
        "scopes": lambda: recalling.many_scopes(corpus, embedder, options.scopes, base),
        "opening": lambda: recalling.opening(corpus, embedder, largest, base),
        "imports": recalling.importing,
        "threads": lambda: [
            figure
            for size in (1000, 10_000)
            if size <= largest
            for figure in recalling.threads(corpus, embedder, size, base)
        ],
        "consolidation": consolidation,
    }


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memoryos bench speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, in about two minutes")
    parser.add_argument("--sizes", type=_numbers, default=None, help="numbers of pages, by commas")
    parser.add_argument("--peers", type=_names, default=None, help=f"of {', '.join(sizes.PEERS)}")
    parser.add_argument("--only", type=_names, default=list(_PARTS), help=f"of {', '.join(_PARTS)}")
    parser.add_argument("--times", type=int, default=200, help="how often each thing is done")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--data", type=Path, default=DATA, help="LoCoMo's locomo10.json")
    parser.add_argument("--folder", type=Path, default=None, help="where the databases are made")
    parser.add_argument("--out", type=Path, default=_RESULTS / "speed.md")
    options = parser.parse_args(argv)
    quick = options.quick
    if options.sizes is None:
        options.sizes = [100, 1000] if quick else [100, 1000, 10_000, 50_000, 100_000]
    if options.peers is None:
        here = all(
            map(importlib.util.find_spec, ("mem0", "langgraph", "llama_index", "qdrant_client"))
        )
        options.peers = list(sizes.PEERS) if here else []
        if not here:
            _log.warning("without the peers: pip install 'memoryos-integrations[bench]'")
    options.scopes = 300 if quick else 10_000
    options.consolidated = 2000 if quick else 20_000
    return options


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


if __name__ == "__main__":
    sys.exit(main())
