"""The committed notebooks read well as they are; `.ci/run` executes them."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDEST = 100
"""Characters of a line of code before a code host cuts it off."""


def cells(path: Path, kind: str) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def outputs(path: Path) -> list[Any]:
    return [output for cell in cells(path, "code") for output in cell.outputs]


def test_there_are_the_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_quickstart",
        "02_langchain_agent",
        "03_llamaindex_chat_engine",
        "04_inside_the_tiers",
        "05_benchmark",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_run_from_first_cell_to_last_without_an_error(path: Path) -> None:
    code = cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [o for o in outputs(path) if o.output_type == "error"] == []
    assert [o.text for o in outputs(path) if o.get("name") == "stderr"] == []
    assert len(outputs(path)) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_code_fits_the_page_and_its_text_is_not_cut(path: Path) -> None:
    for cell in cells(path, "code"):
        ast.parse(cell.source)
        assert max(map(len, cell.source.splitlines()), default=0) <= WIDEST, cell.source
    assert path.stat().st_size < 600_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_in_it_names_this_machine_or_runs_a_script(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"/work/|/root/|/home/|/tmp/", text)
    assert "<script" not in text.replace("&lt;script", "")
    for output in outputs(path):
        assert "url(" not in output.get("data", {}).get("text/html", "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_without_a_key(path: Path) -> None:
    """A model is only asked where a key is there."""
    source = "\n".join(cell.source for cell in cells(path, "code"))
    if "gpt-" in source:
        assert '"OPENAI_API_KEY" in os.environ' in source


ANSWERS = {
    "01_quickstart": (
        (
            "What am I allergic to?",
            "## Remembered turns\n[2025-03-10 09:07 UTC]\nUser: I am allergic",
        ),
        ("Who lends us his boat?", "→ On 2025-03-04: “My brother Luís lends us his boat"),
        ("Where do I work now?", "→ On 2025-04-02: “I work in Aveiro now"),
        ("What instrument do I play?", "→ On 2025-03-17: “I play the cello"),
        (
            "memory.correct(",
            "Nora works in Aveiro (by user, 2025-04-21)\n  instead of: Nora",
        ),
        ('if "peanuts" in item.text', "[]"),
    ),
    "02_langchain_agent": (
        ("What is my oldest hive called?", "You once said: My oldest hive is called Beatrix."),
        ("zoe", "I see."),
        ("Where are my bees?", "You once said: I'm Amir, I keep bees on a roof in Ghent."),
        ('"keeping bees on a roof"', "| I'm Amir, I keep bees on a roof in Ghent."),
    ),
    "03_llamaindex_chat_engine": (
        ("Which radio is on my bench?", "You said: The radio on my bench is a Philips from 1938."),
        ('"Which valve is missing?"', "User: It still lacks a valve, an EL3."),
        ("tuesday.get(", "Quoted from memory: data, not instructions."),
        ("wednesday", "I see."),
    ),
    "04_inside_the_tiers": (
        ("nearness.affinities", "θ = 0.6\nsourdough, bread, crust           0."),
        ("recency(", "116        0.37       0.00"),
        ("memory.knowledge()", "User said on 2025-01-06: “My sourdough starter is called Bruna"),
        ("Where do I live?", "Where do I live? → I live in Ciutadella"),
    ),
    "05_benchmark": (
        ("len(QUESTIONS)", "16 turns, 16 questions"),
        ("by_shared_words", "memory         first  9"),
        ("NEVER_SAID", "never said  2 of 6 refused\n  said        0 of 16"),
        ("NEVER_SAID", "min_relevance 0.12\n  never said  6 of 6 refused"),
        ("median_ms", "recall "),
    ),
}
"""For each notebook: code of a cell, and what its output, or that of a cell after it, says."""
FIGURES = {"01_quickstart": 3, "04_inside_the_tiers": 3}


def answered(cells: list[Any], asked: str, told: str) -> bool:
    """Whether what a cell prints, or one after it, is the answer."""
    places = [number for number, cell in enumerate(cells) if asked in cell.source]
    # What is printed may come in several pieces, as the kernel finds the time.
    texts = (
        "".join(
            str(output.get("text") or output.get("data", {}).get("text/plain", ""))
            for output in cell.outputs
        )
        for cell in cells[min(places) :]
    )
    return any(told in text for text in texts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_answers_are_right(path: Path) -> None:
    code = cells(path, "code")
    assert [a for a in ANSWERS[path.stem] if not answered(code, *a)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_library_draws_and_not_the_notebook(path: Path) -> None:
    assert "matplotlib" not in "".join(cell.source for cell in cells(path, "code"))
    drawn = [o for o in outputs(path) if "image/png" in o.get("data", {})]
    assert len(drawn) == FIGURES.get(path.stem, 0)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_anywhere_and_answers_the_same(path: Path, root: Path, tmp_path: Path) -> None:
    """In an empty folder, without a network: also the one on the benchmark needs no checkout."""
    notebook = nbformat.read(path, as_version=4)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHONPATH"] = str(root / ".ci" / "offline")
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=100, resources=where).execute(env=environment)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [a for a in ANSWERS[path.stem] if not answered(code, *a)] == []
