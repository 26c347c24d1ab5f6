"""Writes the READMEs' comparison from benchmarks/results: python docs/figures.py.

Run it after a benchmark whose results are committed. It invents nothing: what was not measured is
not in the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "locomo.json"
HELD_OUT = "5-9"
COLUMNS = ("top 10", "1,000 tokens")
WORDS = {
    "MemoryOS, no model": "MemoryOS, default",
    "BM25": "BM25 over pages",
    "BM25 over passages": "BM25 over passages",
}
"""The rows of which `memoryos bench recall` measures the answer's words, and their names there."""
_PLACE = re.compile(r"<!-- figures -->\n.*?<!-- /figures -->", re.DOTALL)
_TEXTS = {
    "README.md": (
        (
            "The share of the evidence that a question needs, brought back on LoCoMo's "
            "conversations 5 to 9; settings were\nchosen on 0 to 4 alone; 95 % intervals."
        ),
        ("evidence in the first 10 pages", "in 1,000 tokens", "the answer's words there"),
        (
            "More systems, categories, what did not pay, and the command that made it: "
            "[locomo.md](benchmarks/results/locomo.md).\nWith LoCoMo's file: "
            "`memoryos bench locomo --data locomo10.json`."
        ),
    ),
    "README.es.md": (
        (
            "Parte de la evidencia que necesita una pregunta, recuperada en las conversaciones "
            "5 a 9 de LoCoMo; los ajustes\nse eligieron solo con las 0 a 4; intervalos del 95 %."
        ),
        (
            "evidencia en las 10 primeras páginas",
            "en 1.000 tokens",
            "ahí, palabras de la respuesta",
        ),
        (
            "Más sistemas, categorías, lo que no sirvió y la orden que lo hizo: "
            "[locomo.md](benchmarks/results/locomo.md).\nCon el archivo de LoCoMo: "
            "`memoryos bench locomo --data locomo10.json`."
        ),
    ),
}
_NAMES = {
    "README.md": {
        "MemoryOS": "MemoryOS with FastEmbed's MiniLM",
        "MemoryOS, no model": "MemoryOS as it is installed",
    },
    "README.es.md": {
        "MemoryOS": "MemoryOS con MiniLM de FastEmbed",
        "MemoryOS, no model": "MemoryOS tal como se instala",
    },
}
"""What a reader calls some of the benchmark's systems."""


def section(readme: str, results: dict[str, Any]) -> str:
    """Return what stands between the marks of a README."""
    before, heads, after = _TEXTS[readme]
    words = _recall("words in 1000")
    rows = [f"| | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for system, halves in results.items():
        found = halves.get(HELD_OUT, {})
        if all(column in found for column in COLUMNS):
            cells = [_cell(found[column]) for column in COLUMNS]
            name = _NAMES[readme].get(system, system)
            rows.append(f"| {name} | {' | '.join(cells)} | {_cell(words.get(WORDS.get(system)))} |")
    passages = "BM25 over passages"
    if passages in words:
        cells = [_cell(_recall("top 10")[passages]), _cell(None), _cell(words[passages])]
        rows.append(f"| {passages} | {' | '.join(cells)} |")
    table = "\n".join(rows)
    return f"<!-- figures -->\n{before}\n\n{table}\n\n{after}\n<!-- /figures -->"


def _cell(share: Sequence[float] | None) -> str:
    return "–" if share is None else "{:.3f} ({:.3f}–{:.3f})".format(*share)


def _recall(column: str) -> dict[str | None, Sequence[float]]:
    """Return, by system, a column of what `memoryos bench recall` has measured."""
    report = json.loads(RESULTS.with_name("recall-locomo.json").read_text("utf-8"))
    return {each["system"]: each[column] for each in report["figures"] if column in each}


def filled(readme: str, results: dict[str, Any]) -> str:
    """Return a README with its figures."""
    text = (ROOT / readme).read_text("utf-8")
    return _PLACE.sub(lambda _: section(readme, results), text)


if __name__ == "__main__":
    found = json.loads(RESULTS.read_text("utf-8"))
    for name in _TEXTS:
        (ROOT / name).write_text(filled(name, found), "utf-8")
