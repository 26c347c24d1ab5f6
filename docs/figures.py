"""Writes the READMEs' comparison from benchmarks/results/locomo.json: python docs/figures.py.

Run it after a benchmark whose results are committed. It invents nothing: what was not measured is
not in the table.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "locomo.json"
HELD_OUT = "5-9"
COLUMNS = ("top 10", "1,000 tokens")
_PLACE = re.compile(r"<!-- figures -->\n.*?<!-- /figures -->", re.DOTALL)
_TEXTS = {
    "README.md": (
        (
            "The share of the evidence that a question needs, brought back on LoCoMo's "
            "conversations 5 to 9; settings were\nchosen on 0 to 4 alone; 95 % intervals."
        ),
        ("among the first 10 pages", "in 1,000 tokens"),
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
        ("en las 10 primeras páginas", "en 1.000 tokens"),
        (
            "Más sistemas, categorías, lo que no sirvió y la orden que lo hizo: "
            "[locomo.md](benchmarks/results/locomo.md).\nCon el archivo de LoCoMo: "
            "`memoryos bench locomo --data locomo10.json`."
        ),
    ),
}


def section(readme: str, results: dict[str, Any]) -> str:
    """Return what stands between the marks of a README."""
    before, heads, after = _TEXTS[readme]
    rows = [f"| | {' | '.join(heads)} |", "|---|---|---|"]
    for system, halves in results.items():
        found = halves.get(HELD_OUT, {})
        if all(column in found for column in COLUMNS):
            cells = ["{:.3f} ({:.3f}–{:.3f})".format(*found[column]) for column in COLUMNS]
            rows.append(f"| {system} | {' | '.join(cells)} |")
    rows += _passages()
    table = "\n".join(rows)
    return f"<!-- figures -->\n{before}\n\n{table}\n\n{after}\n<!-- /figures -->"


def _passages() -> list[str]:
    """Return the row of BM25 over passages, which `memoryos bench recall` measures."""
    report = json.loads(RESULTS.with_name("recall-locomo.json").read_text("utf-8"))
    found = [each for each in report["figures"] if each["system"] == "BM25 over passages"]
    shares = [each["top 10"] for each in found if "top 10" in each]
    return [
        "| BM25 over passages | {:.3f} ({:.3f}–{:.3f}) | – |".format(*share) for share in shares
    ]


def filled(readme: str, results: dict[str, Any]) -> str:
    """Return a README with its figures."""
    text = (ROOT / readme).read_text("utf-8")
    return _PLACE.sub(lambda _: section(readme, results), text)


if __name__ == "__main__":
    found = json.loads(RESULTS.read_text("utf-8"))
    for name in _TEXTS:
        (ROOT / name).write_text(filled(name, found), "utf-8")
