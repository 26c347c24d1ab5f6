"""The report: what was measured, on what, and which promises hold."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.speed.figures import Figure
from benchmarks.speed.sizes import Row
from benchmarks.speed.timing import Times

_PACKAGES = (
    "memoryos-integrations",
    "numpy",
    "faiss-cpu",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "sqlite-vec",
    "llama-index-core",
    "llama-index-vector-stores-qdrant",
    "mem0ai",
    "qdrant-client",
)


_LEGEND = """Medians (95th percentiles) in milliseconds; the question's embedding is precomputed.
Memory is what the process grew by while the pages were taken; disk is the folder after it."""


def machine() -> list[str]:
    """Return what this ran on, line by line."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            x.split(":", 1)[1].strip() for x in info.read_text().splitlines() if "model name" in x
        ]
        processor = names[0] if names else processor
    lines = [
        f"{processor}, {os.cpu_count()} cores, {platform.platform()}",
        f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}",
    ]
    if hasattr(os, "getloadavg"):
        lines.append(f"load average at the end: {os.getloadavg()[0]:.1f} (1 minute)")
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [*lines, ", ".join(found)]


def write(
    path: Path,
    rows: Sequence[Row],
    figures: Sequence[Figure],
    *,
    command: str,
    seed: int,
    told: Sequence[str],
    notes: str,
    plots: Sequence[str],
) -> None:
    """Write the report; `notes` is what people have to say, kept from report to report."""
    parts = [
        "# Speed",
        "Written by `" + command + "`; every ratio is of two things measured in turns in one run.",
        "\n".join(f"- {line}" for line in [*machine(), f"seed {seed}"]),
        "## Promises",
        _figures(figures),
        "\n\n".join(told),
        "## Everyone at every size",
        _LEGEND,
        "\n\n".join(_size(rows, size) for size in sorted({row.size for row in rows})),
        "\n\n".join(f"![{name}]({name})" for name in plots),
        notes,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _figures(figures: Sequence[Figure]) -> str:
    lines = ["| figure | promised | measured | of | holds |", "|---|---|---|---|---|"]
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        holds = "yes" if figure.holds else "**no**"
        lines.append(
            f"| {figure.what} | {sign} {figure.promised:g} | {figure.measured:.2f} | {figure.told} "
            f"| {holds} |"
        )
    return "\n".join(lines)


def _size(rows: Sequence[Row], size: int) -> str:
    lines = [
        f"### {size:,} pages",
        "",
        "| | add | recall | disk, bytes per page | memory, MB |",
        "|---|---|---|---|---|",
    ]
    for row in (row for row in rows if row.size == size):
        disk = f"{row.disk / size:,.0f}" if row.disk else "–"
        memory = f"{row.memory / 1e6:,.0f}" if row.memory else "–"
        lines.append(f"| {row.name} | {_told(row.add)} | {_told(row.recall)} | {disk} | {memory} |")
    return "\n".join(lines)


def _told(times: Times | None) -> str:
    return f"{times.p50:.3f} ({times.p95:.3f})" if times is not None else "–"
